"""Sessions that are sent elsewhere: their clients are answered until they know."""

from __future__ import annotations

import time

import gevent
import pytest
from gevent.event import Event

from pyramid_sio.engine import server as module
from pyramid_sio.engine.server import EngineServer, EngineSettings
from pyramid_sio.engine.session import Session
from pyramid_sio.engine.transports.polling import PollingTransport
from pyramid_sio.errors import DisconnectReason, UnknownSession
from pyramid_sio.protocol.request import parse_request
from tests.engine.conftest import DEFAULTS, Heard, heard
from tests.engine.wire import Wire
from tests.fakes import FakeHandshake, until
from tests.support import PATIENCE


@pytest.fixture
def engine() -> EngineServer:
    """One on the real clock: it waits."""
    settings = EngineSettings(**{**DEFAULTS, "upgrade_timeout": 0.2})
    return EngineServer(settings, handler_factory=Heard, clock=time.monotonic)


def open_polling(engine: EngineServer) -> tuple[Session, PollingTransport]:
    session, _ = engine.open_polling(FakeHandshake())
    transport = session.transport
    assert isinstance(transport, PollingTransport)
    return session, transport


def find(engine: EngineServer, session: Session) -> Session:
    query = f"EIO=4&transport=polling&sid={session.id}"
    return engine.find(
        parse_request(
            method="POST",
            query_string=query,
            upgrade=False,
            transports=("polling", "websocket"),
            revisions=(4,),
        )
    )


def test_who_waits_for_an_answer_is_told_at_once(engine: EngineServer) -> None:
    session, transport = open_polling(engine)
    poll = gevent.spawn(transport.poll)
    until(lambda: transport.is_polled, what="the poll")
    engine.dismiss(0.2)
    assert poll.get(timeout=PATIENCE).body == b"1"
    assert heard(session).reasons == [DisconnectReason.SERVER_SHUTTING_DOWN]


def test_what_was_sent_before_it_knew_is_answered(
    engine: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AFTERGLOW", 2.0)
    session, transport = open_polling(engine)
    poll = gevent.spawn(transport.poll)
    until(lambda: transport.is_polled, what="the poll")
    engine.dismiss(0.2)
    poll.join()
    assert find(engine, session) is session
    transport.receive(b'42["late"]')
    assert heard(session).messages == []
    assert transport.poll().body == b"1"
    with pytest.raises(UnknownSession):
        until(lambda: find(engine, session) is None, what="it to be forgotten")


def test_who_comes_later_for_its_goodbye_gets_it(
    engine: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FAREWELL", PATIENCE)
    session, transport = open_polling(engine)
    engine.dismiss(0.2)
    parting = gevent.spawn(engine.part, PATIENCE)
    until(lambda: not session.is_open, what="its end")
    gevent.sleep(0)
    assert not parting.dead
    assert find(engine, session) is session
    assert transport.poll().body == b"1"
    parting.get(timeout=PATIENCE)


def test_who_does_not_come_is_not_waited_for_for_ever(
    engine: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FAREWELL", 0.1)
    session, _ = open_polling(engine)
    engine.dismiss(0.1)
    engine.part(10.0)
    assert engine.sessions == {session.id: session}
    assert not session.is_open
    session.end(DisconnectReason.FORCED_CLOSE)


def test_one_whose_handler_runs_is_left_for_later(engine: EngineServer) -> None:
    session, transport = open_polling(engine)
    gate = Event()
    session.submit(gate.wait)
    poll = gevent.spawn(transport.poll)
    engine.dismiss(0.2)
    assert session.is_open
    parting = gevent.spawn(engine.part, 10.0)
    gate.set()
    assert poll.get(timeout=PATIENCE).body == b"1"
    parting.get(timeout=PATIENCE)


def test_a_websocket_is_closed_and_forgotten(engine: EngineServer) -> None:
    wire = Wire()
    session = engine.open_websocket(FakeHandshake(), wire.server)
    engine.dismiss(0.2)
    engine.part(1.0)
    assert heard(session).reasons == [DisconnectReason.SERVER_SHUTTING_DOWN]
    with pytest.raises(UnknownSession):
        find(engine, session)
    wire.close()


def test_without_dismissal_who_is_gone_is_unknown_at_once(engine: EngineServer) -> None:
    session, transport = open_polling(engine)
    poll = gevent.spawn(transport.poll)
    until(lambda: transport.is_polled, what="the poll")
    session.close()
    poll.join()
    with pytest.raises(UnknownSession):
        find(engine, session)
