from __future__ import annotations

import contextlib
import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster_values import (
    ValueEncoder,
    load_as,
    load_json,
    load_msgpack,
    timestamp_text,
)

ENCODER = ValueEncoder()
MOMENT = datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=UTC)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.text(),
        st.floats(allow_nan=False),
        st.binary(),
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class Text(str):
    pass


class Number(int):
    pass


class Point:
    pass


def point(value: Any) -> Any:
    if isinstance(value, Point):
        return [1, 2]
    raise TypeError("not known here either")


@given(VALUES)
def test_msgpack_there_and_back(value: Any) -> None:
    assert load_msgpack(ENCODER.msgpack(value)) == value


@given(st.binary())
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    for load in (load_msgpack, load_json):
        with contextlib.suppress(ProtocolError):
            load(data)


def test_times_and_binary_data() -> None:
    """Captured from Node.js."""
    assert ENCODER.msgpack(MOMENT).hex() == "d7ff1d5353006553f100"
    assert ENCODER.msgpack(MOMENT.replace(microsecond=0)).hex() == "d6ff6553f100"
    assert ENCODER.msgpack([b"\1\2", bytearray(b"a"), memoryview(b"b")]).hex() == (
        "93c4020102c40161c40162"
    )
    assert load_msgpack(bytes.fromhex("d7ff1d5353006553f100")) == MOMENT


def test_json() -> None:
    assert ENCODER.json({"t": MOMENT, "n": float("nan"), 1: "ü"}) == (
        '{"t":"2023-11-14T22:13:20.123Z","n":null,"1":"ü"}'.encode()
    )
    assert ENCODER.json([{"a": b"x"}]) is None
    assert ENCODER.either([1]) == b"[1]"
    assert ENCODER.either([b"x"]).hex() == "91c40178"


def test_objects_of_the_application() -> None:
    encoder = ValueEncoder(point)
    assert encoder.json([Point(), MOMENT]) == b'[[1,2],"2023-11-14T22:13:20.123Z"]'
    assert load_msgpack(encoder.msgpack([Point(), Text("a"), Number(7)])) == [[1, 2], "a", 7]
    assert encoder.json([Text("a"), Number(7)]) == b'["a",7]'


@pytest.mark.parametrize("value", [Point(), 2**70, "\ud800"])
def test_what_cannot_be_expressed(value: Any) -> None:
    for encode in (ENCODER.msgpack, ENCODER.json, ENCODER.either):
        with pytest.raises(TypeError):
            encode([value])


def test_what_a_hook_raises_is_not_hidden() -> None:
    def broken(value: Any) -> Any:
        raise KeyError("the application's own")

    with pytest.raises(KeyError):
        ValueEncoder(broken).json([Point()])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("d40000", None),
        ("c70300010203", b"\1\2\3"),
        ("d700" + struct.pack(">q", 1_700_000_000_123).hex(), MOMENT),
        ("d700" + struct.pack(">q", 2**62).hex(), None),
        ("d405ff", [5, b"\xff"]),
    ],
)
def test_extensions_of_old_versions(text: str, value: Any) -> None:
    assert load_msgpack(bytes.fromhex(text)) == value


@pytest.mark.parametrize(
    "text", ["", "c1", "a3eda080", "9191", "0101", "818001", "91" * 5000 + "01"]
)
def test_no_msgpack(text: str) -> None:
    with pytest.raises(ProtocolError):
        load_msgpack(bytes.fromhex(text))


def test_no_json() -> None:
    with pytest.raises(ProtocolError):
        load_json(b"[NaN]")
    with pytest.raises(ProtocolError):
        load_as(int, b"x")


def test_a_moment_as_javascript_prints_it() -> None:
    assert timestamp_text(1_700_000_000) == (
        "Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)"
    )
