"""The class applications derive from: one instance for each client in a namespace.

Upstream: ``sockets.client`` creates it and calls its handlers.
Downstream: ``out`` takes what it sends; the namespace's adapter knows its rooms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyramid_sio.errors import DisconnectReason, SessionClosed
from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.sockets.acks import Answer, PendingAcks, Resolve, to_callback
from pyramid_sio.sockets.broadcast import Broadcast, Flags, Words, check_event, room_names
from pyramid_sio.sockets.connection import Connection
from pyramid_sio.sockets.feeds import How, Subscriber
from pyramid_sio.sockets.presence import UNKNOWN, Present
from pyramid_sio.sockets.revocation import Revocable
from pyramid_sio.sockets.taps import Tappable, TappedOut, Taps
from pyramid_sio.sockets.ways import Gone, Held

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IHandshake, IOut
    from pyramid_sio.sockets.client import Client
    from pyramid_sio.sockets.nsp import Nsp
    from pyramid_sio.sockets.server import Definition

DEFAULT_FLAGS = Flags()


class Namespace(Words, Tappable, Present, Subscriber, Revocable):
    """One client in one namespace. Derive from it and mark it with ``@sio_namespace``.

    Methods named ``on_<event>`` handle events; what they return is the acknowledgement:
    None sends one without arguments, a tuple one with that many, anything else one with a
    single argument. Attributes of your own live as long as the client is connected.

    Handlers run in greenlets and may wait. Those of one client run one after the other.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_acks",
        "_client",
        "_data",
        "_ended",
        "_jobs",
        "_rooms",
        "_user",
        "_wanted",
        "auth",
        "codec",
        "context",
        "declared",
        "matchdict",
        "nsp",
        "pid",
        "recovered",
        "sid",
    )

    def __init__(self, client: Client, nsp: Nsp, sid: str, auth: dict[str, Any] | None) -> None:
        #: This client's public id in this namespace, and the room it alone is in.
        self.sid = sid
        #: The namespace as a whole: ``self.nsp.emit(...)`` reaches everybody, this client too.
        self.nsp = nsp
        #: What was declared for its class. Not for applications.
        self.declared: Definition = nsp.definition
        #: What the client passed as ``auth``, a dict; or None.
        self.auth = auth
        #: What a namespace's path pattern matched.
        self.matchdict: Mapping[str, Any] = nsp.matchdict
        #: What permissions are checked on: made by the namespace's ``factory``.
        self.context: Any = None
        #: True if the client has come back and missed nothing.
        self.recovered = False
        #: The client's secret, by which it can come back; None if it cannot. Not for applications.
        self.pid: str | None = None
        #: Where packets for this client go. Not for applications.
        self.out: IOut = Held(client.session, nsp.server.max_held)
        self._client = client
        #: What encodes packets for this client. Not for applications.
        self.codec = client.codec
        self._rooms: set[str] | None = None
        self._acks: PendingAcks | None = None
        self._jobs: set[Any] | None = None
        self._data: dict[str, Any] | None = None
        self._user: Any = UNKNOWN
        self._wanted: dict[tuple[str, How], None] | None = None
        self._ended = False
        #: Listeners and filters for all events. Not for applications.
        self.taps: Taps | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.nsp.name} {self.sid}>"

    def admit(self) -> None:
        """CONNECT has been sent: all goes to the client from now on. Not for applications."""
        held = self._way
        assert isinstance(held, Held)
        self._go_by(self._client.session)
        held.release()
        self.appear()

    @property
    def _way(self) -> IOut:
        """``out``, without whoever listens on the way."""
        return self.out.way if isinstance(self.out, TappedOut) else self.out

    def _go_by(self, way: IOut) -> None:
        if isinstance(self.out, TappedOut):
            self.out.way = way
        else:
            self.out = way

    # Hooks.

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        """The client wants in. Raise ``ConnectRefused`` to refuse it.

        What is emitted here arrives after the client's own ``connect`` event.
        """

    def on_disconnect(self, reason: DisconnectReason) -> None:
        """The client is gone; called once for each connect. ``self.rooms`` still tells
        where it was, but it receives nothing more."""

    def on_error(self, event: str | int, exc: Exception) -> None:
        """An event could not be handled: its handler raised, or its arguments don't fit.

        It has been logged already, and the connection goes on.
        """

    def hear_error(self, error: Mapping[str, str]) -> None:
        """A client of 0.9 says that something is wrong. Not for applications."""

    # Facts.

    @property
    def connected(self) -> bool:
        """True from after ``on_connect`` until the client is gone."""
        return not isinstance(self._way, Held | Gone) and self._client.session.is_open

    @property
    def gone(self) -> bool:
        """True once the client has left; ``on_disconnect`` may still be due."""
        return isinstance(self._way, Gone)

    @property
    def ended(self) -> bool:
        """True once it has left, or was told to before it was in. Not for applications."""
        return self._ended

    @property
    def socket(self) -> Connection:
        """The connection below: ``id``, ``transport``, ``protocol``, ``remote_addr``."""
        return Connection(self._client.session)

    @property
    def handshake(self) -> IHandshake:
        """The request the connection was opened with: ``query``, ``headers``, ``address``, ``url``,
        ``secure``, ``issued`` (seconds since 1970); see ``interfaces.IHandshake``."""
        handshake: IHandshake = self._client.session.handshake
        return handshake

    @property
    def session(self) -> dict[str, Any]:
        """A dict of this client in this namespace, for anything; it lives as long as the client is
        connected, and comes back with one that recovers. The HTTP session is ``request.session``.
        """
        if self._data is None:
            self._data = self.nsp.server.make_data(self)
        return self._data

    @property
    def request(self) -> Any:
        """A Pyramid request made from the handshake's: registry, cookies, identity.

        In a handler, one for each event, with all that the application adds to requests; its
        finished callbacks run when the handler has ended. Outside of handlers, a new one each
        time, whose callbacks do not run.
        """
        return self.nsp.server.invoker.request_of(self)

    @property
    def rooms(self) -> frozenset[str]:
        """The rooms this client is in; the one named by its ``sid`` is always among them.

        A copy, for any greenlet and any thread; in ``on_disconnect`` still those it was in.
        """
        return frozenset((self.sid, *(self._rooms or ())))

    # Sending to this client.

    def emit(
        self,
        event: str,
        *args: Any,
        callback: Callable[..., Any] | None = None,
        immediate: bool = False,
    ) -> None:
        """Send an event to this client. Never waits; any greenlet, any thread may call.

        In a transaction of pyramid_tm it is sent after the commit, and not after an abort.

        :param args: what JSON can express; bytes travel as binary attachments
        :param callback: called with the client's acknowledgement, in a handler's greenlet;
            never, if the client leaves before or takes longer than ``sio.ack_timeout``
        :param immediate: do not wait for the transaction
        :raises ValueError: for a reserved event name
        :raises TypeError: for an argument that cannot be sent
        """
        check_event(event)
        nsp = self.nsp
        if callback is None and self.taps is None and self.pid is None:
            message = self.codec.encode_event(nsp.name, (event, *args))
            (nsp.server.in_loop if immediate else nsp.server.deliver)(self.out.send, message)
            return
        deliver = nsp.server.in_loop if immediate else nsp.server.deliver
        if callback is None:
            packet = SocketPacket(SocketType.EVENT, self.nsp.name, (event, *args))
            deliver(self.send_packet, packet, DEFAULT_FLAGS)
        else:
            packet = SocketPacket(SocketType.EVENT, self.nsp.name, (event, *args))
            resolve = to_callback(callback, self.submit, with_error=False)
            deliver(self.ask_packet, packet, DEFAULT_FLAGS, resolve)

    def call(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Send an event and wait for the client's acknowledgement.

        :param timeout: seconds; None: the setting ``sio.ack_timeout``
        :returns: its argument; a tuple if there are several; None if there are none
        :raises AckTimeout: no answer in time
        :raises SessionClosed: the client is not, or no longer, connected
        """
        check_event(event)
        flags = Flags(timeout=timeout)
        return self.nsp.server.perform(self.ask_and_wait, (event, *args), flags)

    def ask_and_wait(self, args: Sequence[Any], flags: Flags) -> Any:
        """The same, sent as ``flags`` say. Not for applications."""
        if not self.connected:
            raise SessionClosed(
                "call() needs a client that is connected: in on_connect it is not yet, "
                "use self.spawn(...) there"
            )
        answer = Answer(self._client.session)
        self.ask(args, flags, answer.resolve)
        return answer.wait(self._client.session)

    def ask(self, args: Sequence[Any], flags: Flags, resolve: Resolve) -> None:
        """Send an event that wants acknowledging. Not for applications."""
        id = self.nsp.server.next_ack_id()
        packet = SocketPacket(SocketType.EVENT, self.nsp.name, args, id)
        message = self.codec.encode(packet)
        message.packet = packet
        timeout = self.nsp.server.ack_timeout if flags.timeout is None else flags.timeout
        self.expect_ack(id, resolve, timeout)
        if not self.out.send(message, flags.volatile, flags.compress):
            self.resolve_ack(id, None)

    def ask_packet(self, packet: SocketPacket, flags: Flags, resolve: Resolve) -> None:
        """The same, with a packet's arguments. Not for applications."""
        self.ask(packet.data, flags, resolve)

    def submit(self, func: Callable[..., Any], args: Sequence[Any]) -> None:
        """Run ``func(*args)`` after this client's handlers. Not for applications."""
        self._client.session.submit(self._client.run_job, self, func, args)

    def send(self, *args: Any) -> None:
        """Send an event named ``message`` to this client; else as :meth:`emit`."""
        self.emit("message", *args)

    def send_packet(self, packet: SocketPacket, flags: Flags) -> bool:
        """Encode and send one packet. Not for applications."""
        recovery = self.nsp.server.recovery
        if recovery is not None and self.pid is not None and packet.id is None:
            recovery.send(self, packet, flags)
            return True
        message = self.codec.encode(packet)
        message.packet = packet
        return self.out.send(message, flags.volatile, flags.compress)

    def expect_ack(self, id: int, resolve: Resolve, timeout: float | None = None) -> None:
        """Register for an acknowledgement. Not for applications."""
        if self._acks is None:
            self._acks = PendingAcks()
        self._acks.add(self._client.session, id, resolve, timeout)

    def resolve_ack(self, id: int, args: Any) -> None:
        """An acknowledgement arrived, or (None) is not waited for. Not for applications."""
        if self._acks is not None:
            self._acks.resolve(id, args)

    def chain(self) -> Broadcast:
        """A chain that starts here: this client if nothing is selected, else the others."""
        return Broadcast(self.nsp, origin=self)

    # Rooms and the rest.

    def join(self, *rooms: str) -> None:
        """Enter rooms; they need not exist. Does nothing once the client is gone.

        :raises HTTPForbidden: the namespace has a ``room_factory``, and the client's user may
            not enter one of them; none is entered then
        """
        names = room_names(rooms) - {self.sid}
        if self.declared.guards_rooms and not self.gone and names:
            self.nsp.server.invoker.check_rooms(self, names)
        if names:
            self.nsp.server.perform(self.place, names)

    def place(self, rooms: Iterable[str]) -> None:
        """Be put into rooms, whoever may enter them. In the loop. Not for applications."""
        names = frozenset(rooms) - {self.sid}
        if not self.gone and names:
            if self._rooms is None:
                self._rooms = set()
            self._rooms |= names
            self.nsp.adapter.add(self, names)
            if self.nsp.roster is not None and self.connected:
                self.nsp.roster.enter(self, names)

    def leave(self, *rooms: str) -> None:
        """Leave rooms; harmless for those it is not in."""
        self.nsp.server.perform(self._leave, room_names(rooms))

    def _leave(self, names: frozenset[str]) -> None:
        if self._rooms is not None and not self.gone:
            left = self._rooms & names
            self._rooms -= names
            self.nsp.adapter.remove(self, names)
            if self.nsp.roster is not None:
                self.nsp.roster.exit(self, left)

    def disconnect(self, close: bool = False) -> None:
        """Make the client leave this namespace; ``close`` ends its whole connection.

        ``on_disconnect`` is called afterwards, not from in here. In a transaction of pyramid_tm
        it happens at its end, whichever that is.
        """
        server = self.nsp.server
        server.conclude(server.perform, self._client.disconnect, self, close)

    def spawn(self, func: Callable[..., Any], *args: Any) -> Any:
        """Run ``func(*args)`` beside the handlers; it is killed when the client is gone.

        Under an HTTP server with threads it cannot be killed: look at ``connected`` there.

        :returns: the greenlet
        """
        return self.nsp.server.perform(self._spawn, func, args)

    def _spawn(self, func: Callable[..., Any], args: Sequence[Any]) -> Any:
        if self._ended:
            raise SessionClosed("the client is gone")
        if self._jobs is None:
            self._jobs = set()
        job = self._client.session.spawn(self._client.run_job, self, func, args)
        self._jobs.add(job)
        job.rawlink(self._jobs.discard)
        return job

    def abandon(self) -> None:
        """The client has come back on another connection. Not for applications."""
        self._client.session.close(DisconnectReason.TRANSPORT_CLOSE)

    def silence(self) -> None:
        """The connection is gone: be in no room, wait for no answer. Not for applications.

        Events that arrived before may still be handled.
        """
        self._go_by(Gone())
        self.nsp.remove(self)
        self.vanish()
        if self._wanted is not None:
            self._unsubscribe(())
        if self._acks is not None:
            self._acks.resolve_all()

    def detach(self) -> None:
        """The client has left: nothing of it is handled any more. Not for applications."""
        if not self._ended:
            self.silence()
            self._ended = True
            for job in list(self._jobs or ()):
                job.kill(block=False)
