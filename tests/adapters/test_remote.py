from __future__ import annotations

import json
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

import pytest

from pyramid_sio.adapters.remote import (
    MAX_DEPTH,
    NOTE,
    RemoteHandshake,
    RemoteSocket,
    describe,
    sendable,
)
from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster_values import ValueEncoder
from tests.adapters.alone import alone

NSP: Any = object()
#: Of what a server tells of an opening request.
PARTS = ("query", "headers", "auth", "secure", "xdomain", "issued")


class TestHandshake:
    def test_what_a_server_tells(self) -> None:
        handshake = RemoteHandshake(
            {
                "query": {"EIO": "4"},
                "headers": {"host": "x"},
                "auth": {"token": 1},
                "address": "192.0.2.1",
                "url": "/socket.io/?EIO=4",
                "secure": True,
                "xdomain": True,
                "issued": 1500,
            }
        )
        assert handshake.query == {"EIO": "4"}
        assert handshake.headers == {"host": "x"}
        assert handshake.auth == {"token": 1}
        assert handshake.address == "192.0.2.1"
        assert handshake.url == "/socket.io/?EIO=4"
        assert handshake.secure
        assert handshake.xdomain
        assert handshake.issued == 1.5
        assert repr(handshake) == "<RemoteHandshake from 192.0.2.1>"

    @pytest.mark.parametrize(
        "told",
        [
            {},
            dict.fromkeys(PARTS, "text"),
            {part: [1] for part in PARTS},
        ],
    )
    def test_what_a_server_does_not_tell_or_gets_wrong(self, told: dict[str, Any]) -> None:
        handshake = RemoteHandshake(told)
        assert handshake.query == handshake.headers == handshake.auth == {}
        assert handshake.address == handshake.url == ""
        assert not handshake.secure
        assert not handshake.xdomain
        assert handshake.issued == 0.0


class TestSocket:
    def test_what_a_server_tells(self) -> None:
        told = {"id": "a", "handshake": {"auth": {"t": 1}}, "rooms": ["a", "red", 7]}
        socket = RemoteSocket(
            NSP, {**told, "data": {"name": "ada", NOTE: {"transport": "polling"}}}
        )
        assert socket.sid == "a"
        assert socket.rooms == {"a", "red", 7}
        assert socket.session == {"name": "ada"}
        assert socket.note == {"transport": "polling"}
        assert socket.auth == {"t": 1}

    @pytest.mark.parametrize(
        "rest",
        [{}, {"handshake": None, "rooms": None, "data": None}, {"data": [1], "handshake": 1}],
    )
    def test_what_it_does_not_tell(self, rest: dict[str, Any]) -> None:
        socket = RemoteSocket(NSP, {"id": "a", **rest})
        assert socket.rooms == frozenset()
        assert socket.session == socket.note == {}
        assert socket.auth == {}

    @pytest.mark.parametrize(
        "told", [None, [], "a", {}, {"id": 1}, {"id": None}, {"id": "a", "rooms": "red"}]
    )
    def test_what_is_no_client(self, told: Any) -> None:
        with pytest.raises(ProtocolError):
            RemoteSocket(NSP, told)

    def test_its_own_data_are_not_those_of_the_message(self) -> None:
        data = {"name": "ada", NOTE: {}}
        RemoteSocket(NSP, {"id": "a", "data": data}).session["name"] = "bob"
        assert data == {"name": "ada", NOTE: {}}


class TestDescribing:
    def test_what_others_are_told_is_what_they_find(self) -> None:
        _, socket = alone().connect("red", "blue", name="ada")
        told = json.loads(json.dumps(describe(socket)))
        assert told["rooms"] == [socket.sid, "blue", "red"]
        assert (
            told["handshake"]["time"]
            == "Thu Jan 01 1970 00:00:01 GMT+0000 (Coordinated Universal Time)"
        )
        remote = RemoteSocket(NSP, told)
        assert remote.sid == socket.sid
        assert remote.rooms == {socket.sid, "red", "blue"}
        assert remote.session == {"name": "ada"}
        assert remote.handshake.address == socket.handshake.address
        assert remote.handshake.issued == socket.handshake.issued

    def test_a_note_for_admins(self) -> None:
        server = alone()
        _, socket = server.connect(name="ada")
        server.sio.note = lambda socket: {"sid": socket.sid}
        assert describe(socket)["data"] == {"name": "ada", NOTE: {"sid": socket.sid}}
        assert socket.session == {"name": "ada"}


class TestSendable:
    @pytest.mark.parametrize(
        ("value", "sent"),
        [
            (None, None),
            (True, True),
            (1.5, 1.5),
            (b"\1", b"\1"),
            (7, 7),
            (2**63 - 1, 2**63 - 1),
            (2**63, None),
            (-(2**63) - 1, None),
            ("\ud800a", "?a"),
            ({"\ud800": 1, 2: object()}, {"?": 1, "2": None}),
            (OrderedDict(a=(1, {2})), {"a": [1, [2]]}),
            (object(), None),
        ],
        # No addresses: processes that share tests have to call them the same.
        ids=lambda value: type(value).__name__,
    )
    def test_what_cannot_be_sent_is_left_out(self, value: Any, sent: Any) -> None:
        assert sendable(value) == sent
        ValueEncoder().msgpack(sendable(value))

    def test_a_time(self) -> None:
        moment = datetime(2020, 1, 2, tzinfo=UTC)
        assert sendable([moment]) == [moment]

    def test_no_deeper_than_others_want_to_know(self) -> None:
        value: Any = []
        value.append(value)
        levels = 0
        sent = sendable(value)
        while sent:
            (sent,) = sent
            levels += 1
        assert levels == MAX_DEPTH
