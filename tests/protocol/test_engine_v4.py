from __future__ import annotations

import base64
from types import GeneratorType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.errors import LimitExceeded, ProtocolError
from pyramid_sio.protocol.engine_v4 import (
    DIALECT,
    SEPARATOR,
    decode_payload,
    decode_text,
    encode_open,
    encode_polled,
    join_payload,
)
from pyramid_sio.protocol.packets import EnginePacket, EngineType, Message
from tests.protocol.samples import ENGINE_V4_PAYLOADS, message

PING, PONG = EnginePacket(EngineType.PING), EnginePacket(EngineType.PONG)

#: What a payload may carry as one message.
messages = st.one_of(st.text().filter(lambda text: "\x1e" not in text), st.binary()).map(message)


def to_message(packet: EnginePacket) -> Message:
    if isinstance(packet.data, bytes):
        return Message(None, [packet.data])
    return Message(packet.data.encode())


def drain(body: bytes, **limits: int) -> tuple[list[EnginePacket], ProtocolError | None]:
    """All packets, and the error that ended them."""
    packets = []
    try:
        for packet in decode_payload(body, **limits):
            packets.append(packet)
    except ProtocolError as exc:
        return packets, exc
    return packets, None


class TestOpen:
    def test_exact_bytes(self) -> None:
        packet = encode_open(
            sid="j3xOErZ1fh0uCwZ2AAAA",
            upgrades=("websocket",),
            ping_interval=25,
            ping_timeout=20.0,
            max_payload=1_000_000,
        )
        assert packet == (
            b'0{"sid":"j3xOErZ1fh0uCwZ2AAAA","upgrades":["websocket"],'
            b'"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
        )

    def test_milliseconds_are_whole_numbers(self) -> None:
        packet = encode_open(
            sid="a", upgrades=[], ping_interval=0.3, ping_timeout=0.2004, max_payload=1
        )
        assert b'"upgrades":[],"pingInterval":300,"pingTimeout":200,' in packet


class TestPolled:
    @pytest.mark.parametrize(("body", "packets"), ENGINE_V4_PAYLOADS)
    def test_samples(self, body: bytes, packets: list[EnginePacket]) -> None:
        parts = [part for packet in packets for part in encode_polled(to_message(packet))]
        assert join_payload(parts) == body

    def test_text_then_blobs(self) -> None:
        polled = encode_polled(Message(b'51-["a"]', [b"\x01\x02\x03\x04", b""]))
        assert polled == (b'451-["a"]', b"bAQIDBA==", b"b")

    def test_large_blob_stays_on_one_line(self) -> None:
        (packet,) = encode_polled(Message(None, [b"x" * 100_000]))
        assert packet == b"b" + base64.b64encode(b"x" * 100_000)

    def test_made_once_for_all_receivers(self) -> None:
        shared = Message(b'2["a"]', [b"x"])
        assert encode_polled(shared) is encode_polled(shared) is shared.polled

    def test_nothing_to_join(self) -> None:
        assert join_payload([]) == b""


class TestDialect:
    """How the engine sees this revision."""

    def test_answers_are_text(self) -> None:
        items: list[Message | bytes] = [b"2", Message(b'51-["a"]', [b"\x01"]), b"6"]
        for binary in (True, False):
            body = DIALECT.encode_payload(items, binary)
            assert body == (b'2\x1e451-["a"]\x1ebAQ==\x1e6', "text/plain; charset=UTF-8")

    def test_frames(self) -> None:
        shared = Message(b"2", [b"\x01"])
        assert DIALECT.frame(shared) == b"\x81\x0242\x82\x01\x01"
        assert DIALECT.frame(shared) is shared.frame

    def test_frames_for_a_client_that_takes_no_binary(self) -> None:
        shared = Message(b"2", [b"\x01"])
        assert DIALECT.frame_as_text(shared) == b"\x81\x0242\x81\x05bAQ=="
        assert shared.frame is None, "others take it"

    def test_a_binary_frame_is_a_message(self) -> None:
        assert DIALECT.decode_binary(b"\x04a") == EnginePacket(EngineType.MESSAGE, b"\x04a")


class TestDecodeText:
    @pytest.mark.parametrize("kind", EngineType)
    def test_types(self, kind: EngineType) -> None:
        assert decode_text(f"{kind.value}probe") == EnginePacket(kind, "probe")
        assert decode_text(f"{kind.value}") == EnginePacket(kind, "")

    def test_separator_belongs_to_the_packet(self) -> None:
        assert decode_text("4a\x1e4b") == message("a\x1e4b")

    @pytest.mark.parametrize(
        "text", ["", "7", "9x", "abc", "B", " 4", "\ufeff4a", "\x1e4a", "\u0664a", "\u00b2", "-1"]
    )
    def test_refused(self, text: str) -> None:
        with pytest.raises(ProtocolError):
            decode_text(text)

    @pytest.mark.parametrize(
        ("text", "blob"),
        [
            ("", ""),
            ("!!!!", ""),
            ("A", ""),
            ("AQ", "01"),
            ("AQI", "0102"),
            ("AQIDB", "010203"),
            ("AQIDBA", "01020304"),
            ("AQIDBA=", "01020304"),
            ("AQ ID\nBA", "01020304"),
            ("AQ==BAUG", "01"),
            ("AQ=BAUG", "01"),
            ("=AQID", ""),
            ("-_8=", "fbff"),
            ("é AQID", "010203"),
            ("\ud800AQID", "010203"),
        ],
    )
    def test_base64_as_javascript_reads_it(self, text: str, blob: str) -> None:
        assert decode_text("b" + text) == message(bytes.fromhex(blob))

    @given(st.binary(), st.booleans(), st.booleans(), st.text("!\n ~\t.é", max_size=3))
    def test_base64_forms(self, blob: bytes, padded: bool, url_safe: bool, junk: str) -> None:
        encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
        text = encode(blob).decode()
        if not padded:
            text = text.rstrip("=")
        middle = len(text) // 3
        assert decode_text("b" + text[:middle] + junk + text[middle:]) == message(blob)

    @given(st.text(st.characters(), max_size=40), st.sampled_from(["", *"0123456", "b"]))
    def test_nothing_but_protocol_errors(self, text: str, head: str) -> None:
        try:
            packet = decode_text(head + text)
        except ProtocolError:
            assert not head
        else:
            assert type(packet) is EnginePacket
            assert type(packet.type) is EngineType
            assert type(packet.data) is (bytes if (head + text)[0] == "b" else str)


class TestDecodePayload:
    @pytest.mark.parametrize(("body", "packets"), ENGINE_V4_PAYLOADS)
    def test_samples(self, body: bytes, packets: list[EnginePacket]) -> None:
        assert drain(body) == (packets, None)

    @pytest.mark.parametrize(
        ("body", "packets"),
        [
            (b"1", [EnginePacket(EngineType.CLOSE)]),
            (b"1x", [EnginePacket(EngineType.CLOSE, "x")]),
            (b"4a\x1e1\x1e4b", [message("a"), EnginePacket(EngineType.CLOSE), message("b")]),
            (b"2probe", [EnginePacket(EngineType.PING, "probe")]),
            (b"3\x1e3probe", [PONG, EnginePacket(EngineType.PONG, "probe")]),
            (b"0x\x1e5\x1e6", [EnginePacket(EngineType(n), "x" * (n == 0)) for n in (0, 5, 6)]),
            (b"b!!!!", [message(b"")]),
            (b"bAQIDBA", [message(b"\x01\x02\x03\x04")]),
        ],
    )
    def test_odd_but_good(self, body: bytes, packets: list[EnginePacket]) -> None:
        assert drain(body) == (packets, None)

    @pytest.mark.parametrize(
        ("body", "packets"),
        [
            (b"", []),
            (b"abc", []),
            (b"7", []),
            (b"9x", []),
            (b"\x1e4a", []),
            (b"\xef\xbb\xbf4a", []),
            (b"4a\x1e", [message("a")]),
            (b"4a\x1e\x1e4b", [message("a")]),
            (b"4a\x1exyz\x1e4c", [message("a")]),
            (b"2\x1e4a\x1e\xff", [PING, message("a")]),
        ],
    )
    def test_what_precedes_a_bad_packet_is_delivered(
        self, body: bytes, packets: list[EnginePacket]
    ) -> None:
        decoded, error = drain(body)
        assert decoded == packets
        assert type(error) is ProtocolError

    def test_refuses_only_when_asked_for_the_bad_packet(self) -> None:
        payload = decode_payload(b"4a\x1e")
        assert isinstance(payload, GeneratorType)
        assert next(payload) == message("a")
        with pytest.raises(ProtocolError, match="empty"):
            next(payload)

    def test_invalid_utf8_is_replaced(self) -> None:
        body = b"4a\xffb\x1e4\xe2\x82\x1e4c\xed\xa0\x80"
        replaced = [message("a\ufffdb"), message("\ufffd"), message("c\ufffd\ufffd\ufffd")]
        assert drain(body) == (replaced, None)

    def test_as_many_packets_as_allowed(self) -> None:
        assert drain(b"3\x1e3\x1e3", max_packets=3) == ([PONG] * 3, None)

    def test_one_packet_too_many(self) -> None:
        packets, error = drain(b"3\x1e3\x1e3\x1e3\x1e7", max_packets=3)
        assert packets == [PONG] * 3
        assert type(error) is LimitExceeded
        assert "3 packets" in str(error)

    def test_the_separator_flood_ends(self) -> None:
        packets, error = drain(SEPARATOR.join([b"6"] * 200_000))
        assert len(packets) < 100_000
        assert type(error) is LimitExceeded

    @given(st.lists(messages, min_size=1))
    def test_round_trip(self, packets: list[EnginePacket]) -> None:
        parts = [part for packet in packets for part in encode_polled(to_message(packet))]
        assert drain(join_payload(parts)) == (packets, None)

    @given(st.lists(messages, min_size=1), st.binary())
    def test_junk_behind_does_not_change_what_precedes_it(
        self, packets: list[EnginePacket], junk: bytes
    ) -> None:
        parts = [part for packet in packets for part in encode_polled(to_message(packet))]
        decoded, _ = drain(join_payload([*parts, junk]))
        assert decoded[: len(packets)] == packets

    @given(st.one_of(st.binary(), st.lists(st.sampled_from(b"0123456b=\x1e\xffA")).map(bytes)))
    def test_nothing_but_protocol_errors(self, body: bytes) -> None:
        packets, error = drain(body)
        assert len(packets) + (error is not None) <= body.count(SEPARATOR) + 1
        assert error is None or type(error) is ProtocolError
