"""What JSON codecs share; see also their own tests."""

from __future__ import annotations

from collections import namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import pytest

from pyramid_sio.protocol.json_text import dump_json, load_mended

Point = namedtuple("Point", "x y")


def count(blob: bytes, blobs: list[bytes]) -> int:
    blobs.append(blob)
    return len(blobs)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([b"a", bytearray(b"b"), memoryview(b"c")], b"[1,2,3]"),
        ({1: b"a"}, b'{"1":1}'),
        (Point(1, (2,)), b"[1,[2]]"),
        (datetime(2026, 11, 25, 10, 0, tzinfo=UTC), b'"2026-11-25T10:00:00.000Z"'),
        (datetime(2026, 11, 25, 10, 0), b'"2026-11-25T10:00:00.000"'),
        (
            datetime(2026, 11, 25, 10, 0, tzinfo=timezone(timedelta(hours=1))),
            b'"2026-11-25T09:00:00.000Z"',
        ),
        (date(2026, 11, 25), b'"2026-11-25"'),
        (time(10, 0), b'"10:00:00"'),
    ],
)
def test_values(value: Any, text: bytes) -> None:
    assert dump_json(value, None, count)[0] == text


def test_what_was_put_aside() -> None:
    assert dump_json([b"a", {"x": b"b"}], None, count) == (b'[1,{"x":2}]', [b"a", b"b"])


def test_put_aside_once_although_keys_need_a_second_try() -> None:
    assert dump_json([b"a", {1: 2}], None, count) == (b'[1,{"1":2}]', [b"a"])


def test_hook_goes_first_and_may_decline() -> None:
    def hook(value: Any) -> Any:
        if isinstance(value, Decimal):
            return str(value)
        raise TypeError

    assert dump_json([Decimal("1.5"), date(2026, 1, 1)], hook, count)[0] == b'["1.5","2026-01-01"]'
    with pytest.raises(TypeError):
        dump_json([object()], hook, count)


@pytest.mark.parametrize("value", [object(), {(1,): 2}, "\ud83d", 2**70])
def test_what_cannot_be_written(value: Any) -> None:
    with pytest.raises(TypeError):
        dump_json([value], None, count)


def test_error_of_the_hook_comes_out() -> None:
    def hook(value: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        dump_json([object()], hook, count)


def mended(text: str) -> Any:
    with pytest.raises(orjson.JSONDecodeError) as refused:
        orjson.loads(text)
    return load_mended(text, refused.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud83d"', "\ufffd"),
        (r'"\uDC69 \uD83D"', "\ufffd \ufffd"),
        (r'"\ud83d\ud83d\udc69\udc69"', "\ufffd👩\ufffd"),
        (r'"\\\ud83d\\ud83d"', "\\\ufffd\\ud83d"),
        (r'{"\ud83d":["\n\u00e9"]}', {"\ufffd": ["\né"]}),
    ],
)
def test_half_a_character_is_replaced(text: str, value: Any) -> None:
    assert mended(text) == value


@pytest.mark.parametrize("text", ["", "[", r'"\ud83', r'"\ud83d', r'"\\ud83d\x"', r'["\ud83d"'])
def test_what_is_no_json_is_not_mended(text: str) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        mended(text)


def test_halves_without_number_are_not_counted() -> None:
    assert mended('"' + r"\ud83d" * 10_000 + '"') == "\ufffd" * 10_000
    with pytest.raises(orjson.JSONDecodeError):
        mended('"' + r"\ud83d" * 10_001 + '"')
