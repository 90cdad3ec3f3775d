"""Clients of Socket.IO 0.9, as namespaces and their server see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pyramid_sio.errors import ConnectRefused, DisconnectReason
from pyramid_sio.protocol.rates import parse_rate
from pyramid_sio.protocol.socket_v09 import Encoder
from pyramid_sio.sockets.client import MAX_NAMESPACES
from pyramid_sio.sockets.generations import Generation
from pyramid_sio.sockets.legacy import REVISION, GuardedLegacyClient, LegacyClient
from pyramid_sio.sockets.limits import Limits
from tests.fakes import FakeSession
from tests.sockets.conftest import Room, Site

BY_CLIENT = DisconnectReason.CLIENT_NAMESPACE_DISCONNECT
BY_SERVER = DisconnectReason.SERVER_NAMESPACE_DISCONNECT


class LegacySession(FakeSession):
    revision = REVISION


class LegacySite(Site):
    def __init__(self, **options: Any) -> None:
        super().__init__(generations={REVISION: Generation(Encoder())}, **options)

    def open(self) -> FakeSession:
        return LegacySession(self.sio.accept)

    def enter(self, *packets: str) -> FakeSession:
        """A connection that is in the main namespace, and has sent these."""
        session = self.open()
        session.run()
        session.take()
        for packet in packets:
            session.receive(packet)
            session.run()
        return session


@pytest.fixture
def site() -> LegacySite:
    site = LegacySite()
    site.define()
    site.define(Room, "/chat")
    return site


class Guarded(Room):
    def on_connect(self, auth: Any) -> None:
        self.emit("not heard")
        raise ConnectRefused("no")


class Undecided(Room):
    def on_connect(self, auth: Any) -> None:
        self.disconnect()


class TestComing:
    def test_is_in_the_main_namespace_without_asking(self, site: LegacySite) -> None:
        session = site.open()
        assert session.take() == []
        session.run()
        assert session.take() == ["1::"]
        assert site.made[-1].log == [("connect", None)]

    def test_is_connected_at_once_where_there_is_no_main_namespace(self) -> None:
        site = LegacySite()
        site.define(Room, "/chat")
        session = site.open()
        assert session.take() == ["1::"]
        session.receive("1::/chat")
        session.run()
        assert session.take() == ["1::/chat"]

    @pytest.mark.parametrize("cls", [Guarded, Undecided])
    def test_refused_by_the_main_namespace(self, cls: type[Room]) -> None:
        """It is connected nevertheless, or it would go on trying; others may let it in."""
        site = LegacySite()
        site.define(cls)
        site.define(Room, "/chat")
        session = site.open()
        session.run()
        assert session.take() == ["1::", "7:::2"]
        session.receive("1::/chat")
        session.run()
        assert session.take() == ["1::/chat"]

    def test_main_namespace_that_is_none_for_this_client(self, site: LegacySite) -> None:
        class Absent(Room):
            def __init__(self, *args: Any) -> None:
                raise ConnectRefused("Invalid namespace")

        site.define(Absent)
        session = site.open()
        session.run()
        assert session.take() == ["1::"]

    def test_query_of_a_namespace_is_auth(self, site: LegacySite) -> None:
        site.enter("1::/chat?a=b")
        assert site.made[-1].log == [("connect", {"a": "b"})]

    def test_connecting_again_changes_nothing(self, site: LegacySite) -> None:
        session = site.enter("1::/chat", "1::/chat", "1::")
        assert session.take() == ["1::/chat"]
        assert len(site.made) == 2

    def test_again_after_leaving_before_that_is_done(self, site: LegacySite) -> None:
        session = site.enter("1::/chat")
        session.receive("0::/chat", "1::/chat")
        session.run()
        assert session.take() == ["1::/chat", "1::/chat"]
        assert site.made[1].reasons == [BY_CLIENT]

    def test_nobody_comes(self) -> None:
        site = LegacySite()
        session = site.open()
        session.take()
        session.advance(45)
        assert session.take() == ["0::"]
        assert session.closed_for is DisconnectReason.FORCED_CLOSE


class TestEvents:
    def test_messages_are_events(self, site: LegacySite) -> None:
        session = site.enter("3:::text", '4:::{"a":1}', '5:::{"name":"message","args":[1,2]}')
        assert site.made[0].log[1:] == [
            ("message", "text"),
            ("message", {"a": 1}),
            ("message", 1, 2),
        ]
        assert session.take() == []

    def test_acknowledgements(self, site: LegacySite) -> None:
        session = site.enter("3:7+::text", "3:8::text")
        assert session.take() == ['6:::7+["text"]', "6:::8"]

    def test_confirmed_before_it_is_handled(self, site: LegacySite) -> None:
        session = site.enter()
        session.receive("3:1::text")
        assert session.take() == ["6:::1"]

    @pytest.mark.parametrize("packet", ["3:1:/nowhere:x", '5:1:/guarded:{"name":"x"}'])
    def test_no_confirmation_from_nowhere(self, site: LegacySite, packet: str) -> None:
        site.define(Guarded, "/guarded")
        session = site.enter(packet)
        session.take()
        session.receive(packet)
        assert session.take() == []

    def test_event_ahead_of_its_connect_leads_in(self, site: LegacySite) -> None:
        session = site.enter("3::/chat:early", "1::/chat")
        assert session.take() == ["1::/chat"]
        assert site.made[-1].log == [("connect", None), ("message", "early")]

    def test_but_not_back_in(self, site: LegacySite) -> None:
        session = site.enter("1::/chat", "0::/chat", "3::/chat:late")
        assert session.take() == ["1::/chat"]
        assert session.complaints[-1][0] == "protocol violation"

    def test_nor_more_often_than_once(self, site: LegacySite) -> None:
        session = site.enter("3::/nowhere:x", "3::/nowhere:x")
        assert session.take() == ["7::/nowhere:2"]

    def test_nor_into_any_number_of_namespaces(self, site: LegacySite) -> None:
        session = site.enter(*(f"3::/n{number}:x" for number in range(MAX_NAMESPACES + 5)))
        assert len(session.take()) == MAX_NAMESPACES
        session.receive("1::/chat")
        session.run()
        assert session.take() == ["1::/chat"]

    def test_answers_reach_who_asked(self, site: LegacySite) -> None:
        session = site.enter()
        answers: list[Any] = []
        site.made[0].emit("question", 1, callback=lambda *args: answers.append(args))
        assert session.take() == ['5:0+::{"name":"question","args":[1]}']
        session.receive('6:::0+["yes",2]', '6:::0+["no"]')
        session.run()
        assert answers == [("yes", 2)]

    def test_what_is_wrong_costs_nothing_but_itself(self, site: LegacySite) -> None:
        session = site.enter("junk", "5:::{", "6::/nowhere:1", "0::/nowhere", "7:::zz", "8::")
        assert session.is_open
        assert len(session.complaints) == 5
        session.receive(b"\x00")
        assert session.complaints[-1][0] == "binary from a Socket.IO 0.9 client"
        session.receive("3:1+::x")
        session.run()
        assert session.take() == ['6:::1+["x"]']

    def test_errors_reach_who_listens_in_order(self, site: LegacySite) -> None:
        class Listening(Room):
            def hear_error(self, error: Mapping[str, str]) -> None:
                self.log.append(("error", error["reason"], error["advice"]))

        site.define(Listening, "/listening")
        session = site.enter("1::/listening")
        session.receive("3::/listening:x", "7::/listening:2", "7::/listening:1+0")
        session.run()
        assert site.made[-1].log[1:] == [
            ("message", "x"),
            ("error", "unauthorized", ""),
            ("error", "client not handshaken", "reconnect"),
        ]

    def test_errors_for_nobody(self, site: LegacySite) -> None:
        session = site.enter("7:::2", "7::/chat:2", "7::/nowhere:2")
        assert [rule for rule, _ in session.complaints] == ["protocol violation"] * 2
        session.receive("1::/chat", "7::/chat:2", "0::/chat", "7::/chat:2")
        session.run()
        assert session.is_open
        assert len(session.complaints) == 2

    def test_broadcast_in_each_generations_words(self, site: LegacySite) -> None:
        old = site.enter()
        new = FakeSession(site.sio.accept)
        new.receive("0")
        new.run()
        new.take()
        site.sio.of("/").emit("news", b"\x00", "😀")
        assert old.take() == ['5:::{"name":"news","args":["AA==","😀"]}']
        assert new.take() == ['51-["news",{"_placeholder":true,"num":0},"😀"]', b"\x00"]


class TestLeaving:
    def test_client_leaves_one(self, site: LegacySite) -> None:
        session = site.enter("1::/chat", "0::/chat")
        assert session.is_open
        assert session.take() == ["1::/chat"]
        assert site.made[1].reasons == [BY_CLIENT]
        assert site.made[0].reasons == []

    def test_client_leaves_all(self, site: LegacySite) -> None:
        session = site.enter("1::/chat", "0::")
        assert session.take() == ["1::/chat", "0::"]
        assert session.closed_for is BY_CLIENT
        assert [made.reasons for made in site.made] == [[BY_CLIENT], [BY_CLIENT]]

    def test_server_ends_one(self, site: LegacySite) -> None:
        session = site.enter("1::/chat")
        site.made[1].disconnect()
        session.run()
        assert session.take() == ["1::/chat", "0::/chat"]
        assert session.is_open
        assert site.made[1].reasons == [BY_SERVER]

    @pytest.mark.parametrize(("index", "close"), [(0, False), (0, True), (1, True)])
    def test_server_ends_all(self, site: LegacySite, index: int, close: bool) -> None:
        """Leaving the main namespace is leaving: the client knows no other way."""
        session = site.enter("1::/chat")
        session.take()
        site.made[index].disconnect(close)
        session.run()
        assert session.take() == ["0::"]
        assert not session.is_open
        assert [made.reasons for made in site.made] == [[BY_SERVER], [BY_SERVER]]

    def test_connection_breaks(self, site: LegacySite) -> None:
        session = site.enter("1::/chat")
        session.lose()
        session.run()
        gone = [DisconnectReason.TRANSPORT_CLOSE]
        assert [made.reasons for made in site.made] == [gone, gone]


class TestLimits:
    def test_events_are_counted(self) -> None:
        site = LegacySite(limits=Limits(parse_rate("2/m"), None, None))
        site.define()
        site.define(Room, "/chat")
        session = site.enter()
        assert isinstance(session.handler, GuardedLegacyClient)
        for _ in range(4):
            session.receive("3::/chat:x")
        session.run()
        assert [entry[0] for entry in site.made[-1].log].count("message") == 2
        assert ("error", "message", "RateLimited") in site.made[-1].log

    def test_without_limits_nothing_is_counted(self, site: LegacySite) -> None:
        assert type(site.open().handler) is LegacyClient
