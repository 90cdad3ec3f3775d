"""A WebSocket takes over a polling session; whatever goes wrong, the session goes on polling."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import gevent
import pytest

from pyramid_sio.engine.server import EngineServer
from pyramid_sio.engine.session import Session
from pyramid_sio.engine.transports.polling import Payload, PollingTransport
from pyramid_sio.errors import BadRequest, DisconnectReason
from pyramid_sio.protocol.packets import Message
from pyramid_sio.protocol.request import EngineRequest
from tests.engine.conftest import NewEngine, Turn, heard
from tests.engine.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Wire
from tests.fakes import FakeHandshake, until

HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


class Poller:
    """A client that polls, and polls again, in a greenlet."""

    def __init__(self, session: Session) -> None:
        assert isinstance(session.transport, PollingTransport)
        self.bodies: list[bytes] = []
        self._transport = session.transport
        self._greenlet = gevent.spawn(self._run)
        gevent.sleep(0)

    def _run(self) -> None:
        while not self.bodies or self.bodies[-1] not in (b"1", b"6"):
            payload: Payload = self._transport.poll()
            self.bodies.append(payload.body)

    @property
    def stopped(self) -> bool:
        return bool(self._greenlet.dead)


@pytest.fixture
def candidate(engine: EngineServer, polling: Session, wire: Wire) -> Wire:
    """A WebSocket that names the session ``polling``."""
    engine.open_candidate(polling, wire.server, head=HEAD)
    until(lambda: wire.read() == HEAD)
    return wire


def probe(wire: Wire) -> None:
    wire.send_text("2probe")
    wire.expect_texts("3probe")


def test_the_whole_dance(
    engine: EngineServer, polling: Session, candidate: Wire, turn: Turn
) -> None:
    poller = Poller(polling)
    probe(candidate)
    until(lambda: poller.stopped)
    assert poller.bodies == [b"6"]
    assert polling.transport_name == "polling"
    polling.send(Message(b"2[1]", [b"\x01"]))
    polling.send(Message(b"2[2]"))

    candidate.send_text("5", "4hello")
    until(lambda: heard(polling).messages)

    assert polling.transport_name == "websocket"
    assert polling.upgraded
    assert heard(polling).messages == ["hello"]
    assert candidate.expect(3) == [(TEXT, b"42[1]", 0), (BINARY, b"\x01", 0), (TEXT, b"42[2]", 0)]
    polling.send(Message(b"2[3]"))
    candidate.expect_texts("42[3]")
    turn(24)
    assert polling.is_open, "the time-out of the upgrade is off"


@pytest.mark.parametrize("texts", [("2probe", "5"), ("5",)])
def test_what_came_before_a_poll_is_looked_at_before_it(
    engine: EngineServer, polling: Session, candidate: Wire, texts: tuple[str, ...]
) -> None:
    candidate.send_text(*texts)
    # The loop has not been asked yet what can be read.
    with pytest.raises(BadRequest):
        engine.find(EngineRequest("polling", polling.id, 4, "GET", False))
    assert polling.upgraded


def test_a_candidate_that_has_gone_is_no_harm_to_a_poll(
    engine: EngineServer, polling: Session, candidate: Wire
) -> None:
    candidate.close()
    for _ in range(2):
        assert engine.find(EngineRequest("polling", polling.id, 4, "GET", False)) is polling
    assert polling.candidate is None


def test_without_a_probe(polling: Session, candidate: Wire) -> None:
    candidate.send_text("5")
    until(lambda: polling.upgraded)
    polling.send(Message(b"2[1]"))
    candidate.expect_texts("42[1]")


def test_each_further_poll_is_released(polling: Session, candidate: Wire, turn: Turn) -> None:
    """The first release may overtake the answer to the probe; the client then polls once more."""
    probe(candidate)
    turn(0.05)
    for _ in range(3):
        poller = Poller(polling)
        turn(0.25)
        until(lambda poller=poller: poller.stopped)
        assert poller.bodies == [b"6"]


def test_a_second_probe_does_no_harm(polling: Session, candidate: Wire, turn: Turn) -> None:
    probe(candidate)
    probe(candidate)
    poller = Poller(polling)
    turn(0.25)
    until(lambda: poller.stopped)
    candidate.send_text("5")
    until(lambda: polling.upgraded)
    turn(1)


def test_nothing_is_lost_or_doubled_whenever_the_upgrade_comes(
    new_engine: NewEngine, new_wire: Callable[..., Wire]
) -> None:
    """Fifty numbered messages each way, the steps of the upgrade between any two of them."""
    for step in range(0, 50, 7):
        engine, wire = new_engine(), new_wire()
        session, _ = engine.open_polling(FakeHandshake())
        poller = Poller(session)
        inbound: list[str] = []
        sent: list[bytes] = []
        for number in range(50):
            if number == step:
                engine.open_candidate(session, wire.server)
                wire.send_text("2probe")
            if number == step + 3:
                until(lambda poller=poller: poller.stopped)
                wire.send_text("5", f"4{number}")
            elif number > step + 3:
                wire.send_text(f"4{number}")
            else:
                session.receive_text(f"4{number}")
            inbound.append(str(number))
            session.send(Message(b"%d" % number))
            sent.append(b"4%d" % number)
            gevent.sleep(0)
        if step >= 47:
            wire.send_text("5")
        until(lambda session=session: session.upgraded)
        until(lambda session=session: len(heard(session).messages) == 50)
        packets = [packet for body in poller.bodies for packet in body.split(b"\x1e")]

        def all_sent(packets: list[bytes] = packets, wire: Wire = wire) -> bool:
            packets.extend(frame.payload for frame in wire.frames())
            return sum(packet.startswith(b"4") for packet in packets) >= 50

        until(all_sent)
        assert heard(session).messages == inbound
        assert [packet for packet in packets if packet.startswith(b"4")] == sent


def test_a_poll_that_waits_at_the_switch(polling: Session, candidate: Wire) -> None:
    poller = Poller(polling)
    candidate.send_text("5")
    until(lambda: poller.stopped)
    assert poller.bodies == [b"6"]
    assert polling.is_open


class TestFailing:
    """The candidate goes, the session stays, and another may try."""

    @pytest.mark.parametrize(
        "frame",
        [
            (TEXT, b"4early"),
            (TEXT, b"2"),
            (TEXT, b"3probe"),
            (TEXT, b"2xxx"),
            (TEXT, b""),
            (TEXT, b"\xff"),
            (BINARY, b"\x01"),
            (CONTINUATION, b"x"),
            (CLOSE, b""),
        ],
    )
    def test_whatever_it_says(
        self,
        engine: EngineServer,
        polling: Session,
        candidate: Wire,
        new_wire: Callable[..., Wire],
        frame: tuple[int, bytes],
    ) -> None:
        poller = Poller(polling)
        candidate.send_frame(*frame)
        (goodbye,) = candidate.expect(1)
        assert goodbye.opcode == CLOSE
        assert polling.is_open
        assert heard(polling).messages == []
        assert heard(polling).reasons == []
        polling.send(Message(b"2[1]"))
        until(lambda: poller.bodies)
        assert poller.bodies == [b"42[1]"]

        again = new_wire()
        engine.open_candidate(polling, again.server)
        probe(again)
        again.send_text("5")
        until(lambda: polling.upgraded)

    def test_it_may_ping_as_websockets_do(self, polling: Session, candidate: Wire) -> None:
        candidate.send_frame(PING, b"x")
        assert candidate.expect(1) == [(PONG, b"x", 0)]
        probe(candidate)
        candidate.send_text("5")
        until(lambda: polling.upgraded)

    def test_it_breaks_off(
        self,
        engine: EngineServer,
        polling: Session,
        candidate: Wire,
        new_wire: Callable[..., Wire],
    ) -> None:
        probe(candidate)
        candidate.close()
        until(lambda: polling.candidate is None)
        assert polling.is_open
        again = new_wire()
        engine.open_candidate(polling, again.server)
        probe(again)

    @pytest.mark.parametrize("probed", [False, True])
    def test_it_takes_too_long(
        self,
        engine: EngineServer,
        polling: Session,
        candidate: Wire,
        turn: Turn,
        probed: bool,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        if probed:
            probe(candidate)
        turn(9.9)
        assert polling.candidate is not None
        turn(0.3)
        assert polling.candidate is None
        assert candidate.expect(1) == [(CLOSE, b"", 0)]
        assert "sio.upgrade_timeout" in caplog.text
        turn(3)
        candidate.expect_end()
        assert polling.is_open

    def test_the_session_ends_meanwhile(
        self, engine: EngineServer, polling: Session, candidate: Wire, turn: Turn
    ) -> None:
        probe(candidate)
        polling.end(DisconnectReason.PING_TIMEOUT)
        assert candidate.expect(1) == [(CLOSE, b"", 0)]
        assert heard(polling).reasons == [DisconnectReason.PING_TIMEOUT]
        turn(30)
        assert len(engine.wheel) == 0


class TestRejected:
    """A WebSocket nobody needs is accepted, closed, and changes nothing."""

    def reject(self, engine: EngineServer, session: Session, wire: Wire) -> None:
        engine.open_candidate(session, wire.server)
        wire.send_text("2probe", "4early", "5")
        wire.send_frame(BINARY, b"x")
        assert wire.expect(1) == [(CLOSE, b"", 0)]
        wire.send_frame(CLOSE)
        wire.expect_end()
        assert session.is_open
        assert heard(session).messages == []

    def test_while_another_tries(
        self,
        engine: EngineServer,
        polling: Session,
        candidate: Wire,
        new_wire: Callable[..., Wire],
    ) -> None:
        self.reject(engine, polling, new_wire())
        probe(candidate)
        candidate.send_text("5")
        until(lambda: polling.upgraded)

    def test_after_an_upgrade(
        self,
        engine: EngineServer,
        polling: Session,
        candidate: Wire,
        new_wire: Callable[..., Wire],
    ) -> None:
        candidate.send_text("5")
        until(lambda: polling.upgraded)
        self.reject(engine, polling, new_wire())
        polling.send(Message(b"2[1]"))
        candidate.expect_texts("42[1]")

    def test_of_a_session_that_was_opened_on_one(
        self, engine: EngineServer, websocket: Session, new_wire: Callable[..., Wire]
    ) -> None:
        self.reject(engine, websocket, new_wire())

    def test_where_upgrades_are_not_allowed(self, new_engine: NewEngine, wire: Wire) -> None:
        engine = new_engine(allow_upgrades=False)
        session, _ = engine.open_polling(FakeHandshake())
        self.reject(engine, session, wire)

    def test_sends_rubbish(
        self, engine: EngineServer, websocket: Session, wire: Wire, new_wire: Callable[..., Wire]
    ) -> None:
        rejected = new_wire()
        engine.open_candidate(websocket, rejected.server)
        rejected.send_frame(TEXT, b"\xff")
        rejected.expect(1)
        gevent.sleep(0.001)
        websocket.send(Message(b"2[1]"))
        wire.expect_texts("42[1]")

    def test_hangs_up_itself(
        self, engine: EngineServer, websocket: Session, new_wire: Callable[..., Wire]
    ) -> None:
        wire = new_wire()
        engine.open_candidate(websocket, wire.server)
        wire.close()
        gevent.sleep(0.001)
        assert websocket.is_open


class TestClosing:
    def test_an_upgrade_brings_the_rest(
        self, engine: EngineServer, polling: Session, candidate: Wire
    ) -> None:
        probe(candidate)
        polling.send(Message(b"2[1]"))
        polling.close()
        candidate.send_text("5")
        assert candidate.expect(2) == [(TEXT, b"42[1]", 0), (CLOSE, b"", 0)]
        assert engine.sessions == {}
        assert heard(polling).reasons == [DisconnectReason.FORCED_CLOSE]


class TestHeartbeat:
    """The upgrade neither kills a session nor makes it immortal."""

    def test_a_ping_that_was_outstanding_gets_its_time_anew(
        self, polling: Session, candidate: Wire, turn: Turn, engine: EngineServer
    ) -> None:
        turn(5)
        candidate.close()
        until(lambda: polling.candidate is None)
        turn(20.2)
        wire = Wire()
        engine.open_candidate(polling, wire.server)
        turn(9)
        wire.send_text("5")
        until(lambda: polling.upgraded)
        wire.expect_texts("2")
        turn(19.8)
        assert polling.is_open
        turn(0.4)
        assert heard(polling).reasons == [DisconnectReason.PING_TIMEOUT]
        wire.close()

    def test_pings_go_on_over_the_websocket(
        self, polling: Session, candidate: Wire, turn: Turn
    ) -> None:
        turn(5)
        candidate.send_text("5")
        until(lambda: polling.upgraded)
        for _ in range(2):
            turn(25.2)
            candidate.expect_texts("2")
            candidate.send_text("3")
            until(lambda: not polling.connection.awaiting_pong)


def test_steps_in_any_order_leave_one_session(
    new_engine: NewEngine, new_wire: Callable[..., Wire]
) -> None:
    """Every order of probe, switch, message, loss and end: one close, no leftovers."""
    steps: dict[str, Callable[[Session, Wire], None]] = {
        "probe": lambda session, wire: wire.send_text("2probe"),
        "switch": lambda session, wire: wire.send_text("5"),
        "send": lambda session, wire: session.send(Message(b"2[1]")) and None,
        "close": lambda session, wire: session.close(),
    }
    for order in itertools.permutations(steps):
        engine, wire = new_engine(), new_wire()
        session, _ = engine.open_polling(FakeHandshake())
        engine.open_candidate(session, wire.server)
        for name in order:
            steps[name](session, wire)
            for _ in range(3):
                gevent.sleep(0)
        session.end(DisconnectReason.TRANSPORT_ERROR)
        assert len(heard(session).reasons) == 1, order
        assert engine.sessions == {}, order
        engine.clock.advance(60)  # type: ignore[attr-defined]
        engine.wheel.advance()
        assert len(engine.wheel) == 0, order
