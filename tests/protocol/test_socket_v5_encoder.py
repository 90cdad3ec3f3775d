from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType
from pyramid_sio.protocol.socket_v5 import Encoder, Reassembly, decode_header
from tests.protocol.samples import hole

Point = namedtuple("Point", "x y")


class Text(str):
    pass


class Colour(Enum):
    RED = "red"
    RAW = b"\xff\x00\x00"


@dataclass
class Picture:
    name: str
    data: bytes


def encoded(value: Any, **options: Any) -> str:
    """How one argument looks on the wire, of an event without attachments."""
    message = Encoder(**options).encode_event("/", ["e", value])
    assert message.text is not None
    assert not message.blobs
    text = message.text.decode()
    assert text.startswith('2["e",')
    return text[6:-1]


class TestJson:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ((1, "a", None), '[1,"a",null]'),
            ({"a": {"b": []}}, '{"a":{"b":[]}}'),
            ("é\u2028\x7f\x1e", '"é\u2028\x7f\\u001e"'),
            (float("nan"), "null"),
            (float("-inf"), "null"),
            (2**64 - 1, "18446744073709551615"),
            (Text("a"), '"a"'),
            (Colour.RED, '"red"'),
            (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
            (Point(1, Point(2, "z")), '[1,[2,"z"]]'),
            # keys become text as in JavaScript
            (
                {1: 2, None: 3, False: 4, 1.5: 5, Text("a"): 6},
                '{"1":2,"null":3,"false":4,"1.5":5,"a":6}',
            ),
        ],
    )
    def test_values(self, value: Any, text: str) -> None:
        assert encoded(value) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00.000Z"),
            (datetime(2026, 1, 2, 3, 4, 5, 678999, UTC), "2026-01-02T03:04:05.678Z"),
            (
                datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30))),
                "2026-01-01T21:34:05.000Z",
            ),
            (datetime(2026, 1, 2, 3, 4, 5, 1000), "2026-01-02T03:04:05.001"),
            (date(2026, 1, 2), "2026-01-02"),
            (time(3, 4, 5), "03:04:05"),
        ],
    )
    def test_times(self, value: Any, text: str) -> None:
        assert encoded(value) == f'"{text}"'

    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            (object(), "object"),
            ({1}, "set"),
            (Decimal(1), "Decimal"),
            ({"deep": [complex(1)]}, "complex"),
            (2**64, "64-bit"),
            (-(2**63) - 1, "64-bit"),
            ("\ud800", "surrogates"),
            ({"\ud800": 1}, "surrogates"),
            ({b"a": 1}, "key"),
            ({(1, 2): 1}, "key"),
        ],
    )
    @pytest.mark.parametrize("namespace", ["/", "/x"])
    def test_refused(self, value: Any, problem: str, namespace: str) -> None:
        encoder = Encoder()
        calls: list[Callable[[], Message]] = [
            lambda: encoder.encode_event(namespace, ["e", value]),
            lambda: encoder.encode_ack(namespace, [value], 1),
            lambda: encoder.encode(SocketPacket(SocketType.EVENT, namespace, ["e", value])),
            lambda: encoder.encode(SocketPacket(SocketType.CONNECT_ERROR, namespace, [value])),
        ]
        for call in calls:
            with pytest.raises(TypeError, match=problem):
                call()

    def test_endless_data(self) -> None:
        ring: list[Any] = []
        ring.append(ring)
        with pytest.raises(TypeError, match="cannot be sent"):
            encoded(ring)


class TestAttachments:
    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_kinds(self, kind: Callable[[bytes], Any]) -> None:
        message = Encoder().encode_event("/", ["e", kind(b"abc")])
        assert message.text == f'51-["e",{hole(0)}]'.encode()
        assert message.blobs == [b"abc"]
        assert type(message.blobs[0]) is bytes

    def test_memory_that_is_not_contiguous(self) -> None:
        assert Encoder().encode_event("/", ["e", memoryview(b"abcd")[::2]]).blobs == [b"ac"]

    def test_later_changes_are_not_sent(self) -> None:
        buffer = bytearray(b"abc")
        message = Encoder().encode_event("/", ["e", buffer])
        buffer[0] = 0
        assert message.blobs == [b"abc"]

    def test_order_is_that_of_the_text(self) -> None:
        arguments = ["e", {"b": b"0", "a": [b"1", {"c": b"2"}]}, (b"3",), Point(b"4", b"5")]
        message = Encoder().encode_event("/x", arguments, 7)
        holes = [hole(number) for number in range(6)]
        assert (
            message.text
            == (
                f'56-/x,7["e",{{"b":{holes[0]},"a":[{holes[1]},{{"c":{holes[2]}}}]}},'
                f"[{holes[3]}],[{holes[4]},{holes[5]}]]"
            ).encode()
        )
        assert message.blobs == [b"0", b"1", b"2", b"3", b"4", b"5"]

    def test_arguments_are_left_as_they_were(self) -> None:
        arguments = ["e", {"a": b"x"}, [b"y"]]
        Encoder().encode_event("/", arguments)
        assert arguments == ["e", {"a": b"x"}, [b"y"]]

    def test_inside_of_objects(self) -> None:
        message = Encoder().encode_ack("/", [Picture("a", b"x"), Colour.RAW], 3)
        text = f'62-3[{{"name":"a","data":{hole(0)}}},{hole(1)}]'
        assert message.text == text.encode()
        assert message.blobs == [b"x", b"\xff\x00\x00"]

    def test_once_each_where_keys_are_no_text(self) -> None:
        message = Encoder().encode_event("/", ["e", b"x", {1: b"y"}])
        assert message.text == f'52-["e",{hole(0)},{{"1":{hole(1)}}}]'.encode()
        assert message.blobs == [b"x", b"y"]

    def test_as_many_as_one_likes(self) -> None:
        message = Encoder().encode_event("/", ["e", *[b"x"] * 300])
        assert len(message.blobs) == 300
        assert message.text is not None
        assert message.text.startswith(b"5300-[")

    def test_limit(self) -> None:
        encoder = Encoder(max_attachments=2)
        assert len(encoder.encode_event("/", ["e", b"x", b"y"]).blobs) == 2
        with pytest.raises(ValueError, match="3 attachments in one packet; at most 2"):
            encoder.encode_event("/", ["e", b"x", b"y", b"z"])
        with pytest.raises(ValueError, match="3 attachments"):
            encoder.encode_ack("/", [b"x", b"y", b"z"], 1)

    @pytest.mark.parametrize("kind", [SocketType.CONNECT, SocketType.CONNECT_ERROR])
    def test_only_events_and_acknowledgements_carry_them(self, kind: SocketType) -> None:
        with pytest.raises(TypeError, match=f"binary data cannot be sent in a {kind.name}"):
            Encoder().encode(SocketPacket(kind, "/", {"a": b"x"}))

    def test_deepest_that_can_be_sent_comes_back(self) -> None:
        value: Any = b"x"
        for _ in range(250):
            value = [value]
        message = Encoder().encode_event("/", ["e", value])
        assert message.text is not None
        packet, count = decode_header(message.text.decode())
        assert Reassembly(packet, count).add(b"x") == (SocketType.EVENT, "/", ["e", value], None)


class Money:
    def __init__(self, amount: int) -> None:
        self.amount = amount


def with_money(value: Any) -> Any:
    if isinstance(value, Money):
        return {"cents": value.amount}
    raise TypeError(f"no adapter for {value!r}")


class TestDefault:
    def test_is_asked_for_strange_objects(self) -> None:
        assert encoded([Money(5), Money(6)], default=with_money) == '[{"cents":5},{"cents":6}]'

    def test_answers_may_hold_attachments_and_more_strange_objects(self) -> None:
        def unfold(value: Any) -> Any:
            return [b"x", value.amount] if isinstance(value, Money) else {"set": sorted(value)}

        message = Encoder(unfold).encode_event("/", ["e", Money({2, 1})])  # type: ignore[arg-type]
        assert message.text == f'51-["e",[{hole(0)},{{"set":[1,2]}}]]'.encode()

    def test_is_not_asked_for_bytes(self) -> None:
        assert Encoder(lambda value: 1 / 0).encode_event("/", ["e", b"x"]).blobs == [b"x"]

    def test_goes_before_our_own_form_of_times_and_tuples(self) -> None:
        assert (
            encoded([date(2026, 1, 2), Point(1, 2)], default=repr)
            == '["datetime.date(2026, 1, 2)","Point(x=1, y=2)"]'
        )

    def test_may_decline(self) -> None:
        assert (
            encoded([date(2026, 1, 2), Point(1, 2)], default=with_money) == '["2026-01-02",[1,2]]'
        )
        with pytest.raises(TypeError, match="complex") as caught:
            encoded(complex(1), default=with_money)
        assert "no adapter for" in str(caught.value.__cause__)

    @pytest.mark.parametrize("error", [KeyError("inside"), SystemExit(3), KeyboardInterrupt()])
    def test_errors_are_not_hidden(self, error: BaseException) -> None:
        def fail(value: Any) -> Any:
            raise error

        with pytest.raises(type(error)) as caught:
            encoded(Money(1), default=fail)
        assert caught.value is error

    def test_errors_in_the_second_attempt_are_not_hidden_either(self) -> None:
        answers = iter([1])
        with pytest.raises(StopIteration):
            encoded([Money(1), {1: 2}], default=lambda value: next(answers))

    def test_endless_answers(self) -> None:
        with pytest.raises(TypeError, match="cannot be sent"):
            encoded(Money(1), default=lambda value: [value])

    def test_may_itself_encode(self) -> None:
        inner: list[Message] = []

        def emit(value: Any) -> Any:
            inner.append(encoder.encode_event("/", ["inner", b"in", value.amount]))
            return value.amount

        encoder = Encoder(emit)
        message = encoder.encode_event("/", ["outer", b"a", Money(1), b"b"])
        assert message.text == f'52-["outer",{hole(0)},1,{hole(1)}]'.encode()
        assert message.blobs == [b"a", b"b"]
        assert [m.blobs for m in inner] == [[b"in"]]

    def test_shared_by_threads(self) -> None:
        encoder = Encoder(with_money)

        def encode(number: int) -> bool:
            own = b"%d" % number
            message = encoder.encode_event("/", ["e", own, Money(number), own])
            text = f'52-["e",{hole(0)},{{"cents":{number}}},{hole(1)}]'
            return message.text == text.encode() and message.blobs == [own, own]

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            with ThreadPoolExecutor(4) as pool:
                assert all(pool.map(encode, range(2000)))
        finally:
            sys.setswitchinterval(interval)
