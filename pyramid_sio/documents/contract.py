"""The events of a namespace in both directions, read from its class.

Upstream: ``documents.asyncapi`` and ``documents.typescript``.
Downstream: ``sockets.handlers`` knows what is received; ``ServerToClient`` says what is sent.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from types import NoneType, UnionType
from typing import Any, NamedTuple, Never, NoReturn, Union, get_args, get_origin

from pyramid_sio.sockets.handlers import MARK, Handler
from pyramid_sio.sockets.server import Definition
from pyramid_sio.sockets.validation import UNSAID, Parameter, signature_of, why_unfit

#: The class inside of a namespace class that declares what the server sends.
DECLARATION = "ServerToClient"


class Event(NamedTuple):
    """One event in one direction.

    :param doc: what the method says about itself
    :param parameters: its arguments
    :param answer: the arguments of its acknowledgement; None: nothing is said about it
    :param permission: what the client's user needs
    """

    name: str | int
    doc: str
    parameters: tuple[Parameter, ...]
    answer: tuple[Parameter, ...] | None
    permission: str | None = None


class Contract(NamedTuple):
    """A namespace, as its clients see it.

    :param path: its name, or how its pattern is written
    :param is_pattern: does it stand for many names?
    :param title: the name of its class
    :param received: what it handles
    :param rest: what handles all other events; None: nothing does
    :param sent: what it sends
    """

    path: str
    is_pattern: bool
    title: str
    doc: str
    permission: str | None
    received: tuple[Event, ...]
    rest: Event | None
    sent: tuple[Event, ...]


def read_contract(definition: Definition) -> Contract:
    """What a namespace takes and sends.

    :raises TypeError: ``ServerToClient`` is annotated with what no packet carries
    """
    table = definition.table
    cls = definition.cls
    return Contract(
        definition.path,
        definition.match is not None,
        cls.__name__,
        _doc(cls),
        definition.permission,
        tuple(_received(handler) for handler in table if handler is not table.catch_all),
        None if table.catch_all is None else _received(table.catch_all),
        tuple(_declared(cls)),
    )


def _received(handler: Handler) -> Event:
    parameters, returns = handler.signature
    return Event(
        handler.event, _doc(handler.func), parameters, _answer(returns), handler.permission
    )


def _declared(cls: type) -> Iterator[Event]:
    """What ``ServerToClient`` declares, of the class and of those it derives from."""
    methods: dict[str, tuple[type, Callable[..., Any]]] = {}
    for base in reversed(cls.__mro__):
        declaration = vars(base).get(DECLARATION)
        if not isinstance(declaration, type):
            continue
        for name in dir(declaration):
            func = inspect.getattr_static(declaration, name)
            if inspect.isfunction(func) and not name.startswith("_"):
                methods[name] = (declaration, func)
    for name, (declaration, func) in sorted(methods.items()):
        parameters, returns = signature_of(declaration, func, 1)
        names = [mark.event for mark in getattr(func, MARK, ())] or [name]
        for event in names:
            yield Event(event, _doc(func), parameters, _answer(returns))


def _doc(thing: Any) -> str:
    """What a docstring says before it comes to its fields."""
    # Not inherited: what the base class says about itself says nothing about this one.
    text = inspect.cleandoc(thing.__doc__ or "")
    return re.split(r"^:\w", text, maxsplit=1, flags=re.MULTILINE)[0].strip()


def _answer(returns: Any) -> tuple[Parameter, ...] | None:
    """The arguments of an acknowledgement, made of what a handler returns as ``wrap`` does."""
    if returns in (None, NoneType, Never, NoReturn):
        return ()
    members = members_of(returns)
    if any(member in (UNSAID, Any, object) or why_unfit(member) for member in members):
        return None
    if any(_is_tuple(member) for member in members):
        return _spread(returns) if len(members) == 1 else None
    return (Parameter("answer", returns, required=NoneType not in members, many=False),)


def members_of(type: Any) -> tuple[Any, ...]:
    """The types a union consists of; any other type by itself."""
    return get_args(type) if get_origin(type) in (Union, UnionType) else (type,)


def _is_tuple(type: Any) -> bool:
    kind = get_origin(type) or type
    return inspect.isclass(kind) and issubclass(kind, tuple)


def _spread(returns: Any) -> tuple[Parameter, ...] | None:
    types = get_args(returns)
    if get_origin(returns) is not tuple:
        return None
    if types[-1:] == (...,):
        return (Parameter("answers", types[0], required=False, many=True),)
    return tuple(
        Parameter(f"answer{number}", type, required=True, many=False)
        for number, type in enumerate(types, 1)
    )
