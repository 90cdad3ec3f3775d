"""A client in the test's own process: no sockets, no threads, the real server.

Upstream: ``SioTestApp.connect``. Downstream: ``testing.wire`` carries its packets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import gevent
from gevent.event import Event

from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType
from pyramid_sio.protocol.socket_v5 import Reassembly, decode_header
from pyramid_sio.sockets.acks import unwrap, wrap
from pyramid_sio.sockets.server import normalise
from pyramid_sio.testing.wire import Loopback, Network

if TYPE_CHECKING:
    from pyramid_sio.engine.session import Session
    from pyramid_sio.interfaces import IDecoder, IEncoder

#: Seconds that a test waits for what should come at once. By the wall, not by a virtual clock.
PATIENCE = 5.0


class Received(NamedTuple):
    """An event that came from the server.

    :param event: its name
    :param args: its arguments
    """

    event: str
    args: tuple[Any, ...]


class ConnectionRefused(AssertionError):
    """The server did not let the client in.

    :param message: what a client sees as ``err.message``
    :param data: what it sees as ``err.data``
    :param status: the HTTP status, if the connection itself was refused; else None
    """

    def __init__(self, message: str, data: Any = None, status: int | None = None) -> None:
        super().__init__(message if status is None else f"{status}: {message}")
        self.message = message
        self.data = data
        self.status = status


class TestClient:
    """One client in one namespace; made by ``SioTestApp.connect``.

    Events that arrive are kept until :meth:`expect` takes them.
    """

    __test__ = False

    def __init__(self, connection: Connection, path: str) -> None:
        self._connection = connection
        #: The namespace's name.
        self.path = path
        #: The client's public id, as the server knows it; None before it is in.
        self.sid: str | None = None
        #: What has come and has not been taken by ``expect``.
        self.received: list[Received] = []
        #: Why it is not connected any more: ``io server disconnect``, ``io client disconnect`` or
        #: ``transport close``; None while it is.
        self.reason: str | None = None
        #: What ``connect`` raised. Not for applications.
        self.refusal: ConnectionRefused | None = None
        self._handlers: dict[str, Callable[..., Any]] = {}
        self._acks: dict[int, tuple[Any, ...]] = {}

    def __repr__(self) -> str:
        return f"<TestClient {self.path} {self.sid or 'not connected'}>"

    @property
    def connected(self) -> bool:
        """Is it in its namespace?"""
        return self.sid is not None and self.reason is None

    @property
    def network(self) -> Network:
        """For faults: ``network.drop()``, ``network.delay(2)``, ``network.cut()``."""
        return self._connection.wire.network

    @property
    def answers_pings(self) -> bool:
        """False makes a client whose heart has stopped."""
        return self._connection.wire.answers_pings

    @answers_pings.setter
    def answers_pings(self, answers: bool) -> None:
        self._connection.wire.answers_pings = answers

    def on(self, event: str, handler: Callable[..., Any]) -> None:
        """Call ``handler(*args)`` for an event; what it returns is the acknowledgement.

        Such events can be expected as well.
        """
        self._handlers[event] = handler

    def emit(self, event: str, *args: Any) -> None:
        """Send an event. Its handler runs when the test next waits, in :meth:`expect` say."""
        self._send((event, *args), None)

    def call(self, event: str, *args: Any, timeout: float = PATIENCE) -> Any:
        """Send an event and wait for its acknowledgement.

        :returns: its argument; a tuple if there are several; None if there are none
        :raises AssertionError: none comes within ``timeout`` seconds
        """
        id = self._connection.next_id()
        self._send((event, *args), id)
        self._connection.wait(
            lambda: id in self._acks,
            timeout,
            lambda: f"{self.path}: no acknowledgement of {event!r} in {timeout:g} s",
        )
        return unwrap(self._acks.pop(id))

    def expect(self, event: str, timeout: float = PATIENCE) -> tuple[Any, ...]:
        """Wait for an event, and take the first of that name.

        :returns: its arguments
        :raises AssertionError: none comes within ``timeout`` seconds; says what did come
        """
        self._connection.wait(
            lambda: any(came.event == event for came in self.received),
            timeout,
            lambda: f"{self.path}: no {event!r} in {timeout:g} s; what came: {self.received}",
        )
        found = next(came for came in self.received if came.event == event)
        self.received.remove(found)
        return found.args

    def expect_nothing(self, event: str | None = None) -> None:
        """Let everything that is under way happen; no such event (None: none at all) may come.

        :raises AssertionError: one came
        """
        self._connection.settle()
        came = [item for item in self.received if event in (None, item.event)]
        assert not came, f"{self.path}: expected nothing, got {came}"

    def expect_disconnect(self, timeout: float = PATIENCE) -> str:
        """Wait until it is disconnected; the reason.

        :raises AssertionError: it is still connected after ``timeout`` seconds
        """
        self._connection.wait(
            lambda: self.reason is not None,
            timeout,
            lambda: f"{self.path}: still connected after {timeout:g} s",
        )
        assert self.reason is not None
        return self.reason

    def connect(self, path: str, auth: Any = None, *, timeout: float = PATIENCE) -> TestClient:
        """Enter another namespace over the same connection; a client there."""
        return self._connection.enter(path, auth, timeout)

    def disconnect(self, close: bool = False) -> None:
        """Leave the namespace; ``close`` ends the connection with all its namespaces.

        When it returns, ``on_disconnect`` has run, unless it waits for something.
        """
        if self.connected and not close:
            self._connection.send(SocketPacket(SocketType.DISCONNECT, self.path))
            self.gone("io client disconnect")
        elif close:
            self._connection.close("io client disconnect")
        self._connection.settle()

    # For the connection.

    def _send(self, args: Sequence[Any], id: int | None) -> None:
        if not self.connected:
            raise AssertionError(f"{self.path}: not connected ({self.reason})")
        self._connection.send(SocketPacket(SocketType.EVENT, self.path, args, id))

    def gone(self, reason: str) -> None:
        """It is not connected any more. Idempotent. Not for applications."""
        self.reason = self.reason or reason

    def take(self, packet: SocketPacket) -> None:
        """A packet for this namespace has come. Not for applications."""
        if packet.type is SocketType.EVENT:
            event, *args = packet.data
            self.received.append(Received(event, tuple(args)))
            handler = self._handlers.get(event)
            if handler is not None:
                gevent.spawn(self._answer, handler, args, packet.id)
        elif packet.type is SocketType.ACK and packet.id is not None:
            self._acks[packet.id] = tuple(packet.data)
        elif packet.type is SocketType.CONNECT:
            self.sid = packet.data["sid"]
        elif packet.type is SocketType.CONNECT_ERROR:
            self.refusal = ConnectionRefused(packet.data["message"], packet.data.get("data"))
            self.gone("refused")
        else:
            self.gone("io server disconnect")

    def _answer(self, handler: Callable[..., Any], args: Sequence[Any], id: int | None) -> None:
        result = handler(*args)
        if id is not None and self.connected:
            packet = SocketPacket(SocketType.ACK, self.path, list(wrap(result)), id)
            self._connection.send(packet)


class Connection:
    """One connection of a test client, over all its namespaces.

    :param encoder: the server's
    :param decoder: of the server's parser; None: the built-in JSON
    """

    def __init__(
        self,
        session: Session,
        *,
        transport: str,
        encoder: IEncoder,
        decoder: IDecoder | None,
        settle: Callable[[], None],
    ) -> None:
        self.settle = settle
        self._encoder = encoder
        self._decoder = decoder
        self._clients: dict[str, TestClient] = {}
        self._last_id = -1
        self._news = Event()
        self.wire = Loopback(session, transport, receive=self._receive, closed=self._lost)
        session.transport = self.wire

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def enter(self, path: str, auth: Any, timeout: float) -> TestClient:
        """:raises ConnectionRefused: the server does not want it"""
        path = normalise(path)
        client = self._clients[path] = TestClient(self, path)
        self.send(SocketPacket(SocketType.CONNECT, path, auth))
        self.wait(
            lambda: client.sid is not None or client.reason is not None,
            timeout,
            lambda: f"{path}: neither let in nor refused in {timeout:g} s",
        )
        if client.sid is None:
            raise client.refusal or ConnectionRefused(f"{path}: {client.reason}")
        return client

    def wait(
        self, condition: Callable[[], object], timeout: float, complaint: Callable[[], str]
    ) -> None:
        """Let the server run until ``condition()`` is true.

        :raises AssertionError: in vain
        """
        deadline = time.monotonic() + timeout
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(complaint())
            self._news.clear()
            self._news.wait(left)

    def send(self, packet: SocketPacket) -> None:
        self.wire.send_message(self._encoder.encode(packet))

    def close(self, reason: str) -> None:
        """The client closes the connection."""
        for client in self._clients.values():
            client.gone(reason)
        self.wire.close()

    def _lost(self) -> None:
        for client in self._clients.values():
            client.gone("transport close")
        self._news.set()

    def _receive(self, message: Message) -> None:
        """A message has come."""
        for packet in self._decode(message):
            self._clients[packet.namespace].take(packet)
        self._news.set()

    def _decode(self, message: Message) -> list[SocketPacket]:
        if self._decoder is None:
            return [decode(message)]
        chunks: list[str | bytes] = [*message.blobs]
        if message.text is not None:
            chunks.insert(0, message.text.decode())
        packets = [self._decoder.add(chunk) for chunk in chunks]
        return [packet for packet in packets if packet is not None]


def decode(message: Message) -> SocketPacket:
    """The packet that the built-in parser has made a message of."""
    packet, due = decode_header((message.text or b"").decode())
    if due:
        reassembly = Reassembly(packet, due)
        for blob in message.blobs:
            packet = reassembly.add(blob) or packet
    return packet
