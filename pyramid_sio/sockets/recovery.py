"""Clients that come back after their connection broke, as if it had not.

Upstream: ``sockets.client`` says who comes and who goes. Downstream: the namespace's adapter
remembers clients and what they missed.

Source: Socket.IO 4.6, connection state recovery.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pyramid_sio.errors import DisconnectReason
from pyramid_sio.protocol.packets import Message, SocketPacket

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IRecoveringAdapter
    from pyramid_sio.sockets.broadcast import Flags
    from pyramid_sio.sockets.namespace import Namespace

#: Ends after which a client may come back: nobody wanted them.
ACCIDENTS = frozenset(
    (
        DisconnectReason.TRANSPORT_ERROR,
        DisconnectReason.TRANSPORT_CLOSE,
        DisconnectReason.FORCED_CLOSE,
        DisconnectReason.FORCED_SERVER_CLOSE,
        DisconnectReason.PING_TIMEOUT,
        DisconnectReason.SERVER_SHUTTING_DOWN,
    )
)
#: The Engine.IO revision from which on clients know of this.
REVISION = 4


class Recovered(NamedTuple):
    """What an adapter has kept of a client.

    :param sid: its public id
    :param rooms: where it was, the room of its own excepted
    :param session: its ``session`` dict
    :param missed: what it was to get, in order
    """

    sid: str
    rooms: frozenset[str]
    session: dict[str, Any]
    missed: Sequence[Message]


class Recovery:
    """How clients come back, for all namespaces of a server.

    :param skip_checks: those who do need not pass permissions and middlewares again
    """

    __slots__ = ("skip_checks",)

    def __init__(self, *, skip_checks: bool) -> None:
        self.skip_checks = skip_checks

    def enter(self, socket: Namespace, auth: dict[str, Any] | None) -> Sequence[Message]:
        """A client wants in, perhaps again; what it missed.

        In the session's greenlet, before anything else is done with ``socket``. Waits for the
        end of the client's old connection.
        """
        if socket.socket.protocol < REVISION:
            return ()
        adapter = _adapter_of(socket)
        claims = auth or {}
        pid, offset = claims.get("pid"), claims.get("offset")
        if isinstance(pid, str):
            offset = offset if isinstance(offset, str) else None
            recovered: Recovered | None = adapter.restore(socket, pid, offset)
            if recovered is not None:
                socket.pid = pid
                socket.sid = recovered.sid
                socket.recovered = True
                socket.session.update(recovered.session)
                socket.place(recovered.rooms)
                return recovered.missed
        socket.pid = adapter.begin(socket)
        return ()

    def start_over(self, socket: Namespace) -> None:
        """A client that has come back may not be where it was: it is a new one after all."""
        adapter = _adapter_of(socket)
        adapter.drop(socket)
        socket.leave(*(socket.rooms - {socket.sid}))
        socket.pid = adapter.begin(socket)

    def send(self, socket: Namespace, packet: SocketPacket, flags: Flags) -> None:
        """Send an event to one client, now or when it comes back. In the loop."""
        _adapter_of(socket).send(socket, packet, flags)

    def leave(self, socket: Namespace, reason: DisconnectReason) -> None:
        """A client has left, and its ``on_disconnect`` has ended."""
        adapter = _adapter_of(socket)
        if reason in ACCIDENTS:
            adapter.keep(socket)
        else:
            adapter.drop(socket)

    def refuse(self, socket: Namespace, *, lost: bool) -> None:
        """A client was not let in; ``lost``: its connection is gone, so it may try again."""
        adapter = _adapter_of(socket)
        if lost and socket.recovered:
            adapter.keep(socket)
        else:
            adapter.drop(socket)


def _adapter_of(socket: Namespace) -> IRecoveringAdapter:
    return cast("IRecoveringAdapter", socket.nsp.adapter)
