"""An AsyncAPI 3.0 document: channels are namespaces, messages are events with their arguments.

Upstream: ``psio asyncapi``. Downstream: ``documents.contract`` and ``documents.schemas``.

Source: AsyncAPI specification 3.0.0. Its schemas are those of JSON Schema, draft 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from pyramid_sio.documents.contract import Contract, Event
from pyramid_sio.documents.schemas import Schema, Schemas, is_binary
from pyramid_sio.sockets.validation import Parameter

VERSION = "3.0.0"
#: A pattern that is a name with ``{parts}``, as AsyncAPI writes an address too.
_ADDRESS = re.compile(r"(?:[^{}*\\^$()\[\]|+?]|\{\w+\})*", re.ASCII)

#: What the acknowledgement of an event that was refused holds.
ERROR: Schema = {
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "What is wrong, in words."},
        "argument": {"type": "string", "description": "The argument that does not fit."},
        "path": {"type": "string", "description": "Where in the argument; $ is all of it."},
    },
    "required": ["error"],
}


def to_asyncapi(contracts: Sequence[Contract], *, title: str, version: str) -> dict[str, Any]:
    """The document, ready for JSON.

    :param contracts: of the namespaces, in the order in which they shall appear
    :param title: of the application
    :param version: of the application's events
    """
    schemas = Schemas(contracts)
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for contract in contracts:
        id = _unused(contract.path.strip("/") or "main", channels)
        channel = channels[id] = _channel(contract)
        writer = _Channel(id, channel, operations, schemas)
        for event in contract.received:
            writer.add("receive", event)
        if contract.rest is not None:
            writer.add("receive", contract.rest)
        for event in contract.sent:
            writer.add("send", event)
    return {
        "asyncapi": VERSION,
        "info": {"title": title, "version": version},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {"error": _message("error", "The event was refused.", _tuple_of([ERROR]))},
            "schemas": {name: draft_7(schema) for name, schema in sorted(schemas.named.items())},
        },
    }


def _channel(contract: Contract) -> dict[str, Any]:
    address = contract.path
    known = not contract.is_pattern or _ADDRESS.fullmatch(address) is not None
    channel: dict[str, Any] = {
        "address": address if known else None,
        "title": contract.title,
        "messages": {},
    }
    if contract.doc or not known:
        like = "" if known else f"Namespaces like {address}"
        channel["description"] = "\n\n".join(filter(None, (contract.doc, like)))
    if known and contract.is_pattern:
        channel["parameters"] = {name: {} for name in re.findall(r"\{(\w+)\}", address)}
    if contract.permission is not None:
        channel["x-permission"] = contract.permission
    return channel


class _Channel:
    """Writes the events of one namespace."""

    def __init__(
        self, id: str, channel: dict[str, Any], operations: dict[str, Any], schemas: Schemas
    ) -> None:
        self._id = id
        self._reference = {"$ref": f"#/channels/{id}"}
        self._messages: dict[str, Any] = channel["messages"]
        self._operations = operations
        self._schemas = schemas

    def add(self, action: str, event: Event) -> None:
        """Write one event.

        :param action: what the server does with it: ``receive`` or ``send``
        """
        id = _unused(f"{action}.{event.name}", self._messages)
        payload = _tuple(event.parameters, self._schemas)
        self._messages[id] = _message(str(event.name), event.doc, payload)
        operation = self._operations[f"{self._id}.{id}"] = {
            "action": action,
            "channel": self._reference,
            "messages": [self._refer(id)],
        }
        if event.permission is not None:
            operation["x-permission"] = event.permission
        answers = []
        if action == "receive" or event.answer:
            answer = {"type": "array"}
            if event.answer is not None:
                answer = _tuple(event.answer, self._schemas)
            self._messages[f"{id}.answer"] = _message(
                str(event.name), "The acknowledgement.", answer
            )
            answers.append(self._refer(f"{id}.answer"))
        if action == "receive":
            self._messages["error"] = {"$ref": "#/components/messages/error"}
            answers.append(self._refer("error"))
        if answers:
            operation["reply"] = {"channel": self._reference, "messages": answers}

    def _refer(self, message: str) -> dict[str, str]:
        return {"$ref": f"#/channels/{self._id}/messages/{message}"}


def _message(name: str, doc: str, payload: Schema) -> dict[str, Any]:
    message: dict[str, Any] = {"name": name, "title": name}
    if doc:
        message["summary"] = doc.partition("\n\n")[0].replace("\n", " ")
    message["payload"] = payload
    return message


def _tuple(parameters: tuple[Parameter, ...], schemas: Schemas) -> Schema:
    """Arguments: an array whose items have types by their places."""
    items = []
    rest: Schema | None = None
    for parameter in parameters:
        schema = draft_7(schemas.of(parameter))
        if parameter.many:
            rest = schema
        else:
            # Whatever stands beside a reference is not read.
            named = {"allOf": [schema]} if "$ref" in schema else schema
            items.append({"title": parameter.name, **named})
    return _tuple_of(items, rest, sum(parameter.required for parameter in parameters))


def _tuple_of(items: list[Schema], rest: Schema | None = None, least: int | None = None) -> Schema:
    least = len(items) if least is None else least
    schema: Schema = {"type": "array", "minItems": least}
    if rest is None:
        schema["maxItems"] = len(items)
    if items:
        schema["items"] = items
        if rest is not None:
            schema["additionalItems"] = rest
    elif rest is not None:
        schema["items"] = rest
    return schema


def draft_7(schema: Any) -> Any:
    """A schema as msgspec writes it (draft 2020-12), in the older words of AsyncAPI."""
    if isinstance(schema, list):
        return [draft_7(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if is_binary(schema):
        return {"type": "string", "format": "binary"}
    new = {key: _SPECIAL.get(key, draft_7)(value) for key, value in schema.items()}
    if "prefixItems" in new:
        new["items"], new["additionalItems"] = new.pop("prefixItems"), new.pop("items")
    return new


def _as_it_is(value: Any) -> Any:
    return value


#: What stands under these keys is no schema by itself. AsyncAPI calls a discriminator by its name.
_SPECIAL: dict[str, Callable[[Any], Any]] = {
    "default": _as_it_is,
    "discriminator": lambda value: value["propertyName"],
    "enum": _as_it_is,
    "examples": _as_it_is,
    "properties": lambda value: {name: draft_7(schema) for name, schema in value.items()},
}


def _unused(name: str, taken: dict[str, Any]) -> str:
    """An id that fits into a reference, and is not taken."""
    base = id = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    number = 1
    while id in taken:
        number += 1
        id = f"{base}-{number}"
    return id
