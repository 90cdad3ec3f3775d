from __future__ import annotations

import gevent

from pyramid_sio.engine.server import EngineServer
from pyramid_sio.engine.transports.jsonp import JsonpTransport
from pyramid_sio.errors import DisconnectReason
from pyramid_sio.protocol.packets import Message
from pyramid_sio.protocol.request import EngineRequest
from tests.engine.conftest import heard
from tests.fakes import FakeHandshake

ASKED = EngineRequest("polling", None, 3, "GET", False, True, "12")


def test_answers_are_scripts_and_posts_are_forms(engine: EngineServer) -> None:
    session, (body, content_type) = engine.open_polling(FakeHandshake(), ASKED)
    transport = session.transport
    assert isinstance(transport, JsonpTransport)
    assert transport.name == "polling"
    assert content_type == "application/javascript; charset=UTF-8"
    assert body.startswith(b"___eio[12](")
    session.send(Message(b"5", [b"\x01"]))
    assert transport.poll().body == b'___eio[12]("2:456:b4AQ==");'
    transport.receive(b"d=6%3A4hello", binary=True)
    transport.receive(b"nothing=1")
    assert heard(session).messages == ["hello"]


def test_goodbye(engine: EngineServer) -> None:
    session, _ = engine.open_polling(FakeHandshake(), ASKED)
    transport = session.transport
    assert isinstance(transport, JsonpTransport)
    poll = gevent.spawn(transport.poll)
    gevent.sleep(0)
    session.close(DisconnectReason.FORCED_CLOSE)
    assert poll.get().body == b'___eio[12]("1:1");'
