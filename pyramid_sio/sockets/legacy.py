"""Clients of Socket.IO 0.9: what differs for them from those of later generations.

Upstream: ``sockets.server`` makes one for each session of that generation.
Downstream: ``protocol.socket_v09``; handlers cannot tell these clients from others.

Source: Socket.IO protocol, revision 1, and what its clients do beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyramid_sio.errors import ConnectRefused, DisconnectReason, ProtocolError
from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.protocol.socket_v09 import decode
from pyramid_sio.sockets.client import BY_SERVER, MAX_NAMESPACES, Client
from pyramid_sio.sockets.generations import INVALID
from pyramid_sio.sockets.guarded import GuardedClient

if TYPE_CHECKING:
    from pyramid_sio.interfaces import ISession
    from pyramid_sio.sockets.generations import Generation
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.server import SioServer

#: The Engine.IO revision these clients are counted under. They have none; it is their Socket.IO
#: protocol's.
REVISION = 1

_MAIN = "/"
_EVENT = SocketType.EVENT
_CONNECTED = SocketPacket(SocketType.CONNECT, _MAIN)
_DISCONNECTED = SocketPacket(SocketType.DISCONNECT, _MAIN)


class LegacyClient(Client):
    """One connection of a 0.9 client.

    It is in the main namespace without asking, and cannot leave that alone: the packet that says
    so ends the connection. A packet that is wrong costs no more than itself, because servers of
    that time ignored those, and clients rely on it.
    """

    __slots__ = ("_known",)

    def __init__(self, session: ISession, server: SioServer, generation: Generation) -> None:
        super().__init__(session, server, generation)
        #: Namespaces that it has connected to, or has been led into.
        self._known: set[str] = set()
        if server.find(_MAIN, None) is not None:
            self._receive_connect(_MAIN, None)
        else:
            # Without this it takes itself for unconnected, and sends nothing.
            session.send(self.codec.encode(_CONNECTED))

    def on_text(self, text: str) -> None:
        """One packet."""
        try:
            incoming = decode(text)
            packet = incoming.packet
            if packet is None:
                return
            kind = packet.type
            if kind is _EVENT:
                self._introduce(packet.namespace)
                if incoming.confirm is not None and self._is_in(packet.namespace):
                    answer = self.codec.encode_ack(packet.namespace, (), incoming.confirm)
                    self.session.send(answer)
                self._receive(packet)
            elif kind is SocketType.CONNECT:
                self._connect_once(packet)
            elif kind is SocketType.CONNECT_ERROR:
                self._hear_error(packet)
            elif packet == _DISCONNECTED:
                self._leave_all()
            else:
                self._receive(packet)
        except ProtocolError as error:
            self.session.complain("protocol violation", error)

    def on_binary(self, data: bytes) -> None:
        """This generation has none."""
        self.session.complain("binary from a Socket.IO 0.9 client")

    def _is_in(self, name: str) -> bool:
        return name in self.sockets or self._is_joining(name)

    def _connect_once(self, packet: SocketPacket) -> None:
        """Connect to a namespace; saying it again changes nothing."""
        name = packet.namespace
        if len(self._known) < MAX_NAMESPACES:
            self._known.add(name)
        if not self._is_in(name) or (self._leaving is not None and name in self._leaving):
            self._receive(packet)

    def _introduce(self, name: str) -> None:
        """An event for a namespace that was never connected to connects to it.

        After a reconnection the JavaScript client sends what it has buffered, and only then that
        it wants in. Once it has been in, or was refused, nothing is guessed.
        """
        if not self._is_in(name) and name not in self._known and name != _MAIN:
            if len(self._known) < MAX_NAMESPACES:
                self._known.add(name)
                self._receive_connect(name, None)

    def _hear_error(self, packet: SocketPacket) -> None:
        """The client says that something is wrong; behind its events, in order."""
        if not self._is_in(packet.namespace):
            raise ProtocolError("an error for a namespace that was not joined")
        self.session.submit(self._pass_error, packet)

    def _pass_error(self, packet: SocketPacket) -> None:
        """In the session's greenlet."""
        socket = self.sockets.get(packet.namespace)
        if socket is not None and "hear_error" in socket.declared.table.hooks:
            self.call_hook(socket, socket.hear_error, (packet.data,))

    # Leaving.

    def disconnect(
        self, socket: Namespace, close: bool, reason: DisconnectReason = BY_SERVER
    ) -> None:
        is_main = self.sockets.get(_MAIN) is socket
        if not close and not is_main:
            super().disconnect(socket, False, reason)
            return
        # Told so, it does not come back.
        self.session.send(self.codec.encode(_DISCONNECTED))
        for leaving in list(self.sockets.values()):
            self._remove(leaving, reason)
        socket.detach()
        self.session.close(DisconnectReason.FORCED_CLOSE)

    def _leave_all(self) -> None:
        """The client ends the connection, and is told that it has been heard."""
        self.session.send(self.codec.encode(_DISCONNECTED))
        self.session.close(DisconnectReason.CLIENT_NAMESPACE_DISCONNECT)

    def _too_late(self) -> None:
        self.session.send(self.codec.encode(_DISCONNECTED))
        super()._too_late()

    def _send_refusal(self, name: str, refusal: ConnectRefused) -> None:
        if name == _MAIN:
            # It is connected, with no namespace yet: others may let it in.
            self.session.send(self.codec.encode(_CONNECTED))
            if refusal.message == INVALID:
                return
        super()._send_refusal(name, refusal)


class GuardedLegacyClient(GuardedClient, LegacyClient):
    """The same, where events are limited."""

    __slots__ = ()
