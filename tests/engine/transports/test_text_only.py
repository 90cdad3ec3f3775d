from __future__ import annotations

from collections.abc import Callable

import pytest

from pyramid_sio.engine.server import EngineServer
from pyramid_sio.engine.transports.text_only import TextOnlyWebSocket
from pyramid_sio.engine.transports.websocket import WebSocketTransport
from pyramid_sio.protocol.packets import Message
from pyramid_sio.protocol.request import EngineRequest
from tests.engine.conftest import heard
from tests.engine.wire import BINARY, TEXT, Wire
from tests.fakes import FakeHandshake, until


def asked(revision: int, *, binary: bool) -> EngineRequest:
    return EngineRequest("websocket", None, revision, "GET", True, binary)


@pytest.mark.parametrize(("revision", "blob"), [(3, "b4AQ=="), (4, "bAQ==")])
def test_attachments_are_text(engine: EngineServer, wire: Wire, revision: int, blob: str) -> None:
    session = engine.open_websocket(FakeHandshake(), wire.server, asked(revision, binary=False))
    assert type(session.transport) is TextOnlyWebSocket
    wire.expect(1)
    shared = Message(b"51-[]", [b"\x01"])
    assert session.send(shared)
    assert session.send(Message(b"2[]"))
    wire.expect_texts("451-[]", blob, "42[]")
    wire.send_text(blob)
    until(lambda: heard(session).messages)
    assert heard(session).messages == [b"\x01"]
    assert shared.frame is None, "not what others get"


@pytest.mark.parametrize(("revision", "prefix"), [(3, b"\x04"), (4, b"")])
def test_for_others_they_are_bytes(
    engine: EngineServer, wire: Wire, revision: int, prefix: bytes
) -> None:
    session = engine.open_websocket(FakeHandshake(), wire.server, asked(revision, binary=True))
    assert type(session.transport) is WebSocketTransport
    wire.expect(1)
    session.send(Message(b"51-[]", [b"\x01"]))
    assert wire.expect(2) == [(TEXT, b"451-[]", 0), (BINARY, prefix + b"\x01", 0)]
    wire.send_frame(BINARY, prefix + b"\x05\x06")
    until(lambda: heard(session).messages)
    assert heard(session).messages == [b"\x05\x06"]


def test_volatile_is_dropped_while_others_wait(
    engine: EngineServer, new_wire: Callable[..., Wire]
) -> None:
    wire = new_wire(buffer=4096)
    session = engine.open_websocket(FakeHandshake(), wire.server, asked(3, binary=False))
    while session.send(Message(b"5", [b"x" * 5000]), True):
        pass
    assert session.send(Message(b"5", [b"x"]))
