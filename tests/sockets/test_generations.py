"""How clients of different generations are let in, and what they are told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pyramid_sio.errors import ConnectRefused, DisconnectReason
from pyramid_sio.protocol import socket_v4
from pyramid_sio.protocol.socket_v5 import Encoder
from pyramid_sio.sockets.generations import Generation, Generation2
from tests.fakes import FakeSession
from tests.sockets.conftest import Room, Site


class EarlierSession(FakeSession):
    revision = 3


def test_ids_cannot_be_guessed(site: Site) -> None:
    session, _ = site.connect()
    generation = Generation(Encoder())
    ids = {generation.new_sid(session, "/") for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"[\w-]{20}", sid) for sid in ids)
    assert session.id not in ids


class Strict(Room):
    def on_connect(self, auth: Any) -> None:
        super().on_connect(auth)
        if auth != {"token": "sesame é", "x": ""}:
            raise ConnectRefused("wrong", {"code": 42} if auth else None)


class TestSocketIo2:
    @pytest.fixture
    def site(self) -> Site:
        site = Site(generations={3: Generation2(socket_v4.Encoder())})
        site.define(Strict, "/strict")
        return site

    def opened(self, site: Site) -> EarlierSession:
        session = EarlierSession(site.sio.accept)
        session.run()
        return session

    def test_is_in_the_main_namespace_without_asking(self, site: Site) -> None:
        site.define()
        session = self.opened(site)
        assert session.take() == ["0"]
        (socket,) = site.made
        assert socket.sid == session.id, "the client takes it for its own"
        assert socket.socket.protocol == 3
        assert socket.log == [("connect", None)]
        session.receive('21["message","hi"]')
        session.run()
        assert session.take() == ['31["hi"]']

    def test_ids_may_be_hidden(self) -> None:
        encoder = socket_v4.Encoder()
        site = Site(generations={3: Generation2(encoder, hides_ids=True)})
        site.define()
        site.define(Room, "/other")
        session = self.opened(site)
        session.receive("0/other")
        session.run()
        assert session.take() == ["0", "0/other,"]
        sids = [socket.sid for socket in site.made]
        assert len({*sids, session.id}) == 3
        assert not any(session.id in sid for sid in sids)
        assert all(re.fullmatch(r"[\w-]{20}", sid) for sid in sids)

    def test_not_if_there_is_none(self, site: Site) -> None:
        session = self.opened(site)
        assert session.take() == []
        session.receive("0/strict?token=sesame%20%C3%A9&x=,")
        session.run()
        assert session.take() == ["0/strict,"]

    @pytest.mark.parametrize("end", ["", ","])
    def test_credentials_come_with_the_name(self, site: Site, end: str) -> None:
        session = self.opened(site)
        session.receive(f"0/strict?token=sesame+%C3%A9&x={end}")
        session.run()
        assert session.take() == ["0/strict,"]
        assert site.made[-1].sid == f"/strict#{session.id}"
        session.receive('2/strict,["message"]')
        session.run()
        assert site.made[-1].log[-1] == ("message",)

    def test_refusals_are_one_value(self, site: Site) -> None:
        session = self.opened(site)
        for packet in ("0/strict", "0/strict?a=é,", "0/nowhere,"):
            session.receive(packet)
            session.run()
        assert session.take() == [
            '4/strict,"wrong"',
            '4/strict,{"code":42}',
            '4/nowhere,{"message":"Invalid namespace"}',
        ]
        assert session.is_open

    def test_refused_in_the_main_namespace(self, site: Site) -> None:
        site.define(Strict, "/")
        session = self.opened(site)
        assert session.take() == ['4"wrong"']
        session.receive("0/strict?token=sesame+%C3%A9&x=")
        session.run()
        assert session.take() == ["0/strict,"]

    def test_too_much_of_a_query(self, site: Site) -> None:
        session = self.opened(site)
        session.receive("0/strict?" + "a&" * 101)
        assert session.closed_for is DisconnectReason.FORCED_CLOSE
        assert session.complaints == [
            ("protocol violation", "more than 100 fields in the query string")
        ]

    def test_may_come_back_under_the_same_id(self, site: Site) -> None:
        site.define()
        session = self.opened(site)
        for _ in range(2):
            session.receive("1")
            session.run()
            session.receive("0")
            session.run()
        assert [socket.sid for socket in site.made] == [session.id] * 3
        assert list(site.sio.of("/").sockets.values()) == [site.made[-1]]

    def test_a_broadcast_is_encoded_once_for_each_generation(self, site: Site) -> None:
        site.define()
        earlier = [self.opened(site) for _ in range(3)]
        later = [site.connect()[0] for _ in range(3)]
        for session in earlier:
            session.take()
        for socket in site.made:
            socket.join("all")
        site.sio.to("all").emit("news", "é", b"x")
        hole = '{"_placeholder":true,"num":0}'
        for sessions, text in ((earlier, "\\u00e9"), (later, "é")):
            for session in sessions:
                assert session.take() == [f'51-["news","{text}",{hole}]', b"x"]
            messages = [session.messages[-1] for session in sessions]
            assert all(message is messages[0] for message in messages)

    def test_acknowledgements_of_protocol_3(self, site: Site) -> None:
        site.define()
        session = self.opened(site)
        answers: list[Any] = []
        site.made[0].emit("ask", callback=lambda *args: answers.append(args))
        session.take()
        session.receive('30-0["x"]')
        session.run()
        assert answers == [("x",)]
