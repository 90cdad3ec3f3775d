"""What may be in messages of other servers; everything in them may be anything."""

from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol import cluster
from pyramid_sio.protocol.cluster import Options


def test_rooms() -> None:
    assert cluster.to_rooms(None) == frozenset()
    assert cluster.to_rooms(["a", 42, 1.5]) == {"a", 42, 1.5}


@pytest.mark.parametrize("value", ["abc", {"a": 1}, [["a"]], [None], [True], 7, [b"a"]])
def test_no_rooms(value: Any) -> None:
    with pytest.raises(ProtocolError):
        cluster.to_rooms(value)


def test_room_42_is_not_room_42_in_words() -> None:
    assert "42" not in cluster.to_rooms([42])


@pytest.mark.parametrize(
    ("value", "options"),
    [
        ({}, Options()),
        ({"rooms": ["a"], "except": ["b"]}, Options(frozenset("a"), frozenset("b"))),
        ({"flags": None}, Options()),
        ({"flags": {"volatile": True, "compress": False}}, Options(volatile=True, compress=False)),
        ({"flags": {"volatile": 1, "compress": None, "other": 1}}, Options()),
        ({"flags": {"timeout": 1500}}, Options(timeout=1.5)),
        ({"flags": {"timeout": -1}}, Options()),
        ({"flags": {"timeout": 1e300}}, Options()),
        ({"flags": {"timeout": "1"}}, Options()),
    ],
)
def test_options(value: Any, options: Options) -> None:
    assert cluster.to_options(value) == options


@pytest.mark.parametrize("value", [None, [], "x", {"flags": "x"}, {"rooms": "x"}, {"except": 1}])
def test_no_options(value: Any) -> None:
    with pytest.raises(ProtocolError):
        cluster.to_options(value)


def test_options_as_they_are_written() -> None:
    full = Options(frozenset("a"), frozenset("b"), volatile=True, compress=False, timeout=0.25)
    assert cluster.from_options(full) == {
        "rooms": ["a"],
        "except": ["b"],
        "flags": {"volatile": True, "compress": False, "timeout": 250},
    }
    assert cluster.from_options(Options(), flags=False) == {"rooms": [], "except": []}
    assert cluster.to_options(cluster.from_options(full)) == full


def test_event() -> None:
    assert cluster.to_event({"type": 2, "data": ["news", 1], "nsp": "/"}) == ["news", 1]


@pytest.mark.parametrize(
    "packet",
    [
        None,
        [],
        {},
        {"type": 3, "data": ["a"]},
        {"type": True, "data": ["a"]},
        {"type": 2},
        {"type": 2, "data": []},
        {"type": 2, "data": "abc"},
        {"type": 2, "data": [None]},
        {"type": 2, "data": ["connect"]},
        {"type": 2, "data": [["a"]]},
    ],
)
def test_no_event(packet: Any) -> None:
    with pytest.raises(ProtocolError):
        cluster.to_event(packet)


@pytest.mark.parametrize("value", [None, [], "abc", [1], {}])
def test_no_event_for_servers(value: Any) -> None:
    with pytest.raises(ProtocolError):
        cluster.to_server_event(value)


def test_event_for_servers() -> None:
    assert cluster.to_server_event(["hi", 1]) == ["hi", 1]


@pytest.mark.parametrize("value", ["", 7, None, "x" * 65])
def test_no_id(value: Any) -> None:
    with pytest.raises(ProtocolError):
        cluster.to_id(value)


def test_ids() -> None:
    assert cluster.to_id("abc") == cluster.to_optional_id("abc") == "abc"
    assert cluster.to_optional_id(None) is None


def test_texts() -> None:
    assert cluster.to_optional_text(None) is None
    assert cluster.to_optional_text("a") == "a"
    with pytest.raises(ProtocolError):
        cluster.to_optional_text(7)


@pytest.mark.parametrize("value", [-1, True, None, "1", 1.0])
def test_no_count(value: Any) -> None:
    with pytest.raises(ProtocolError):
        cluster.to_count(value)


def test_count() -> None:
    assert cluster.to_count(3) == 3
