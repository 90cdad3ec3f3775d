"""Messages as the classic adapter writes them; those in hexadecimal and in JSON are captured."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster import (
    AllRooms,
    AllSids,
    Answer,
    Broadcast,
    ClientAck,
    ClientCount,
    Disconnect,
    Done,
    Envelope,
    Fetch,
    Join,
    Leave,
    Options,
    Order,
    Rooms,
    ServerAnswer,
    ServerEmit,
    Sids,
    Sockets,
)
from pyramid_sio.protocol.cluster_classic import (
    Channels,
    decode_broadcast,
    decode_request,
    decode_response,
    encode_broadcast,
    encode_request,
    encode_response,
)
from pyramid_sio.protocol.cluster_values import ValueEncoder

ENCODER = ValueEncoder()
WHO: dict[str, Any] = {"uid": "D8hgct", "nsp": "/", "encoder": ENCODER}
R1 = Options(frozenset(["r1"]))


@pytest.mark.parametrize(
    ("options", "event", "captured"),
    [
        (
            R1,
            ["hello", "one"],
            "93a644386867637483a47479706502a46461746192a568656c6c6fa36f6e65a36e7370a12f83a5726f6f6d73"
            "91a27231a665786365707490a5666c61677380",
        ),
        (
            Options(volatile=True, compress=False),
            ["hello", "v"],
            "93a644386867637483a47479706502a46461746192a568656c6c6fa176a36e7370a12f83a5726f6f6d7390a6"
            "65786365707490a5666c61677382a8766f6c6174696c65c3a8636f6d7072657373c2",
        ),
    ],
)
def test_broadcast_as_node_writes_it(options: Options, event: list[Any], captured: str) -> None:
    data = encode_broadcast(Broadcast(options, lambda: event), **WHO)
    assert data.hex() == captured
    envelope = decode_broadcast(data, nsp="/")
    assert envelope.sender == "D8hgct"
    assert isinstance(envelope.message, Broadcast)
    assert envelope.message.options == options
    assert envelope.message.load() == event


def test_broadcast_of_an_emitter() -> None:
    """Its options are in another order, and its packet may lack the namespace."""
    data = bytes.fromhex(
        "93a7656d697474657283a47479706502a46461746192a26869a27231a36e7370a12f83a5726f6f6d7391a27231"
        "a5666c61677380a665786365707490"
    )
    envelope = decode_broadcast(data, nsp="/")
    assert envelope.sender == "emitter"
    assert envelope.message.load() == ["hi", "r1"]  # type: ignore[union-attr]
    bare = ENCODER.msgpack(["x", {"type": 2, "data": ["a"]}, {}])
    assert decode_broadcast(bare, nsp="/").message.load() == ["a"]  # type: ignore[union-attr]


def test_packet_of_another_namespace() -> None:
    data = ENCODER.msgpack(["x", {"type": 2, "data": ["a"], "nsp": "/other"}, {}])
    with pytest.raises(ProtocolError):
        decode_broadcast(data, nsp="/").message.load()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "value",
    [None, {}, [], ["x"], ["x", {}], ["x", {}, None], [1, {}, {}], ["x", {}, {"rooms": "a"}]],
)
def test_no_broadcast(value: Any) -> None:
    with pytest.raises(ProtocolError):
        decode_broadcast(ENCODER.msgpack(value), nsp="/")


REQUESTS: list[tuple[Order, str]] = [
    (Fetch(Options(), "neF2Wi"), '"requestId":"neF2Wi","type":5,"opts":{"rooms":[],"except":[]}'),
    (AllRooms("ER0x0e"), '"requestId":"ER0x0e","type":1'),
    (
        Join(R1, frozenset(["x"])),
        '"type":2,"opts":{"rooms":["r1"],"except":[]},"rooms":["x"]',
    ),
    (
        Leave(Options(frozenset(), frozenset(["r1"])), frozenset(["x"])),
        '"type":3,"opts":{"rooms":[],"except":["r1"]},"rooms":["x"]',
    ),
    (Disconnect(Options(), True), '"type":4,"opts":{"rooms":[],"except":[]},"close":true'),
    (ServerEmit(["sse", "hi", {"a": 1}]), '"type":6,"data":["sse","hi",{"a":1}]'),
    (ServerEmit(["sse", "hi"], "87Z4-9"), '"requestId":"87Z4-9","type":6,"data":["sse","hi"]'),
]


@pytest.mark.parametrize(("order", "text"), REQUESTS)
def test_request_as_node_writes_it(order: Order, text: str) -> None:
    whole = f'{{"uid":"D8hgct",{text}}}'.encode()
    assert encode_request(order, **WHO) == whole
    assert decode_request(whole, nsp="/") == Envelope("D8hgct", order)


def test_question_to_clients_as_node_writes_it() -> None:
    captured = (
        "85a3756964a6443868676374a9726571756573744964a6366b6f36776fa47479706507a67061636b657483a4"
        "7479706502a46461746192a17107a36e7370a12fa46f70747383a5726f6f6d7390a665786365707490a5666c"
        "61677381a774696d656f7574cd05dc"
    )
    order = Broadcast(Options(timeout=1.5), lambda: ["q", 7], "6ko6wo")
    assert encode_request(order, **WHO).hex() == captured
    envelope = decode_request(bytes.fromhex(captured), nsp="/")
    assert envelope is not None
    assert isinstance(envelope.message, Broadcast)
    assert envelope.message.options.timeout == 1.5
    assert envelope.message.request_id == "6ko6wo"
    assert envelope.message.load() == ["q", 7]


def test_question_to_clients_in_json() -> None:
    text = (
        b'{"uid":"x","requestId":"r","type":7,"packet":{"type":2,"data":["q",7],"nsp":"/"},'
        b'"opts":{"rooms":[]}}'
    )
    envelope = decode_request(text, nsp="/")
    assert envelope is not None
    assert envelope.message.load() == ["q", 7]  # type: ignore[union-attr]


def test_binary_data_for_servers_stays_binary() -> None:
    data = encode_request(ServerEmit(["a", b"\1"]), **WHO)
    envelope = decode_request(data, nsp="/")
    assert envelope is not None
    assert envelope.message == ServerEmit(["a", b"\1"])


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ('{"type":2,"opts":{"rooms":[]},"rooms":["j1"]}', Join(Options(), frozenset(["j1"]))),
        ('{"requestId":"reqAAA","type":0,"rooms":[]}', AllSids(frozenset(), "reqAAA")),
        (
            '{"requestId":"r","type":2,"sid":"s","room":"x"}',
            Join(Options(frozenset("s")), frozenset("x"), "r"),
        ),
        (
            '{"requestId":"r","type":3,"sid":"s","room":"x"}',
            Leave(Options(frozenset("s")), frozenset("x"), "r"),
        ),
        (
            '{"requestId":"r","type":4,"sid":"s","close":false}',
            Disconnect(Options(frozenset("s")), False, "r"),
        ),
    ],
)
def test_requests_of_emitters_and_old_versions(text: str, order: Order) -> None:
    assert decode_request(text.encode(), nsp="/") == Envelope(None, order)


def test_requests_of_no_concern() -> None:
    assert decode_request(b'{"type":8}', nsp="/") is None
    assert decode_request(b'{"type":99}', nsp="/") is None


def test_what_others_have_no_word_for() -> None:
    with pytest.raises(TypeError):
        encode_request(AllSids(frozenset(), "a"), **WHO)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xc0",
        b" {}",
        b"{}",
        b'{"type":"5"}',
        b'{"type":5,"requestId":"a"}',
        b'{"type":5,"requestId":"","opts":{}}',
        b'{"type":5,"opts":{}}',
        b'{"type":6}',
        b'{"type":6,"data":"abc"}',
        b'{"type":7,"requestId":"a"}',
        b'{"type":7,"opts":{}}',
        b'{"type":2,"opts":{},"rooms":"abc"}',
        b'{"type":2,"sid":7,"room":"x"}',
    ],
)
def test_no_request(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_request(data, nsp="/")


RESPONSES: list[tuple[Answer, bytes]] = [
    (ClientCount("6ko6wo", 1), b'{"type":8,"requestId":"6ko6wo","clientCount":1}'),
    (
        ClientAck("6ko6wo", "ack-from-b"),
        bytes.fromhex(
            "83a47479706509a9726571756573744964a6366b6f36776fa67061636b6574aa61636b2d66726f6d2d62"
        ),
    ),
    (
        ClientAck("8iz9qR", b"\7\10"),
        bytes.fromhex("83a47479706509a9726571756573744964a638697a397152a67061636b6574c4020708"),
    ),
    (ServerAnswer("87Z4-9", "reply"), b'{"type":6,"requestId":"87Z4-9","data":"reply"}'),
    (Sockets("neF2Wi", [{"id": "a"}]), b'{"requestId":"neF2Wi","sockets":[{"id":"a"}]}'),
    (Rooms("ER0x0e", ["a", "zz"]), b'{"requestId":"ER0x0e","rooms":["a","zz"]}'),
    (Done("a"), b'{"requestId":"a"}'),
]


@pytest.mark.parametrize(("answer", "data"), RESPONSES)
def test_response_as_node_writes_it(answer: Answer, data: bytes) -> None:
    assert encode_response(answer, encoder=ENCODER) == data
    assert decode_response(data) == answer


def test_response_to_old_versions() -> None:
    answer = encode_response(Sids("reqAAA", ["a"]), encoder=ENCODER)
    assert answer == b'{"requestId":"reqAAA","sockets":["a"]}'


@pytest.mark.parametrize("data", [b"", b"\xc0", b"{}", b'{"requestId":7}', b'{"requestId":"a"'])
def test_no_response(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_response(data)


@given(
    st.sampled_from(
        [encode_request(order, **WHO) for order, _ in REQUESTS]
        + [data for _, data in RESPONSES]
        + [encode_broadcast(Broadcast(R1, lambda: ["a", b"\1"]), **WHO)]
    ),
    st.data(),
)
def test_broken_messages_are_read_or_refused(data: bytes, chance: st.DataObject) -> None:
    at = chance.draw(st.integers(0, len(data)))
    for broken in (data, data[:at], data + data[:at], data[:at] + b"\xff" + data[at + 1 :]):
        for read in (
            lambda whole: decode_broadcast(whole, nsp="/"),
            lambda whole: decode_request(whole, nsp="/"),
            decode_response,
        ):
            with contextlib.suppress(ProtocolError):
                read(broken)


def test_channels() -> None:
    channels = Channels("socket.io", "/")
    assert channels.pattern == "socket.io#/#*"
    assert channels.request == "socket.io-request#/#"
    assert channels.response_to("abc") == "socket.io-response#/#abc#"
    assert channels.for_rooms(frozenset()) == channels.for_rooms(frozenset("ab")) == "socket.io#/#"
    assert channels.for_rooms(frozenset(["r#1"])) == "socket.io#/#r#1#"
    assert channels.for_rooms(frozenset([42])) == "socket.io#/#42#"
    assert channels.room_of(b"socket.io#/#r#1#") == "r#1"
    assert channels.room_of(b"socket.io#/#") == ""
    assert Channels("k*", "/[a]").pattern == r"k\*#/\[a\]#*"
