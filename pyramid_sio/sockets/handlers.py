"""Which method of a namespace class handles which event.

Upstream: ``sockets.server`` builds a table for each class when it is registered.
Downstream: ``sockets.client`` looks each event up in it.

Only what a class declares can ever be called: the table is made from ``on_<name>`` methods
and from ``@on`` marks, so no name sent by a client reaches ``getattr``.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from pyramid_sio.errors import ArgumentError, ConnectRefused, EventError
from pyramid_sio.protocol.rates import Rate, parse_rate
from pyramid_sio.protocol.socket_v5 import RESERVED_EVENTS
from pyramid_sio.sockets.naming import check_names
from pyramid_sio.sockets.validation import Arguments, Signature, signature_of

MARK = "__sio_events__"
#: Methods with a meaning of their own, never event handlers, and what they are called with.
HOOKS = {
    "on_connect": ("auth",),
    "on_disconnect": ("reason",),
    "on_error": ("event", "exc"),
    "hear_error": ("error",),
}
#: Methods of the base class that only look like handlers; nobody may replace them by one.
TAKEN = frozenset(("on_any", "on_any_outgoing"))
#: Where the hooks are that do nothing.
BASE = "pyramid_sio.sockets.namespace"
CATCH_ALL = "*"
#: What ``*args`` takes: more than any packet has.
UNLIMITED = sys.maxsize

_F = TypeVar("_F", bound=Callable[..., Any])
_SAME = str.maketrans(" -", "__")


class Mark(NamedTuple):
    """What ``@on`` leaves on a method."""

    event: str | int
    permission: str | None
    ordered: bool
    rate: Rate | None
    options: Mapping[str, Any] = MappingProxyType({})


class Handler(NamedTuple):
    """One event's method.

    :param rate: how often one connection may send it; None: as often as it likes
    :param options: more that ``@on`` was told; for ``IInvoker``
    :param least: how many arguments it needs
    :param most: how many it takes
    :param signature: what they are, for documents
    :param arguments: checks them; None: nothing was said about them
    :param rivals: other methods for the same event; their options decide
    :param around: called with the client's instance and the event, instead of ``func``; None:
        ``func`` needs nothing but its arguments
    """

    func: Callable[..., Any]
    event: str | int
    permission: str | None
    ordered: bool
    rate: Rate | None
    options: Mapping[str, Any]
    least: int
    most: int
    signature: Signature
    arguments: Arguments | None
    rivals: tuple[Handler, ...] = ()
    around: Callable[[Any, list[Any]], Any] | None = None

    @property
    def expected(self) -> str:
        """How many arguments it takes, in words."""
        if self.most == UNLIMITED:
            return f"at least {self.least}"
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"


def unguarded(handler: Handler) -> Handler:
    """For ``Definition.settle`` where nobody can check what a handler demands.

    :raises TypeError: it demands a permission, or other methods handle the same event
    """
    if handler.permission is not None or handler.rivals:
        raise TypeError(f"nobody can tell who may use the handler of {handler.event!r}")
    return handler


def wrong_count(handler: Handler, event: str | int, count: int) -> EventError:
    """What to raise for an event with ``count`` arguments."""
    return EventError(f"event {event!r} takes {handler.expected} arguments, not {count}")


def on(
    event: str | int,
    *,
    permission: str | None = None,
    ordered: bool = True,
    rate: str | None = None,
    **options: Any,
) -> Callable[[_F], _F]:
    """Mark a method of a namespace class as the handler of an event.

    For names that are no identifiers, and for the keywords. ``@on('*')`` takes every event
    that has no handler of its own; it is called with the event's name first.

    :param event: the event's name as the client sends it
    :param permission: a permission the client's user must have, on the namespace's context
    :param ordered: False lets this event run beside earlier ones of the same connection
    :param rate: how often one connection may send it: ``'20/s'``, ``'100/m burst 10'``
    :param options: ``transaction=False``: no transaction; predicates, such as ``context``; what
        derivers of the application want to know
    :raises ValueError: for a name no client can send, or a rate that is none
    :raises TypeError: what is given is no name
    """
    if callable(event):
        raise TypeError(f"@on needs the event's name: @on({event.__name__!r})")
    if event in RESERVED_EVENTS:
        raise ValueError(f"{event!r} is a reserved name: no client can send such an event")

    limit = None if rate is None else parse_rate(rate)

    def mark(func: _F) -> _F:
        marks = (*getattr(func, MARK, ()), Mark(event, permission, ordered, limit, options))
        setattr(func, MARK, marks)
        return func

    return mark


class HandlerTable:
    """The handlers of one namespace class; made once, never changed.

    :param cls: the class
    :raises TypeError: two methods claim one event, a method is ``async`` or otherwise not to be
        called with what it will get, one is annotated with what cannot be checked, or one has
        a name that is taken
    """

    def __init__(self, cls: type) -> None:
        check_names(cls, _marked(cls))
        self.by_event: dict[Any, Handler] = {}
        for handler in _handlers_of(cls):
            other = self.by_event.setdefault(handler.event, handler)
            if other.func is not handler.func:
                self.by_event[handler.event] = _side_by_side(cls, other, handler)
        #: Hooks that the class has a method of its own for.
        self.hooks = frozenset(name for name in HOOKS if _owner(cls, name) not in (None, BASE))
        for name in self.hooks:
            _check_hook(cls, name)
        self.catch_all = self.by_event.pop(CATCH_ALL, None)
        connect = getattr(cls, "on_connect", None)
        signature = signature_of(cls, connect, 1) if inspect.isfunction(connect) else None
        self._auth = Arguments(signature.parameters) if signature is not None else None
        #: False spares the look-up before an event is queued.
        self.has_unordered = not all(handler.ordered for handler in self)
        self.has_rates = any(handler.rate is not None for handler in self)

    def __iter__(self) -> Iterator[Handler]:
        for handler in (*self.by_event.values(), self.catch_all):
            if handler is not None:
                yield handler
                yield from handler.rivals

    def arrange(self, arranged: Callable[[Handler], Handler]) -> None:
        """Put what is around each event's handler in its place, before any event comes."""
        self.by_event = {event: arranged(handler) for event, handler in self.by_event.items()}
        if self.catch_all is not None:
            self.catch_all = arranged(self.catch_all)

    def find(self, event: str | int) -> Handler | None:
        """The handler of an event: by its name, then with space and dash as underscore."""
        handler = self.by_event.get(event)
        if handler is None:
            if isinstance(event, str):
                handler = self.by_event.get(event.translate(_SAME))
            if handler is None:
                handler = self.catch_all
        return handler

    def check_auth(self, auth: dict[str, Any] | None) -> Any:
        """A client's ``auth``, as the annotation of ``on_connect`` has it.

        :raises ConnectRefused: it does not fit; ``err.data`` names the place
        """
        if not self._auth:
            return auth
        data = ["connect", auth]
        try:
            self._auth.convert(data)
        except ArgumentError as error:
            raise ConnectRefused(str(error), error.place) from None
        return data[1]


def _handlers_of(cls: type) -> Iterator[Handler]:
    for name in dir(cls):
        func = inspect.getattr_static(cls, name)
        is_named = name.startswith("on_") and name not in HOOKS
        if not inspect.isfunction(func):
            if is_named and isinstance(func, staticmethod | classmethod):
                raise TypeError(f"{cls.__qualname__}.{name}: a handler is an ordinary method")
            continue
        marks = _inherited_marks(cls, name)
        if marks or is_named:
            _check_kind(cls, func)
        if name in TAKEN:
            _check_not_replaced(cls, name)
        elif not marks and is_named:
            marks = (Mark(name[3:], None, True, None),)
        for mark in marks:
            given = 2 if mark.event == CATCH_ALL else 1
            least, most = _arity(cls, func, given)
            signature = signature_of(cls, func, given)
            arguments = Arguments(signature.parameters) or None
            yield Handler(func, *mark, least, most, signature, arguments)


def _check_kind(cls: type, func: Callable[..., Any]) -> None:
    """:raises TypeError: calling it would only make something that nobody runs"""
    where = f"{cls.__qualname__}.{func.__name__}"
    if inspect.iscoroutinefunction(func) or inspect.isasyncgenfunction(func):
        raise TypeError(
            f"{where} is an async def, which nobody would await: write def, and call what takes "
            "time directly; handlers may block, others go on meanwhile"
        )
    if inspect.isgeneratorfunction(func):
        raise TypeError(f"{where} has a yield, so that calling it does nothing; return the answer")


def _check_hook(cls: type, name: str) -> None:
    """:raises TypeError: it cannot be called with what it will get"""
    func, given = inspect.getattr_static(cls, name), HOOKS[name]
    if inspect.isfunction(func):
        _check_kind(cls, func)
        try:
            inspect.signature(func).bind(None, *given)
        except TypeError as exc:
            is_called = f"{name}(self, {', '.join(given)})"
            raise TypeError(f"{cls.__qualname__}.{name}: write {is_called}; {exc}") from None


def _side_by_side(cls: type, one: Handler, other: Handler) -> Handler:
    """Two methods for one event: their options have to tell which is meant.

    :raises TypeError: they cannot
    """
    both = f"{cls.__qualname__}: {one.func.__name__} and {other.func.__name__} both handle the"
    if any(other.options == handler.options for handler in (one, *one.rivals)):
        raise TypeError(f"{both} event {one.event!r}")
    if (one.ordered, one.rate) != (other.ordered, other.rate):
        raise TypeError(f"{both} event {one.event!r}, so ordered and rate have to be the same")
    return one._replace(rivals=(*one.rivals, other))


def _owner(cls: type, name: str) -> str | None:
    """The module of the class that has a method."""
    return next((base.__module__ for base in cls.__mro__ if name in vars(base)), None)


def _check_not_replaced(cls: type, name: str) -> None:
    owner = _owner(cls, name)
    if owner is not None and not owner.startswith("pyramid_sio."):
        raise TypeError(
            f"{cls.__qualname__}.{name}: this name is taken; handle the event by a method of "
            f"another name, marked @on({name[3:]!r})"
        )


def _marked(cls: type) -> set[str]:
    """Names of the methods that are marked, or replace one that is."""
    return {name for name in dir(cls) if _inherited_marks(cls, name)}


def _inherited_marks(cls: type, name: str) -> tuple[Mark, ...]:
    """The marks of a method; one that overrides a marked method keeps its marks."""
    for base in cls.__mro__:
        marks: tuple[Mark, ...] = getattr(vars(base).get(name), MARK, ())
        if marks:
            return marks
    return ()


def _arity(cls: type, func: Callable[..., Any], given: int) -> tuple[int, int]:
    """How many of the client's arguments a method needs and takes, beside those given anyway."""
    least, most = 0, 0
    unlimited = False
    for parameter in inspect.signature(func).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            unlimited = True
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise TypeError(
                f"{cls.__qualname__}.{func.__name__}: an event has positional arguments only, "
                f"so {parameter.name!r} needs a default"
            )
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            most += 1
            least += parameter.default is parameter.empty
    if most < given and not unlimited:
        raise TypeError(f"{cls.__qualname__}.{func.__name__}: takes too few arguments")
    return max(least - given, 0), UNLIMITED if unlimited else most - given
