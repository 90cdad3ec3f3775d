from __future__ import annotations

import contextlib
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.errors import (
    BadRequest,
    LimitExceeded,
    ProtocolError,
    RequestRefused,
    UnknownTransport,
)
from pyramid_sio.protocol.engine_v09 import (
    DIALECT,
    PREAMBLE,
    SIGN_OF_LIFE,
    TRANSPORTS,
    LegacyRequest,
    Wish,
    decode_form,
    decode_payload,
    encode_handshake,
    encode_page_part,
    encode_part,
    encode_script,
    encode_script_error,
    join_payload,
    length_of,
    parse_path,
    script_string,
)
from pyramid_sio.protocol.packets import EnginePacket, EngineType, Message

MARK = "\ufffd"
#: What a JavaScript client was seen to frame as 21, the emoji counting two.
JSON = '4:::{"a":[1,"é\u2028☃😀"]}'


def parse(path: str, query: str = "") -> LegacyRequest:
    """What a path below ``/socket.io`` means, cut as Pyramid cuts it."""
    segments = [segment for segment in path.split("/") if segment]
    return parse_path(segments, query, transports=TRANSPORTS)


class TestPath:
    @pytest.mark.parametrize("path", ["/1", "/1/"])
    @pytest.mark.parametrize("query", ["", "t=1795426039157", "my=param&t=1", "EIO=3&transport=x"])
    def test_handshake(self, path: str, query: str) -> None:
        assert parse(path, query) == LegacyRequest(Wish.HANDSHAKE)

    def test_handshake_as_a_script(self) -> None:
        assert parse("/1/", "t=1&jsonp=3") == LegacyRequest(Wish.HANDSHAKE, slot=3)

    @pytest.mark.parametrize("slot", ["", "alert(1)", "-1", "1.5", "٣", "1" * 11])
    def test_script_slot_that_is_no_number_is_left_alone(self, slot: str) -> None:
        assert parse("/1/", f"jsonp={slot}") == LegacyRequest(Wish.HANDSHAKE)

    @pytest.mark.parametrize("transport", [name for name in TRANSPORTS if "jsonp" not in name])
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_transport(self, transport: str, slash: str) -> None:
        asked = parse(f"/1/{transport}/abc{slash}", "t=1&i=5")
        assert asked == LegacyRequest(Wish.TRANSPORT, transport, "abc")

    @pytest.mark.parametrize(("query", "slot"), [("t=1&i=12", 12), ("t=1", 0)])
    def test_jsonp_slot(self, query: str, slot: int) -> None:
        asked = parse("/1/jsonp-polling/abc", query)
        assert asked == LegacyRequest(Wish.TRANSPORT, "jsonp-polling", "abc", slot)

    @pytest.mark.parametrize("slot", ["", "alert(1)", "-1", "0x1", "²", "9" * 11])
    def test_jsonp_slot_that_is_no_number(self, slot: str) -> None:
        with pytest.raises(BadRequest):
            parse("/1/jsonp-polling/abc", f"i={slot}")

    @pytest.mark.parametrize(
        ("path", "query"),
        [
            ("/1/xhr-polling/abc", "disconnect"),
            ("/1/xhr-polling/abc/", "disconnect=1"),
            ("/1/websocket/abc", "t=1&disconnect=True"),
            ("/1//abc/", "disconnect=1"),
            ("/1/abc/", "disconnect=1"),
            ("/1/abc", ""),
            ("/1/oldtransport/abc", "disconnect=1"),
        ],
    )
    def test_disconnect(self, path: str, query: str) -> None:
        assert parse(path, query) == LegacyRequest(Wish.DISCONNECT, sid="abc")

    def test_transport_that_is_not_enabled(self) -> None:
        with pytest.raises(UnknownTransport, match="Transport unknown"):
            parse_path(["1", "websocket", "abc"], "", transports=("xhr-polling",))

    @pytest.mark.parametrize(
        ("path", "error"),
        [
            ("/1/nonsense/abc", UnknownTransport),
            ("/1/polling/abc", UnknownTransport),
            ("/1/xhr-polling", BadRequest),
            ("/1/xhr-polling/abc/more", BadRequest),
        ],
    )
    def test_refused(self, path: str, error: type[RequestRefused]) -> None:
        with pytest.raises(error):
            parse(path)


class TestHandshake:
    def test_four_fields(self) -> None:
        answer = encode_handshake("abc", heartbeat=45, close=40.0, transports=["a", "b"])
        assert answer == "abc:45:40:a,b"

    def test_times_are_never_none(self) -> None:
        answer = encode_handshake("abc", heartbeat=0.2, close=1.1, transports=["a"])
        assert answer == "abc:1:2:a"


class TestPayload:
    def test_one_packet_is_bare(self) -> None:
        assert join_payload([b"1::"]) == b"1::"
        assert decode_payload("1::") == ["1::"]

    def test_several_have_lengths_in_utf16_units(self) -> None:
        body = join_payload([b"1::", JSON.encode()])
        assert body.decode() == f"{MARK}3{MARK}1::{MARK}21{MARK}{JSON}"

    def test_empty_body_has_no_packets(self) -> None:
        assert decode_payload("") == []

    def test_empty_packet(self) -> None:
        assert decode_payload(f"{MARK}0{MARK}{MARK}3{MARK}2::") == ["", "2::"]

    def test_one_framed_packet(self) -> None:
        assert decode_payload(f"{MARK}3{MARK}2::") == ["2::"]

    def test_lengths_in_code_points_are_taken_too(self) -> None:
        assert decode_payload(f"{MARK}5{MARK}3:::😀{MARK}5{MARK}3:::x") == ["3:::😀", "3:::x"]

    def test_utf16_goes_first_where_both_fit(self) -> None:
        text = f"{MARK}6{MARK}3:::😀"
        assert decode_payload(text) == ["3:::😀"]

    @pytest.mark.parametrize(
        "text",
        [
            f"{MARK}4{MARK}2::",
            f"{MARK}2{MARK}2::",
            f"{MARK}99999999999999{MARK}2::",
            f"{MARK}9999999999{MARK}2::",
            f"{MARK}3",
            f"{MARK}{MARK}2::",
            f"{MARK}-3{MARK}2::",
            f"{MARK}3{MARK}2::junk",
            f"{MARK}3{MARK}2::{MARK}",
            MARK,
            # The same with a character beyond 16 bits, which takes another way.
            f"{MARK}7{MARK}3:::😀",
            f"{MARK}1{MARK}😀{MARK}7{MARK}2::",
            f"{MARK}1{MARK}😀😀",
            f"{MARK}x{MARK}😀",
        ],
    )
    def test_lengths_that_do_not_fit(self, text: str) -> None:
        with pytest.raises(ProtocolError):
            decode_payload(text)

    @pytest.mark.parametrize("packet", ["2::", "😀"])
    def test_too_many_packets(self, packet: str) -> None:
        part = f"{MARK}{length_of(packet.encode())}{MARK}{packet}"
        assert decode_payload(part * 3, max_packets=3) == [packet] * 3
        with pytest.raises(LimitExceeded, match="more than 3 packets"):
            decode_payload(part * 4, max_packets=3)

    @given(st.lists(st.text(), min_size=2))
    def test_round_trip(self, packets: list[str]) -> None:
        body = join_payload([packet.encode() for packet in packets])
        assert decode_payload(body.decode()) == packets

    @given(st.lists(st.text(min_size=1, alphabet="0123:😀é\ufffd"), min_size=1), st.text())
    def test_whatever_comes_is_refused_or_read(self, packets: list[str], junk: str) -> None:
        body = join_payload([packet.encode() for packet in packets]).decode()
        for text in (junk, MARK + junk, body + junk, body[:-1], body[1:]):
            with contextlib.suppress(ProtocolError):
                assert all(isinstance(packet, str) for packet in decode_payload(text))


class TestScripts:
    def test_exact_bytes(self) -> None:
        assert encode_script(0, b"7:::1+0") == b'io.j[0]("7:::1+0");'
        assert encode_script_error(12, b"no") == b'io.j[12](new Error("no"));'

    def test_nothing_in_it_can_end_the_string_or_the_script(self) -> None:
        text = "a\"b\\c</script>\u2028\u2029\n'😀"
        script = encode_script(1, text.encode()).decode()
        for bad in ("</script", "\u2028", "\u2029", "\n"):
            assert bad not in script
        assert json.loads(script[len("io.j[1](") : -2]) == text

    def test_all_but_marks_is_ascii(self) -> None:
        literal = script_string("é😀\ufffd<\\ufffd".encode()).decode()
        assert literal == '"\\u00e9\\ud83d\\ude00\ufffd\\u003c\\\\ufffd"'

    @given(st.text())
    def test_strings_mean_the_same(self, text: str) -> None:
        literal = script_string(text.encode()).decode()
        assert json.loads(literal) == text
        assert "<" not in literal
        assert literal.replace(MARK, "").isascii()


class TestForm:
    def test_as_a_browser_sends_it(self) -> None:
        body = b"d=%225%3A1%2B%3A%3A%7B%5C%22name%5C%22%3A%5C%22a+b%5C%22%7D%22"
        assert decode_form(body) == '5:1+::{"name":"a b"}'

    def test_marks_and_emoji(self) -> None:
        assert decode_form(b"d=%22%F0%9F%98%80%EF%BF%BD%22") == "😀\ufffd"
        assert decode_form('d="é\u2028"'.encode()) == "é\u2028"
        assert decode_form(rb'd="\ud83d\ude00\n%26"') == "😀\n&"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"d=",
            b"x=1",
            b"d=2::",
            b"d=7",
            b"d=null",
            b'd="a',
            rb'd="\ud83d"',
            b"d=[]",
            b"&".join(b"a%d=1" % number for number in range(11)),
        ],
    )
    def test_anything_else_is_refused(self, body: bytes) -> None:
        with pytest.raises(ProtocolError):
            decode_form(body)

    @pytest.mark.parametrize("shift", range(7))
    def test_long_forms(self, shift: int) -> None:
        """They are read in pieces, and no escape is cut."""
        payload = "x" * shift + "é😀+" * 20_000
        assert (
            decode_form(f"d={quote(json.dumps(payload, ensure_ascii=False))}".encode()) == payload
        )

    @given(st.binary())
    def test_whatever_comes_is_refused_or_read(self, body: bytes) -> None:
        for form in (body, b"d=" + body, b'd="' + body + b'"'):
            with contextlib.suppress(ProtocolError):
                assert isinstance(decode_form(form), str)


class TestStreams:
    def test_preamble_is_long_enough_to_be_shown(self) -> None:
        assert len(PREAMBLE) == 256
        assert b"parent.s._(" in PREAMBLE

    def test_page_part(self) -> None:
        assert encode_page_part(b"1::") == b'<script>_("1::");</script>'
        assert encode_page_part(b"1::/a") == b'<script>_("1::\\/a");</script>'

    def test_page_part_is_not_ended_by_what_is_in_it(self) -> None:
        part = encode_page_part(b'3:::</script><script>alert("x")')
        assert part.count(b"<") == 2

    def test_part(self) -> None:
        part = encode_part("3:::é".encode())
        assert part.decode() == (
            "Content-Type: text/plain; charset=UTF-8\r\nContent-Length: 6\r\n\r\n3:::é\r\n"
            "--socketio\r\n"
        )


class TestDialect:
    """What sessions ask."""

    @pytest.mark.parametrize("text", ["2::", "2:::"])
    def test_heartbeats(self, text: str) -> None:
        assert DIALECT.decode_text(text) == SIGN_OF_LIFE

    def test_noop_and_everything_else(self) -> None:
        assert DIALECT.decode_text("8::").type is EngineType.NOOP
        for text in ("", "2", "4:::{}", "junk"):
            assert DIALECT.decode_text(text) == EnginePacket(EngineType.MESSAGE, text)

    def test_there_is_no_binary(self) -> None:
        with pytest.raises(ProtocolError):
            DIALECT.decode_binary(b"x")

    def test_frame_is_the_packet_and_made_once(self) -> None:
        message = Message(b"3:::x")
        assert DIALECT.frame(message) == b"\x81\x053:::x"
        assert DIALECT.frame(message) is message.frame
        assert DIALECT.frame_as_text(Message(b"1::")) == b"\x81\x031::"

    def test_bodies(self) -> None:
        body = DIALECT.encode_payload([Message(b"1::"), b"8::"], True)
        assert body.data.decode() == f"{MARK}3{MARK}1::{MARK}3{MARK}8::"
        assert body.content_type == "text/plain; charset=UTF-8"
        packets = list(DIALECT.decode_payload(body.data, False))
        assert [packet.type for packet in packets] == [EngineType.MESSAGE, EngineType.NOOP]

    def test_bytes_that_are_no_text(self) -> None:
        assert list(DIALECT.decode_payload(b"3:::\xc3", False)) == [
            EnginePacket(EngineType.MESSAGE, "3:::\ufffd")
        ]

    def test_nothing_opens_a_connection(self) -> None:
        assert DIALECT.encode_open(sid="x") == b""
