"""JSON Schema of the types in a contract.

Upstream: ``documents.asyncapi`` and ``documents.typescript``. Downstream: msgspec.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from pyramid_sio.documents.contract import Contract, Event, members_of
from pyramid_sio.sockets.validation import Parameter

Schema = dict[str, Any]

#: Where a document keeps the types that have names.
PREFIX = "#/components/schemas/"


class Schemas:
    """The schemas of all types that contracts name.

    :param contracts: whose types will be asked for
    """

    def __init__(self, contracts: Sequence[Contract]) -> None:
        # An answer may be a union of more kinds than msgspec could tell apart.
        # Found again by identity, because not every type can be a key.
        self._members = {
            id(item.type): members_of(item.type) for each in contracts for item in _parameters(each)
        }
        types = [member for members in self._members.values() for member in members]
        made, named = msgspec.json.schema_components(
            types, schema_hook=_of_custom_type, ref_template=PREFIX + "{name}"
        )
        self._made = {id(type): schema for type, schema in zip(types, made, strict=True)}
        received = _names_below(
            [self.of(item) for each in contracts for item in _received(each)], named
        )
        #: The types that have names, by name.
        self.named: dict[str, Schema] = {
            name: _tidy(schema, is_sent=name not in received) for name, schema in named.items()
        }

    def of(self, parameter: Parameter) -> Schema:
        """The schema of an argument's type; ``{}`` for what may be anything."""
        members = [self._made[id(type)] for type in self._members[id(parameter.type)]]
        return members[0] if len(members) == 1 else {"anyOf": members}


def _parameters(contract: Contract) -> Iterator[Parameter]:
    for event in events_of(contract):
        yield from event.parameters
        yield from event.answer or ()


def _received(contract: Contract) -> Iterator[Parameter]:
    for event in contract.received:
        yield from event.parameters


def _names_below(schema: Any, named: dict[str, Schema]) -> set[str]:
    """The names of all types that a schema, or a list of them, leads to."""
    names: set[str] = set()
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            name = str(value.get("$ref", "")).removeprefix(PREFIX)
            if name in named and name not in names:
                names.add(name)
                waiting.append(named[name])
    return names


def _tidy(schema: Schema, *, is_sent: bool) -> Schema:
    """The schema of a type with a name.

    :param is_sent: the server makes such values, so that fields with a default are there
    """
    if "description" in schema:
        schema = {**schema, "description": inspect.cleandoc(schema["description"])}
    if is_sent and "required" in schema:
        present = {name for name, item in schema["properties"].items() if "default" in item}
        present.update(schema["required"])
        required = [name for name in schema["properties"] if name in present]
        schema = {**schema, "required": required}
    return schema


def events_of(contract: Contract) -> Iterator[Event]:
    """All events of a namespace."""
    yield from contract.received
    if contract.rest is not None:
        yield contract.rest
    yield from contract.sent


def _of_custom_type(type: Any) -> Schema:
    # The contract has let no other pass; an empty answer means that it is not known.
    assert type is object
    return {"description": "Anything."}


def is_binary(schema: Schema) -> bool:
    """Does it stand for bytes? They travel as attachments, not as text."""
    return schema.get("contentEncoding") == "base64"
