"""The seams: what one room expects of another, and nothing about how it is done.

``engine`` and ``sockets`` are neighbours and never import each other; they meet here,
and ``plugin`` wires them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from zope.interface import Interface

from pyramid_sio.errors import DisconnectReason
from pyramid_sio.protocol.packets import Message, SocketPacket


class IHandshake(Protocol):
    """What is kept of the request that opened a connection."""

    @property
    def query(self) -> Mapping[str, str]: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def address(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def secure(self) -> bool: ...
    @property
    def xdomain(self) -> bool: ...
    @property
    def issued(self) -> float: ...

    def environ(self) -> dict[str, Any]:
        """A fresh, clean WSGI environ that looks like the handshake's."""


class ISession(Protocol):
    """One Engine.IO connection, seen from Socket.IO. Implemented in ``engine.session``.

    Every method belongs to the thread that runs the loop; any greenlet of it may call.
    None of them waits.
    """

    id: str
    revision: int
    handshake: Any

    @property
    def transport_name(self) -> str: ...
    @property
    def is_open(self) -> bool: ...

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        """Send, or queue if the client is not ready; False if it was dropped."""

    def submit(self, func: Callable[..., Any], *args: Any) -> None:
        """Run ``func(*args)`` in a greenlet that may wait, after what was submitted before."""

    def submit_unordered(self, func: Callable[..., Any], *args: Any) -> None:
        """The same, without waiting for what was submitted before."""

    def call_later(self, seconds: float, func: Callable[[], Any]) -> Any:
        """Call ``func()`` in the loop after ``seconds``; the result has ``cancel()``."""

    def complain(self, rule: str, detail: object = "") -> None:
        """Log, within limits, what this client did wrong."""

    def close(self, reason: DisconnectReason = DisconnectReason.FORCED_CLOSE) -> None:
        """End the connection after what is queued has been written. Idempotent."""


class ITransport(Protocol):
    """What carries a session. Implemented in ``engine.transports``; nothing here waits."""

    @property
    def name(self) -> str: ...

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool: ...
    def ping(self) -> None: ...

    def finish(self) -> bool:
        """End after what is queued; False if the session must be kept until that is fetched."""

    def abort(self, reason: DisconnectReason) -> None:
        """End now."""

    def cork(self) -> None: ...
    def uncork(self) -> None: ...

    def resume(self) -> None:
        """Take in what the client sends again."""


class IEngineHandler(Protocol):
    """Who hears a session. Implemented in ``sockets.client``; called in the loop: never waits.

    ``on_text`` and ``on_binary`` raise ``ProtocolError`` for what the peer got wrong.
    """

    def on_text(self, text: str) -> None: ...
    def on_binary(self, data: bytes) -> None: ...
    def on_close(self, reason: DisconnectReason) -> None: ...


class IInvoker(Protocol):
    """Runs user code for a namespace. Implemented in ``plugin.context``."""

    def invoke(self, socket: Any, func: Callable[..., Any], args: Iterable[Any]) -> Any: ...


class ITarget(Protocol):
    """Whom a broadcast is for: the union of rooms (none: everybody), minus some."""

    rooms: frozenset[str]
    excluded: frozenset[str]


class IAdapter(Protocol):
    """Rooms of one namespace, and the way to the same namespace on other servers.

    ``adapters.memory`` is complete by itself; the others delegate to it.
    """

    def add(self, sid: str, rooms: Iterable[str]) -> None: ...
    def remove(self, sid: str, rooms: Iterable[str]) -> None: ...
    def remove_all(self, sid: str) -> None: ...
    def rooms_of(self, sid: str) -> frozenset[str]: ...
    def broadcast(self, packet: SocketPacket, target: ITarget) -> None: ...
    def close(self) -> None: ...


class ISioServer(Interface):  # type: ignore[misc]
    """Marks the Socket.IO server of an application in its registry."""
