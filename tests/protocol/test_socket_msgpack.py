"""Packets as MessagePack: the samples of the official parser, both ways, and noise."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.protocol.socket_msgpack import Decoder, Encoder, decode_packet

CONNECT, DISCONNECT, EVENT = SocketType.CONNECT, SocketType.DISCONNECT, SocketType.EVENT
ACK, CONNECT_ERROR = SocketType.ACK, SocketType.CONNECT_ERROR

MOMENT = datetime(2020, 1, 1, 1, 1, 1, 500_000, tzinfo=UTC)
#: The same as the JavaScript library writes it.
WRITTEN = b"\xd7\x00" + (1_577_840_461_500).to_bytes(8, "big")


def text(value: str) -> bytes:
    """A short string in MessagePack."""
    return bytes((0xA0 + len(value),)) + value.encode()


def packed(type: int, namespace: str = "/", data: bytes = b"", id: bytes = b"") -> bytes:
    """A packet in the order in which the official parser writes it."""
    fields = [text("type") + bytes((type,))]
    if data:
        fields.append(text("data") + data)
    if id:
        fields.append(text("id") + id)
    fields.append(text("nsp") + text(namespace))
    return bytes((0x80 + len(fields),)) + b"".join(fields)


def event_with(value: bytes) -> bytes:
    """An event ``e`` with one argument."""
    return packed(2, data=b"\x92" + text("e") + value)


def encoded(packet: SocketPacket, encoder: Encoder | None = None) -> bytes:
    message = (encoder or Encoder()).encode(packet)
    assert message.text is None
    (blob,) = message.blobs
    return blob


@pytest.mark.parametrize(
    ("message", "packet"),
    [
        (packed(0), SocketPacket(CONNECT)),
        (packed(0, data=b"\xd4\x00\x00"), SocketPacket(CONNECT)),
        (packed(0, data=b"\x81\xa1a\x01"), SocketPacket(CONNECT, "/", {"a": 1})),
        (packed(1, "/a"), SocketPacket(DISCONNECT, "/a")),
        (packed(2, data=b"\x92\xa5hello\x01"), SocketPacket(EVENT, "/", ["hello", 1])),
        (
            packed(2, "/a", b"\x92\xa1b\xc4\x01\x09", b"\x00"),
            SocketPacket(EVENT, "/a", ["b", b"\t"], 0),
        ),
        (packed(3, data=b"\x90", id=b"\x07"), SocketPacket(ACK, "/", [], 7)),
        (packed(3, data=b"\xd4\x00\x00", id=b"\x07"), SocketPacket(ACK, "/", [], 7)),
        (
            packed(4, data=b"\x81\xa7message\xa2no"),
            SocketPacket(CONNECT_ERROR, "/", {"message": "no"}),
        ),
        # with what the official client adds
        (
            b"\x84\xa7options\x81\xa8compress\xc3\xa3nsp\xa1/\xa4type\x02\xa4data\x91\xa1e",
            SocketPacket(EVENT, "/", ["e"]),
        ),
    ],
)
def test_samples(message: bytes, packet: SocketPacket) -> None:
    assert decode_packet(message) == packet
    assert decode_packet(encoded(packet)) == packet


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        (b"\xd4\x00\x00", None),
        (b"\xc7\x01\x00\x00", b"\x00"),
        (WRITTEN, MOMENT),
        (b"\xc7\x08\x00" + WRITTEN[2:], WRITTEN[2:]),
        (b"\x92" + WRITTEN + b"\xc0", [MOMENT, None]),
        (b"\xd7\x00" + b"\xff" * 8, datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        (b"\xd7\x00\x7f" + b"\xff" * 7, None),
        (b"\xd7\x00\x80" + b"\x00" * 7, None),
        (b"\xc7\x00\x00", b""),
        (b"\xd5\x00ab", b"ab"),
        (b"\xc7\x03\x00abc", b"abc"),
        (b"\xc8\x01\x00\x00" + b"x" * 256, b"x" * 256),
        (b"\xc4\x02ab", b"ab"),
        (b"\xd6\xff\x00\x00\x00\x01", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (b"\xcb\x3f\xf8" + b"\x00" * 6, 1.5),
        (b"\xca\x3f\xc0\x00\x00", 1.5),
        (b"\xcf" + b"\xff" * 8, 2**64 - 1),
    ],
)
def test_values_of_clients(argument: bytes, value: Any) -> None:
    packet = decode_packet(event_with(argument))

    assert packet.data == ["e", value]
    assert type(packet.data[1]) is type(value)


def test_extension_nobody_knows_comes_and_goes() -> None:
    packet = decode_packet(event_with(b"\xd4\x05x"))

    (_, value) = packet.data
    assert (value.code, bytes(value.data)) == (5, b"x")
    assert b"\xd4\x05x" in encoded(packet)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xc1",
        b"\x02",
        b"\x91\x02",
        b"\x80",
        b"\x81\xa4type\x02",
        packed(2, data=b"\x91\xa1e") + b"\x00",
        packed(2, data=b"\x91\xa1e")[:-1],
        packed(2, data=b"\x91\xa1\xff"),
        packed(2),
        packed(5, data=b"\x91\xa1e"),
        packed(2, data=b"\x91\xc1"),
        packed(2, data=b"\xdd\xff\xff\xff\xff"),
        packed(0, data=b"\xdf\xff\xff\xff\xff"),
        packed(0, data=b"\xc7"),
        event_with(b"\x91" * 5000 + b"\xc0"),
        event_with(b"\x81\xa1a" * 5000 + b"\xc0"),
        event_with(b"\xc7\x0c\xff" + b"\xff" * 12),
    ],
)
def test_noise(message: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_packet(message)


@pytest.mark.parametrize(
    "argument",
    [
        b"\x81\x01\x01",
        b"\x81\xc0\x01",
        b"\x81\xc4\x01a\x01",
        b"\x81\x90\x01",
        b"\x81" + WRITTEN + b"\x01",
        b"\x82\xa1a\x91\x81\xa1b\x02\xcb\x00\x00\x00\x00\x00\x00\x00\x00\x01",
        b"\x92\x81\xd9\x01a\xc5\x00\x01x\x81\x01\x01",
        b"\xde\x00\x01\x01\x01",
        b"\xdc\x00\x02\xd4\x05x\x81\xcc\x01\x01",
        b"\xdf\x00\x00\x00\x01\xcd\x00\x01\x01",
    ],
)
def test_keys_are_strings(argument: bytes) -> None:
    with pytest.raises(ProtocolError, match="a key that is no string"):
        decode_packet(event_with(argument))


def test_keys_made_to_collide_take_no_time() -> None:
    # (1, -1) and (1, -2) are different, but -1 and -2 have one hash; so pairs on pairs of them.
    pair = [b"\x92" + a + b for a in (b"\xff", b"\xfe") for b in (b"\xff", b"\xfe")]
    keys = [b"\x92" + a + b for a in pair for b in pair]
    keys = [b"\x92" + a + b for a in keys for b in keys]
    keys = [b"\x92" + a + b for a in keys[:200] for b in keys[:200]]
    body = b"\xdf" + len(keys).to_bytes(4, "big") + b"".join(key + b"\xc0" for key in keys)
    started = time.process_time()

    with pytest.raises(ProtocolError):
        decode_packet(event_with(body))

    assert time.process_time() - started < 1


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
    | st.binary(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=20)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=20)
    ),
    max_leaves=30,
)


@given(st.lists(plain, max_size=4), st.none() | st.integers(0, 10**15 - 1))
def test_whatever_is_sent_comes_back(args: list[Any], id: int | None) -> None:
    encoder = Encoder()

    event = encoder.encode_event("/chat", ("e", *args), id)
    ack = encoder.encode_ack("/chat", args, 3)

    assert decode_packet(event.blobs[0]) == SocketPacket(EVENT, "/chat", ["e", *args], id)
    assert decode_packet(ack.blobs[0]) == SocketPacket(ACK, "/chat", args, 3)


@given(st.binary(max_size=200))
def test_any_bytes(noise: bytes) -> None:
    for message in (noise, packed(2, data=b"\x92\xa1e" + noise), event_with(noise)):
        try:
            packet = decode_packet(message)
        except ProtocolError:
            continue
        assert isinstance(packet, SocketPacket)


@given(plain, st.data())
def test_damaged_packets(value: Any, data: st.DataObject) -> None:
    message = bytearray(encoded(SocketPacket(EVENT, "/", ["e", value], 5)))
    where = data.draw(st.integers(0, len(message) - 1))
    message[where] = data.draw(st.integers(0, 255))
    try:
        packet = decode_packet(bytes(message))
    except ProtocolError:
        return
    assert isinstance(packet, SocketPacket)


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_keep_their_milliseconds(moment: datetime) -> None:
    packet = decode_packet(encoded(SocketPacket(EVENT, "/", ["e", moment])))

    assert timedelta(0) <= moment - packet.data[1] < timedelta(milliseconds=1)


@dataclass
class Point:
    x: int
    seen: datetime


def test_times_wherever_they_are() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5)))
    data = ["e", MOMENT, {"a": (elsewhere, [Point(1, MOMENT)])}, b"\xd7\xff", Ext(5, b"x")]

    blob = encoded(SocketPacket(EVENT, "/", data))

    assert blob.count(WRITTEN) == 3
    packet = decode_packet(blob)
    assert packet.data[:4] == [
        "e",
        MOMENT,
        {"a": [MOMENT, [{"x": 1, "seen": MOMENT}]]},
        b"\xd7\xff",
    ]


def test_other_times_are_text() -> None:
    data = ["e", date(2020, 1, 2), MOMENT.replace(tzinfo=None), MOMENT]

    packet = decode_packet(encoded(SocketPacket(EVENT, "/", data)))

    assert packet.data == ["e", "2020-01-02", "2020-01-01T01:01:01.500000", MOMENT]


def test_floats_have_64_bits() -> None:
    assert b"\xcb\x3f\xf8" in encoded(SocketPacket(EVENT, "/", ["e", 1.5]))
    assert b"\xcb\x40\x00" in encoded(SocketPacket(EVENT, "/", ["e", 2.0]))
    packet = decode_packet(encoded(SocketPacket(EVENT, "/", ["e", math.nan])))
    assert math.isnan(packet.data[1])


def test_binary_types_do_not_exist() -> None:
    for kind, plain_kind in ((SocketType.BINARY_EVENT, EVENT), (SocketType.BINARY_ACK, ACK)):
        packet = decode_packet(encoded(SocketPacket(kind, "/", ["e", b"x"], 1)))
        assert packet == SocketPacket(plain_kind, "/", ["e", b"x"], 1)


@pytest.mark.parametrize("value", [bytearray(b"x"), memoryview(b"x")])
def test_kinds_of_binary(value: Any) -> None:
    assert decode_packet(encoded(SocketPacket(EVENT, "/", ["e", value]))).data == ["e", b"x"]
    mixed = SocketPacket(EVENT, "/", ["e", value, MOMENT])
    assert decode_packet(encoded(mixed)).data == ["e", b"x", MOMENT]


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, "\ud800", nested(5000), object(), 1j])
@pytest.mark.parametrize("more", [(), (MOMENT,)])
def test_what_cannot_be_sent(value: Any, more: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        encoded(SocketPacket(EVENT, "/", ["e", *more, value]))


@pytest.mark.parametrize("more", [(), (MOMENT,)])
def test_hook_of_the_application(more: tuple[Any, ...]) -> None:
    def default(value: Any) -> Any:
        if isinstance(value, complex):
            return [value.real, value.imag]
        raise TypeError("unknown to the application as well")

    encoder = Encoder(default)

    packet = decode_packet(encoded(SocketPacket(EVENT, "/", ["e", 1j, *more]), encoder))
    assert packet.data == ["e", [0.0, 1.0], *more]
    with pytest.raises(TypeError, match="unknown to the application"):
        encoded(SocketPacket(EVENT, "/", ["e", object(), *more]), encoder)


def test_decoder_takes_binary_messages() -> None:
    decoder = Decoder()

    assert decoder.add(packed(1)) == SocketPacket(DISCONNECT)
    with pytest.raises(ProtocolError, match="MessagePack"):
        decoder.add('2["e"]')


def test_second_opinion() -> None:
    blob = encoded(SocketPacket(EVENT, "/a", ["e", {"x": [1, b"y"]}], 5))

    assert msgspec.msgpack.decode(blob) == {
        "type": 2,
        "nsp": "/a",
        "data": ["e", {"x": [1, b"y"]}],
        "id": 5,
    }
