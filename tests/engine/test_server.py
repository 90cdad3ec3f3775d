from __future__ import annotations

import json
import threading
from collections.abc import Callable

import gevent
import pytest
from gevent.event import Event

from pyramid_sio.engine.server import EngineServer
from pyramid_sio.engine.session import Session
from pyramid_sio.errors import BadRequest, DisconnectReason, RequestRefused, UnknownSession
from pyramid_sio.protocol.request import EngineRequest
from tests.engine.conftest import NewEngine, Turn, heard
from tests.engine.wire import CLOSE, Wire
from tests.fakes import FakeClock, FakeHandshake, until


class TickingClock(FakeClock):
    """Time that also passes by itself."""

    def __call__(self) -> float:
        self.advance(0.5)
        return self.now


def request(
    sid: str | None, *, transport: str = "polling", revision: int = 4, upgrade: bool = False
) -> EngineRequest:
    return EngineRequest(transport, sid, revision, "GET", upgrade)


class TestOpenPolling:
    @pytest.mark.parametrize(
        ("settings", "upgrades"),
        [
            ({}, ["websocket"]),
            ({"allow_upgrades": False}, []),
            ({"transports": ("polling",)}, []),
        ],
    )
    def test_tells_what_the_client_must_know(
        self, new_engine: NewEngine, settings: dict[str, object], upgrades: list[str]
    ) -> None:
        engine = new_engine(ping_interval=1.5, max_http_buffer_size=77, **settings)
        session, (body, content_type) = engine.open_polling(FakeHandshake())
        assert content_type == "text/plain; charset=UTF-8"
        assert body[:1] == b"0"
        assert json.loads(body[1:]) == {
            "sid": session.id,
            "upgrades": upgrades,
            "pingInterval": 1500,
            "pingTimeout": 20000,
            "maxPayload": 77,
        }

    def test_a_server_without_websockets_offers_none(self, engine: EngineServer) -> None:
        _, (body, _) = engine.open_polling(FakeHandshake(), upgradable=False)
        assert json.loads(body[1:])["upgrades"] == []

    def test_ids_cannot_be_guessed(self, engine: EngineServer) -> None:
        ids = {engine.open_polling(FakeHandshake())[0].id for _ in range(100)}
        assert len(ids) == 100
        assert {len(id) for id in ids} == {20}
        assert len({id[:6] for id in ids}) == 100


class TestFind:
    def test_by_its_id(self, engine: EngineServer, polling: Session) -> None:
        assert engine.find(request(polling.id)) is polling
        assert engine.find(request(polling.id, transport="websocket", upgrade=True)) is polling

    @pytest.mark.parametrize("sid", [None, "", "nobody", "constructor", "__proto__"])
    def test_unknown(self, engine: EngineServer, polling: Session, sid: str | None) -> None:
        with pytest.raises(UnknownSession):
            engine.find(request(sid))

    def test_unknown_comes_first(self, engine: EngineServer) -> None:
        with pytest.raises(UnknownSession):
            engine.find(request("nobody", revision=3, transport="websocket"))

    def test_gone_at_once(self, engine: EngineServer, polling: Session) -> None:
        polling.end(DisconnectReason.TRANSPORT_ERROR)
        with pytest.raises(UnknownSession):
            engine.find(request(polling.id))

    @pytest.mark.parametrize("revision", [3, 4])
    def test_who_was_silent_for_too_long_is_unknown_before_the_clock_ticks(
        self, engine: EngineServer, clock: FakeClock, revision: int
    ) -> None:
        session, _ = engine.open_polling(FakeHandshake(), request(None, revision=revision))
        asked = request(session.id, revision=revision)
        clock.advance(25.125)
        engine.wheel.advance()
        clock.advance(19.75)
        assert engine.find(asked) is session
        clock.advance(0.125)
        with pytest.raises(UnknownSession):
            engine.find(asked)
        assert heard(session).reasons == [DisconnectReason.PING_TIMEOUT]

    def test_who_is_not_read_is_not_unknown(
        self, engine: EngineServer, polling: Session, turn: Turn, clock: FakeClock
    ) -> None:
        turn(25.1)
        polling.lane.paused = True
        clock.advance(100)
        assert engine.find(request(polling.id)) is polling

    @pytest.mark.parametrize(
        "wrong", [{"revision": 3}, {"revision": 0}, {"transport": "websocket"}]
    )
    def test_does_not_fit(
        self, engine: EngineServer, polling: Session, wrong: dict[str, object]
    ) -> None:
        with pytest.raises(BadRequest):
            engine.find(request(polling.id, **wrong))  # type: ignore[arg-type]
        assert polling.is_open

    def test_a_poll_of_a_websocket_session(self, engine: EngineServer, websocket: Session) -> None:
        with pytest.raises(BadRequest):
            engine.find(request(websocket.id))
        assert websocket.is_open


class TestShutDown:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return TickingClock()

    def test_refuses_new_sessions(self, engine: EngineServer) -> None:
        assert engine.shut_down(0.1)
        with pytest.raises(RequestRefused, match="shutting down"):
            engine.open_polling(FakeHandshake())

    def test_closes_all_with_the_reason(
        self, engine: EngineServer, polling: Session, websocket: Session, wire: Wire
    ) -> None:
        assert engine.shut_down(0.2)
        for session in (polling, websocket):
            assert heard(session).reasons == [DisconnectReason.SERVER_SHUTTING_DOWN]
        assert wire.expect(1) == [(CLOSE, (1001).to_bytes(2, "big"), 0)]

    def test_lets_handlers_end(self, engine: EngineServer, polling: Session) -> None:
        gate = Event()
        log: list[str] = []

        def handler() -> None:
            gate.wait()
            log.append("ended")

        polling.submit(handler)
        gevent.spawn_later(0.01, gate.set)
        assert engine.shut_down(10)
        assert log == ["ended"]

    def test_takes_a_bounded_time(self, engine: EngineServer, polling: Session) -> None:
        gate = Event()
        polling.submit(gate.wait)
        with gevent.Timeout(5):
            assert not engine.shut_down(0.1)
        gate.set()

    def test_what_clients_send_meanwhile_stays_where_it_is(
        self, engine: EngineServer, websocket: Session, wire: Wire
    ) -> None:
        gate = Event()
        websocket.submit(gate.wait)

        def late() -> None:
            wire.send_text("4late")
            gevent.sleep(0.005)
            gate.set()

        gevent.spawn(late)
        assert engine.shut_down(10)
        assert heard(websocket).messages == []


class TestThreads:
    """One thread owns the sessions; others hand their work over."""

    def test_at_once_in_the_loops_own(self, engine: EngineServer, polling: Session) -> None:
        log: list[int] = []
        engine.in_loop(log.append, 1)
        assert log == [1]

    def test_at_once_while_there_is_nothing_to_protect(self, engine: EngineServer) -> None:
        log: list[int] = []
        thread = threading.Thread(target=engine.in_loop, args=(log.append, 1))
        thread.start()
        thread.join()
        assert log == [1]

    def test_soon_from_another(self, engine: EngineServer, polling: Session) -> None:
        threads: list[int] = []
        thread = threading.Thread(
            target=engine.in_loop, args=(lambda: threads.append(threading.get_ident()),)
        )
        thread.start()
        thread.join()
        assert threads == []
        until(lambda: threads)
        assert threads == [threading.get_ident()]


@pytest.mark.parametrize(
    ("times", "resolution"),
    [((25, 20, 10), 0.1), ((1, 1, 10), 0.05), ((0.001, 20, 10), 0.005), ((5, 0.4, 10), 0.02)],
)
def test_ticks_are_short_enough_for_the_shortest_time(
    new_engine: NewEngine, clock: FakeClock, times: tuple[float, ...], resolution: float
) -> None:
    names = ("ping_interval", "ping_timeout", "upgrade_timeout")
    engine = new_engine(**dict(zip(names, times, strict=True)))
    called: list[float] = []
    engine.wheel.call_later(1.0001, lambda: called.append(clock()))
    clock.advance(1)
    engine.wheel.advance()
    assert called == []
    clock.advance(resolution * 1.01 + 0.0001)
    engine.wheel.advance()
    assert called


def test_repr_counts_sessions(
    engine: EngineServer, polling: Session, new_wire: Callable[..., Wire]
) -> None:
    assert repr(engine) == "<EngineServer with 1 sessions>"


class TestAClientThatIsGoneBeforeTheAnswer:
    """It reset its connection while the request was answered, so the first send fails.

    A watcher that is started on a closed descriptor makes libev abort the process.
    """

    def gone(self) -> Wire:
        wire = Wire()
        wire.client.close()
        return wire

    def test_opening(self, engine: EngineServer) -> None:
        wire = self.gone()
        session = engine.open_websocket(FakeHandshake(), wire.server, head=b"x", leftover=b"\x81")
        until(lambda: not session.is_open)
        assert heard(session).reasons == [DisconnectReason.TRANSPORT_CLOSE]
        assert not engine.sessions
        assert not engine.leaving

    def test_upgrading(self, engine: EngineServer, polling: Session) -> None:
        engine.open_candidate(polling, self.gone().server, head=b"x")
        until(lambda: polling.candidate is None)
        assert polling.is_open
        assert polling.connection.admit_candidate()

    def test_upgrading_what_takes_no_upgrade(
        self, engine: EngineServer, websocket: Session
    ) -> None:
        engine.open_candidate(websocket, self.gone().server, head=b"x")
        gevent.idle()
        assert websocket.is_open
        assert not engine.leaving

    def test_closing(self, engine: EngineServer) -> None:
        wire = Wire()
        session = engine.open_websocket(FakeHandshake(), wire.server)
        wire.client.close()
        session.close()
        assert not engine.leaving
