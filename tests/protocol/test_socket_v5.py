from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.errors import LimitExceeded, ProtocolError
from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.protocol.socket_v5 import (
    RESERVED_EVENTS,
    Encoder,
    Reassembly,
    decode_header,
)
from tests.protocol.samples import (
    SOCKET_V5,
    SOCKET_V5_ACCEPTED,
    SOCKET_V5_BAD_PLACEHOLDERS,
    SOCKET_V5_INVALID,
    SOCKET_V5_TOO_LARGE,
    Sample,
    hole,
)

ENCODER = Encoder()
PLAIN = (
    SocketType.CONNECT,
    SocketType.DISCONNECT,
    SocketType.EVENT,
    SocketType.ACK,
    SocketType.CONNECT_ERROR,
)


def decode(text: str, blobs: tuple[bytes, ...] = ()) -> SocketPacket:
    """The packet, whole; fails if the number of attachments is not the announced one."""
    packet, count = decode_header(text)
    assert count == len(blobs)
    if not count:
        return packet
    reassembly = Reassembly(packet, count)
    results = [reassembly.add(blob) for blob in blobs]
    assert results[:-1] == [None] * (count - 1)
    whole = results[-1]
    assert whole is not None
    return whole


class TestSamples:
    @pytest.mark.parametrize("sample", SOCKET_V5 + SOCKET_V5_ACCEPTED, ids=lambda s: s.text)
    def test_decode(self, sample: Sample) -> None:
        packet = decode(sample.text, sample.blobs)
        assert packet == sample.packet
        assert type(packet) is SocketPacket
        assert [type(field) for field in packet] == [type(field) for field in sample.packet]

    @pytest.mark.parametrize("sample", SOCKET_V5, ids=lambda s: s.text)
    def test_encode(self, sample: Sample) -> None:
        message = ENCODER.encode(sample.packet)
        assert message.text == sample.text.encode()
        assert tuple(message.blobs) == sample.blobs

    @pytest.mark.parametrize(
        "sample",
        [sample for sample in SOCKET_V5 if sample.packet.type is SocketType.EVENT],
        ids=lambda s: s.text,
    )
    def test_encode_event(self, sample: Sample) -> None:
        _, namespace, data, number = sample.packet
        message = ENCODER.encode_event(namespace, data, number)
        assert (message.text, tuple(message.blobs)) == (sample.text.encode(), sample.blobs)

    @pytest.mark.parametrize(
        "sample",
        [sample for sample in SOCKET_V5 if sample.packet.type is SocketType.ACK],
        ids=lambda s: s.text,
    )
    def test_encode_ack(self, sample: Sample) -> None:
        _, namespace, data, number = sample.packet
        assert number is not None
        message = ENCODER.encode_ack(namespace, data, number)
        assert (message.text, tuple(message.blobs)) == (sample.text.encode(), sample.blobs)

    def test_binary_types_are_what_they_hold(self) -> None:
        event = SocketPacket(SocketType.BINARY_EVENT, "/", ["a", 1], 2)
        assert ENCODER.encode(event).text == b'22["a",1]'
        ack = SocketPacket(SocketType.BINARY_ACK, "/", [b"a"], 2)
        assert ENCODER.encode(ack).text == b"61-2[" + hole(0).encode() + b"]"


class TestRefused:
    @pytest.mark.parametrize("text", SOCKET_V5_INVALID, ids=lambda text: repr(text[:40]))
    def test_invalid(self, text: str) -> None:
        with pytest.raises(ProtocolError) as caught:
            decode_header(text)
        assert type(caught.value) is ProtocolError

    @pytest.mark.parametrize("text", SOCKET_V5_TOO_LARGE, ids=lambda text: repr(text[:40]))
    def test_too_large(self, text: str) -> None:
        with pytest.raises(LimitExceeded):
            decode_header(text)

    @pytest.mark.parametrize("text", SOCKET_V5_BAD_PLACEHOLDERS)
    def test_placeholder_without_attachment(self, text: str) -> None:
        packet, count = decode_header(text)
        with pytest.raises(ProtocolError, match="attachment"):
            Reassembly(packet, count)

    @pytest.mark.parametrize("text", ['2["secret",]', '2/secret,["', "2{'secret'}", '0"secret"'])
    def test_message_shows_nothing_of_the_packet(self, text: str) -> None:
        with pytest.raises(ProtocolError) as caught:
            decode_header(text)
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None

    def test_just_within_the_limits(self) -> None:
        namespace = "/" + "a" * 511
        number = "9" * 15
        packet, count = decode_header(f'510-{namespace},{number}["a"]')
        assert packet == (SocketType.EVENT, namespace, ["a"], 10**15 - 1)
        assert count == 10
        assert decode_header(f'2{namespace},{number}["a"]')[0] == packet

    def test_limit_of_attachments_is_an_argument(self) -> None:
        assert decode_header('511-["a"]', max_attachments=11)[1] == 11
        with pytest.raises(LimitExceeded, match="more than 2 attachments"):
            decode_header('53-["a"]', max_attachments=2)

    def test_deep_json(self) -> None:
        packet, _ = decode_header('2["a",' + "[" * 1000 + "]" * 1000 + "]")
        depth, node = 0, packet.data[1]
        while node:
            depth, (node,) = depth + 1, node
        assert depth == 999

    def test_reserved_names(self) -> None:
        assert len(RESERVED_EVENTS) == 6
        for name in RESERVED_EVENTS:
            with pytest.raises(ProtocolError):
                decode_header(f'2["{name}",1]')
            assert decode_header(f'2["{name.upper()}"]')[0].data == [name.upper()]


class TestReassembly:
    def test_size_grows_with_the_attachments(self) -> None:
        packet, count = decode_header(f'52-["a",{hole(0)},{hole(1)}]')
        reassembly = Reassembly(packet, count)
        assert reassembly.size == 0
        assert reassembly.add(b"abc") is None
        assert reassembly.size == 3
        assert reassembly.add(b"de") == (SocketType.EVENT, "/", ["a", b"abc", b"de"], None)
        assert reassembly.size == 5

    def test_limit_of_bytes(self) -> None:
        packet, count = decode_header(f'52-["a",{hole(0)},{hole(1)}]')
        reassembly = Reassembly(packet, count, max_bytes=5)
        reassembly.add(b"abc")
        with pytest.raises(LimitExceeded, match="more than 5 bytes"):
            reassembly.add(b"def")

    def test_limit_of_bytes_is_inclusive(self) -> None:
        packet, count = decode_header(f'51-["a",{hole(0)}]')
        assert Reassembly(packet, count, max_bytes=3).add(b"abc") is not None

    @pytest.mark.parametrize(
        ("opening", "closing", "depth"),
        [("[", "]", 1000), ('{"a":', "}", 1000), ('[{"b":', "}]", 500)],
    )
    def test_depth_needs_no_recursion(self, opening: str, closing: str, depth: int) -> None:
        text = '51-["a",' + opening * depth + hole(0) + closing * depth + "]"
        packet = decode(text, (b"deep",))
        node = packet.data[1]
        while type(node) in (list, dict):
            (node,) = node if type(node) is list else node.values()
        assert node == b"deep"

    def test_many_placeholders(self) -> None:
        packet = decode('51-["a"' + ("," + hole(0)) * 10_000 + "]", (b"x",))
        assert packet.data == ["a", *[b"x"] * 10_000]

    def test_inside_of_a_placeholder_is_not_searched(self) -> None:
        text = f'51-["a",{{"_placeholder":true,"num":0,"more":{hole(7)}}}]'
        assert decode(text, (b"x",)).data == ["a", b"x"]


# A second opinion, written the slow way: it scans characters and asks the standard library.


def scan(text: str) -> tuple[SocketPacket, int]:
    digits = "0123456789"
    if text[:1] not in list("0123456"):
        raise ValueError("type")
    kind, at = int(text[0]), 1

    def run() -> str:
        nonlocal at
        begin = at
        while at < len(text) and text[at] in digits:
            at += 1
        return text[begin:at]

    count = 0
    if kind >= 5:
        count = int(run() or "0")
        if not 1 <= count <= 10 or text[at : at + 1] != "-":
            raise ValueError("attachments")
        at, kind = at + 1, kind - 3
    namespace = "/"
    if text[at : at + 1] == "/":
        end = text.find(",", at)
        end = len(text) if end < 0 else end
        namespace, at = text[at:end], end + 1
    number = run()
    if len(number) > 15 or len(namespace) > 512:
        raise ValueError("limit")
    rest = text[at:]
    data = strict_json(rest) if rest else ([] if kind == 3 else None)
    sound = {
        0: isinstance(data, dict) or not rest,
        1: not rest,
        2: isinstance(data, list) and bool(data) and is_name(data[0]),
        3: isinstance(data, list),
        4: isinstance(data, (str, dict)),
    }
    if not sound[kind]:
        raise ValueError("data")
    has_id = number and kind in (2, 3)
    return SocketPacket(SocketType(kind), namespace, data, int(number) if has_id else None), count


def strict_json(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def is_name(value: Any) -> bool:
    if isinstance(value, str):
        return value not in RESERVED_EVENTS
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def opinion(decoder: Any, text: str) -> object:
    try:
        return decoder(text)
    except (ProtocolError, ValueError):
        return "refused"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    # so that both opinions round alike, and JSON has a text for it
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
json_texts = json_values.map(lambda value: json.dumps(value, ensure_ascii=False))
event_texts = st.tuples(
    st.sampled_from(["a", "connect", "é", 1, 1.5, None, True, [], {}]), json_values
).map(lambda data: json.dumps(data, ensure_ascii=False))

#: Text that is a packet, or nearly.
packet_texts = st.tuples(
    st.sampled_from("0123456"),
    st.sampled_from(["", "1-", "2-", "0-", "11-", "-", "5"]),
    st.sampled_from(["", "/,", "/a,", "/a", "/[é,", "/" + "n" * 511 + ",", "/" + "n" * 512 + ","]),
    st.sampled_from(["", "0", "12", "007", "1" * 15, "1" * 16, "\u0661", "-1"]),
    st.one_of(event_texts, json_texts, st.sampled_from(["", "[]", "{}", "[", "[NaN]", "null"])),
).map("".join)


class TestFuzz:
    @given(packet_texts)
    def test_second_opinion_on_packets(self, text: str) -> None:
        assert opinion(decode_header, text) == opinion(scan, text)

    @given(st.text(st.sampled_from('0123456,-/[]{}"a1 \n'), max_size=12))
    def test_second_opinion_on_noise(self, text: str) -> None:
        assert opinion(decode_header, text) == opinion(scan, text)

    @given(st.text(st.characters(), max_size=30), st.sampled_from(["", *"0123456", "2[", "51-["]))
    def test_nothing_but_protocol_errors(self, text: str, head: str) -> None:
        try:
            packet, count = decode_header(head + text)
        except ProtocolError:
            return
        assert packet.type in PLAIN
        assert packet.namespace.startswith("/")
        assert 0 <= count <= 10

    @given(
        st.integers(1, 3),
        st.lists(
            st.recursive(
                st.fixed_dictionaries(
                    {"_placeholder": st.sampled_from([True, True, 1, None])},
                    optional={"num": st.integers(-1, 3) | json_values},
                )
                | json_values,
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["a", "num", "_placeholder"]), inner)
                ),
                max_leaves=8,
            )
        ),
    )
    def test_placeholders(self, count: int, arguments: list[Any]) -> None:
        text = f"5{count}-" + json.dumps(["a", *arguments])
        blobs = tuple(b"%d" % number for number in range(count))
        packet, _ = decode_header(text)
        assert opinion(lambda _: decode(text, blobs).data, text) == opinion(
            lambda _: fill(packet.data, blobs), text
        )

    @given(st.data())
    def test_round_trip(self, data: st.DataObject) -> None:
        values = st.recursive(
            json_values | st.binary(),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=10,
        )
        arguments = data.draw(st.lists(values, max_size=3))
        name = data.draw(st.text().filter(lambda name: name not in RESERVED_EVENTS))
        namespace = data.draw(st.text(max_size=9).map(lambda n: "/" + n.replace(",", "")))
        number = data.draw(st.none() | st.integers(0, 10**15 - 1))
        packet = SocketPacket(SocketType.EVENT, namespace, [name, *arguments], number)
        message = ENCODER.encode(packet)
        assert message.text is not None
        text = message.text.decode()
        if len(message.blobs) > 10:
            with pytest.raises(LimitExceeded):
                decode_header(text)
        else:
            assert decode(text, tuple(message.blobs)) == packet


def fill(value: Any, blobs: tuple[bytes, ...]) -> Any:
    """What reassembly makes of data, the recursive way."""
    if isinstance(value, list):
        return [fill(item, blobs) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("_placeholder") is not True:
        return {key: fill(item, blobs) for key, item in value.items()}
    number = value.get("num")
    if isinstance(number, bool) or not isinstance(number, int) or number not in range(len(blobs)):
        raise ValueError("num")
    return blobs[number]
