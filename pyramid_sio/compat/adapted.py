"""What stands between the server and a ``BaseNamespace``.

Upstream: the server, to which :class:`Adapted` is a namespace like any other; that is why
nothing here depends on what the client speaks. Downstream: ``compat.namespace``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from pyramid_sio.compat.managed import Managed
from pyramid_sio.compat.namespace import BaseNamespace, Packet
from pyramid_sio.compat.virtual import Registry, Socket
from pyramid_sio.errors import ConnectRefused, EventError
from pyramid_sio.plugin.frames import make_request
from pyramid_sio.protocol.packets import Message
from pyramid_sio.protocol.socket_v09 import MESSAGE_EVENT
from pyramid_sio.sockets.acks import to_callback
from pyramid_sio.sockets.generations import INVALID
from pyramid_sio.sockets.legacy import REVISION
from pyramid_sio.sockets.namespace import Namespace
from pyramid_sio.sockets.taps import Taps

if TYPE_CHECKING:
    from pyramid_sio.errors import DisconnectReason
    from pyramid_sio.sockets.client import Client
    from pyramid_sio.sockets.nsp import Nsp
    from pyramid_sio.sockets.server import SioServer

#: What ``socket.server`` is, for each server.
_registries: WeakKeyDictionary[SioServer, Registry] = WeakKeyDictionary()


def registry_of(sio: SioServer) -> Registry:
    """The list of connections of a server, as old code knows it."""
    registry = _registries.get(sio)
    if registry is None:
        registry = _registries[sio] = Registry({})
    return registry


class Dispatch(Taps):
    """Takes all events of one client: there is no table of handlers to look them up in."""

    __slots__ = ("_link",)

    def __init__(self, link: Adapted) -> None:
        super().__init__()
        self._link = link

    def take_in(self, data: list[Any], id: int | None = None) -> bool:
        """Let listeners see the event and filters judge it, then handle it here."""
        if super().take_in(data, id):
            self._link.dispatch(data, id)
        return False


class Adapted(Namespace):
    """One client in one namespace, served by a class derived from ``BaseNamespace``."""

    #: That class; None: the one that the view named.
    wrapped: type[BaseNamespace] | None = None

    def __init__(self, client: Client, nsp: Nsp, sid: str, auth: dict[str, Any] | None) -> None:
        super().__init__(client, nsp, sid, auth)
        self.taps = Dispatch(self)
        #: The namespace's old name: the main one's is empty.
        self.ns_name = "" if nsp.name == "/" else nsp.name
        handshake = client.session.handshake
        if handshake.attached is None and self.wrapped is not None:
            handshake.attached = Managed(handshake.environ(), {})
        managed: Managed | None = handshake.attached
        cls = self.wrapped or (managed.find(self.ns_name) if managed is not None else None)
        if cls is None or managed is None:
            raise ConnectRefused(INVALID)
        self._cls = cls
        self._managed = managed
        self.old: BaseNamespace | None = None

    def _socket(self) -> Socket:
        managed = self._managed
        if managed.socket is None:
            registry = registry_of(self.nsp.server)
            managed.socket = Socket(self._client.session, managed, registry)
            managed.settle(self.handshake)
        return managed.socket

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        """Make the instance, and let it decide."""
        socket = self._socket()
        socket.links[self.ns_name] = self
        old = None
        try:
            old = self._cls(socket.environ, self.ns_name, request=self._old_request())
            self.old = socket.active_ns[self.ns_name] = old
            socket.server.sockets[socket.sessid] = socket
            initialize(old)
            query = f"?{urlencode(auth)}" if auth else ""
            packet = {"type": "connect", "endpoint": self.ns_name, "qs": query, "auth": auth}
            old.process_packet(packet)
        except BaseException:
            self._let_go(socket)
            raise
        if self.ended:
            # It has ended itself, before it was in: no other word of that will come.
            self._let_go(socket)

    def _old_request(self) -> Any:
        """What the view said; but nothing that says who the user is, where that is not trusted."""
        managed = self._managed
        if managed.trusted or managed.request is None:
            return managed.request
        registry = getattr(managed.request, "registry", None)
        return make_request(registry, self) if registry is not None else None

    def on_disconnect(self, reason: DisconnectReason) -> None:
        """Tell the instance, unless it is where the end came from."""
        old = self.old
        if old is None:
            return
        try:
            if not old.has_left:
                packet = {"type": "disconnect", "endpoint": self.ns_name, "reason": str(reason)}
                old.process_packet(packet)
        finally:
            self._let_go(old.socket)

    def _let_go(self, socket: Socket) -> None:
        if socket.links.get(self.ns_name) is self:
            del socket.links[self.ns_name]
        if self.old is not None:
            socket.forget(self.old)
            self.old.kill_local_jobs()
        if not socket.links:
            socket.end()

    def dispatch(self, data: Sequence[Any], id: int | None) -> None:
        """Handle an event, and acknowledge it."""
        old = self.old
        if old is None:
            return
        try:
            result = old.process_packet(self._packet(old, data, id))
            if id is not None:
                self.acknowledge(id, result if isinstance(result, tuple) else (result,))
        except EventError:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever the application raises
            self._failed(old, f"event {data[0]!r}", exc)

    def hear_error(self, error: Mapping[str, str]) -> None:
        """Hand it on as a packet."""
        old = self.old
        assert old is not None, "it is in"
        try:
            old.process_packet({"type": "error", "endpoint": self.ns_name, **error})
        except Exception as exc:  # noqa: BLE001 - whatever the application raises
            self._failed(old, "error that the client reports", exc)

    def _failed(self, old: BaseNamespace, what: str, exc: Exception) -> None:
        rule = f"a handler of {type(old).__qualname__} failed"
        self.complain(rule, f"{what} in {self.nsp.name}", exc)
        old.error("handler_failed", f"the {what} could not be handled", quiet=True)

    def _packet(self, old: BaseNamespace, data: Sequence[Any], id: int | None) -> Packet:
        name, *args = old.socket.from_json(data)
        packet: Packet = {"endpoint": self.ns_name}
        if id is not None:
            packet.update(id=id, ack="data")
        if name == "message" and len(args) == 1 and not hasattr(old, "on_message"):
            # What the send() of any client's comes as.
            return {"type": "message" if isinstance(args[0], str) else "json", "data": args[0]} | (
                packet
            )
        return {"type": "event", "name": name, "args": args} | packet

    def acknowledge(self, id: int, args: Sequence[Any]) -> None:
        """Answer an event."""
        old = self.old
        args = args if old is None else old.socket.to_json(args)
        message = self.codec.encode_ack(self.nsp.name, args, id)
        self.nsp.server.in_loop(self.out.send, message)

    def send_message(self, data: Any, callback: Callable[[], Any] | None) -> None:
        """Send something that belongs to no event.

        :param callback: called once the client has it
        """
        if callback is None:
            self.emit(MESSAGE_EVENT, data)
        elif self._client.session.revision != REVISION:
            self.emit(MESSAGE_EVENT, data, callback=lambda *args: callback())
        else:
            self.nsp.server.in_loop(self._send_confirmed, data, callback)

    def _send_confirmed(self, data: Any, callback: Callable[[], Any]) -> None:
        """To clients of 0.9, which confirm a message with a plain id by themselves."""
        server = self.nsp.server
        id = server.next_ack_id()
        text = self.codec.encode_event(self.nsp.name, (MESSAGE_EVENT, data)).text or b""
        resolve = to_callback(lambda *args: callback(), self.submit, with_error=False)
        self.expect_ack(id, resolve, server.ack_timeout)
        self.out.send(Message(b"%b%d%b" % (text[:2], id, text[2:])))

    def part(self) -> None:
        """The instance wants to end; the client is told, or it would go on sending."""
        if not self.gone:
            self.disconnect()


def initialize(old: BaseNamespace) -> None:
    """Call every ``initialize`` among the classes of an instance, once, most derived first."""
    done = set()
    for cls in type(old).__mro__:
        func = vars(cls).get("initialize")
        if func is not None and func not in done:
            done.add(func)
            func(old)


def as_namespace(cls: type[BaseNamespace]) -> type[Namespace]:
    """A class for ``config.add_sio_namespace``, served by one written for gevent-socketio.

    So both kinds live on one endpoint. ``self.request`` is Pyramid's then, as in a handler
    of ``pyramid_sio.Namespace``.
    """
    names = {"wrapped": cls, "__module__": cls.__module__, "__doc__": cls.__doc__}
    return type(cls.__name__, (Adapted,), names)
