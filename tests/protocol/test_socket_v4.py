from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.errors import LimitExceeded, ProtocolError
from pyramid_sio.protocol import socket_v5
from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.protocol.socket_v4 import Encoder, decode_header
from tests.protocol.samples import SOCKET_V5, Sample, hole

ACK, EVENT = SocketType.ACK, SocketType.EVENT


class TestDecode:
    @pytest.mark.parametrize("sample", SOCKET_V5, ids=lambda sample: sample.text)
    def test_what_protocol_5_means_it_means_too(self, sample: Sample) -> None:
        assert decode_header(sample.text) == socket_v5.decode_header(sample.text)

    @pytest.mark.parametrize(
        ("text", "packet", "due"),
        [
            ('30-1["x"]', SocketPacket(ACK, "/", ["x"], 1), 0),
            ('300-/a,1["x"]', SocketPacket(ACK, "/a", ["x"], 1), 0),
            (f"31-1[{hole(0)}]", SocketPacket(ACK, "/", [json.loads(hole(0))], 1), 1),
            (f"302-1[{hole(1)}]", SocketPacket(ACK, "/", [json.loads(hole(1))], 1), 2),
            ("0/admin", SocketPacket(SocketType.CONNECT, "/admin"), 0),
            ("0/q?token=1,", SocketPacket(SocketType.CONNECT, "/q?token=1"), 0),
        ],
    )
    def test_earlier_ways(self, text: str, packet: SocketPacket, due: int) -> None:
        assert decode_header(text) == (packet, due)

    @pytest.mark.parametrize("count", ["11", "999", "9" * 5000])
    def test_too_many_attachments(self, count: str) -> None:
        with pytest.raises(LimitExceeded):
            decode_header(f"3{count}-1[]")

    @given(st.text(alphabet='0123456-/,["]{}x'))
    def test_nothing_but_protocol_errors(self, text: str) -> None:
        try:
            packet, due = decode_header(text)
        except ProtocolError:
            return
        assert isinstance(packet, SocketPacket)
        assert 0 <= due <= socket_v5.MAX_ATTACHMENTS


class TestEncode:
    def test_ascii_is_as_in_protocol_5(self) -> None:
        encoder, other = Encoder(), socket_v5.Encoder()
        for namespace in ("/", "/a"):
            assert (
                encoder.encode_event(namespace, ["e", 1, b"x"], 3).text
                == other.encode_event(namespace, ["e", 1, b"x"], 3).text
            )
            assert (
                encoder.encode_ack(namespace, ["e"], 3).text
                == other.encode_ack(namespace, ["e"], 3).text
            )

    @pytest.mark.parametrize(
        ("value", "escaped"),
        [
            ("é", b'"\\u00e9"'),
            ("a€b", b'"a\\u20acb"'),
            ("😀", b'"\\ud83d\\ude00"'),
            ("\u2028", b'"\\u2028"'),
            ("\x7f", b'"\x7f"'),
        ],
    )
    def test_the_rest_is_escaped(self, value: str, escaped: bytes) -> None:
        encoder = Encoder()
        assert encoder.encode_event("/", ["e", value]).text == b'2["e",' + escaped + b"]"
        assert encoder.encode_ack("/", [value], 1).text == b"31[" + escaped + b"]"
        packet = SocketPacket(SocketType.CONNECT_ERROR, "/x", value)
        assert encoder.encode(packet).text == b"4/x," + escaped

    def test_names_of_namespaces_are_not(self) -> None:
        message = Encoder().encode_event("/hé", ["é", "a,b"], 2)
        assert message.text == '2/hé,2["\\u00e9","a,b"]'.encode()
        assert Encoder().encode(SocketPacket(SocketType.CONNECT, "/hé")).text == "0/hé,".encode()

    def test_attachments_stay(self) -> None:
        message = Encoder().encode_event("/", ["é", b"\xe9"])
        assert message.text == b'51-["\\u00e9",' + hole(0).encode() + b"]"
        assert message.blobs == [b"\xe9"]

    @given(st.lists(st.text(alphabet=st.characters(codec="utf-8")), min_size=1))
    def test_round_trip(self, args: list[str]) -> None:
        text = Encoder().encode_ack("/", args, 7).text
        assert text is not None
        assert text.isascii()
        assert decode_header(text.decode()) == (SocketPacket(ACK, "/", args, 7), 0)
