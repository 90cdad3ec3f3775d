"""One connection's packets, and the namespaces it is in.

Upstream: ``engine.session`` calls :meth:`Client.on_text` for each message, in the loop.
Downstream: its generation's codec decodes it; what it asks for is submitted to the session,
so that it runs in order in a greenlet that may wait; answers go straight to who waits.

Source: Socket.IO protocol. What differs between its revisions is in ``sockets.generations``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyramid_sio.errors import DisconnectReason, ProtocolError
from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.protocol.socket_v5 import Reassembly
from pyramid_sio.sockets.entering import Entering
from pyramid_sio.sockets.handling import Handling
from pyramid_sio.sockets.namespace import Namespace

if TYPE_CHECKING:
    from pyramid_sio.interfaces import ISession
    from pyramid_sio.sockets.generations import Generation
    from pyramid_sio.sockets.nsp import Nsp
    from pyramid_sio.sockets.server import SioServer

#: Namespaces one connection may be in.
MAX_NAMESPACES = 100

_EVENT, _ACK = SocketType.EVENT, SocketType.ACK
#: Why a client leaves if nothing else is said.
BY_SERVER = DisconnectReason.SERVER_NAMESPACE_DISCONNECT


class Client(Entering, Handling):
    """One connection, over all its namespaces.

    ``on_*`` methods run in the loop and never wait; those that start with an underscore and
    take user code run in the session's greenlet.

    :param generation: how this client is spoken with
    """

    __slots__ = (
        "_connect_timer",
        "_joining",
        "_leaving",
        "_pending",
        "codec",
        "gate",
        "generation",
        "server",
        "session",
        "sockets",
    )

    def __init__(self, session: ISession, server: SioServer, generation: Generation) -> None:
        self.session = session
        self.server = server
        self.generation = generation
        #: What encodes packets for this client, and for all others of its generation.
        self.codec = generation.encoder
        #: What keeps floods out; None: nothing is limited.
        self.gate = server.limits.new_gate()
        self.sockets: dict[str, Namespace] = {}
        #: Names of namespaces whose ``on_connect`` is queued or runs.
        self._joining: set[str] | None = None
        #: Names of those whose end is queued: the client may connect to them anew already.
        self._leaving: set[str] | None = None
        #: The packet whose attachments are still to come, and its timer.
        self._pending: tuple[Reassembly, Any] | None = None
        self._connect_timer: Any = session.call_later(server.connect_timeout, self._too_late)
        for name in generation.joins(server):
            self._receive_connect(name, None)

    def __repr__(self) -> str:
        return f"<Client {self.session!r} in {list(self.sockets)}>"

    # In the loop.

    def on_text(self, text: str) -> None:
        """One packet, or the start of one with attachments."""
        try:
            if self._pending is not None:
                raise ProtocolError("text while attachments are due")
            packet, due = self.generation.decode(text, max_attachments=self.server.max_attachments)
            if due:
                self._expect_attachments(packet, due)
            else:
                self._receive(packet)
        except ProtocolError as error:
            self._refuse(error)

    def on_binary(self, data: bytes) -> None:
        """One attachment."""
        try:
            if self._pending is None:
                raise ProtocolError("an attachment that no packet announced")
            reassembly, timer = self._pending
            packet = reassembly.add(data)
            if packet is not None:
                timer.cancel()
                self._pending = None
                self._receive(packet)
        except ProtocolError as error:
            self._refuse(error)

    def on_close(self, reason: DisconnectReason) -> None:
        """The connection is over: nobody hears from it again, and handlers are told."""
        self._connect_timer_off()
        if self._pending is not None:
            self._pending[1].cancel()
            self._pending = None
        if self.sockets or self._joining:
            self._end_all(reason)

    def _expect_attachments(self, packet: SocketPacket, due: int) -> None:
        if packet.namespace not in self.sockets and not self._is_joining(packet.namespace):
            raise ProtocolError("a packet for a namespace that was not joined")
        reassembly = Reassembly(packet, due, max_bytes=self.server.max_attachment_bytes)
        timer = self.session.call_later(self.server.attachment_timeout, self._attachments_late)
        self._pending = (reassembly, timer)

    def _receive(self, packet: SocketPacket) -> None:
        kind, namespace, data, id = packet
        socket = self.sockets.get(namespace)
        if kind is _EVENT:
            if socket is not None and socket.declared.table.has_unordered:
                handler = socket.declared.table.find(data[0])
                if handler is not None and not handler.ordered:
                    self.session.submit_unordered(self._run_event, namespace, data, id)
                    return
            elif socket is None and not self._is_joining(namespace):
                raise ProtocolError("an event for a namespace that was not joined")
            self.session.submit(self._run_event, namespace, data, id)
        elif kind is _ACK:
            if socket is not None:
                if id is not None:
                    socket.resolve_ack(id, data)
            elif not self._is_joining(namespace):
                raise ProtocolError("an acknowledgement for a namespace that was not joined")
        elif kind is SocketType.CONNECT:
            self._receive_connect(namespace, data)
        elif kind is SocketType.DISCONNECT:
            self._receive_disconnect(namespace)
        else:
            raise ProtocolError(f"a client does not send {kind.name}")

    def _receive_connect(self, namespace: str, data: dict[str, Any] | None) -> None:
        namespace, auth = self.generation.read_connect(namespace, data)
        if self._leaving is not None and namespace in self._leaving:
            self._leaving.discard(namespace)
        elif namespace in self.sockets or self._is_joining(namespace):
            raise ProtocolError("a second connect to the same namespace")
        if len(self.sockets) + len(self._joining or ()) >= MAX_NAMESPACES:
            raise ProtocolError(f"more than {MAX_NAMESPACES} namespaces on one connection")
        if self._joining is None:
            self._joining = set()
        self._joining.add(namespace)
        self.session.submit(self._connect, namespace, auth)

    def _receive_disconnect(self, namespace: str) -> None:
        if namespace not in self.sockets and not self._is_joining(namespace):
            raise ProtocolError("a disconnect from a namespace that was not joined")
        if self._leaving is None:
            self._leaving = set()
        self._leaving.add(namespace)
        self.session.submit(self._leave, namespace)

    def _is_joining(self, namespace: str) -> bool:
        return self._joining is not None and namespace in self._joining

    def _refuse(self, error: ProtocolError) -> None:
        """What the client sent is no Socket.IO: close, after what is queued."""
        self.session.complain("protocol violation", error)
        self.session.close(DisconnectReason.FORCED_CLOSE)

    def _too_late(self) -> None:
        self.session.complain("no namespace was joined in time", "see sio.connect_timeout")
        self.session.close(DisconnectReason.FORCED_CLOSE)

    def _attachments_late(self) -> None:
        self._refuse(ProtocolError("attachments did not come in time"))

    def _connect_timer_off(self) -> None:
        if self._connect_timer is not None:
            self._connect_timer.cancel()
            self._connect_timer = None

    # In the session's greenlet, in order.

    def _new_socket(self, nsp: Nsp, sid: str, auth: dict[str, Any] | None) -> Namespace:
        if len(nsp.definitions) == 1:
            return nsp.definition.cls(self, nsp, sid, auth)
        # Nobody's instance yet: which class it will be of is what is to be found out.
        asking = Namespace(self, nsp, sid, auth)
        chosen = self.server.invoker.choose(asking, nsp.definitions)
        socket: Namespace = chosen.cls(self, nsp, sid, auth)
        socket.declared = chosen
        return socket

    def _has_joined(self, name: str) -> None:
        if self._joining is not None:
            self._joining.discard(name)
            if not self._joining:
                self._joining = None

    # Leaving.

    def disconnect(
        self, socket: Namespace, close: bool, reason: DisconnectReason = BY_SERVER
    ) -> None:
        """The server disconnects one namespace, or (``close``) everything. Any greenlet."""
        for leaving in list(self.sockets.values()) if close else [socket]:
            if self.sockets.get(leaving.nsp.name) is leaving:
                packet = SocketPacket(SocketType.DISCONNECT, leaving.nsp.name)
                self.session.send(self.codec.encode(packet))
                self._remove(leaving, reason)
            else:
                # Not in yet: it will be refused.
                leaving.detach()
        if close:
            self.session.close(DisconnectReason.FORCED_CLOSE)

    def _leave(self, name: str) -> None:
        """The client leaves one namespace."""
        if self._leaving is not None:
            self._leaving.discard(name)
            if not self._leaving:
                self._leaving = None
        socket = self.sockets.pop(name, None)
        if socket is not None:
            reason = DisconnectReason.CLIENT_NAMESPACE_DISCONNECT
            socket.detach()
            self.server.observer.left(socket, reason)
            self._say_goodbye(socket, reason)

    def _remove(self, socket: Namespace, reason: DisconnectReason) -> None:
        """Out at once; ``on_disconnect`` behind whatever handler runs now."""
        del self.sockets[socket.nsp.name]
        socket.detach()
        self.server.observer.left(socket, reason)
        self.session.submit(self._say_goodbye, socket, reason)

    def _say_goodbye(self, socket: Namespace, reason: DisconnectReason) -> None:
        if "on_disconnect" in socket.declared.table.hooks:
            self.call_hook(socket, socket.on_disconnect, (reason,))
        self.server.invoker.tell(socket, "disconnected", reason)
        if self.server.recovery is not None:
            self.server.recovery.leave(socket, reason)

    def _end_all(self, reason: DisconnectReason) -> None:
        """The connection is gone.

        Events that arrived before are still handled, then ``on_disconnect`` is called; if a
        handler does not come to an end, without waiting for it any longer.
        """
        for socket in self.sockets.values():
            socket.silence()
        timer = self.session.call_later(
            self.server.disconnect_grace,
            lambda: self.session.submit_unordered(self._finish, reason, None),
        )
        self.session.submit(self._finish, reason, timer)

    def _finish(self, reason: DisconnectReason, timer: Any) -> None:
        if timer is not None:
            timer.cancel()
        for name in list(self.sockets):
            socket = self.sockets.pop(name, None)
            if socket is not None:
                socket.detach()
                self.server.observer.left(socket, reason)
                self._say_goodbye(socket, reason)
