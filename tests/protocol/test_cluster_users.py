from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster_users import (
    Ask,
    Changed,
    Gone,
    Here,
    Look,
    Message,
    Seen,
    Told,
    decode,
    to_users,
)
from pyramid_sio.protocol.cluster_values import ValueEncoder

MESSAGES: list[Message] = [
    Ask("a", "1", ["red"], []),
    Told("a", "1", ["ada", 7]),
    Look("a", "1", ["red", None], 9.0, {"b": 3}),
    Seen("a", "1", 3, [("red", ["ada"]), (None, [])]),
    Seen("a", "1", 0, None),
    Changed("a", 4, [("red", ["ada"], ["bob"])]),
    Here("a"),
    Gone("a"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_what_is_written_is_read(message: Message) -> None:
    assert decode(ValueEncoder().msgpack(message)) == message


def test_a_message_says_first_what_it_is() -> None:
    assert msgspec.msgpack.decode(ValueEncoder().msgpack(MESSAGES[0])) == [
        "ask",
        "a",
        "1",
        ["red"],
        [],
    ]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        "here",
        ["here"],
        ["here", ""],
        ["here", 1],
        ["here", "a" * 1000],
        ["hear", "a"],
        ["ask", "a", "1", [1], []],
        ["ask", "a", "1", "red", []],
        ["look", "a", "1", [], -1.0, {}],
        ["look", "a", "1", [], float("nan"), {}],
        ["look", "a", "1", [], 1.0, {"b": -1}],
        ["look", "a", "1", [], 1.0, {"b": "1"}],
        ["seen", "a", "1", 1.5, None],
        ["seen", "a", "1", 1, {}],
        ["seen", "a", "1", 1, [["red"]]],
        ["changed", "a", 1, [["red", ["ada"]]]],
    ],
)
def test_what_is_no_message(value: Any) -> None:
    with pytest.raises(ProtocolError):
        decode(msgspec.msgpack.encode(value))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x92\xa4here", b"{}", b"\x91" * 5000 + b"\x90"])
def test_what_is_no_messagepack(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(data)


def test_users() -> None:
    values = ["ada", 7, 1.5, True, ["a", ["b", None]], [], "ada"]
    assert to_users(values) == {"ada", 7, 1.5, True, ("a", ("b", None)), ()}
    assert to_users([]) == frozenset()


@pytest.mark.parametrize("value", [None, {}, b"\1", [{}], [["a", b"\1"]]])
def test_what_is_no_user(value: Any) -> None:
    with pytest.raises(ProtocolError, match="a user that is none"):
        to_users([value])


def test_a_user_of_too_many_parts() -> None:
    value: Any = "a"
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ProtocolError, match="too many parts"):
        to_users([value])
