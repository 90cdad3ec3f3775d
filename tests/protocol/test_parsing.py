"""What parsers share: the checks of what a client claims to be a packet."""

from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.errors import LimitExceeded, ProtocolError
from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType
from pyramid_sio.protocol.parsing import PacketEncoder, make_packet


class Kept(PacketEncoder):
    """Keeps what it is to encode."""

    def __init__(self) -> None:
        self.packets: list[SocketPacket] = []

    def encode(self, packet: SocketPacket) -> Message:
        self.packets.append(packet)
        return Message(b"")


def test_encoder_needs_one_method() -> None:
    encoder = Kept()

    encoder.encode_event("/", ["a"])
    encoder.encode_event("/x", ("b", 1), 7)
    encoder.encode_ack("/x", [1], 8)

    assert encoder.packets == [
        SocketPacket(SocketType.EVENT, "/", ["a"]),
        SocketPacket(SocketType.EVENT, "/x", ("b", 1), 7),
        SocketPacket(SocketType.ACK, "/x", [1], 8),
    ]


def test_encoder_without_its_method() -> None:
    with pytest.raises(NotImplementedError):
        PacketEncoder().encode_event("/", ["a"])


@pytest.mark.parametrize(
    ("claimed", "packet"),
    [
        ((0, "/"), SocketPacket(SocketType.CONNECT)),
        ((0, "/a", {"token": 1}, 5), SocketPacket(SocketType.CONNECT, "/a", {"token": 1})),
        ((1, "/a,b"), SocketPacket(SocketType.DISCONNECT, "/a,b")),
        ((2, "/", ["a", 1], 0), SocketPacket(SocketType.EVENT, "/", ["a", 1], 0)),
        ((2, "/", [5]), SocketPacket(SocketType.EVENT, "/", [5])),
        ((3, "/", [], 10**15 - 1), SocketPacket(SocketType.ACK, "/", [], 10**15 - 1)),
        ((3, "/", None, 3), SocketPacket(SocketType.ACK, "/", [], 3)),
        ((4, "/", "no"), SocketPacket(SocketType.CONNECT_ERROR, "/", "no")),
    ],
)
def test_packets(claimed: tuple[Any, ...], packet: SocketPacket) -> None:
    assert make_packet(*claimed) == packet


@pytest.mark.parametrize(
    "claimed",
    [
        (None, "/"),
        (True, "/"),
        (2.0, "/", ["a"]),
        (-1, "/"),
        (5, "/", ["a"]),
        (2, None, ["a"]),
        (2, "", ["a"]),
        (2, "chat", ["a"]),
        (2, b"/", ["a"]),
        (2, "/"),
        (2, "/", []),
        (2, "/", ["connect"]),
        (2, "/", [None]),
        (2, "/", [b"a"]),
        (2, "/", {"0": "a"}),
        (0, "/", ["a"]),
        (1, "/", {}),
        (3, "/", {}),
        (4, "/"),
        (2, "/", ["a"], -1),
        (2, "/", ["a"], True),
        (2, "/", ["a"], "1"),
        (3, "/", [], 1.0),
    ],
)
def test_no_packets(claimed: tuple[Any, ...]) -> None:
    with pytest.raises(ProtocolError):
        make_packet(*claimed)


@pytest.mark.parametrize("claimed", [(2, "/" + "x" * 512, ["a"]), (2, "/", ["a"], 10**15)])
def test_limits(claimed: tuple[Any, ...]) -> None:
    with pytest.raises(LimitExceeded):
        make_packet(*claimed)
