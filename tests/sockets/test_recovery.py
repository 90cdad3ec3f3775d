"""Clients that come back, packet by packet."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from pyramid_sio.adapters.memory_recovery import RecoveringAdapter
from pyramid_sio.adapters.recovery_log import RecoveryLog
from pyramid_sio.errors import ConnectRefused, DisconnectReason
from pyramid_sio.protocol import socket_v4
from pyramid_sio.protocol.socket_v5 import Encoder
from pyramid_sio.sockets.generations import Generation2
from pyramid_sio.sockets.recovery import ACCIDENTS, Recovery
from tests.fakes import FakeClock, FakeEvent, FakeSession
from tests.sockets.conftest import Room, Site


class Returning(Room):
    """Says whether its clients came back."""

    def on_connect(self, auth: Any) -> None:
        super().on_connect(auth)
        self.emit("hello", self.recovered)

    def on_enter(self, *rooms: str) -> None:
        self.join(*rooms)

    def on_quit(self) -> None:
        self.disconnect()


def keeping_site(*, skip_checks: bool = False) -> Site:
    encoder = Encoder()
    kept = RecoveryLog(seconds=100, max_bytes=10**6, liveness=40, clock=FakeClock())
    factory = partial(
        RecoveringAdapter,
        kept=kept,
        encoder=encoder,
        make_event=lambda: FakeEvent(lambda timeout: None),
        patience=1,
    )
    site = Site(
        adapter_factory=factory,
        encoder=encoder,
        recovery=Recovery(skip_checks=skip_checks),
        generations={3: Generation2(socket_v4.Encoder())},
    )
    site.define(Returning)
    return site


@pytest.fixture
def site() -> Site:
    return keeping_site()


class Visitor:
    """An official client: it remembers its secret and its offset.

    :param site: where it connects to
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self.session: FakeSession
        self.pid: str | None = None
        self.sid = ""
        self.offset: str | None = None
        self.recovered = False
        #: Events in their order, with ``connect`` among them.
        self.seen: list[list[Any]] = []

    def connect(self, **auth: Any) -> None:
        self.session = FakeSession(self._site.sio.accept)
        if self.pid is not None:
            auth.setdefault("pid", self.pid)
        if self.offset is not None:
            auth.setdefault("offset", self.offset)
        self.session.receive("0" + json.dumps(auth))
        self.listen()

    def listen(self) -> list[list[Any]]:
        """What came since the last time."""
        self.session.run()
        before = len(self.seen)
        for packet in self.session.take():
            text = str(packet)
            data = json.loads(text[1:]) if text[1:] else None
            if text[0] == "0":
                self.recovered = self.pid is not None and data["pid"] == self.pid
                self.pid, self.sid = data["pid"], data["sid"]
                self.seen.append(["connect"])
            elif text[0] == "2":
                assert isinstance(data[-1], str)
                self.offset = data.pop()
                self.seen.append(data)
            else:
                self.seen.append([text[0], data])
        return self.seen[before:]

    def lose(self, reason: DisconnectReason = DisconnectReason.TRANSPORT_CLOSE) -> None:
        self.session.lose(reason)
        self.session.run()


@pytest.fixture
def visitor(site: Site) -> Visitor:
    visitor = Visitor(site)
    visitor.connect()
    assert visitor.seen == [["connect"], ["hello", False]]
    visitor.seen.clear()
    return visitor


def test_as_if_nothing_had_happened(site: Site, visitor: Visitor) -> None:
    visitor.session.receive('2["enter","a","b"]')
    visitor.listen()
    sid = visitor.sid
    site.made[-1].session["name"] = "Ada"
    visitor.lose()
    site.sio.of("/").to("a").emit("news", 1)
    site.sio.of("/").to("c").emit("news", 2)
    site.sio.of("/").emit("news", 3)

    visitor.connect()

    assert visitor.seen == [["news", 1], ["news", 3], ["connect"], ["hello", True]]
    assert (visitor.sid, visitor.recovered) == (sid, True)
    socket = site.made[-1]
    assert socket is not site.made[-2]
    assert socket.rooms == {sid, "a", "b"}
    assert socket.session == {"name": "Ada"}
    assert socket.connected
    site.sio.of("/").to("b").emit("news", 4)
    assert visitor.listen() == [["news", 4]]


@pytest.mark.parametrize("reason", list(DisconnectReason))
def test_reasons(site: Site, visitor: Visitor, reason: DisconnectReason) -> None:
    visitor.lose(reason)

    visitor.connect()

    assert visitor.recovered is (reason in ACCIDENTS)
    assert site.made[-1].recovered is visitor.recovered


@pytest.mark.parametrize("packet", ["1", '2["quit"]'])
def test_who_left_does_not_come_back(visitor: Visitor, packet: str) -> None:
    visitor.session.receive(packet)
    visitor.listen()

    visitor.connect()

    assert not visitor.recovered


def test_what_is_sent_while_it_comes_in_is_not_sent_twice(site: Site, visitor: Visitor) -> None:
    visitor.lose()
    nsp = site.sio.of("/")
    nsp.emit("news", 1)
    nsp.use(lambda socket: nsp.emit("news", 2))

    visitor.connect()

    assert visitor.seen == [["news", 1], ["connect"], ["news", 2], ["hello", True]]


def test_middleware_may_speak_to_a_new_client(site: Site) -> None:
    site.sio.of("/").use(lambda socket: socket.emit("early"))
    visitor = Visitor(site)

    visitor.connect()

    assert visitor.seen == [["connect"], ["early"], ["hello", False]]


def test_direct_events_are_kept(site: Site, visitor: Visitor) -> None:
    socket = site.made[-1]
    visitor.lose()
    socket.emit("said to nobody", 1)
    socket.volatile.emit("gone with the wind")

    visitor.connect()
    socket.emit("said to who it was", 2)

    assert visitor.seen[:2] == [["said to nobody", 1], ["connect"]]
    assert visitor.listen() == [["said to who it was", 2]]


def test_acknowledgements_carry_no_offset(site: Site, visitor: Visitor) -> None:
    answers: list[Any] = []
    site.made[-1].emit("ask", callback=lambda *args: answers.append(args))

    assert visitor.session.take() == ['20["ask"]']
    visitor.session.receive('30["yes"]')
    visitor.session.run()
    assert answers == [("yes",)]
    visitor.session.receive('27["message",1]')
    visitor.session.run()
    assert visitor.session.take() == ["37[1]"]


def test_connection_breaks_again_on_the_way_in(site: Site, visitor: Visitor) -> None:
    visitor.lose()
    site.sio.of("/").emit("news", 1)
    session = FakeSession(site.sio.accept)
    session.receive("0" + json.dumps({"pid": visitor.pid, "offset": visitor.offset}))
    session.lose()
    session.run()

    visitor.connect()

    assert visitor.recovered
    assert visitor.seen[0] == ["news", 1]


@pytest.mark.parametrize("skip_checks", [False, True])
def test_checks(skip_checks: bool) -> None:
    site = keeping_site(skip_checks=skip_checks)
    visitor = Visitor(site)
    visitor.connect()
    visitor.lose()
    passed: list[Any] = []
    site.sio.of("/").use(passed.append)
    site.invoker.refusal = ConnectRefused("not any more")

    visitor.connect()

    assert passed == []
    assert (visitor.seen[-1] == ["4", {"message": "not any more"}]) is not skip_checks
    site.invoker.refusal = None
    visitor.lose()
    visitor.connect()
    assert visitor.recovered is skip_checks


def test_on_connect_may_refuse(site: Site, visitor: Visitor, monkeypatch: Any) -> None:
    visitor.lose()

    def refuse(socket: Any, auth: Any) -> None:
        raise ConnectRefused(f"recovered: {socket.recovered}")

    with monkeypatch.context() as patch:
        patch.setattr(Returning, "on_connect", refuse)
        visitor.connect()
    assert visitor.seen == [["4", {"message": "recovered: True"}]]
    assert not site.sio.of("/").sockets

    visitor.connect()
    assert not visitor.recovered


@pytest.mark.parametrize("claims", [{"pid": 1}, {"pid": []}, {"pid": "x", "offset": {}}, {}])
def test_claims_of_no_kind(site: Site, claims: dict[str, Any]) -> None:
    visitor = Visitor(site)

    visitor.connect(**claims)

    assert visitor.seen[0] == ["connect"]
    assert not site.made[-1].recovered


def test_older_clients_know_nothing_of_it(site: Site) -> None:
    session = FakeSession(site.sio.accept)
    session.revision = 3

    session.receive("0")
    session.run()

    connected, hello = session.take()
    assert "pid" not in str(connected)
    assert hello == '2["hello",false]'
    session.lose()
    session.run()


def test_not_enabled() -> None:
    site = Site()
    site.define(Returning)
    session = FakeSession(site.sio.accept)

    session.receive('0{"pid":"x","offset":"y"}')
    session.run()

    sid = site.made[-1].sid
    assert session.take() == [f'0{{"sid":"{sid}"}}', '2["hello",false]']


class TestEarlierClients:
    """Those of Socket.IO 1 and 2 know nothing of all this."""

    def test_get_what_all_get_in_their_own_way_and_without_an_offset(self, site: Site) -> None:
        earlier = EarlierSession(site.sio.accept)
        earlier.run()
        assert earlier.take() == ["0", '2["hello",false]']
        (socket,) = site.made
        assert socket.pid is None
        for _ in range(2):
            socket.emit("alone", "é")
            site.sio.emit("all", "é")
            site.sio.volatile.emit("now")
            assert earlier.take() == ['2["alone","\\u00e9"]', '2["all","\\u00e9"]', '2["now"]']
            # Once more, with somebody who can come back.
            visitor = Visitor(site)
            visitor.connect()
            earlier.take()
        earlier.lose()
        earlier.run()
        assert socket.reasons == [DisconnectReason.TRANSPORT_CLOSE]


class EarlierSession(FakeSession):
    revision = 3
