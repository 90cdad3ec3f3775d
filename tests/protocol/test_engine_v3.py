from __future__ import annotations

import contextlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pyramid_sio.errors import LimitExceeded, ProtocolError
from pyramid_sio.protocol.connection import ClientPings
from pyramid_sio.protocol.engine_v3 import (
    DIALECT,
    decode_binary,
    decode_payload,
    decode_text,
    encode_payload,
    frame,
    frame_as_text,
)
from pyramid_sio.protocol.packets import EnginePacket, EngineType, Message
from tests.protocol.samples import message

CLOSE, NOOP = EnginePacket(EngineType.CLOSE), EnginePacket(EngineType.NOOP)
BLOB = b"\x01\x02\x03\x04"

#: What official servers write, and what it means.
TEXT_PAYLOADS = [
    (b"6:4hello", [message("hello")]),
    ("2:4€".encode(), [message("€")]),
    ("3:4😀".encode(), [message("😀")]),
    (b"6:4hello10:b4AQIDBA==", [message("hello"), message(BLOB)]),
    ("4:4a😀6:4hello2:4é".encode(), [message("a😀"), message("hello"), message("é")]),
    (b"1:1", [CLOSE]),
]
BINARY_PAYLOADS = [
    (b"\x00\x06\xff4hello\x01\x05\xff\x04" + BLOB, [message("hello"), message(BLOB)]),
    (b"\x00\x04\xff4\xe2\x82\xac\x01\x01\xff\x04", [message("€"), message(b"")]),
    (
        b"\x00\x08\xff" + "4€😀".encode() + b"\x01\x05\xff\x04" + BLOB,
        [message("€😀"), message(BLOB)],
    ),
    (b"\x00\x01\x02\xff4xxxxxxxxxxx\x01\x05\xff\x04" + BLOB, [message("x" * 11), message(BLOB)]),
]

messages = st.one_of(st.text(), st.binary()).map(message)
#: Of which nobody can think that it was encoded twice.
plain_messages = st.one_of(st.text(st.characters(codec="ascii")), st.binary()).map(message)


def to_message(packet: EnginePacket) -> Message | bytes:
    if packet.type is not EngineType.MESSAGE:
        return str(packet.type.value).encode()
    if isinstance(packet.data, bytes):
        return Message(None, [packet.data])
    return Message(packet.data.encode())


def drain(
    body: bytes, *, binary: bool = False, **limits: int
) -> tuple[list[EnginePacket], ProtocolError | None]:
    """All packets, and the error that ended them."""
    packets = []
    try:
        for packet in decode_payload(body, binary, **limits):
            packets.append(packet)
    except ProtocolError as exc:
        return packets, exc
    return packets, None


class TestEncodeText:
    @pytest.mark.parametrize(("body", "packets"), TEXT_PAYLOADS)
    def test_samples(self, body: bytes, packets: list[EnginePacket]) -> None:
        encoded = encode_payload([to_message(packet) for packet in packets], False)
        assert encoded == (body, "text/plain; charset=UTF-8")

    def test_without_anything_binary_it_is_text(self) -> None:
        assert encode_payload([Message(b"2"), b"3"], True).data == b"2:421:3"

    def test_made_once_for_all_receivers(self) -> None:
        shared = Message("😀".encode(), [b"x"])
        encode_payload([shared], False)
        assert shared.polled == ("3:4😀6:b4eA==".encode(),)
        polled = shared.polled
        encode_payload([shared], False)
        assert shared.polled is polled


class TestEncodeBinary:
    @pytest.mark.parametrize(("body", "packets"), BINARY_PAYLOADS)
    def test_samples(self, body: bytes, packets: list[EnginePacket]) -> None:
        encoded = encode_payload([to_message(packet) for packet in packets], True)
        assert encoded == (body, "application/octet-stream")

    def test_packets_that_are_ready(self) -> None:
        encoded = encode_payload([b"3", Message(b"5", [b"", b"a"]), b"6"], True)
        text, blobs = b"\x00\x02\xff45", b"\x01\x01\xff\x04\x01\x02\xff\x04a"
        assert encoded.data == b"\x00\x01\xff3" + text + blobs + b"\x00\x01\xff6"


class TestFrames:
    def test_without_attachments(self) -> None:
        text = Message(b'2["a"]')
        assert frame(text) == b'\x81\x0742["a"]'
        assert frame(text) is text.frame

    def test_attachments_have_their_type_in_front(self) -> None:
        shared = Message(b"51-[]", [BLOB, b""])
        assert frame(shared) == b"\x81\x06451-[]\x82\x05\x04" + BLOB + b"\x82\x01\x04"
        assert frame(shared) is shared.frame

    def test_no_text(self) -> None:
        assert frame(Message(None, [b"a"])) == b"\x82\x02\x04a"
        assert frame_as_text(Message(None, [b"a"])) == b"\x81\x06b4YQ=="

    def test_for_a_client_that_takes_no_binary(self) -> None:
        shared = Message(b"5", [BLOB])
        assert frame_as_text(shared) == b"\x81\x0245\x81\x0ab4AQIDBA=="
        assert shared.frame is None, "others take it"


class TestPackets:
    @pytest.mark.parametrize("kind", EngineType)
    def test_types(self, kind: EngineType) -> None:
        assert decode_text(f"{kind.value}probe") == EnginePacket(kind, "probe")
        assert decode_binary(bytes((kind.value,)) + b"x") == EnginePacket(kind, b"x")

    def test_base64_has_a_type(self) -> None:
        assert decode_text("b4AQIDBA==") == message(BLOB)
        assert decode_text("b4AQIDBA") == message(BLOB)
        assert decode_text("b4") == message(b"")

    @pytest.mark.parametrize("text", ["", "7", "abc", "b", "b7AQ==", "bAQIDBA==", "\u0664a"])
    def test_refused_text(self, text: str) -> None:
        with pytest.raises(ProtocolError):
            decode_text(text)

    @pytest.mark.parametrize("data", [b"", b"\x07", b"\x09\x01", b"4\x01", b"\xff"])
    def test_refused_bytes(self, data: bytes) -> None:
        with pytest.raises(ProtocolError, match="binary"):
            decode_binary(data)


class TestDecodeText:
    @pytest.mark.parametrize(("body", "packets"), TEXT_PAYLOADS)
    def test_samples(self, body: bytes, packets: list[EnginePacket]) -> None:
        assert drain(body) == (packets, None)

    def test_an_empty_packet_means_nothing(self) -> None:
        assert drain(b"0:2:4a") == ([NOOP, message("a")], None)

    def test_zeros_before_a_length(self) -> None:
        assert drain(b"01:4") == ([message("")], None)

    @pytest.mark.parametrize(
        ("body", "good"),
        [
            (b"", []),
            (b"abc", []),
            (b"x:4a", []),
            (b":4a", []),
            (b"-1:4a", []),
            ("\u0661:4".encode(), []),
            (b"7:4hello", []),
            (b"1:", []),
            (b"1:9", []),
            (b"3:abc", []),
            (b"5:4hello", [message("hell")]),
            (b"6:4hello6", [message("hello")]),
            (b"6:4hello1:9", [message("hello")]),
            (b"99999999999:4", []),
            (b"9999999999:4", []),
            (b"1" * 100_000, []),
        ],
    )
    def test_refused(self, body: bytes, good: list[EnginePacket]) -> None:
        packets, error = drain(body)
        assert packets == good
        assert type(error) is ProtocolError

    def test_a_length_that_cuts_an_emoji_in_two(self) -> None:
        packets, error = drain("2:4😀".encode())
        assert packets == [message("\ufffd")]
        assert type(error) is ProtocolError

    def test_as_many_packets_as_allowed(self) -> None:
        assert drain(b"1:61:6", max_packets=2) == ([NOOP, NOOP], None)

    @pytest.mark.parametrize("packet", [b"1:6", b"0:"])
    def test_one_packet_too_many(self, packet: bytes) -> None:
        packets, error = drain(packet * 4, max_packets=3)
        assert len(packets) == 3
        assert type(error) is LimitExceeded

    def test_the_flood_ends(self) -> None:
        packets, error = drain(b"0:" * 500_000)
        assert len(packets) == 65536
        assert type(error) is LimitExceeded


class TestTextThatWasEncodedTwice:
    """By clients of Socket.IO 1."""

    def payload(self, text: str) -> bytes:
        once = f"4{text}".encode().decode("latin-1")
        return f"{len(once)}:{once}".encode()

    @pytest.mark.parametrize("text", ["é€", "😀", "ÿ", "日本 and more", "plain"])
    def test_is_what_it_was(self, text: str) -> None:
        assert drain(self.payload(text)) == ([message(text)], None)

    @pytest.mark.parametrize("text", ["é", "€", "😀", "é€", "Ã(", "ÿþ"])
    def test_other_text_is_left_alone(self, text: str) -> None:
        length = len(f"4{text}".encode("utf-16-le")) // 2
        body = f"{length}:4{text}".encode()
        assert drain(body) == ([message(text)], None)

    def test_one_packet_speaks_for_the_others(self) -> None:
        """Text that looks as if, from a client that cannot be one of those."""
        body = "3:4Ã©2:4€".encode()
        assert drain(body) == ([message("Ã©"), message("€")], None)
        assert drain(self.payload("é") + self.payload("€")) == ([message("é"), message("€")], None)

    def test_a_character_cut_in_two(self) -> None:
        assert drain("2:4Ã3:4©x".encode()) == ([message("Ã"), message("©x")], None)


class TestDecodeBinary:
    @pytest.mark.parametrize(("body", "packets"), BINARY_PAYLOADS)
    def test_samples(self, body: bytes, packets: list[EnginePacket]) -> None:
        assert drain(body, binary=True) == (packets, None)

    def test_many_digits(self) -> None:
        body = b"\x00" + bytes(6) + b"\x02\xff4a"
        assert drain(body, binary=True) == ([message("a")], None)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\x00",
            b"\x00\xff",
            b"\x02\x01\xff4",
            b"\x00\x01",
            b"\x00\x02\xff4",
            b"\x00\x0a\xff4aaaaaaaaa",
            b"\x00\x00\xff",
            b"\x01\x00\xff",
            b"\x01\x01\xff\x07",
            b"\x00\x01\xffx",
            b"\x00" + b"\x01" * 11 + b"\xff4",
            b"\x00" + b"\x01" * 100_000,
            b"6:4hello",
        ],
    )
    def test_refused(self, body: bytes) -> None:
        packets, error = drain(body, binary=True)
        assert packets == []
        assert type(error) is ProtocolError

    def test_what_precedes_a_bad_packet_is_delivered(self) -> None:
        packets, error = drain(b"\x00\x02\xff4a\x00\x09\xff4", binary=True)
        assert packets == [message("a")]
        assert type(error) is ProtocolError

    def test_the_flood_ends(self) -> None:
        packets, error = drain(b"\x00\x01\xff6" * 200_000, binary=True)
        assert len(packets) == 65536
        assert type(error) is LimitExceeded


def looks_double(packets: list[EnginePacket]) -> bool:
    """Would a client of Socket.IO 1 have meant something else by this?"""
    text = "".join(packet.data for packet in packets if isinstance(packet.data, str))
    try:
        return text.encode("latin-1").decode() != text
    except UnicodeError:
        return False


@given(st.lists(messages, min_size=1), st.booleans())
def test_round_trip(packets: list[EnginePacket], binary: bool) -> None:
    assume(not looks_double(packets))
    body = encode_payload([to_message(packet) for packet in packets], binary)
    is_binary = body.content_type == "application/octet-stream"
    assert drain(body.data, binary=is_binary) == (packets, None)


@given(st.lists(plain_messages, min_size=1), st.binary(), st.booleans())
def test_junk_behind_does_not_change_what_precedes_it(
    packets: list[EnginePacket], junk: bytes, binary: bool
) -> None:
    body = encode_payload([to_message(packet) for packet in packets], binary)
    is_binary = body.content_type == "application/octet-stream"
    decoded, _ = drain(body.data + junk, binary=is_binary)
    assert decoded[: len(packets)] == packets


@given(st.lists(plain_messages, min_size=1, max_size=3), st.booleans())
def test_a_payload_cut_anywhere_gives_less(packets: list[EnginePacket], binary: bool) -> None:
    body = encode_payload([to_message(packet) for packet in packets], binary)
    is_binary = body.content_type == "application/octet-stream"
    for end in range(min(len(body.data), 300)):
        decoded, error = drain(body.data[:end], binary=is_binary)
        # Of the last one perhaps a character is missing, which then is U+FFFD.
        assert decoded[:-1] == packets[: max(len(decoded) - 1, 0)]
        assert error is not None or len(decoded) <= len(packets)


@given(
    st.one_of(
        st.binary(),
        st.lists(st.sampled_from(b"0123456b:\x00\x01\x04\xff\xf0A")).map(bytes),
    ),
    st.booleans(),
)
def test_nothing_but_protocol_errors(body: bytes, binary: bool) -> None:
    packets, error = drain(body, binary=binary)
    assert len(packets) <= len(body)
    assert error is None or type(error) is ProtocolError
    for packet in packets:
        if isinstance(packet.data, str):
            packet.data.encode()


@given(st.text())
def test_decode_text_raises_nothing_else(text: str) -> None:
    with contextlib.suppress(ProtocolError):
        decode_text(text)


def test_dialect() -> None:
    assert DIALECT.revision == 3
    assert DIALECT.connection is ClientPings
    assert DIALECT.reads_binary
