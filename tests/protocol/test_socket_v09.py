from __future__ import annotations

import contextlib
import datetime
import enum
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.errors import LimitExceeded, ProtocolError
from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType
from pyramid_sio.protocol.socket_v09 import Encoder, Incoming, LegacyType, decode
from tests.protocol.samples import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT

T = LegacyType

#: What clients were seen to send, and what it means.
SAMPLES = [
    ("0::", T.DISCONNECT, SocketPacket(DISCONNECT)),
    ("0::/chat", T.DISCONNECT, SocketPacket(DISCONNECT, "/chat")),
    ("1::", T.CONNECT, SocketPacket(CONNECT)),
    ("1::/chat", T.CONNECT, SocketPacket(CONNECT, "/chat")),
    ("1::/chat:", T.CONNECT, SocketPacket(CONNECT, "/chat")),
    ("1::/chat:?a=b", T.CONNECT, SocketPacket(CONNECT, "/chat", {"a": "b"})),
    ("1::/chat?a=b&c=d%20e", T.CONNECT, SocketPacket(CONNECT, "/chat", {"a": "b", "c": "d e"})),
    ("3:::hello", T.MESSAGE, SocketPacket(EVENT, "/", ["message", "hello"])),
    ("3::", T.MESSAGE, SocketPacket(EVENT, "/", ["message", ""])),
    ("3:::", T.MESSAGE, SocketPacket(EVENT, "/", ["message", ""])),
    ("3:::a:b\nc+\ufffd😀", T.MESSAGE, SocketPacket(EVENT, "/", ["message", "a:b\nc+\ufffd😀"])),
    ("3:4+:/chat:hey", T.MESSAGE, SocketPacket(EVENT, "/chat", ["message", "hey"], 4)),
    (
        '4:::{"a":[1,"é\u2028"]}',
        T.JSON,
        SocketPacket(EVENT, "/", ["message", {"a": [1, "é\u2028"]}]),
    ),
    ("4::/chat:null", T.JSON, SocketPacket(EVENT, "/chat", ["message", None])),
    ('5:::{"name":"x"}', T.EVENT, SocketPacket(EVENT, "/", ["x"])),
    ('5:::{"name":"x","args":null}', T.EVENT, SocketPacket(EVENT, "/", ["x"])),
    ('5:2+::{"name":"ev","args":["x/y"]}', T.EVENT, SocketPacket(EVENT, "/", ["ev", "x/y"], 2)),
    ('5:::{ "args": [1, 2], "name": "a b" }', T.EVENT, SocketPacket(EVENT, "/", ["a b", 1, 2])),
    ('5:+::{"name":"x"}', T.EVENT, SocketPacket(EVENT, "/", ["x"])),
    ("6:::4", T.ACK, SocketPacket(ACK, "/", [], 4)),
    ('6::/chat:1+["r+s",7]', T.ACK, SocketPacket(ACK, "/chat", ["r+s", 7], 1)),
    ("6:::4+", T.ACK, SocketPacket(ACK, "/", [], 4)),
]


class TestDecode:
    @pytest.mark.parametrize(("text", "kind", "packet"), SAMPLES)
    def test_samples(self, text: str, kind: LegacyType, packet: SocketPacket) -> None:
        assert decode(text) == Incoming(kind, packet)

    @pytest.mark.parametrize(
        ("text", "kind"),
        [("2::", T.HEARTBEAT), ("2:::", T.HEARTBEAT), ("8::", T.NOOP)],
    )
    def test_nothing_for_a_namespace(self, text: str, kind: LegacyType) -> None:
        assert decode(text) == Incoming(kind, None)

    @pytest.mark.parametrize(
        ("data", "reason", "advice"),
        [
            ("1+0", "client not handshaken", "reconnect"),
            ("2", "unauthorized", ""),
            ("0+9", "transport not supported", ""),
            ("7", "", ""),
            ("+0", "", "reconnect"),
            ("", "", ""),
        ],
    )
    def test_errors_in_words(self, data: str, reason: str, advice: str) -> None:
        told = {"reason": reason, "advice": advice}
        assert decode(f"7::/chat:{data}") == Incoming(
            T.ERROR, SocketPacket(CONNECT_ERROR, "/chat", told)
        )

    @pytest.mark.parametrize("data", ["zz", "12", "1+", "1+0+0", " 1", "1\n", "\u0661"])
    def test_errors_that_say_nothing(self, data: str) -> None:
        with pytest.raises(ProtocolError, match="an error without a reason"):
            decode(f"7:::{data}")

    @pytest.mark.parametrize(
        ("text", "args", "id"),
        [
            ("3:1::x", ["message", "x"], 1),
            ("4:2::{}", ["message", {}], 2),
            ('5:3::{"name":"e"}', ["e"], 3),
        ],
    )
    def test_id_without_plus_is_confirmed_at_once(
        self, text: str, args: list[Any], id: int
    ) -> None:
        incoming = decode(text)
        assert incoming.packet == SocketPacket(EVENT, "/", args)
        assert incoming.confirm == id

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "0",
            "x",
            "9::",
            "99::",
            "5",
            "5:",
            "5::chat:{}",
            "5:a::{}",
            "-1::",
            " 2::",
            "٣::",
            "5:::",
            "5:::{",
            "5:::[1]",
            "5:::null",
            '5:::{"args":[]}',
            '5:::{"name":1}',
            '5:::{"name":"x","args":{}}',
            '5:::{"name":"disconnect"}',
            '5:::{"name":"connect"}',
            "4:::",
            "4:::{",
            "6:::abc",
            "6::",
            "6:::1+{",
            "6:::1+{}",
            '6:::1+"x"',
            "6:::1x",
        ],
    )
    def test_no_packet(self, text: str) -> None:
        with pytest.raises(ProtocolError):
            decode(text)

    @pytest.mark.parametrize(
        "text",
        [
            f"5:{'1' * 16}+::" + '{"name":"x"}',
            f"6:::{'1' * 16}",
            "1::/" + "x" * 512,
            "3::/" + "x" * 512 + ":a",
            "1::/chat?" + "&".join(f"a{number}=1" for number in range(101)),
        ],
    )
    def test_limits(self, text: str) -> None:
        with pytest.raises(LimitExceeded):
            decode(text)

    @given(st.text(), st.sampled_from("0123456789"), st.text(alphabet="0123456789+:/a{}[]\"'?n"))
    def test_whatever_comes_is_refused_or_read(self, junk: str, digit: str, rest: str) -> None:
        for text in (junk, digit + junk, digit + "::" + junk, digit + ":" + rest, rest):
            with contextlib.suppress(ProtocolError):
                assert decode(text).type in LegacyType


class Word(enum.StrEnum):
    HELLO = "hello"


class TestEncode:
    encoder = Encoder()

    @pytest.mark.parametrize(
        ("packet", "text"),
        [
            (SocketPacket(CONNECT), "1::"),
            (SocketPacket(CONNECT, "/chat", {"sid": "x"}), "1::/chat"),
            (SocketPacket(DISCONNECT), "0::"),
            (SocketPacket(DISCONNECT, "/chat"), "0::/chat"),
            (SocketPacket(CONNECT_ERROR, "/chat", {"message": "no"}), "7::/chat:2"),
            (SocketPacket(EVENT, "/", ["x"]), '5:::{"name":"x"}'),
            (SocketPacket(EVENT, "/c", ("x", 1, "é")), '5::/c:{"name":"x","args":[1,"é"]}'),
            (SocketPacket(EVENT, "/c", ["x", 1], 7), '5:7+:/c:{"name":"x","args":[1]}'),
            (SocketPacket(EVENT, "/", ["message", "a:b\n"]), "3:::a:b\n"),
            (SocketPacket(EVENT, "/c", ["message", ""]), "3::/c"),
            (SocketPacket(EVENT, "/", ["message", ""]), "3::"),
            (SocketPacket(EVENT, "/c", ["message", {"a": 1}]), '4::/c:{"a":1}'),
            (SocketPacket(EVENT, "/", ["message"]), '5:::{"name":"message"}'),
            (SocketPacket(EVENT, "/", ["message", 1], 2), '5:2+::{"name":"message","args":[1]}'),
            (SocketPacket(ACK, "/", [], 4), "6:::4"),
            (SocketPacket(ACK, "/c", ("r", 7), 1), '6::/c:1+["r",7]'),
        ],
    )
    def test_exact_text(self, packet: SocketPacket, text: str) -> None:
        assert self.encoder.encode(packet).text == text.encode()

    def test_binary_types_are_the_plain_ones(self) -> None:
        event = SocketPacket(SocketType.BINARY_EVENT, "/", ["x", b"\x00\xff"])
        assert self.encoder.encode(event).text == b'5:::{"name":"x","args":["AP8="]}'
        ack = SocketPacket(SocketType.BINARY_ACK, "/", [b"\x00"], 3)
        assert self.encoder.encode(ack).text == b'6:::3+["AA=="]'

    def test_binary_data_becomes_base64(self) -> None:
        message = self.encoder.encode_event("/", ["x", {"a": [bytearray(b"ab"), memoryview(b"")]}])
        assert message.text == b'5:::{"name":"x","args":[{"a":["YWI=",""]}]}'
        assert message.blobs == ()
        assert self.encoder.encode_event("/", ["message", b"ab"]).text == b'4:::"YWI="'

    def test_times_and_keys_as_for_later_clients(self) -> None:
        day = datetime.date(2026, 11, 25)
        assert self.encoder.encode_event("/", ["x", {1: day}]).text == (
            b'5:::{"name":"x","args":[{"1":"2026-11-25"}]}'
        )

    def test_text_of_a_class_of_its_own(self) -> None:
        assert self.encoder.encode_event("/", ["message", Word.HELLO]).text == b'4:::"hello"'

    def test_asks_the_applications_hook(self) -> None:
        encoder = Encoder(lambda value: str(type(value).__name__))
        assert encoder.encode_ack("/", [object()], 1).text == b'6:::1+["object"]'

    @pytest.mark.parametrize(
        "packet",
        [
            SocketPacket(EVENT, "/", ["x", object()]),
            SocketPacket(EVENT, "/", ["message", "\ud83d"]),
            SocketPacket(EVENT, "/", ["x", "\ud83d"]),
            SocketPacket(ACK, "/", [1]),
        ],
    )
    def test_what_cannot_be_sent(self, packet: SocketPacket) -> None:
        with pytest.raises(TypeError):
            self.encoder.encode(packet)

    @given(
        st.text(min_size=1),
        st.lists(st.recursive(st.none() | st.booleans() | st.text(), st.lists)),
        st.none() | st.integers(0, 10**15 - 1),
    )
    def test_what_is_written_is_read(self, name: str, args: list[Any], id: int | None) -> None:
        if name in ("connect", "disconnect"):
            return
        text = (self.text_of(self.encoder.encode_event("/c", [name, *args], id))).decode()
        incoming = decode(text)
        assert incoming.packet == SocketPacket(EVENT, "/c", [name, *args], id)
        if id is not None:
            acked = decode(self.text_of(self.encoder.encode_ack("/", args, id)).decode())
            assert acked.packet == SocketPacket(ACK, "/", args, id)

    @staticmethod
    def text_of(message: Message) -> bytes:
        assert message.text is not None
        return message.text

    def test_no_line_ends_within_json(self) -> None:
        message = self.encoder.encode_ack("/", ["a\u2028b\u2029c\u2026\n"], 1)
        assert self.text_of(message).decode() == '6:::1+["a\\u2028b\\u2029c\u2026\\n"]'

    def test_json_is_what_javascript_reads(self) -> None:
        text = self.text_of(self.encoder.encode_event("/", ["x", "\u2028😀</script>"]))
        assert json.loads(text[4:])["args"] == ["\u2028😀</script>"]
