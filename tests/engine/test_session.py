from __future__ import annotations

import logging
from collections.abc import Callable

import gevent
import pytest
from gevent.event import Event

from pyramid_sio.engine.server import EngineServer
from pyramid_sio.engine.session import Session
from pyramid_sio.errors import DisconnectReason, HeartbeatDirectionError, ProtocolError, SlowClient
from pyramid_sio.protocol.engine_v4 import decode_text
from pyramid_sio.protocol.packets import EnginePacket, EngineType, Message
from tests.engine.conftest import NewEngine, Turn, heard
from tests.engine.wire import CLOSE, TEXT, Wire
from tests.fakes import FakeClock, FakeHandshake, until

PONG = EnginePacket(EngineType.PONG)


def finish(engine: EngineServer) -> None:
    until(lambda: engine.dispatcher.wait_idle(0))


class TestReceiving:
    """What transports hand in."""

    def test_text_and_binary_reach_the_handler_at_once(self, polling: Session) -> None:
        polling.receive_text('42["a"]')
        polling.receive_binary(b"\x01")
        polling.receive_packet(decode_text("4second"))
        polling.receive_packet(decode_text("bAg=="))
        assert heard(polling).messages == ['2["a"]', b"\x01", "second", b"\x02"]

    @pytest.mark.parametrize("text", ["0", "5", "6", "0{}"])
    def test_packets_without_meaning_are_ignored(self, polling: Session, text: str) -> None:
        polling.receive_text(text)
        assert polling.is_open
        assert heard(polling).messages == []

    @pytest.mark.parametrize("text", ["2", "2probe"])
    def test_a_ping_from_the_client_is_an_error(self, polling: Session, text: str) -> None:
        with pytest.raises(HeartbeatDirectionError):
            polling.receive_text(text)

    @pytest.mark.parametrize("text", ["", "x", "9"])
    def test_what_is_no_packet_is_an_error(self, polling: Session, text: str) -> None:
        with pytest.raises(ProtocolError):
            polling.receive_text(text)

    def test_close_ends_it(self, polling: Session) -> None:
        polling.receive_text("1")
        assert heard(polling).reasons == [DisconnectReason.TRANSPORT_CLOSE]
        assert not polling.is_open

    def test_nothing_is_heard_of_one_that_ended(self, polling: Session) -> None:
        polling.end(DisconnectReason.TRANSPORT_ERROR)
        polling.receive_text("4late")
        polling.receive_binary(b"late")
        polling.receive_packet(PONG)
        assert heard(polling).messages == []


class TestHeartbeat:
    def test_ping_after_the_interval_then_death_after_the_timeout(
        self, websocket: Session, wire: Wire, turn: Turn
    ) -> None:
        turn(24.9)
        assert wire.frames() == []
        turn(0.3)
        assert wire.texts() == ["2"]
        turn(19.7)
        assert websocket.is_open
        turn(0.4)
        assert heard(websocket).reasons == [DisconnectReason.PING_TIMEOUT]
        assert [frame.opcode for frame in wire.frames()] == [CLOSE]

    def test_a_pong_starts_the_next_interval(
        self, websocket: Session, wire: Wire, turn: Turn
    ) -> None:
        for _ in range(5):
            turn(25.2)
            assert wire.texts() == ["2"]
            turn(10)
            websocket.receive_text("3")
            turn(24.8)
            assert wire.frames() == [], "the interval begins with the pong"
            turn(0.4)
            assert wire.texts() == ["2"]
            websocket.receive_text("3probe")
        assert websocket.is_open

    def test_an_unasked_pong_moves_the_next_ping(
        self, websocket: Session, wire: Wire, turn: Turn
    ) -> None:
        turn(20)
        websocket.receive_text("3")
        turn(20)
        assert wire.frames() == []
        turn(5.2)
        assert wire.texts() == ["2"]

    def test_a_message_extends_the_timeout_once(
        self, websocket: Session, wire: Wire, turn: Turn
    ) -> None:
        turn(25.2)
        turn(15)
        websocket.receive_text("4long")
        turn(15)
        assert websocket.is_open
        websocket.receive_text("4again")
        turn(5.4)
        assert heard(websocket).reasons == [DisconnectReason.PING_TIMEOUT]

    def test_messages_do_not_put_off_a_ping(
        self, websocket: Session, wire: Wire, turn: Turn
    ) -> None:
        for _ in range(5):
            turn(4.9)
            websocket.receive_text("4busy")
        turn(0.8)
        assert wire.texts() == ["2"]

    def test_an_abandoned_poller_dies_too(self, polling: Session, turn: Turn) -> None:
        turn(25.2)
        turn(20.2)
        assert heard(polling).reasons == [DisconnectReason.PING_TIMEOUT]

    def test_a_client_we_do_not_read_from_is_not_punished(
        self, websocket: Session, turn: Turn
    ) -> None:
        websocket.lane.paused = True
        turn(25.2)
        turn(60)
        assert websocket.is_open
        websocket.lane.paused = False
        turn(20.2)
        assert heard(websocket).reasons == [DisconnectReason.PING_TIMEOUT]

    def test_ten_thousand_sessions_share_one_loop_timer(
        self, engine: EngineServer, turn: Turn, caplog: pytest.LogCaptureFixture
    ) -> None:
        sessions = [engine.open_polling(FakeHandshake())[0] for _ in range(10_000)]
        assert len(engine.wheel) == len(engine.sessions) == 10_000
        turn(25.2)
        turn(20.2)
        assert engine.sessions == {}
        assert len(engine.wheel) == 0
        assert all(
            heard(session).reasons == [DisconnectReason.PING_TIMEOUT] for session in sessions
        )


class TestEnd:
    """The handler hears it once, and nothing remains, whichever way it ends."""

    @pytest.mark.parametrize(
        ("how", "reason"),
        [
            (lambda s: s.close(), DisconnectReason.FORCED_CLOSE),
            (lambda s: s.close(DisconnectReason.SLOW_CLIENT), DisconnectReason.SLOW_CLIENT),
            (lambda s: s.end(DisconnectReason.PING_TIMEOUT), DisconnectReason.PING_TIMEOUT),
            (
                lambda s: s.transport_ended(DisconnectReason.TRANSPORT_CLOSE),
                DisconnectReason.TRANSPORT_CLOSE,
            ),
            (lambda s: s.refuse(ProtocolError("bad")), DisconnectReason.PARSE_ERROR),
            (lambda s: s.refuse(SlowClient("slow")), DisconnectReason.SLOW_CLIENT),
        ],
    )
    def test_once(
        self,
        engine: EngineServer,
        websocket: Session,
        turn: Turn,
        how: Callable[[Session], None],
        reason: DisconnectReason,
    ) -> None:
        how(websocket)
        how(websocket)
        websocket.close()
        websocket.end(DisconnectReason.TRANSPORT_ERROR)

        assert heard(websocket).reasons == [reason]
        assert engine.sessions == {}
        assert not websocket.is_open
        assert not websocket.send(Message(b"2[]"))
        turn(60)
        assert len(engine.wheel) == 0

    def test_close_lets_what_is_queued_go_out(self, engine: EngineServer, polling: Session) -> None:
        polling.send(Message(b"2[1]"))
        polling.close()
        assert heard(polling).reasons == [DisconnectReason.FORCED_CLOSE]
        assert engine.sessions == {polling.id: polling}, "until the client has fetched it"

        assert polling.transport.poll().body == b"42[1]"
        assert polling.transport.poll().body == b"1"
        assert engine.sessions == {}

    def test_what_is_queued_does_not_wait_for_ever(
        self, engine: EngineServer, polling: Session, turn: Turn
    ) -> None:
        polling.close()
        turn(29)
        assert engine.sessions != {}
        turn(1.2)
        assert engine.sessions == {}
        assert heard(polling).reasons == [DisconnectReason.FORCED_CLOSE]

    def test_a_closing_session_hears_nothing_and_sends_nothing_new(self, polling: Session) -> None:
        polling.close()
        polling.receive_text("4late")
        polling.receive_packet(decode_text("4late"))
        assert not polling.send(Message(b"2[]"))
        assert heard(polling).messages == []

    def test_an_end_while_closing_drops_the_rest(
        self, engine: EngineServer, polling: Session
    ) -> None:
        polling.send(Message(b"2[1]"))
        polling.close()
        polling.end(DisconnectReason.TRANSPORT_ERROR)
        assert engine.sessions == {}
        assert heard(polling).reasons == [DisconnectReason.FORCED_CLOSE]
        assert polling.transport.poll().body == b"1"

    def test_a_violation_is_logged_without_the_secret_id(
        self, polling: Session, caplog: pytest.LogCaptureFixture
    ) -> None:
        polling.refuse(ProtocolError("unknown packet type"))
        assert polling.id not in caplog.text
        assert polling.id[:6] in caplog.text
        assert "192.0.2.7" in caplog.text
        assert "unknown packet type" in caplog.text
        assert caplog.records[0].levelno == logging.WARNING
        assert polling.id not in repr(polling)


class TestWork:
    def test_jobs_run_in_order_in_greenlets_that_may_wait(
        self, engine: EngineServer, polling: Session
    ) -> None:
        log: list[int] = []

        def job(number: int) -> None:
            gevent.sleep(0.001 * (3 - number))
            log.append(number)

        for number in range(3):
            polling.submit(job, number)
        assert log == []
        finish(engine)
        assert log == [0, 1, 2]

    def test_unordered_jobs_overtake(self, engine: EngineServer, polling: Session) -> None:
        log: list[str] = []
        gate = Event()
        polling.submit(gate.wait)
        polling.submit(log.append, "behind")
        polling.submit_unordered(log.append, "beside")
        until(lambda: log)
        assert log == ["beside"]
        gate.set()
        finish(engine)
        assert log == ["beside", "behind"]

    def test_spawned_greenlets_can_be_killed(self, polling: Session) -> None:
        ended: list[object] = []
        job = polling.spawn(Event().wait)
        job.rawlink(ended.append)
        gevent.sleep(0)
        job.kill(block=False)
        until(lambda: ended)
        assert ended == [job]

    def test_events_can_be_waited_for(self, polling: Session) -> None:
        event = polling.make_event()
        assert not event.wait(0.001)
        event.set()
        assert event.wait()

    def test_timers_use_the_engines_clock(self, polling: Session, turn: Turn) -> None:
        log: list[str] = []
        polling.call_later(5, lambda: log.append("five"))
        polling.call_later(5, lambda: log.append("cancelled")).cancel()
        turn(4)
        assert log == []
        turn(1.2)
        assert log == ["five"]


class TestInbox:
    """A client whose handlers do not keep up is not read from until they have caught up."""

    @pytest.fixture
    def small(self, new_engine: NewEngine) -> EngineServer:
        return new_engine(max_inbox=5, max_inbox_bytes=1000)

    def test_an_idle_client_may_send_anything(self, small: EngineServer) -> None:
        session, _ = small.open_polling(FakeHandshake())
        assert not session.hold_if_behind(10**9)

    def test_too_many_events_of_a_websocket(self, small: EngineServer, wire: Wire) -> None:
        session = small.open_websocket(FakeHandshake(), wire.server)
        gate = Event()
        handled: list[str] = []

        def handle(message: object) -> None:
            gate.wait()
            handled.append(str(message))

        heard(session).then = lambda message: session.submit(handle, message)
        sent = 0
        while not session.lane.paused:
            assert sent < 20, "it would have taken in everything"
            sent += 1
            wire.send_text(f"4{sent}")
            until(lambda sent=sent: len(heard(session).messages) == sent)
        wire.send_text("4one more")
        for _ in range(5):
            gevent.sleep(0)
        assert len(heard(session).messages) == sent

        gate.set()
        until(lambda: len(handled) == sent + 1)
        assert handled == [*map(str, range(1, sent + 1)), "one more"]
        assert not session.lane.paused

    @pytest.mark.parametrize(
        ("jobs", "size", "held"), [(5, 10, False), (6, 10, True), (1, 1001, True), (1, 999, False)]
    )
    def test_limits(self, small: EngineServer, jobs: int, size: int, held: bool) -> None:
        session, _ = small.open_polling(FakeHandshake())
        for _ in range(jobs):
            session.submit(lambda: None)
        assert session.hold_if_behind(size) is held
        finish(small)
        assert not session.hold_if_behind(0)

    def test_unordered_events_count_too(self, small: EngineServer) -> None:
        session, _ = small.open_polling(FakeHandshake())
        gate = Event()
        for _ in range(5):
            session.submit_unordered(gate.wait)
        assert not session.hold_if_behind(10)
        session.submit_unordered(gate.wait)
        assert session.hold_if_behind(10)

        gate.set()
        finish(small)
        assert not session.lane.paused
        assert not session.hold_if_behind(10)

    def test_unordered_events_count_in_bytes_too(self, small: EngineServer) -> None:
        session, _ = small.open_polling(FakeHandshake())
        session.submit_unordered(lambda: None)
        assert not session.hold_if_behind(600)
        assert session.hold_if_behind(600)
        finish(small)
        assert not session.hold_if_behind(600)

    def test_a_failing_unordered_event_is_counted_off(self, small: EngineServer) -> None:
        session, _ = small.open_polling(FakeHandshake())
        for _ in range(6):
            session.submit_unordered(lambda: 1 / 0)
        assert session.hold_if_behind(10)
        finish(small)
        assert not session.lane.paused

    def test_ordered_events_alone_do_not_resume_while_unordered_ones_run(
        self, small: EngineServer
    ) -> None:
        session, _ = small.open_polling(FakeHandshake())
        gate = Event()
        for _ in range(6):
            session.submit_unordered(gate.wait)
        session.submit(lambda: None)
        assert session.hold_if_behind(10)
        until(lambda: not session.lane.active)
        assert session.hold_if_behind(10)
        gate.set()
        finish(small)
        assert not session.lane.paused


def test_cork_gathers_what_is_sent(websocket: Session, wire: Wire) -> None:
    websocket.cork()
    websocket.send(Message(b"2[1]"))
    websocket.send(Message(b"2[2]"))
    assert wire.frames() == []
    websocket.uncork()
    assert wire.frames() == [(TEXT, b"42[1]", 0), (TEXT, b"42[2]", 0)]


def test_nothing_more_is_taken_in_while_the_server_goes_down(
    engine: EngineServer, websocket: Session, wire: Wire, clock: FakeClock
) -> None:
    websocket.transport.pause()
    engine.stopping = True
    websocket.resume()
    wire.send_text("4late")
    for _ in range(5):
        gevent.sleep(0)
    assert heard(websocket).messages == []
    engine.stopping = False
    websocket.resume()
    until(lambda: heard(websocket).messages)
