"""All sessions of a process: opening, finding and ending them.

Upstream: ``plugin.views`` and ``plugin.responses``, for each HTTP request.
Downstream: ``engine.session``; ``handler_factory`` makes what listens to it.
"""

from __future__ import annotations

import logging
import math
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.engine.dispatcher import Dispatcher
from pyramid_sio.engine.loopthread import hand_over
from pyramid_sio.engine.session import Session
from pyramid_sio.engine.transports.jsonp import JsonpTransport
from pyramid_sio.engine.transports.polling import PollingTransport
from pyramid_sio.engine.transports.text_only import TextOnlyWebSocket
from pyramid_sio.engine.transports.websocket import WebSocketTransport
from pyramid_sio.engine.upgrade import Candidate, Rejected
from pyramid_sio.engine.wheel import TimerWheel
from pyramid_sio.errors import (
    BadRequest,
    DisconnectReason,
    RequestRefused,
    UnknownSession,
)
from pyramid_sio.loopcalls import LoopCalls, get_thread_id, loop_calls
from pyramid_sio.protocol import engine_v3, engine_v4

if TYPE_CHECKING:
    from websockets.extensions import Extension

    from pyramid_sio.engine.seats import Seats
    from pyramid_sio.interfaces import IEngineHandler, IHandshake, ISession
    from pyramid_sio.protocol.dialect import Body, Dialect
    from pyramid_sio.protocol.request import EngineRequest


#: Random bytes in a session id: 120 bits, 20 characters; less what tells whose it is.
ID_BYTES = 15
#: Seconds between two batches of sessions that are ended, when it is done gently.
DISMISSAL_STEP = 0.1

#: Seconds that a polling client may take to come for its goodbye: mostly it waits for it.
FAREWELL = 3.0
#: Seconds for which a session that has been dismissed is still known: what its client sent
#: before it knew may be on its way.
AFTERGLOW = 1.0

#: How to speak with a client, by the revision its request is of.
DIALECTS: dict[int, Dialect] = {4: engine_v4.DIALECT, 3: engine_v3.DIALECT}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Limits and times of the engine; the settings table gives the defaults and reasons.

    Times are in seconds, sizes in bytes.
    """

    transports: tuple[str, ...]
    allow_upgrades: bool
    ping_interval: float
    ping_timeout: float
    upgrade_timeout: float
    close_timeout: float
    max_http_buffer_size: int
    max_buffer_size: int
    max_inbox: int
    max_inbox_bytes: int
    max_handlers: int


class EngineServer:
    """The sessions of one endpoint.

    Loop thread only. Nothing is started by creating one: the clock runs while something is
    due, dispatchers exist once there is work.

    :param handler_factory: called with each new session; what it returns hears the session
    :param id_prefix: what session ids begin with, so that others know whose they are
    :param clock: returns seconds, monotonic; replaced in tests
    """

    def __init__(
        self,
        settings: EngineSettings,
        handler_factory: Callable[[ISession], IEngineHandler],
        *,
        id_prefix: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._id_prefix = id_prefix
        self.handler_factory = handler_factory
        #: A subclass may be put here before there are sessions.
        self.session_class: type[Session] = Session
        self.sessions: dict[str, Session] = {}
        #: Sessions that have been dismissed a moment ago; None: they are forgotten at once.
        self._dismissed: dict[str, Session] | None = None
        #: Transports whose close frame has been sent and not been answered.
        self.leaving: set[WebSocketTransport] = set()
        self.wheel = TimerWheel(self._resolution(settings), clock)
        self.clock = clock
        self.dispatcher = Dispatcher(settings.max_handlers)
        self.complaints = Complaints(logging.getLogger("pyramid_sio.engine"))
        # The thread that opened the first session owns all of them.
        self._calls: LoopCalls | None = None
        #: Where polls wait if that takes a thread of the HTTP server; None: it does not.
        self.seats: Seats | None = None
        #: True once the server is going down: no new session is opened.
        self.stopping = False

    @staticmethod
    def _resolution(settings: EngineSettings) -> float:
        """A twentieth of the shortest time, so that no deadline is more than 5 % late."""
        shortest = min(settings.ping_interval, settings.ping_timeout, settings.upgrade_timeout)
        return min(max(shortest / 20, 0.005), 0.1)

    def __repr__(self) -> str:
        return f"<EngineServer with {len(self.sessions)} sessions>"

    def in_loop(self, func: Callable[..., Any], *args: Any) -> None:
        """Run ``func(*args)``, which must not wait, in the thread that owns the sessions.

        The one entrance for other threads: from them it runs soon, from the loop's own at once.
        """
        calls = self._calls
        if calls is None or calls.thread == get_thread_id():
            func(*args)
        else:
            calls.call_soon(func, *args)

    def perform(self, func: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """``func(*args, **options)`` in the thread that owns the sessions; it may wait.

        Any thread: another one waits until it is done.

        :returns: what it returns
        :raises BaseException: what it raises
        """
        calls = self._calls
        if calls is None or calls.thread == get_thread_id():
            return func(*args, **options)
        return hand_over(calls, func, args, options)

    def adopt_thread(self) -> None:
        """The calling thread runs the loop: it owns all sessions from now on."""
        self._calls = loop_calls()

    def disown_thread(self) -> None:
        """The thread has ended, and all sessions with it."""
        self._calls = None

    @property
    def has_thread(self) -> bool:
        """Is it known which thread owns the sessions?"""
        return self._calls is not None

    def living(self, sid: str) -> Session | None:
        """The session of that id.

        One whose client has been silent for too long ends now, and not when the clock ticks.
        """
        session = self.sessions.get(sid)
        if session is not None and session.connection.is_overdue(
            self.clock(), paused=session.lane.paused
        ):
            session.end(DisconnectReason.PING_TIMEOUT)
            return None
        if session is not None and session.candidate is not None:
            # It may have sent the last word of its upgrade there before it asks here.
            session.candidate.transport.read()
        return session

    def find(self, request: EngineRequest) -> Session:
        """The session a request names.

        :raises RequestRefused: there is none, or the request does not fit it
        """
        session = self.living(request.sid or "")
        if session is None and self._dismissed is not None:
            session = self._dismissed.get(request.sid or "")
        if session is None:
            raise UnknownSession(detail=f"no session {(request.sid or '')[:6]!r}...")
        if request.revision != session.revision:
            raise BadRequest(detail="the revision is not the session's")
        if not request.upgrade and request.transport != session.transport_name:
            raise BadRequest(detail="the transport is not the session's")
        return session

    def open_polling(
        self, handshake: IHandshake, asked: EngineRequest | None = None, *, upgradable: bool = True
    ) -> tuple[Session, Body]:
        """Open a session over HTTP long-polling; returns it and the answer's body.

        :param asked: the request; None: an ordinary one of revision 4
        :param upgradable: False behind an HTTP server that cannot do WebSocket
        """
        session = self._new_session(handshake, asked)
        may_upgrade = upgradable and self.settings.allow_upgrades
        upgrades = [name for name in self.settings.transports if name != "polling" and may_upgrade]
        transport = self._new_polling(session, asked)
        self.open(session, transport)
        return session, transport.encode([self._opening(session, upgrades)])

    def open_websocket(
        self,
        handshake: IHandshake,
        sock: Any,
        asked: EngineRequest | None = None,
        *,
        head: bytes = b"",
        leftover: bytes = b"",
        extensions: list[Extension] | None = None,
    ) -> Session:
        """Open a session on a socket that was taken over.

        :param asked: the request; None: an ordinary one of revision 4
        :param head: the HTTP answer to the upgrade, sent in one piece with the first packet
        :param leftover: what arrived together with the request
        """
        session = self._new_session(handshake, asked)
        kind = _kind_of_websocket(asked)
        transport = kind(self, sock, extensions, dialect=session.dialect)
        transport.receiver = session
        transport.send_head(head, self._opening(session, []))
        self.open(session, transport)
        transport.start(leftover)
        return session

    def open_candidate(
        self,
        session: Session,
        sock: Any,
        asked: EngineRequest | None = None,
        *,
        head: bytes = b"",
        leftover: bytes = b"",
        extensions: list[Extension] | None = None,
    ) -> None:
        """A WebSocket that names ``session`` wants to take over, if it may."""
        kind = _kind_of_websocket(asked)
        transport = kind(self, sock, extensions, dialect=session.dialect)
        if self.settings.allow_upgrades and session.connection.admit_candidate():
            Candidate(session, transport)
            transport.send_head(head)
            transport.start(leftover)
        else:
            # The specification wants it accepted and closed, and the session left alone.
            transport.receiver = Rejected()
            transport.send_head(head)
            transport.finish(DisconnectReason.FORCED_CLOSE)

    def _new_session(self, handshake: IHandshake, asked: EngineRequest | None) -> Session:
        dialect = DIALECTS[asked.revision] if asked is not None else engine_v4.DIALECT
        return self.new_session(self.new_id(), handshake, dialect)

    def new_id(self) -> str:
        """An id for a session: nobody can guess it, and other processes know whose it is."""
        prefix = self._id_prefix
        return prefix + secrets.token_urlsafe(ID_BYTES)[len(prefix) :]

    def new_session(self, id: str, handshake: IHandshake, dialect: Dialect) -> Session:
        """A session that is still to be opened.

        :raises RequestRefused: the server is going down
        """
        if self.stopping:
            raise RequestRefused("Server is shutting down")
        self.own()
        return self.session_class(id, self, handshake, dialect)

    def own(self) -> None:
        """The thread that calls this first owns all that follows."""
        if self._calls is None:
            self.adopt_thread()

    @staticmethod
    def _new_polling(session: Session, asked: EngineRequest | None) -> PollingTransport:
        if asked is None:
            return PollingTransport(session, Event)
        if asked.jsonp is not None:
            return JsonpTransport(session, Event, index=asked.jsonp)
        return PollingTransport(session, Event, binary=asked.binary)

    def open(self, session: Session, transport: Any) -> None:
        """Open a session on a transport of its own."""
        self.sessions[session.id] = session
        session.open(transport)

    def _opening(self, session: Session, upgrades: list[str]) -> bytes:
        settings = self.settings
        return session.dialect.encode_open(
            sid=session.id,
            upgrades=upgrades,
            ping_interval=settings.ping_interval,
            ping_timeout=settings.ping_timeout,
            max_payload=settings.max_http_buffer_size,
        )

    def dismiss(self, seconds: float) -> None:
        """End the sessions there are, evenly over ``seconds``, so that clients return so too.

        A session whose handlers run is left for the next round, or for :meth:`part`.
        """
        self._dismissed = {}
        deadline = self.clock() + seconds
        while (left := deadline - self.clock()) > 0:
            sessions = [session for session in self.sessions.values() if session.is_open]
            if not sessions:
                return
            rounds = max(left / DISMISSAL_STEP, 1.0)
            batch = random.sample(sessions, min(math.ceil(len(sessions) / rounds), len(sessions)))
            for session in batch:
                # What it has sent is handled; nothing more is read.
                session.transport.pause()
            gevent.sleep(min(DISMISSAL_STEP, left))
            for session in batch:
                if not session.lane.active and not session.lane.beside:
                    session.close(DisconnectReason.SERVER_SHUTTING_DOWN)

    def part(self, patience: float) -> None:
        """End the sessions that are left after :meth:`dismiss`, and wait until clients know it.

        :param patience: seconds; handlers that run are given half of that
        """
        deadline = self.clock() + patience
        for session in list(self.sessions.values()):
            session.transport.pause()
        self.dispatcher.wait_idle(patience / 2)
        for session in list(self.sessions.values()):
            session.close(DisconnectReason.SERVER_SHUTTING_DOWN)
        deadline = min(deadline, self.clock() + FAREWELL)
        while (self.sessions or self._dismissed) and self.clock() < deadline:
            gevent.sleep(0.01)

    def dismissed(self, session: Session) -> None:
        """A session has ended, and its client was told so, or will be when it comes for that."""
        afterglow = self._dismissed
        if afterglow is not None and session.transport_name == "polling":
            afterglow[session.id] = session
            self.wheel.call_later(AFTERGLOW, lambda: afterglow.pop(session.id, None))

    def shut_down(self, patience: float) -> bool:
        """End all sessions; waits for handlers, at most ``patience`` seconds.

        Nothing more is read from clients. Handlers that run are given half of the time to end
        before their clients are closed; ``on_disconnect``, and clients that say goodbye in
        turn, the rest.

        :returns: True if all handlers ended in time
        """
        self.stopping = True
        for session in list(self.sessions.values()):
            session.transport.pause()
        deadline = self.clock() + patience
        self.dispatcher.wait_idle(patience / 2)
        for session in list(self.sessions.values()):
            session.close(DisconnectReason.SERVER_SHUTTING_DOWN)
            # A client that does not poll at this moment gets no last word.
            session.end(DisconnectReason.SERVER_SHUTTING_DOWN)
        done = self.dispatcher.wait_idle(deadline - self.clock())
        while self.leaving and self.clock() < deadline:
            gevent.sleep(0.01)
        return done


def _kind_of_websocket(asked: EngineRequest | None) -> type[WebSocketTransport]:
    """What carries a WebSocket: it depends on what its own request says, not the session's."""
    return WebSocketTransport if asked is None or asked.binary else TextOnlyWebSocket
