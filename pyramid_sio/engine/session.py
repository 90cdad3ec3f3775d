"""One client: its state, its current transport, its queue of work.

Upstream: a transport hands in what the client sent. Downstream: the ``IEngineHandler``
hears messages at once, in the loop; what it submits runs in the dispatcher.

Source: Engine.IO protocol. What differs between its revisions is the session's ``dialect``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from pyramid_sio.engine.dispatcher import Lane
from pyramid_sio.engine.transports.polling import PollingTransport
from pyramid_sio.errors import DisconnectReason, ProtocolError
from pyramid_sio.protocol import engine_v4
from pyramid_sio.protocol.connection import Due, State, Upgrade
from pyramid_sio.protocol.packets import EnginePacket, EngineType, Message

if TYPE_CHECKING:
    from pyramid_sio.engine.server import EngineServer
    from pyramid_sio.engine.transports.websocket import WebSocketTransport
    from pyramid_sio.engine.upgrade import Candidate
    from pyramid_sio.interfaces import IEngineHandler, IHandshake, ITransport
    from pyramid_sio.protocol.connection import Connection
    from pyramid_sio.protocol.dialect import Dialect


# A member of an enum looked up by its class costs more than the check it is for.
_OPEN = State.OPEN


class Session:
    """One Engine.IO connection. Loop thread only; no method waits unless it says so.

    :param id: the secret session id
    :param engine: the server it belongs to
    :param handshake: what is kept of the opening request
    :param dialect: how its client is spoken with
    """

    __slots__ = (
        "_tick",
        "candidate",
        "connection",
        "dialect",
        "engine",
        "handler",
        "handshake",
        "id",
        "lane",
        "transport",
    )

    def __init__(
        self,
        id: str,
        engine: EngineServer,
        handshake: IHandshake,
        dialect: Dialect = engine_v4.DIALECT,
    ) -> None:
        self.id = id
        self.dialect = dialect
        self.engine = engine
        self.handshake = handshake
        self.lane = Lane(self)
        self.candidate: Candidate | None = None
        self.transport: ITransport
        self.handler: IEngineHandler
        self.connection: Connection
        self._tick = 0

    def open(self, transport: ITransport) -> None:
        """Start: the transport is in place and the handshake is on its way."""
        settings = self.engine.settings
        self.transport = transport
        self.connection = self.dialect.connection(
            ping_interval=settings.ping_interval,
            ping_timeout=settings.ping_timeout,
            now=self.engine.clock(),
            upgraded=transport.name == "websocket",
        )
        self._tick = self.engine.wheel.add(self, self.connection.deadline)
        self.handler = self.engine.handler_factory(self)

    def __repr__(self) -> str:
        return f"<Session {self.label} {self.transport.name} {self.connection.state.value}>"

    @property
    def label(self) -> str:
        """Who this is, for a log: never the whole id, which is a secret."""
        return f"{self.handshake.address} {self.id[:6]}..."

    @property
    def revision(self) -> int:
        """The Engine.IO revision its client speaks."""
        return self.dialect.revision

    @property
    def transport_name(self) -> str:
        return self.transport.name

    @property
    def is_open(self) -> bool:
        return self.connection.state is State.OPEN

    # What the client sends; called by transports, in the loop.

    def receive_text(self, text: str) -> None:
        """One packet as text. :raises ProtocolError: if it ends the session"""
        if text.startswith("4"):
            connection = self.connection
            if connection.awaiting_pong:
                connection.receive(EngineType.MESSAGE, self.engine.clock())
            if connection.state is _OPEN:
                self.handler.on_text(text[1:])
        else:
            self.receive_packet(self.dialect.decode_text(text))

    def receive_binary(self, data: bytes) -> None:
        """One packet as bytes. :raises ProtocolError: if it ends the session"""
        self.receive_packet(self.dialect.decode_binary(data))

    def receive_packet(self, packet: EnginePacket) -> None:
        """One packet, decoded. :raises ProtocolError: if it ends the session"""
        connection = self.connection
        if connection.state is not State.OPEN:
            return
        kind, data = packet
        reason = connection.receive(kind, self.engine.clock())
        if reason is not None:
            self.end(reason)
        elif kind is EngineType.MESSAGE:
            if isinstance(data, bytes):
                self.handler.on_binary(data)
            else:
                self.handler.on_text(data)
        elif kind is EngineType.PONG:
            self._rearm()
        elif kind is EngineType.PING:
            self.transport.pong()
            self._rearm()

    def transport_ended(self, reason: DisconnectReason) -> None:
        """The current transport is gone."""
        self.end(reason)

    def refuse(self, error: ProtocolError) -> None:
        """The client broke a rule of Engine.IO: log it and end."""
        self.complain("protocol violation", error)
        self.end(error.reason)

    # What the server does.

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        """Send now, or queue while the client is not ready; False if it was dropped.

        :param volatile: drop it instead of queueing
        :param compress: False asks for no compression
        """
        if self.connection.state is not _OPEN:
            return False
        return self.transport.send(message, volatile, compress)

    def submit(self, func: Callable[..., Any], *args: Any) -> None:
        """Run ``func(*args)`` after whatever was submitted before, in a greenlet that may wait."""
        lane = self.lane
        lane.jobs.append((func, args))
        if not lane.active:
            self.engine.dispatcher.activate(lane)

    def submit_unordered(self, func: Callable[..., Any], *args: Any) -> None:
        """The same, side by side with whatever was submitted before."""
        self.lane.beside += 1
        self.engine.dispatcher.submit(Lane(self), self.lane.run_beside, (func, args))

    def spawn(self, func: Callable[..., Any], *args: Any) -> Any:
        """Start a greenlet; the result has ``kill(block=False)`` and ``rawlink(func)``."""
        return gevent.spawn(func, *args)

    def make_event(self) -> Any:
        """Something to wait on: ``set()``, and ``wait(timeout)`` which says if it was set."""
        return Event()

    def call_later(self, seconds: float, func: Callable[[], Any]) -> Any:
        """Call ``func()`` in the loop after ``seconds``; the result has ``cancel()``."""
        return self.engine.wheel.call_later(seconds, func)

    def complain(self, rule: str, detail: object = "", error: BaseException | None = None) -> None:
        """Log, within limits, that this client broke ``rule``, or (``error``) made it fail."""
        self.engine.complaints.add(rule, self.label, detail, error)

    def close(self, reason: DisconnectReason = DisconnectReason.FORCED_CLOSE) -> None:
        """End the session; what is queued still goes out. Idempotent.

        The handler is told at once. A polling client that does not come back for what is
        queued is forgotten after ``close_timeout``.
        """
        if self.connection.state is not State.OPEN:
            return
        self.connection.state = State.CLOSING
        self.handler.on_close(reason)
        if self.transport.finish(reason):
            self._forget()
            self.engine.dismissed(self)
        else:
            self.call_later(self.engine.settings.close_timeout, self._give_up)

    def said_goodbye(self, transport: ITransport) -> None:
        """What was queued when the session was closed has been taken from ``transport``."""
        if transport is self.transport and self.connection.state is not State.CLOSED:
            self._forget()
            self.engine.dismissed(self)

    def _give_up(self) -> None:
        self.end(DisconnectReason.FORCED_CLOSE)

    def end(self, reason: DisconnectReason) -> None:
        """End the session now; what is queued is lost. Idempotent."""
        state = self.connection.state
        if state is State.CLOSED:
            return
        self._forget()
        self.transport.abort(reason)
        if state is State.OPEN:
            self.handler.on_close(reason)

    def _forget(self) -> None:
        if self.connection.state is State.CLOSED:
            return
        self.connection.state = State.CLOSED
        self.engine.wheel.remove(self, self._tick)
        self.engine.sessions.pop(self.id, None)
        if self.candidate is not None:
            self.candidate.fail()

    # Upgrade; called by the candidate.

    def complete_upgrade(self, transport: WebSocketTransport) -> None:
        """Go on over ``transport``: what waits on the old one goes out first, in order."""
        old = self.transport
        assert isinstance(old, PollingTransport)
        self.transport = transport
        self.candidate = None
        self.connection.complete_upgrade(self.engine.clock())
        transport.adopt(self, old.hand_over())
        self._rearm()
        if self.connection.state is State.CLOSING and transport.finish(
            DisconnectReason.FORCED_CLOSE
        ):
            self._forget()

    def release_poll(self) -> None:
        """Answer a waiting poll with nothing, so that the client can switch."""
        if isinstance(self.transport, PollingTransport):
            self.transport.release()

    def drop_candidate(self, candidate: Candidate) -> None:
        """``candidate`` failed; another may try."""
        if self.candidate is candidate:
            self.candidate = None
            self.connection.drop_candidate()

    @property
    def upgraded(self) -> bool:
        return self.connection.upgrade is Upgrade.DONE

    # Heartbeat and flow.

    def on_time(self, now: float) -> None:
        """A deadline may have passed. Called by the wheel."""
        due = self.connection.reach(now, paused=self.lane.paused)
        if due is Due.TIMEOUT:
            self.end(DisconnectReason.PING_TIMEOUT)
            return
        if due is Due.PING:
            self.transport.ping()
        if self.connection.state is not State.CLOSED:
            self._tick = self.engine.wheel.add(self, self.connection.deadline)

    def doubt(self) -> None:
        """There is reason to think that the client is gone, and hope that it comes back."""
        if self.connection.state is _OPEN:
            self.connection.doubt(self.engine.clock())
            self._rearm()

    def _rearm(self) -> None:
        """The deadline moved. One that moved back is noticed when the old one comes."""
        wheel = self.engine.wheel
        wheel.remove(self, self._tick)
        self._tick = wheel.add(self, self.connection.deadline)

    def hold_if_behind(self, received: int) -> bool:
        """Account for ``received`` bytes; True if its handlers are too far behind.

        The caller then reads nothing more until :meth:`resume`.
        """
        lane = self.lane
        if lane.active or lane.beside:
            lane.received += received
            settings = self.engine.settings
            waiting = len(lane.jobs) + lane.beside
            if lane.received > settings.max_inbox_bytes or waiting > settings.max_inbox:
                lane.paused = True
        return lane.paused

    def cork(self) -> None:
        self.transport.cork()

    def uncork(self) -> None:
        self.transport.uncork()

    def resume(self) -> None:
        """The handlers have caught up. Called by the dispatcher."""
        if not self.engine.stopping:
            self.transport.resume()
