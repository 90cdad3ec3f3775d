"""TypeScript types for the official client: ``Socket<ServerToClientEvents, ClientToServerEvents>``.

Upstream: ``psio typescript``. Downstream: ``documents.contract`` and ``documents.schemas``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pyramid_sio.documents.contract import Contract, Event
from pyramid_sio.documents.schemas import PREFIX, Schema, Schemas, is_binary
from pyramid_sio.sockets.validation import Parameter

HEADING = "// Made by `psio typescript`: change the annotations of the handlers instead."
BINARY = "export type Binary = ArrayBuffer | Uint8Array;"
#: What takes any event, and what acknowledges one nobody has described.
ANY_EVENT = "(...args: any[]) => void"
ANY_ANSWER = "(...answers: any[]) => void"

_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
#: No names of parameters, although Python allows them.
_RESERVED = frozenset(
    re.findall(
        r"\w+",
        """arguments case catch const debugger default delete do enum eval export extends function
        implements instanceof interface let new null package private protected public static
        super switch this throw typeof var void""",
    )
)
_SIMPLE = {
    "boolean": "boolean",
    "integer": "number",
    "null": "null",
    "number": "number",
    "string": "string",
}


def to_typescript(contracts: Sequence[Contract]) -> str:
    """A module of types: those with names first, then one TypeScript namespace for each path.

    :param contracts: of the namespaces, in the order in which they shall appear
    """
    schemas = Schemas(contracts)
    parts = [_named_type(name, schema) for name, schema in sorted(schemas.named.items())]
    taken: set[str] = set()
    for contract in contracts:
        parts.append("\n".join(_namespace(contract, _unused(contract.title, taken), schemas)))
    if any(re.search(r"\bBinary\b", part) for part in parts):
        parts.insert(0, BINARY)
    return "\n\n".join((HEADING, *parts)) + "\n"


def _unused(title: str, taken: set[str]) -> str:
    name = title = _identifier(title)
    number = 1
    while name in taken:
        number += 1
        name = f"{title}{number}"
    taken.add(name)
    return name


def _namespace(contract: Contract, name: str, schemas: Schemas) -> Iterator[str]:
    what = "Namespaces like" if contract.is_pattern else "Namespace"
    yield from _comment(f"{what} {contract.path}\n\n{contract.doc}".rstrip(), "")
    yield f"export namespace {name} {{"
    yield "  export interface ServerToClientEvents {"
    for event in contract.sent:
        yield from _event(event, schemas, is_received=False)
    yield "  }"
    yield ""
    yield "  export interface ClientToServerEvents {"
    for event in contract.received:
        yield from _event(event, schemas, is_received=True)
    if contract.rest is not None:
        yield from _comment(contract.rest.doc, "    ")
        yield f"    [event: string]: {ANY_EVENT};"
    yield "  }"
    yield "}"


def _event(event: Event, schemas: Schemas, *, is_received: bool) -> Iterator[str]:
    yield from _comment(event.doc, "    ")
    yield f"    {_key(event.name)}: {_function(event, schemas, is_received=is_received)};"


def _function(event: Event, schemas: Schemas, *, is_received: bool) -> str:
    """The listener of an event: its arguments, then what is called with the answer."""

    def typed(parameter: Parameter) -> str:
        return _type(schemas.of(parameter))

    callback = None
    if event.answer is None:
        callback = ANY_ANSWER if is_received else None
    elif event.answer or is_received:
        callback = f"({_list(event.answer, typed)}) => void"
    if callback is None:
        return f"({_list(event.parameters, typed)}) => void"
    # Who wants an answer has to ask for it; otherwise the callback may be left out.
    may_lack = not event.answer
    if all(parameter.required for parameter in event.parameters):
        mark = "?" if may_lack else ""
        return f"({_join(_list(event.parameters, typed), f'callback{mark}: {callback}')}) => void"
    # It comes last, also behind arguments that may be left out: one form for each case.
    forms = [
        f"[{_join(_list(some, typed, optional=''), ending)}]"
        for some in _shortened(event.parameters)
        for ending in (["", f"callback: {callback}"] if may_lack else [f"callback: {callback}"])
    ]
    return f"(...args: {' | '.join(forms)}) => void"


def _shortened(parameters: tuple[Parameter, ...]) -> Iterator[tuple[Parameter, ...]]:
    """The parameters with none, some and all of the optional ones."""
    needed = sum(item.required for item in parameters)
    single = [item for item in parameters if not item.many]
    for count in range(needed, len(single)):
        yield parameters[:count]
    yield parameters


def _join(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _list(
    parameters: Sequence[Parameter], typed: Callable[[Parameter], str], *, optional: str = "?"
) -> str:
    words = []
    for parameter in parameters:
        name, type = _identifier(parameter.name), typed(parameter)
        if parameter.many:
            words.append(f"...{name}: {_element(type)}[]")
        else:
            words.append(f"{name}{'' if parameter.required else optional}: {type}")
    return ", ".join(words)


def _type(schema: Schema) -> str:
    """A JSON Schema, as msgspec writes it, as a type."""
    if "$ref" in schema:
        return _identifier(schema["$ref"].removeprefix(PREFIX))
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " | ".join(dict.fromkeys(_type(member) for member in schema[key]))
    if "enum" in schema:
        return " | ".join(map(_literal, schema["enum"]))
    if is_binary(schema):
        return "Binary"
    kind = schema.get("type")
    if kind == "array":
        return _array(schema)
    if kind == "object":
        # One with fields has a name, and is never written here.
        return f"Record<string, {_type(schema.get('additionalProperties', {}))}>"
    return _SIMPLE.get(str(kind), "any")


def _array(schema: Schema) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(_type(item) for item in schema['prefixItems'])}]"
    items = schema.get("items", {})
    return "[]" if items is False else f"{_element(_type(items))}[]"


def _named_type(name: str, schema: Schema) -> str:
    lines = list(_comment(schema.get("description", ""), ""))
    properties = schema.get("properties")
    if properties is None:
        lines.append(f"export type {_identifier(name)} = {_type(schema)};")
        return "\n".join(lines)
    required = schema.get("required", ())
    lines.append(f"export interface {_identifier(name)} {{")
    for key, value in properties.items():
        lines += _comment(value.get("description", ""), "  ")
        lines.append(f"  {_key(key)}{'' if key in required else '?'}: {_type(value)};")
    lines.append("}")
    return "\n".join(lines)


def _comment(text: str, indent: str) -> Iterator[str]:
    """The first paragraph of a docstring."""
    paragraphs = text.replace("*/", "* /").split("\n\n")
    lines = [line for part in paragraphs[:2] for line in (*part.splitlines(), "")][:-1]
    if not text:
        return
    if len(lines) == 1:
        yield f"{indent}/** {lines[0]} */"
        return
    yield f"{indent}/**"
    for line in lines:
        yield f"{indent} * {line}".rstrip()
    yield f"{indent} */"


def _element(type: str) -> str:
    return f"({type})" if " | " in type else type


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _key(name: str | int) -> str:
    text = str(name)
    return text if _IDENTIFIER.fullmatch(text) else _literal(text)


def _identifier(name: str) -> str:
    name = re.sub(r"[^\w$]", "_", name)
    return f"{name}_" if name in _RESERVED else name
