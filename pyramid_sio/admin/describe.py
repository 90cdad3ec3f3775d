"""What the admin UI is told about a connection.

Upstream: ``admin.watch``. Downstream: nothing; plain values that JSON can express.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid_sio.sockets.namespace import Namespace

#: Characters of the session id that are shown: the whole is a secret of the client.
ID_SHOWN = 12
#: Headers in which proxies say where a client really is, the best first.
ADDRESS_HEADERS = ("cf-connecting-ip", "x-forwarded-for")
#: Headers that are nobody else's business: whoever sees them could act as the user.
SECRET_HEADERS = frozenset(
    ("authorization", "cookie", "proxy-authorization", "x-api-key", "x-csrf-token")
)
#: How much of a connection's own data is shown: levels, and entries of each.
MAX_DEPTH = 6
MAX_ENTRIES = 100


def timestamp() -> str:
    """This moment, as JavaScript writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def note(socket: Namespace) -> dict[str, str]:
    """What other servers must be told of a connection beside what they fetch."""
    below = socket.socket
    return {"clientId": below.id[:ID_SHOWN], "transport": below.transport}


def describe(socket: Namespace) -> dict[str, Any]:
    """A connection in a namespace, with everything the UI expects."""
    return {
        "id": socket.sid,
        **note(socket),
        "nsp": socket.nsp.name,
        "data": presentable(socket.session),
        "handshake": _describe_handshake(socket.handshake),
        # Its own room first, as the reference has it.
        "rooms": [socket.sid, *sorted(socket.rooms - {socket.sid})],
    }


def describe_remote(socket: Any) -> dict[str, Any]:
    """One of another server, a ``RemoteSocket``; of JavaScript's, or one of ours."""
    told = socket.note
    return {
        "id": socket.sid,
        "clientId": str(told.get("clientId", socket.sid))[:ID_SHOWN],
        "transport": str(told.get("transport", "")),
        "nsp": socket.nsp.name,
        "data": presentable(socket.session),
        "handshake": _describe_handshake(socket.handshake),
        "rooms": [socket.sid, *sorted(str(room) for room in socket.rooms - {socket.sid})],
    }


def _describe_handshake(handshake: Any) -> dict[str, Any]:
    headers = handshake.headers
    said = (headers[name] for name in ADDRESS_HEADERS if name in headers)
    issued = time.gmtime(handshake.issued)
    return {
        "address": next(said, handshake.address),
        "headers": {name: text for name, text in headers.items() if name not in SECRET_HEADERS},
        "query": dict(handshake.query),
        "issued": int(handshake.issued * 1000),
        "secure": handshake.secure,
        "time": time.strftime("%a %b %d %Y %H:%M:%S", issued)
        + " GMT+0000 (Coordinated Universal Time)",
        "url": handshake.url,
        "xdomain": handshake.xdomain,
    }


def presentable(value: Any, depth: int = MAX_DEPTH) -> Any:
    """A value as JSON can express it; of what it cannot, the name of the type."""
    if value is None or isinstance(value, bool | float | str):
        return value
    if isinstance(value, int) and -(2**53) < value < 2**53:
        return value
    if depth and isinstance(value, Mapping):
        items = list(value.items())[:MAX_ENTRIES]
        return {str(key): presentable(item, depth - 1) for key, item in items}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [presentable(item, depth - 1) for item in list(value)[:MAX_ENTRIES]]
    return f"<{type(value).__name__}>"
