"""Entries and sessions as the streams adapter writes them; the long ones are captured."""

from __future__ import annotations

import base64
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster import Broadcast, Disconnect, Join, Options, ServerEmit
from pyramid_sio.protocol.cluster_streams import (
    BEGINNING,
    Offset,
    Session,
    decode_entry,
    decode_session,
    encode_entry,
    encode_session,
    namespace_of,
    stream_names,
    stream_of,
    to_fields,
    to_offset,
)
from pyramid_sio.protocol.cluster_values import ValueEncoder

ENCODER = ValueEncoder()
R1 = Options(frozenset(["r1"]))
SESSION = (
    b"hKNzaWS0eXNadlNKS2xvUFVScDRDMkFBQUGjcGlktENWS19RLTZYdmN5Q0tyMWlBQUFCpXJvb21zkrR5c1p2U0pL"
    b"bG9QVVJwNEMyQUFBQaJyMaRkYXRhgaR1c2Vyo3UtQQ=="
)


def write(order: Any, **options: Any) -> dict[bytes, bytes]:
    flat = encode_entry(order, uid="c23fcaada32cf23b", namespace="/", encoder=ENCODER, **options)
    return to_fields([part.encode() if isinstance(part, str) else part for part in flat])


def test_entry_as_node_writes_it() -> None:
    fields = write(Broadcast(R1, lambda: ["hello", "one"]))
    assert list(fields) == [b"uid", b"nsp", b"type", b"data"]
    assert (fields[b"type"], fields[b"data"]) == (
        b"3",
        b'{"packet":{"type":2,"data":["hello","one"]},'
        b'"opts":{"rooms":["r1"],"except":[],"flags":{}}}',
    )
    envelope = decode_entry(fields)
    assert envelope is not None
    assert envelope.sender == "c23fcaada32cf23b"
    assert isinstance(envelope.message, Broadcast)
    assert envelope.message.load() == ["hello", "one"]


def test_binary_entry_as_node_writes_it() -> None:
    fields = write(Broadcast(R1, lambda: ["bin", b"\1\2"]))
    assert fields[b"data"] == (
        b"gqZwYWNrZXSCpHR5cGUCpGRhdGGSo2JpbsQCAQKkb3B0c4Olcm9vbXORonIxpmV4Y2VwdJClZmxhZ3OA"
    )
    envelope = decode_entry(fields)
    assert envelope is not None
    assert envelope.message.load() == ["bin", b"\1\2"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "order", [Join(R1, frozenset("x")), Disconnect(Options(), True), ServerEmit(["sse", b"\1"])]
)
def test_there_and_back(order: Any) -> None:
    envelope = decode_entry(write(order))
    assert envelope is not None
    assert envelope.message == order


def test_entry_of_an_emitter() -> None:
    fields = write(Broadcast(Options(), lambda: ["hi"]), nsp="/")
    assert fields[b"data"].startswith(b'{"packet":{"type":2,"data":["hi"],"nsp":"/"}')
    fields = {b"uid": b"emitter", b"nsp": b"/", b"type": b"9"}
    fields[b"data"] = b"gaZwYWNrZXSUo3NzZQGheMQBAw=="
    envelope = decode_entry(fields)
    assert envelope is not None
    assert envelope.message == ServerEmit(["sse", 1, "x", b"\3"])


def test_entries_of_no_concern() -> None:
    assert decode_entry({b"type": b"1", b"uid": b"x"}) is None
    assert namespace_of({}) is None
    assert namespace_of({b"nsp": b"/a\xff"}) == "/a\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (b"", b""),
        (b"x", b"{}"),
        (b"1234", b"{}"),
        (b"3", b""),
        (b"3", b"{}"),
        (b"3", b"!!"),
        (b"3", b"AAA"),
        (b"3", b"{"),
        (b"4", b'{"opts":{},"rooms":"x"}'),
        (b"11", b""),
    ],
)
def test_no_entry(kind: bytes, data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_entry({b"type": kind, b"data": data})


@given(st.dictionaries(st.sampled_from([b"uid", b"nsp", b"type", b"data"]), st.binary()))
def test_whatever_comes_is_read_or_refused(fields: dict[bytes, bytes]) -> None:
    namespace_of(fields)
    with contextlib.suppress(ProtocolError):
        decode_entry(fields)


def test_offsets() -> None:
    assert to_offset("1795427090405-0") == Offset(1795427090405, 0)
    assert str(Offset(5, 7)) == "5-7"
    assert BEGINNING < Offset(0, 1) < Offset(1, 0)


@pytest.mark.parametrize("text", [None, 7, "", "5", "5-", "a-b", "5-7 ", "-5-7", "9" * 20 + "-0"])
def test_no_offset(text: Any) -> None:
    assert to_offset(text) is None


def test_streams() -> None:
    assert stream_names("s", 1) == ["s"]
    assert stream_names("s", 3) == ["s-0", "s-1", "s-2"]
    assert stream_of("/whatever", "s", 1) == "s"


@pytest.mark.parametrize(
    ("namespace", "stream"),
    [
        ("/", "s-3"),
        ("/chat", "s-3"),
        ("/admin", "s-0"),
        ("/notifications", "s--3"),
        ("/dashboard", "s--3"),
        ("/my-namespace", "s--3"),
    ],
)
def test_streams_that_node_chooses(namespace: str, stream: str) -> None:
    assert stream_of(namespace, "s", 4) == stream


def test_session_as_node_writes_it() -> None:
    session = decode_session(SESSION)
    assert session == Session(
        "ysZvSJKloPURp4C2AAAA",
        "CVK_Q-6XvcyCKr1iAAAB",
        frozenset(("ysZvSJKloPURp4C2AAAA", "r1")),
        {"user": "u-A"},
    )
    assert decode_session(encode_session(session, ENCODER)) == session
    ours = session._replace(nsp="/chat")
    assert decode_session(encode_session(ours, ENCODER)) == ours


@pytest.mark.parametrize(
    "content", [None, [], {}, {"sid": "a"}, {"sid": "a", "pid": "b", "rooms": 7}]
)
def test_no_session(content: Any) -> None:
    with pytest.raises(ProtocolError):
        decode_session(base64.b64encode(ENCODER.msgpack(content)))


def test_a_session_without_data() -> None:
    text = base64.b64encode(ENCODER.msgpack({"sid": "a", "pid": "b"}))
    assert decode_session(text) == Session("a", "b", frozenset(), {})


@pytest.mark.parametrize(
    ("options", "concerned"),
    [
        (Options(), True),
        (Options(frozenset(["r1"])), True),
        (Options(frozenset(["s"])), True),
        (Options(frozenset(["r2"])), False),
        (Options(excluded=frozenset(["r1"])), False),
        (Options(volatile=True), False),
    ],
)
def test_what_a_session_has_missed(options: Options, concerned: bool) -> None:
    assert Session("s", "p", frozenset(("s", "r1")), {}).concerns(options) is concerned
