"""What differs between generations of Socket.IO clients, as one object for each of them.

Upstream: ``sockets.server`` keeps them by the revision of Engine.IO that goes with each, and
``sockets.client`` asks its own wherever generations differ. Downstream: that generation's codec.

Source: Socket.IO protocol, revisions 5 and 4.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pyramid_sio.errors import BadRequest, ConnectRefused, ProtocolError
from pyramid_sio.protocol import socket_v4, socket_v5
from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.protocol.request import parse_query

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IEncoder, ISession
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.server import SioServer

#: Random bytes in a socket's id: 120 bits, 20 characters.
ID_BYTES = 15
#: What a client is told whose namespace does not exist.
INVALID = "Invalid namespace"


class Generation:
    """Clients of Socket.IO 3 and 4. Keeps nothing of any client.

    :param encoder: turns packets into messages; a broadcast is encoded once for each encoder
    """

    __slots__ = ("decode", "encoder")

    def __init__(self, encoder: IEncoder) -> None:
        self.encoder = encoder
        #: A text to a packet, and how many attachments are due.
        self.decode: Callable[..., tuple[SocketPacket, int]] = socket_v5.decode_header

    def joins(self, server: SioServer) -> Sequence[str]:
        """The namespaces that a client is in without asking."""
        return ()

    def read_connect(self, name: str, data: Any) -> tuple[str, dict[str, Any] | None]:
        """The namespace that a CONNECT is for, and what is passed as ``auth``.

        :raises ProtocolError: it says neither
        """
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


class Generation2(Generation):
    """Clients of Socket.IO 1 and 2.

    :param hides_ids: have public ids that these clients do not know themselves; what they take
        for theirs is a secret as long as they poll
    """

    __slots__ = ("_hides_ids",)

    def __init__(self, encoder: IEncoder, *, hides_ids: bool = False) -> None:
        super().__init__(encoder)
        self.decode = socket_v4.decode_header
        self._hides_ids = hides_ids

    def joins(self, server: SioServer) -> Sequence[str]:
        """The main namespace, if there is one."""
        return () if server.find("/", None) is None else ("/",)

    def read_connect(self, name: str, data: Any) -> tuple[str, dict[str, Any] | None]:
        """Credentials come as a query behind the namespace's name."""
        name, _, query = name.partition("?")
        try:
            return name, parse_query(query) if query else None
        except BadRequest as error:
            raise ProtocolError(error.detail) from None

    def new_sid(self, session: ISession, name: str) -> str:
        """What such a client takes for its id, without being told; unless that is to be hidden."""
        if self._hides_ids:
            return super().new_sid(session, name)
        return session.id if name == "/" else f"{name}#{session.id}"

    def accepted(self, socket: Namespace) -> SocketPacket:
        return SocketPacket(SocketType.CONNECT, socket.nsp.name)

    def refused(self, name: str, refusal: ConnectRefused) -> SocketPacket:
        """The client's ``error`` event has one argument: the data if there is any, or the text.

        Of a namespace that does not exist clients of every generation are told alike.
        """
        if refusal.message == INVALID and refusal.data is None:
            return super().refused(name, refusal)
        return SocketPacket(SocketType.CONNECT_ERROR, name, refusal.data or refusal.message)
