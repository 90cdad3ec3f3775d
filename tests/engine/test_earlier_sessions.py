"""Sessions of revision 3: who pings, and the way from polling to a WebSocket."""

from __future__ import annotations

from typing import cast

import gevent
import pytest

from pyramid_sio.engine.server import EngineServer
from pyramid_sio.engine.session import Session
from pyramid_sio.engine.transports.polling import PollingTransport
from pyramid_sio.errors import DisconnectReason
from pyramid_sio.protocol.packets import Message
from pyramid_sio.protocol.request import EngineRequest
from tests.engine.conftest import Turn, heard
from tests.engine.wire import BINARY, Wire
from tests.fakes import FakeHandshake, until

POLLING = EngineRequest("polling", None, 3, "GET", False, False)
WEBSOCKET = EngineRequest("websocket", None, 3, "GET", True)


@pytest.fixture
def polling(engine: EngineServer) -> Session:
    return engine.open_polling(FakeHandshake(), POLLING)[0]


@pytest.fixture
def websocket(engine: EngineServer, wire: Wire) -> Session:
    session = engine.open_websocket(FakeHandshake(), wire.server, WEBSOCKET)
    wire.expect(1)
    return session


def poll(session: Session) -> bytes:
    return cast("PollingTransport", session.transport).poll().body


def test_pings_are_answered(websocket: Session, wire: Wire, turn: Turn) -> None:
    for _ in range(5):
        turn(25)
        # What comes with it is not sent back.
        wire.send_text("2anything")
        wire.expect_texts("3")
    assert websocket.is_open


def test_pings_over_polling_are_answered(polling: Session, turn: Turn) -> None:
    for _ in range(5):
        turn(25)
        polling.receive_text("2")
        assert poll(polling) == b"1:3"
    assert polling.is_open


@pytest.mark.parametrize("busy", [False, True])
def test_without_pings_the_session_ends(websocket: Session, turn: Turn, busy: bool) -> None:
    for _ in range(44):
        turn(1)
        if busy:
            websocket.receive_text("4hello")
    assert websocket.is_open
    turn(3)
    assert heard(websocket).reasons == [DisconnectReason.PING_TIMEOUT]


def test_a_pong_is_not_for_clients_to_send(websocket: Session, wire: Wire) -> None:
    wire.send_text("3")
    until(lambda: heard(websocket).reasons)
    assert heard(websocket).reasons == [DisconnectReason.TRANSPORT_ERROR]


def test_upgrade(engine: EngineServer, polling: Session, wire: Wire, turn: Turn) -> None:
    parked = gevent.spawn(poll, polling)
    gevent.sleep(0)
    engine.open_candidate(polling, wire.server, WEBSOCKET)
    wire.send_text("2probe")
    wire.expect_texts("3probe")
    assert parked.get() == b"1:6"
    # While the client is changing it may ping the old way, and be sent things.
    polling.receive_text("2")
    polling.send(Message(b"5", [b"\x01"]))
    wire.send_text("5")
    pong, text, blob = wire.expect(3)
    assert (pong.payload, text.payload) == (b"3", b"45")
    assert blob == (BINARY, b"\x04\x01", 0), "the WebSocket takes binary, though polling did not"
    assert polling.transport_name == "websocket"
    turn(44)
    assert polling.is_open
    turn(3)
    assert heard(polling).reasons == [DisconnectReason.PING_TIMEOUT], "not immortal"


@pytest.mark.parametrize("data", [b"", b"\x09\x01", b"4a"])
def test_bytes_without_a_type(websocket: Session, wire: Wire, data: bytes) -> None:
    wire.send_frame(BINARY, data)
    until(lambda: heard(websocket).reasons)
    assert heard(websocket).reasons == [DisconnectReason.PARSE_ERROR]
