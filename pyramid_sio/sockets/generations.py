"""What differs between generations of Socket.IO clients, as one object for each of them.

Upstream: ``sockets.server`` keeps them by the revision of Engine.IO that goes with each, and
``sockets.client`` asks its own wherever generations differ. Downstream: that generation's codec.

Source: Socket.IO protocol, revision 5.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pyramid_sio.errors import ConnectRefused
from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.protocol.socket_v5 import decode_header

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IEncoder, ISession
    from pyramid_sio.sockets.namespace import Namespace

#: Random bytes in a socket's id: 120 bits, 20 characters.
ID_BYTES = 15


class Generation:
    """Clients of Socket.IO 3 and 4. Keeps nothing of any client.

    :param encoder: turns packets into messages; a broadcast is encoded once for each encoder
    """

    __slots__ = ("decode", "encoder")

    #: The namespaces that a client is in without asking.
    joins: Sequence[str] = ()

    def __init__(self, encoder: IEncoder) -> None:
        self.encoder = encoder
        #: A text to a packet, and how many attachments are due; see :func:`decode_header`.
        self.decode: Callable[..., tuple[SocketPacket, int]] = decode_header

    def read_connect(self, name: str, data: Any) -> tuple[str, dict[str, Any] | None]:
        """The namespace that a CONNECT is for, and what is passed as ``auth``."""
        return name, data

    def new_sid(self, session: ISession, name: str) -> str:
        """The public id of a client that enters a namespace."""
        return secrets.token_urlsafe(ID_BYTES)

    def accepted(self, socket: Namespace) -> SocketPacket:
        """What a client is told that is in."""
        payload = {"sid": socket.sid}
        if socket.pid is not None:
            payload["pid"] = socket.pid
        return SocketPacket(SocketType.CONNECT, socket.nsp.name, payload)

    def refused(self, name: str, refusal: ConnectRefused) -> SocketPacket:
        """What a client is told that is not let in."""
        payload: dict[str, Any] = {"message": refusal.message}
        if refusal.data is not None:
            payload["data"] = refusal.data
        return SocketPacket(SocketType.CONNECT_ERROR, name, payload)
