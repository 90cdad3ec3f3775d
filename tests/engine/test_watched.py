from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.engine.server import EngineServer
from pyramid_sio.engine.watched import watched_by
from pyramid_sio.errors import DisconnectReason
from pyramid_sio.protocol.packets import EnginePacket, EngineType, Message
from tests.fakes import FakeHandshake


class Notes:
    """Writes down what it is told, without the sessions."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def opened(self, session: Any) -> None:
        self.told.append(("opened",))

    def closed(self, session: Any, reason: DisconnectReason) -> None:
        self.told.append(("closed", reason))

    def upgraded(self, session: Any) -> None:
        self.told.append(("upgraded",))

    def received(self, size: int) -> None:
        self.told.append(("received", size))

    def sent(self, packets: int, size: int) -> None:
        self.told.append(("sent", packets, size))

    def dropped(self) -> None:
        self.told.append(("dropped",))


@pytest.fixture
def notes(engine: EngineServer) -> Notes:
    notes = Notes()
    engine.session_class = watched_by(notes)
    return notes


def test_packets_with_data_are_counted_once(engine: EngineServer, notes: Notes) -> None:
    session, _ = engine.open_polling(FakeHandshake())
    session.receive_text("42é")
    session.receive_packet(EnginePacket(EngineType.MESSAGE, "2é"))
    session.receive_binary(b"1234")
    session.receive_text("4")
    session.send(Message(b"0123", (b"45", b"6")))
    session.send(Message(b"dropped"), volatile=True)
    assert notes.told == [
        ("opened",),
        ("received", 3),
        ("received", 3),
        ("received", 4),
        ("sent", 3, 7),
        ("dropped",),
    ]


@pytest.mark.parametrize("end", ["close", "end"])
def test_end_is_told_once(engine: EngineServer, notes: Notes, end: str) -> None:
    session, _ = engine.open_polling(FakeHandshake())
    getattr(session, end)(DisconnectReason.FORCED_CLOSE)
    session.end(DisconnectReason.TRANSPORT_ERROR)
    session.close()
    assert notes.told == [("opened",), ("closed", DisconnectReason.FORCED_CLOSE)]
