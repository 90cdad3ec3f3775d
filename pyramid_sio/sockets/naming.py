"""Which names of :class:`Namespace` a class of an application may have for itself.

Upstream: ``sockets.handlers``, when a class is registered. Downstream: nothing.

A class that happens to call its own method ``ask`` or ``place`` would replace one that this package
calls, and be told nothing. It is told here, before anybody connects.
"""

from __future__ import annotations

from collections.abc import Collection

#: Where the names are defined that are not to be replaced.
_ROOM = "pyramid_sio.sockets."
_PACKAGE = "pyramid_sio."

#: What applications call, and so may wrap by methods that call the original.
FOR_APPLICATIONS = frozenset(
    (
        "auth",
        "broadcast",
        "call",
        "compress",
        "connected",
        "context",
        "disconnect",
        "emit",
        "except_",
        "gone",
        "handshake",
        "hear_error",
        "identify",
        "in_",
        "join",
        "leave",
        "listeners_any",
        "listeners_any_outgoing",
        "local",
        "matchdict",
        "nsp",
        "off_any",
        "off_any_outgoing",
        "on_any",
        "on_any_outgoing",
        "on_connect",
        "on_disconnect",
        "on_error",
        "prepend_any",
        "prepend_any_outgoing",
        "presence",
        "recheck",
        "recovered",
        "request",
        "rooms",
        "send",
        "session",
        "sid",
        "socket",
        "spawn",
        "subscribe",
        "timeout",
        "to",
        "unsubscribe",
        "unwatch_presence",
        "use",
        "user",
        "volatile",
        "watch_presence",
    )
)


def check_names(cls: type, handlers: Collection[str]) -> None:
    """See that a class hides nothing of the base class that it does not mean to.

    :param handlers: names of its methods that are marked ``@on``
    :raises TypeError: it does, and what to do
    """
    for name in sorted(_names_of_base(cls)):
        owner = next(base for base in cls.__mro__ if name in vars(base))
        if owner.__module__.startswith(_PACKAGE) or name.startswith("__"):
            continue
        if name in handlers:
            raise TypeError(
                f"{cls.__qualname__}.{name} handles an event, but Namespace.{name} is something "
                f"else, and hidden by it; call the method on_{name}"
            )
        if name not in FOR_APPLICATIONS:
            raise TypeError(
                f"{cls.__qualname__}.{name}: pyramid_sio needs this name itself; choose another"
            )


def _names_of_base(cls: type) -> set[str]:
    return {
        name for base in cls.__mro__ if base.__module__.startswith(_ROOM) for name in vars(base)
    }
