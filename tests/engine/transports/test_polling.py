from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event

from pyramid_sio.engine.server import EngineServer
from pyramid_sio.engine.session import Session
from pyramid_sio.engine.transports.polling import Payload, PollingTransport
from pyramid_sio.errors import DisconnectReason, LimitExceeded, OverlapError, ProtocolError
from pyramid_sio.protocol.engine_v4 import MAX_PACKETS
from pyramid_sio.protocol.packets import Message
from tests.engine.conftest import NewEngine, Turn, heard
from tests.fakes import FakeHandshake, until


def transport_of(session: Session) -> PollingTransport:
    assert isinstance(session.transport, PollingTransport)
    return session.transport


class Poll:
    """A poll that waits in a greenlet."""

    def __init__(self, session: Session) -> None:
        self.answer: Payload | None = None
        self.error: Exception | None = None
        self._transport = transport_of(session)
        self._greenlet = gevent.spawn(self._run)
        gevent.sleep(0)

    def _run(self) -> None:
        try:
            self.answer = self._transport.poll()
        except ProtocolError as exc:
            self.error = exc

    @property
    def waits(self) -> bool:
        return self.answer is None and self.error is None

    def body(self) -> bytes:
        until(lambda: not self.waits, what="the poll to be answered")
        assert self.answer is not None, self.error
        return self.answer.body


class TestPoll:
    def test_takes_all_that_is_queued_in_order(self, polling: Session) -> None:
        polling.send(Message(b'2["a"]'))
        polling.send(Message(b'51-["b",{"_placeholder":true,"num":0}]', [b"\x01\x02"]))
        polling.transport.ping()
        body = transport_of(polling).poll().body
        assert body == b'42["a"]\x1e451-["b",{"_placeholder":true,"num":0}]\x1ebAQI=\x1e2'

    def test_waits_until_there_is_something(self, polling: Session) -> None:
        poll = Poll(polling)
        assert poll.waits
        polling.send(Message(b"2[1]"))
        polling.send(Message(b"2[2]"))
        assert poll.body() == b"42[1]\x1e42[2]"

    def test_a_ping_is_an_answer(self, polling: Session, turn: Turn) -> None:
        poll = Poll(polling)
        turn(25.2)
        assert poll.body() == b"2"

    def test_nothing_is_sent_twice(self, polling: Session) -> None:
        polling.send(Message(b"2[1]"))
        assert Poll(polling).body() == b"42[1]"
        assert Poll(polling).waits

    @pytest.mark.parametrize(
        ("wishes", "compress"), [([True], True), ([False], False), ([False, True], True)]
    )
    def test_one_message_that_may_be_compressed_decides(
        self, polling: Session, wishes: list[bool], compress: bool
    ) -> None:
        for wish in wishes:
            polling.send(Message(b"2[]"), compress=wish)
        assert transport_of(polling).poll().compress is compress
        polling.send(Message(b"2[]"), compress=False)
        assert not transport_of(polling).poll().compress, "each answer for itself"

    def test_a_second_poll_ends_the_session(self, engine: EngineServer, polling: Session) -> None:
        first = Poll(polling)
        with pytest.raises(OverlapError):
            transport_of(polling).poll()
        assert first.body() == b"1"
        assert heard(polling).reasons == [DisconnectReason.TRANSPORT_ERROR]
        assert engine.sessions == {}

    def test_a_poll_cut_short_leaves_room_for_another(self, polling: Session) -> None:
        transport = transport_of(polling)
        greenlet = gevent.spawn(transport.poll)
        gevent.sleep(0)
        greenlet.kill()
        polling.send(Message(b"2[1]"))
        assert transport.poll().body == b"42[1]"

    def test_a_client_that_vanishes_while_it_polls(self, polling: Session) -> None:
        poll = Poll(polling)
        transport_of(polling).peer_vanished()
        assert heard(polling).reasons == [DisconnectReason.TRANSPORT_ERROR]
        assert poll.body() == b"1"


class TestVolatile:
    def test_goes_to_a_poll_that_waits(self, polling: Session) -> None:
        poll = Poll(polling)
        assert polling.send(Message(b"2[1]"), volatile=True)
        assert poll.body() == b"42[1]"

    def test_is_dropped_without_one(self, polling: Session) -> None:
        assert not polling.send(Message(b"2[1]"), volatile=True)
        polling.send(Message(b"2[2]"))
        assert transport_of(polling).poll().body == b"42[2]"

    def test_is_dropped_behind_another(self, polling: Session) -> None:
        poll = Poll(polling)
        assert polling.send(Message(b"2[1]"), volatile=True)
        assert not polling.send(Message(b"2[2]"), volatile=True)
        assert poll.body() == b"42[1]"


class TestReceive:
    def test_packets_in_order(self, polling: Session) -> None:
        transport_of(polling).receive("4a\x1ebAQI=\x1e4ü".encode())
        assert heard(polling).messages == ["a", b"\x01\x02", "ü"]

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", DisconnectReason.PARSE_ERROR),
            (b"x", DisconnectReason.PARSE_ERROR),
            (b"\x1e4a", DisconnectReason.PARSE_ERROR),
            (b"2", DisconnectReason.TRANSPORT_ERROR),
            (b"2probe", DisconnectReason.TRANSPORT_ERROR),
        ],
    )
    def test_what_is_wrong_ends_the_session(
        self, polling: Session, body: bytes, reason: DisconnectReason
    ) -> None:
        poll = Poll(polling)
        with pytest.raises(ProtocolError):
            transport_of(polling).receive(body)
        assert heard(polling).reasons == [reason]
        assert poll.body() == b"1"

    def test_what_came_before_it_is_delivered(self, polling: Session) -> None:
        with pytest.raises(ProtocolError):
            transport_of(polling).receive(b"4a\x1exyz\x1e4b")
        assert heard(polling).messages == ["a"]

    def test_close_answers_the_poll_with_noop_and_stops(self, polling: Session) -> None:
        poll = Poll(polling)
        transport_of(polling).receive(b"4a\x1e1\x1e4b")
        assert heard(polling).messages == ["a"]
        assert heard(polling).reasons == [DisconnectReason.TRANSPORT_CLOSE]
        assert poll.body() == b"6"

    def test_too_many_packets(self, polling: Session) -> None:
        with pytest.raises(LimitExceeded):
            transport_of(polling).receive(b"\x1e".join([b"4"] * (MAX_PACKETS + 1)))
        assert heard(polling).reasons == [DisconnectReason.TRANSPORT_ERROR]
        assert len(heard(polling).messages) == MAX_PACKETS

    @pytest.mark.parametrize("body", [b"3", b"3probe", b"0x", b"5", b"6"])
    def test_harmless(self, polling: Session, body: bytes) -> None:
        poll = Poll(polling)
        transport_of(polling).receive(body)
        assert polling.is_open
        assert poll.waits


class TestBehind:
    """A POST of a client whose handlers are behind is answered when they have caught up."""

    @pytest.fixture
    def behind(self, new_engine: NewEngine) -> tuple[Session, Event]:
        session, _ = new_engine(max_inbox=3).open_polling(FakeHandshake())
        gate = Event()
        heard(session).then = lambda message: session.submit(gate.wait)
        return session, gate

    def wait(self, session: Session) -> Any:
        greenlet = gevent.spawn(transport_of(session).wait_until_ready)
        gevent.sleep(0)
        return greenlet

    def test_waits_for_handlers(self, behind: tuple[Session, Event]) -> None:
        session, gate = behind
        transport_of(session).receive(b"\x1e".join([b"4"] * 5))
        waiting = self.wait(session)
        assert not waiting.dead

        gate.set()
        until(lambda: waiting.dead)
        assert waiting.successful()
        assert session.is_open

    def test_does_not_wait_without_need(self, behind: tuple[Session, Event]) -> None:
        session, gate = behind
        transport_of(session).receive(b"4")
        transport_of(session).wait_until_ready()
        gate.set()

    @pytest.mark.parametrize(
        "end",
        [
            lambda session: session.end(DisconnectReason.PING_TIMEOUT),
            lambda session: session.close(),
            lambda session: transport_of(session).hand_over(),
        ],
        ids=["end", "close", "upgrade"],
    )
    def test_the_end_of_the_transport_is_not_waited_for(
        self, behind: tuple[Session, Event], end: Callable[[Session], Any]
    ) -> None:
        session, gate = behind
        transport_of(session).receive(b"\x1e".join([b"4"] * 5))
        waiting = self.wait(session)
        end(session)
        until(lambda: waiting.dead)
        gate.set()


class TestLimit:
    def test_a_client_that_does_not_poll_is_disconnected(self, new_engine: NewEngine) -> None:
        session, _ = new_engine(max_buffer_size=1000).open_polling(FakeHandshake())
        sent = 0
        while session.send(Message(b"x" * 100)):
            sent += 1
            assert sent <= 10
        assert sent == 10
        assert heard(session).reasons == [DisconnectReason.SLOW_CLIENT]

    def test_one_large_message_may_pass(self, new_engine: NewEngine) -> None:
        session, _ = new_engine(max_buffer_size=1000).open_polling(FakeHandshake())
        assert session.send(Message(b"x" * 5000))
        assert not session.send(Message(b"x"))

    def test_what_was_fetched_does_not_count(self, new_engine: NewEngine) -> None:
        session, _ = new_engine(max_buffer_size=1000).open_polling(FakeHandshake())
        for _ in range(50):
            assert session.send(Message(b"x" * 900))
            transport_of(session).poll()


class TestGoodbye:
    def test_to_a_poll_that_waits(self, engine: EngineServer, polling: Session) -> None:
        poll = Poll(polling)
        polling.close()
        assert poll.body() == b"1"
        assert engine.sessions == {}

    def test_alone_behind_what_is_queued(self, engine: EngineServer, polling: Session) -> None:
        poll = Poll(polling)
        polling.send(Message(b"2[1]"))
        polling.close()
        assert poll.body() == b"42[1]"
        assert engine.sessions != {}
        assert Poll(polling).body() == b"1"
        assert engine.sessions == {}


class TestUpgrade:
    def test_release_answers_a_poll_that_waits(self, polling: Session) -> None:
        poll = Poll(polling)
        transport_of(polling).release()
        assert poll.body() == b"6"

    def test_release_without_one_leaves_nothing(self, polling: Session) -> None:
        transport_of(polling).release()
        assert Poll(polling).waits

    def test_release_of_one_that_is_being_answered(self, polling: Session) -> None:
        poll = Poll(polling)
        polling.send(Message(b"2[1]"))
        transport_of(polling).release()
        assert poll.body() == b"42[1]"

    def test_hand_over_keeps_what_was_not_fetched(self, polling: Session) -> None:
        poll = Poll(polling)
        transport_of(polling).release()
        transport_of(polling).ping()
        message = Message(b"2[1]")
        polling.send(message)
        assert transport_of(polling).hand_over() == [b"2", message]
        assert poll.body() == b"6"


def test_cork_and_pause_change_nothing(polling: Session) -> None:
    transport = transport_of(polling)
    transport.cork()
    transport.pause()
    polling.send(Message(b"2[1]"))
    assert transport.poll().body == b"42[1]"
    transport.uncork()
    transport.resume()
