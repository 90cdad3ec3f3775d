"""Clients of other servers, as ``fetch()`` finds them; and ours, as other servers see them.

Upstream: ``adapters.cluster``. Downstream: a chain of the namespace, for what is done to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pyramid_sio.errors import ProtocolError, SessionClosed
from pyramid_sio.protocol.cluster import Room, to_rooms
from pyramid_sio.protocol.cluster_values import timestamp_text

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IHandshake
    from pyramid_sio.sockets.broadcast import Broadcast
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.nsp import Nsp


#: Where the admin UI of JavaScript's servers keeps, among a client's data, what it tells others.
NOTE = "_admin"
#: Levels of a client's data that are told.
MAX_DEPTH = 20


class RemoteHandshake:
    """The request that opened a connection to another server: what that server tells of it."""

    __slots__ = ("_told",)

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told

    def __repr__(self) -> str:
        return f"<RemoteHandshake from {self.address}>"

    @property
    def query(self) -> Mapping[str, str]:
        return self._mapping("query")

    @property
    def headers(self) -> Mapping[str, str]:
        return self._mapping("headers")

    @property
    def auth(self) -> Mapping[str, Any]:
        """What the client passed as ``auth``."""
        return self._mapping("auth")

    def _mapping(self, name: str) -> Mapping[str, Any]:
        value = self._told.get(name)
        return value if isinstance(value, dict) else {}

    @property
    def address(self) -> str:
        return str(self._told.get("address", ""))

    @property
    def url(self) -> str:
        return str(self._told.get("url", ""))

    @property
    def secure(self) -> bool:
        return self._told.get("secure") is True

    @property
    def xdomain(self) -> bool:
        return self._told.get("xdomain") is True

    @property
    def issued(self) -> float:
        """When it came, in seconds since 1970."""
        issued = self._told.get("issued")
        return issued / 1000 if isinstance(issued, int | float) else 0.0


class RemoteSocket:
    """One client of another server, in one namespace.

    A picture from when it was fetched; what is done to it is done at its server.

    :param told: what that server says of it
    :raises ProtocolError: that is not enough
    """

    __slots__ = ("handshake", "note", "nsp", "rooms", "session", "sid")

    def __init__(self, nsp: Nsp, told: Any) -> None:
        if not isinstance(told, dict) or not isinstance(told.get("id"), str):
            raise ProtocolError("a client without an id")
        handshake, rooms, data = told.get("handshake"), told.get("rooms"), told.get("data")
        #: The client's public id, and the room it alone is in.
        self.sid: str = told["id"]
        #: The namespace as a whole.
        self.nsp = nsp
        #: The request its connection was opened with, as that server tells of it.
        self.handshake = RemoteHandshake(handshake if isinstance(handshake, dict) else {})
        #: The rooms it was in. JavaScript servers may have numbers among them.
        self.rooms: frozenset[Room] = to_rooms(rooms)
        #: What its ``session`` was, or ``socket.data`` on a JavaScript server.
        self.session: dict[str, Any] = dict(data) if isinstance(data, dict) else {}
        note = self.session.pop(NOTE, None)
        #: What its server tells for the admin UI.
        self.note: dict[str, Any] = note if isinstance(note, dict) else {}

    def __repr__(self) -> str:
        return f"<RemoteSocket {self.nsp.name} {self.sid}>"

    @property
    def auth(self) -> Mapping[str, Any]:
        """What the client passed as ``auth``."""
        return self.handshake.auth

    def _chain(self) -> Broadcast:
        return self.nsp.to(self.sid)

    def emit(self, event: str, *args: Any) -> None:
        """Send it an event. See :meth:`Namespace.emit`."""
        self._chain().emit(event, *args)

    def send(self, *args: Any) -> None:
        """Send it an event named ``message``."""
        self.emit("message", *args)

    def call(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Send it an event and wait for its acknowledgement: the first argument of that.

        :param timeout: seconds; None: the setting ``sio.ack_timeout``
        :raises AckTimeout: no answer in time
        :raises SessionClosed: it is gone
        """
        answers = self._chain().call(event, *args, timeout=timeout)
        if not answers:
            raise SessionClosed("the client is gone")
        return answers[0]

    def join(self, *rooms: str) -> None:
        """Make it join rooms."""
        self._chain().join(*rooms)

    def leave(self, *rooms: str) -> None:
        """Make it leave rooms."""
        self._chain().leave(*rooms)

    def disconnect(self, close: bool = False) -> None:
        """Disconnect it; ``close`` ends its whole connection."""
        self._chain().disconnect(close)


def describe(socket: Namespace) -> dict[str, Any]:
    """One of our clients, as JavaScript's servers describe theirs."""
    data, note = socket.session, socket.nsp.server.note
    return {
        "id": socket.sid,
        "handshake": _describe_handshake(socket.handshake, socket.auth),
        "rooms": [socket.sid, *sorted(socket.rooms - {socket.sid})],
        "data": data if note is None else {**data, NOTE: note(socket)},
    }


def sendable(value: Any, depth: int = MAX_DEPTH) -> Any:
    """A value as other servers can be told it; None in place of what they cannot."""
    if value is None or isinstance(value, bool | float | bytes | datetime):
        return value
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else None
    if depth and isinstance(value, Mapping):
        return {
            str(key).encode(errors="replace").decode(): sendable(item, depth - 1)
            for key, item in value.items()
        }
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [sendable(item, depth - 1) for item in value]
    return None


def _describe_handshake(handshake: IHandshake, auth: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "headers": dict(handshake.headers),
        "time": timestamp_text(handshake.issued),
        "address": handshake.address,
        "xdomain": handshake.xdomain,
        "secure": handshake.secure,
        "issued": int(handshake.issued * 1000),
        "url": handshake.url,
        "query": dict(handshake.query),
        "auth": auth or {},
    }
