"""JSON Schema of the types in a contract.

Upstream: ``documents.asyncapi`` and ``documents.typescript``. Downstream: msgspec.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from pyramid_sio.documents.contract import Contract, Event
from pyramid_sio.sockets.validation import Parameter

Schema = dict[str, Any]

#: Where a document keeps the types that have names.
PREFIX = "#/components/schemas/"


class Schemas:
    """The schemas of all types that contracts name.

    :param contracts: whose types will be asked for
    """

    def __init__(self, contracts: Iterable[Contract]) -> None:
        # Kept, because they are found again by identity: not every type can be a key.
        self._types = types = [item.type for each in contracts for item in _parameters(each)]
        made, named = msgspec.json.schema_components(
            types, schema_hook=_of_custom_type, ref_template=PREFIX + "{name}"
        )
        #: The types that have names, by name.
        self.named: dict[str, Schema] = named
        self._made = {id(type): schema for type, schema in zip(types, made, strict=True)}

    def of(self, parameter: Parameter) -> Schema:
        """The schema of an argument's type; ``{}`` for what may be anything."""
        return self._made[id(parameter.type)]


def _parameters(contract: Contract) -> Iterator[Parameter]:
    for event in events_of(contract):
        yield from event.parameters
        yield from event.answer or ()


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
