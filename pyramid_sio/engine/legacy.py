"""Sessions of Socket.IO 0.9: a handshake first, a transport for it afterwards.

Upstream: ``plugin.legacy``, for each HTTP request. Downstream: ``engine.server``, which has all
sessions, and ``engine.transports.legacy``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gevent.event import Event

from pyramid_sio.engine.transports.legacy import (
    SOCKETS,
    TRANSPORTS,
    DraftSocket,
    LegacyReceiver,
    LegacyWebSocket,
)
from pyramid_sio.engine.upgrade import Rejected
from pyramid_sio.errors import DisconnectReason, RequestRefused
from pyramid_sio.protocol.engine_v09 import DIALECT, GOODBYE_OF_CLIENT, encode_handshake
from pyramid_sio.protocol.socket_v09 import UNKNOWN_CLIENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyramid_sio.engine.server import EngineServer
    from pyramid_sio.engine.session import Session
    from pyramid_sio.interfaces import IHandshake


class Waiting(NamedTuple):
    """A handshake whose client has not opened a transport yet."""

    handshake: IHandshake
    timer: Any


class LegacySessions:
    """The sessions of 0.9 clients of one server. Loop thread only; nothing here waits."""

    def __init__(self, engine: EngineServer) -> None:
        self._engine = engine
        self._waiting: dict[str, Waiting] = {}

    @property
    def patience(self) -> float:
        """Seconds without a sign of the other after which either side gives up."""
        settings = self._engine.settings
        return settings.ping_interval + settings.ping_timeout

    def shake_hands(self, handshake: IHandshake, transports: Sequence[str]) -> str:
        """A client wants in: the answer, with the id that it comes back with.

        :param transports: those it is offered, best first
        :raises RequestRefused: the server is going down
        """
        if self._engine.stopping:
            raise RequestRefused("Server is shutting down")
        self._engine.own()
        sid = self._engine.new_id()
        timer = self._engine.wheel.call_later(self.patience, lambda: self._forget(sid))
        self._waiting[sid] = Waiting(handshake, timer)
        return encode_handshake(
            sid, heartbeat=self.patience, close=self.patience, transports=transports
        )

    def complain(self, rule: str, label: str, detail: object) -> None:
        """Log, within limits, what a client did wrong that has no session."""
        self._engine.complaints.add(rule, label, detail)

    def _forget(self, sid: str) -> None:
        self._waiting.pop(sid, None)

    def find(self, sid: str) -> Session | None:
        """The session of that id, if its client is of this generation."""
        session = self._engine.sessions.get(sid)
        return session if session is not None and session.dialect is DIALECT else None

    def session_for(self, sid: str, name: str) -> Session | None:
        """The session for a GET of a transport, opened if it is the first; None: unknown.

        :param name: one of those that HTTP requests make up
        """
        session = self.find(sid)
        if session is not None and session.transport_name == name:
            return session
        session = self._new_session(sid, session)
        if session is not None:
            self._engine.open(session, TRANSPORTS[name](session, Event))
        return session

    def _new_session(self, sid: str, older: Session | None) -> Session | None:
        """A session for a handshake; None: there was none of that id, or not lately.

        :param older: what was opened over another transport. Its client cannot have heard of
            that, or it would not try the next
        """
        waiting = self._waiting.pop(sid, None)
        if waiting is not None:
            waiting.timer.cancel()
            handshake = waiting.handshake
        elif older is not None and older.is_open:
            handshake = older.handshake
            older.end(DisconnectReason.TRANSPORT_CLOSE)
        else:
            return None
        return self._engine.new_session(sid, handshake, DIALECT)

    def open_socket(
        self, sid: str, sock: Any, *, name: str, head: bytes, leftover: bytes, draft: bool = False
    ) -> None:
        """A client has upgraded a connection.

        :param name: ``websocket`` or ``flashsocket``
        :param head: the HTTP answer, sent before anything else
        :param leftover: what arrived together with the request
        :param draft: True if it speaks the draft that Flash Player's client speaks
        """
        transport: LegacyWebSocket
        if draft:
            transport = DraftSocket(self._engine, sock, dialect=DIALECT)
        else:
            transport = SOCKETS[name](self._engine, sock, dialect=DIALECT)
        session = self._new_session(sid, self.find(sid))
        if session is None:
            transport.receiver = Rejected()
            transport.send_head(head, UNKNOWN_CLIENT)
            transport.finish(DisconnectReason.FORCED_CLOSE)
            return
        transport.receiver = LegacyReceiver(session)
        transport.send_head(head)
        self._engine.open(session, transport)
        transport.start(leftover)

    def leave(self, sid: str) -> None:
        """A client says, by a request of its own, that it leaves. Harmless if it is unknown."""
        waiting = self._waiting.pop(sid, None)
        if waiting is not None:
            waiting.timer.cancel()
        session = self.find(sid)
        if session is not None:
            session.receive_packet(GOODBYE_OF_CLIENT)
