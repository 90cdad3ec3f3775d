"""Transports of Socket.IO 0.9, one call at a time. On the wire: tests/functional/test_legacy_*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from pyramid_sio.engine.legacy import LegacySessions
from pyramid_sio.engine.server import EngineServer
from pyramid_sio.engine.session import Session
from pyramid_sio.engine.transports.legacy import HtmlFile, XhrPolling
from pyramid_sio.errors import DisconnectReason, ProtocolError
from pyramid_sio.protocol.engine_v09 import decode_payload
from pyramid_sio.protocol.packets import Message
from tests.engine.conftest import NewEngine, Turn, heard
from tests.engine.wire import CLOSE, Wire
from tests.fakes import FakeHandshake, until


def open_session(engine: EngineServer, name: str = "xhr-polling") -> Session:
    sessions = LegacySessions(engine)
    sid = sessions.shake_hands(FakeHandshake(), (name,)).split(":")[0]
    session = sessions.session_for(sid, name)
    assert session is not None
    return session


@pytest.fixture
def session(engine: EngineServer) -> Session:
    return open_session(engine)


def transport_of(session: Session) -> XhrPolling:
    assert isinstance(session.transport, XhrPolling)
    return session.transport


class Waiting:
    """Something that waits in a greenlet."""

    def __init__(self, func: Callable[..., Any], **options: Any) -> None:
        self._greenlet = gevent.spawn(func, **options)
        gevent.sleep(0)

    @property
    def waits(self) -> bool:
        return not self._greenlet.ready()

    def body(self) -> bytes:
        until(self._greenlet.ready, what="an answer")
        body: bytes = self._greenlet.get().body
        return body


class Delivery:
    """What becomes of an answer, as a test wants it."""

    def __init__(self, when_lost: Callable[[], Any]) -> None:
        self.lose = when_lost
        self.is_lost = False

    def look(self) -> None:
        if self.is_lost:
            self.lose()


class Line:
    """The connection of a poll."""

    def __init__(self, *, gone: bool = False) -> None:
        self.gone = gone

    def is_gone(self) -> bool:
        return self.gone

    def follow(self, when_lost: Callable[[], Any]) -> Delivery:
        self.delivery = Delivery(when_lost)
        return self.delivery


class TestPolling:
    def test_takes_all_there_is(self, session: Session) -> None:
        session.send(Message(b"1::"))
        session.send(Message("3:::😀".encode()))
        assert transport_of(session).poll().body.decode() == "\ufffd3\ufffd1::\ufffd6\ufffd3:::😀"

    def test_waits_and_is_woken(self, session: Session) -> None:
        poll = Waiting(transport_of(session).poll)
        assert poll.waits
        session.send(Message(b"1::"))
        assert poll.body() == b"1::"

    def test_ends_after_its_patience(self, session: Session) -> None:
        assert transport_of(session).poll(0.001).body == b"8::"

    def test_second_takes_over(self, session: Session) -> None:
        first = Waiting(transport_of(session).poll)
        second = Waiting(transport_of(session).poll)
        assert first.body() == b"8::"
        session.send(Message(b"1::"))
        assert second.body() == b"1::"

    def test_is_a_sign_of_life(self, session: Session, turn: Turn) -> None:
        for _ in range(5):
            poll = Waiting(transport_of(session).poll)
            turn(24)
            assert poll.waits
            turn(2)
            assert poll.body() == b"8::"
        turn(19)
        assert session.is_open
        turn(3)
        assert heard(session).reasons == [DisconnectReason.PING_TIMEOUT]

    def test_that_breaks_off_shortens_the_wait(self, session: Session, turn: Turn) -> None:
        poll = Waiting(transport_of(session).poll)
        transport_of(session).peer_vanished()
        assert poll.body() == b"8::"
        turn(19)
        assert session.is_open
        turn(2)
        assert heard(session).reasons == [DisconnectReason.PING_TIMEOUT]

    def test_that_breaks_off_takes_nothing(self, session: Session) -> None:
        poll = Waiting(transport_of(session).poll, peer=Line(gone=True))
        session.send(Message(b"1::"))
        assert poll.body() == b"8::"
        assert transport_of(session).poll(peer=Line()).body == b"1::"

    def test_lost_answer_comes_again_before_what_is_newer(
        self, session: Session, turn: Turn
    ) -> None:
        transport, line = transport_of(session), Line()
        session.send(Message(b"3:::1"))
        session.send(Message(b"3:::2"))
        assert transport.poll(peer=line).body.count(b"3:::") == 2
        session.send(Message(b"3:::3"))
        line.delivery.lose()
        assert [packet[-1:] for packet in decode_payload(transport.poll().body.decode())] == [
            *"123"
        ]
        turn(26)
        assert session.is_open

    def test_lost_answer_is_looked_for_with_the_next_poll(self, session: Session) -> None:
        transport, line = transport_of(session), Line()
        session.send(Message(b"3:::x"))
        assert transport.poll(peer=line).body == b"3:::x"
        line.delivery.is_lost = True
        assert transport.poll(peer=Line()).body == b"3:::x"

    def test_lost_answer_wakes_a_poll(self, session: Session) -> None:
        transport, line = transport_of(session), Line()
        session.send(Message(b"3:::x"))
        assert transport.poll(peer=line).body == b"3:::x"
        poll = Waiting(transport.poll)
        assert poll.waits
        line.delivery.lose()
        assert poll.body() == b"3:::x"

    def test_lost_answer_without_anything(self, session: Session, turn: Turn) -> None:
        line = Line()
        transport = transport_of(session)
        poll = Waiting(transport.poll, peer=line)
        turn(26)
        assert poll.body() == b"8::"
        poll = Waiting(transport.poll)
        line.delivery.lose()
        assert poll.waits
        session.send(Message(b"3:::x"))
        assert poll.body() == b"3:::x"

    def test_lost_answer_counts_for_the_end_of_the_queue(self, new_engine: NewEngine) -> None:
        session = open_session(new_engine(max_buffer_size=10))
        line = Line()
        for _ in range(2):
            session.send(Message(b"3:::x"))
        transport_of(session).poll(peer=line)
        line.delivery.lose()
        session.send(Message(b"3:::x"))
        assert heard(session).reasons == [DisconnectReason.SLOW_CLIENT]

    def test_lost_answer_after_the_end(self, session: Session) -> None:
        line = Line()
        session.send(Message(b"3:::x"))
        transport_of(session).poll(peer=line)
        session.end(DisconnectReason.FORCED_CLOSE)
        line.delivery.lose()
        assert transport_of(session).poll().body == b"7:::1+0"

    def test_that_breaks_off_after_the_end(self, session: Session) -> None:
        session.end(DisconnectReason.FORCED_CLOSE)
        transport_of(session).peer_vanished()
        assert len(heard(session).reasons) == 1

    def test_volatile_waits_for_nobody(self, session: Session) -> None:
        assert not session.send(Message(b"1::"), volatile=True)

    def test_queue_has_an_end(self, new_engine: NewEngine) -> None:
        session = open_session(new_engine(max_buffer_size=10))
        for _ in range(4):
            session.send(Message(b"3:::x"))
        assert heard(session).reasons == [DisconnectReason.SLOW_CLIENT]

    def test_posts(self, session: Session) -> None:
        transport_of(session).receive("\ufffd5\ufffd3:::x\ufffd3\ufffd2::".encode())
        assert heard(session).messages == ["3:::x"]
        transport_of(session).receive(b"8::")
        with pytest.raises(ProtocolError):
            transport_of(session).receive("\ufffd5\ufffd3:".encode())
        assert heard(session).reasons == [DisconnectReason.PARSE_ERROR]

    def test_nothing_more_after_the_end(self, session: Session) -> None:
        heard(session).then = lambda message: session.end(DisconnectReason.FORCED_CLOSE)
        transport_of(session).receive("\ufffd5\ufffd3:::x\ufffd5\ufffd3:::y".encode())
        assert heard(session).messages == ["3:::x"]

    def test_forms(self, engine: EngineServer) -> None:
        session = open_session(engine, "jsonp-polling")
        transport_of(session).receive(b"d=%223%3A%3A%3Ax%22")
        assert heard(session).messages == ["3:::x"]
        with pytest.raises(ProtocolError):
            transport_of(session).receive(b"3:::x")
        assert not session.is_open


class TestEndOfPolling:
    def test_closed_while_a_poll_waits(self, session: Session, engine: EngineServer) -> None:
        poll = Waiting(transport_of(session).poll)
        session.close()
        assert session.id not in engine.sessions
        assert poll.body() == b"7:::1+0"

    def test_closed_with_something_to_say(self, session: Session, engine: EngineServer) -> None:
        session.send(Message(b"3:::x"))
        session.close()
        body = transport_of(session).poll().body
        assert body.decode() == "\ufffd5\ufffd3:::x\ufffd7\ufffd7:::1+0"
        assert session.id not in engine.sessions

    def test_told_to_stay_away(self, session: Session, engine: EngineServer) -> None:
        session.send(Message(b"0::"))
        session.close()
        assert transport_of(session).poll().body == b"0::"
        assert session.id not in engine.sessions

    def test_nobody_fetches_the_goodbye(self, session: Session, turn: Turn) -> None:
        session.send(Message(b"0::"))
        session.close()
        turn(31)
        assert session.id not in session.engine.sessions
        assert transport_of(session).poll().body == b"7:::1+0"

    def test_ended_while_a_poll_waits(self, session: Session) -> None:
        poll = Waiting(transport_of(session).poll)
        session.end(DisconnectReason.TRANSPORT_CLOSE)
        assert poll.body() == b"7:::1+0"


class TestStream:
    @pytest.fixture
    def session(self, engine: EngineServer) -> Session:
        return open_session(engine, "htmlfile")

    def stream(self, session: Session) -> Any:
        transport = session.transport
        assert isinstance(transport, HtmlFile)
        return transport.stream()

    def test_pieces_as_they_come(self, session: Session) -> None:
        stream = self.stream(session)
        assert len(next(stream)) == 256
        session.send(Message(b"1::"))
        session.send(Message(b"3:::x"))
        assert next(stream) == b'<script>_("1::");</script><script>_("3:::x");</script>'
        piece = Waiting(lambda: next(stream))
        assert piece.waits
        session.transport.ping()
        until(lambda: not piece.waits)
        assert piece._greenlet.get() == b'<script>_("2::");</script>'

    def test_end(self, session: Session) -> None:
        stream = self.stream(session)
        next(stream)
        session.send(Message(b"0::"))
        session.close()
        assert list(stream) == [b'<script>_("0::");</script>']
        assert session.id not in session.engine.sessions

    def test_end_without_a_goodbye(self, session: Session) -> None:
        stream = self.stream(session)
        next(stream)
        session.close()
        assert list(stream) == [b'<script>_("7:::1+0");</script>']

    def test_second_takes_over(self, session: Session) -> None:
        first = self.stream(session)
        next(first)
        waiting = Waiting(lambda: list(first))
        second = self.stream(session)
        next(second)
        until(lambda: not waiting.waits)
        assert waiting._greenlet.get() == []
        session.send(Message(b"1::"))
        assert next(second) == b'<script>_("1::");</script>'

    def test_second_takes_over_while_a_piece_is_written(self, session: Session) -> None:
        first = self.stream(session)
        next(first)
        next(self.stream(session))
        assert list(first) == []

    def test_that_breaks_off(self, session: Session) -> None:
        next(self.stream(session))
        session.transport.peer_vanished()  # type: ignore[attr-defined]
        assert heard(session).reasons == [DisconnectReason.TRANSPORT_CLOSE]


class TestSockets:
    def open(self, engine: EngineServer, wire: Wire, *, draft: bool = False) -> Session:
        sessions = LegacySessions(engine)
        sid = sessions.shake_hands(FakeHandshake(), ("websocket",)).split(":")[0]
        sessions.open_socket(
            sid, wire.server, name="websocket", head=b"", leftover=b"", draft=draft
        )
        session = sessions.find(sid)
        assert session is not None
        return session

    def test_frames_are_packets(self, engine: EngineServer, wire: Wire, turn: Turn) -> None:
        session = self.open(engine, wire)
        session.send(Message(b"1::"))
        turn(26)
        assert [frame.payload for frame in wire.expect(2)] == [b"1::", b"2::"]
        wire.send_text("2::", "4:::{}")
        until(lambda: heard(session).messages == ["4:::{}"])
        turn(21)
        assert session.is_open

    def test_binary_is_ignored(self, engine: EngineServer, wire: Wire) -> None:
        session = self.open(engine, wire)
        wire.send_frame(2, b"\x00")
        wire.send_text("3:::x")
        until(lambda: heard(session).messages == ["3:::x"])

    def test_what_breaks_the_rules(self, engine: EngineServer, wire: Wire) -> None:
        session = self.open(engine, wire)
        wire.send_frame(3, b"")
        until(lambda: heard(session).reasons == [DisconnectReason.TRANSPORT_ERROR])

    def test_client_goes(self, engine: EngineServer, wire: Wire) -> None:
        session = self.open(engine, wire)
        wire.send_frame(CLOSE)
        until(lambda: heard(session).reasons == [DisconnectReason.TRANSPORT_CLOSE])

    def test_draft(self, engine: EngineServer, wire: Wire, turn: Turn) -> None:
        session = self.open(engine, wire, draft=True)
        assert session.transport_name == "flashsocket"
        session.send(Message(b"1::"))
        turn(26)
        assert until(wire.read) == b"\x001::\xff\x002::\xff"
        wire.client.sendall(b"\x003:::x\xff\x002::\xff")
        until(lambda: heard(session).messages == ["3:::x"])
        session.close()
        assert until(wire.read) == b"\xff\x00"
        wire.client.sendall(b"\x003:::late\xff\xff\x00")
        until(lambda: wire.read() == b"" and wire.ended)

    def test_draft_drops_what_is_volatile(self, engine: EngineServer, new_wire: Any) -> None:
        session = self.open(engine, new_wire(buffer=1024), draft=True)
        session.send(Message(b"3:::" + b"x" * 1_000_000))
        assert not session.send(Message(b"3:::x"), volatile=True)
