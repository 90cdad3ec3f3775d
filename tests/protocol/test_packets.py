from __future__ import annotations

from pyramid_sio.protocol.packets import EnginePacket, EngineType, Message, SocketPacket, SocketType


def test_types_are_the_digits_on_the_wire() -> None:
    assert [int(kind) for kind in EngineType] == list(range(7))
    assert [int(kind) for kind in SocketType] == list(range(7))


def test_defaults() -> None:
    assert EnginePacket(EngineType.NOOP) == (EngineType.NOOP, "")
    assert SocketPacket(SocketType.CONNECT) == (SocketType.CONNECT, "/", None, None)


def test_size_of_a_message_is_that_of_its_text_and_blobs() -> None:
    assert Message(b"abc").size == 3
    assert Message(b"abc", [b"de", b""]).size == 5
    assert Message(None, [b"de"]).size == 2
