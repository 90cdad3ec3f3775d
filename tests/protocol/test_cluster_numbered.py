"""Messages as the sharded adapter writes them; those in hexadecimal and in JSON are captured."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster import (
    AllRooms,
    Broadcast,
    ClientAck,
    ClientCount,
    Disconnect,
    Envelope,
    Fetch,
    Join,
    Leave,
    Message,
    Options,
    ServerAnswer,
    ServerEmit,
    Sockets,
)
from pyramid_sio.protocol.cluster_numbered import decode, encode, to_data
from pyramid_sio.protocol.cluster_values import ValueEncoder

ENCODER = ValueEncoder()
UID = "38b5c56c12d4e442"
WHOM = Options(frozenset(["r1"]))
TAIL = f',"uid":"{UID}","nsp":"/"}}'
NO_OPTIONS = '"opts":{"rooms":[],"except":[],"flags":{}}'


def write(message: Message, **options: Any) -> bytes:
    return encode(message, uid=UID, namespace="/", encoder=ENCODER, **options)


def read(data: bytes, **options: Any) -> Any:
    envelope = decode(data, namespace="/", **options)
    assert envelope is not None
    assert envelope.sender == UID
    return envelope.message


CAPTURED = [
    (
        Join(WHOM, frozenset(["x"])),
        '{"type":4,"data":{"opts":{"rooms":["r1"],"except":[],"flags":{}},"rooms":["x"]}',
    ),
    (
        Leave(WHOM, frozenset(["x"])),
        '{"type":5,"data":{"opts":{"rooms":["r1"],"except":[],"flags":{}},"rooms":["x"]}',
    ),
    (Disconnect(Options(), True), f'{{"type":6,"data":{{{NO_OPTIONS},"close":true}}'),
    (
        Fetch(Options(), "45fe88811921a3a7"),
        f'{{"type":7,"data":{{{NO_OPTIONS},"requestId":"45fe88811921a3a7"}}',
    ),
    (
        Sockets("45fe88811921a3a7", [{"id": "a"}]),
        '{"type":8,"data":{"requestId":"45fe88811921a3a7","sockets":[{"id":"a"}]}',
    ),
    (ServerEmit(["sse", "hi"]), '{"type":9,"data":{"packet":["sse","hi"]}'),
    (
        ServerEmit(["sse", "hi"], "a0c68ce09053ed37"),
        '{"type":9,"data":{"requestId":"a0c68ce09053ed37","packet":["sse","hi"]}',
    ),
    (
        ServerAnswer("a0c68ce09053ed37", "reply-from-B"),
        '{"type":10,"data":{"requestId":"a0c68ce09053ed37","packet":"reply-from-B"}',
    ),
    (
        ClientCount("b3fe59c82d3113d3", 1),
        '{"type":11,"data":{"requestId":"b3fe59c82d3113d3","clientCount":1}',
    ),
    (
        ClientAck("b3fe59c82d3113d3", "ack-from-b"),
        '{"type":12,"data":{"requestId":"b3fe59c82d3113d3","packet":"ack-from-b"}',
    ),
]


@pytest.mark.parametrize(("message", "text"), CAPTURED)
def test_as_node_writes_it(message: Message, text: str) -> None:
    assert write(message) == (text + TAIL).encode()
    assert read((text + TAIL).encode()) == message
    assert read(write(message, binary=True)) == message


@pytest.mark.parametrize("binary", [False, True])
def test_broadcast(binary: bool) -> None:
    data = write(Broadcast(WHOM, lambda: ["hello", "one"]), binary=binary)
    if not binary:
        assert (
            data
            == (
                '{"type":3,"data":{"packet":{"type":2,"data":["hello","one"]},'
                '"opts":{"rooms":["r1"],"except":[],"flags":{}}}' + TAIL
            ).encode()
        )
    message = read(data)
    assert (message.options, message.request_id) == (WHOM, None)
    assert message.load() == ["hello", "one"]


def test_broadcast_with_binary_data_and_a_question() -> None:
    data = write(Broadcast(Options(timeout=1.5), lambda: ["bin", b"\1"], "b3fe59c82d3113d3"))
    assert data[:1] != b"{"
    message = read(data)
    assert message.load() == ["bin", b"\1"]
    assert (message.request_id, message.options.timeout) == ("b3fe59c82d3113d3", 1.5)


def test_captured_binary_broadcast() -> None:
    captured = (
        "84a47479706503a46461746182a67061636b657482a47479706502a46461746199a362696ec40301020381a1"
        "6ec4020405d7ff1d5353006553f100c0cb3ff8000000000000ffcf000000012a05f200d6ff6553f100a46f70"
        "747383a5726f6f6d7390a665786365707490a5666c61677380a3756964b033386235633536633132643465343432"
        "a36e7370a12f"
    )
    event = read(bytes.fromhex(captured)).load()
    assert event[:3] == ["bin", b"\1\2\3", {"n": b"\4\5"}]
    assert event[4:8] == [None, 1.5, -1, 5_000_000_000]
    assert ENCODER.msgpack(event).hex() in captured


def test_emitters_say_the_namespace_twice() -> None:
    _, data = to_data(Broadcast(Options(), lambda: ["a"]), nsp="/")
    assert data["packet"] == {"type": 2, "data": ["a"], "nsp": "/"}


def test_there_is_no_question_for_rooms() -> None:
    with pytest.raises(TypeError):
        write(AllRooms("abc"))


@pytest.mark.parametrize("kind", [0, 1, 2, 13, 14, -5, 2**40])
def test_types_of_no_concern(kind: int) -> None:
    assert decode(f'{{"type":{kind},"uid":"x","nsp":"/"}}'.encode(), namespace="/") is None


def test_a_sender_may_say_nothing_of_itself() -> None:
    text = b'{"type":9,"nsp":"/","data":{"packet":["a"]}}'
    assert decode(text, namespace="/") == Envelope(None, ServerEmit(["a"]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        '{"type":"3","nsp":"/"}',
        '{"type":3,"nsp":"/"}',
        '{"type":3,"nsp":"/","data":null}',
        '{"type":3,"nsp":"/","data":{}}',
        '{"type":3,"nsp":"/","data":{"packet":{},"opts":null}}',
        '{"type":3,"nsp":"/","data":{"packet":{},"opts":{},"requestId":7}}',
        '{"type":4,"nsp":"/","data":[]}',
        '{"type":4,"nsp":"/"}',
        '{"type":4,"nsp":"/","data":{"rooms":["a"]}}',
        '{"type":4,"nsp":"/","data":{"opts":{},"rooms":"abc"}}',
        '{"type":7,"nsp":"/","data":{"opts":{}}}',
        '{"type":8,"nsp":"/","data":{"requestId":"a"}}',
        '{"type":9,"nsp":"/","data":{"packet":"abc"}}',
        '{"type":11,"nsp":"/","data":{"requestId":"a","clientCount":-1}}',
        '{"type":4,"nsp":"/other","data":{"opts":{},"rooms":[]}}',
        '{"type":4,"data":{"opts":{},"rooms":[]}}',
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode(text.encode(), namespace="/")


def test_an_event_that_is_none_is_noticed_when_it_is_wanted() -> None:
    text = '{"type":3,"nsp":"/","data":{"packet":{"type":2,"data":{}},"opts":{}}}'
    envelope = decode(text.encode(), namespace="/")
    assert envelope is not None
    assert isinstance(envelope.message, Broadcast)
    with pytest.raises(ProtocolError):
        envelope.message.load()


def test_json_where_there_may_be_none() -> None:
    with pytest.raises(ProtocolError):
        decode(write(ServerEmit(["a"])), namespace="/", binary=True)


@given(st.sampled_from([write(m, binary=b) for m, _ in CAPTURED for b in (False, True)]), st.data())
def test_broken_messages_are_read_or_refused(data: bytes, chance: st.DataObject) -> None:
    at = chance.draw(st.integers(0, len(data)))
    for broken in (data[:at], data + data[:at], data[:at] + b"\xff" + data[at + 1 :]):
        with contextlib.suppress(ProtocolError):
            decode(broken, namespace="/")
