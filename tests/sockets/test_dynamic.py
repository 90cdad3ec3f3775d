"""Namespaces that come from a pattern."""

from __future__ import annotations

import gc
import re
from collections.abc import Mapping
from typing import Any

import pytest

from pyramid_sio.adapters.memory import MemoryAdapter
from pyramid_sio.errors import AckTimeout, ConnectRefused
from tests.sockets.conftest import Room, Site


def digits(name: str, auth: Any) -> Mapping[str, Any] | None:
    found = re.fullmatch(r"/doc/(?P<id>\d+)", name)
    return None if found is None else found.groupdict()


class Closing(MemoryAdapter):
    """Knows when it is closed."""

    closed = False

    def close(self) -> None:
        super().close()
        self.closed = True


@pytest.fixture
def site() -> Site:
    site = Site(adapter_factory=Closing)
    site.define(path="/doc/{id}", match=digits)
    return site


def forget(site: Site) -> None:
    """Hold none of the clients that the test has seen."""
    site.made.clear()
    site.invoker.calls.clear()
    gc.collect()


def names(site: Site) -> list[str]:
    return sorted(nsp.name for nsp in site.sio.namespaces())


def test_a_child_is_made_for_each_name_and_shared_by_its_clients(site: Site) -> None:
    _, one = site.connect("0/doc/1,")
    _, two = site.connect("0/doc/2,")
    _, again = site.connect("0/doc/1,")

    assert (one.matchdict, two.matchdict) == ({"id": "1"}, {"id": "2"})
    assert one.nsp is again.nsp
    assert one.nsp is not two.nsp
    assert names(site) == ["/doc/1", "/doc/2"]
    assert site.sio.of("/doc/1") is one.nsp


def test_a_name_that_does_not_match_is_refused(site: Site) -> None:
    session = site.open()
    session.receive("0/doc/x,")
    session.run()

    assert session.take() == ['4/doc/x,{"message":"Invalid namespace"}']
    with pytest.raises(KeyError, match="/doc/x"):
        site.sio.of("/doc/x")
    assert names(site) == []


def test_what_was_declared_by_name_comes_before_patterns_and_those_in_their_order(
    site: Site,
) -> None:
    class Plain(Room): ...

    class Late(Room): ...

    site.define(Plain, path="/doc/1")
    site.define(Late, path="/doc/{other}", match=lambda name, auth: {})

    assert isinstance(site.connect("0/doc/1,")[1], Plain)
    assert isinstance(site.connect("0/doc/2,")[1], Room)
    assert isinstance(site.connect("0/anything,")[1], Late)


def test_a_function_is_told_the_auth_of_the_client() -> None:
    site = Site()
    seen: list[Any] = []

    def ask(name: str, auth: Any) -> Mapping[str, Any] | None:
        seen.append((name, auth))
        return {} if auth == {"token": 1} else None

    site.define(path="ask", match=ask)
    session = site.open()
    session.receive('0/a,{"token":2}', '0/b,{"token":1}')
    session.run()

    assert seen == [("/a", {"token": 2}), ("/b", {"token": 1})]
    assert session.take()[0] == '4/a,{"message":"Invalid namespace"}'


@pytest.mark.parametrize("packet", ["1/doc/1,", None])
def test_a_child_vanishes_with_its_last_client(site: Site, packet: str | None) -> None:
    first = site.connect("0/doc/1,")[0]
    second, socket = site.connect("0/doc/1,")
    socket.join("a room")
    adapter = socket.nsp.adapter
    del socket

    def leave(session: Any) -> None:
        if packet is None:
            session.lose()
        else:
            session.receive(packet)
        session.run()
        forget(site)

    leave(second)
    assert names(site) == ["/doc/1"]
    assert not adapter.closed
    leave(first)
    assert names(site) == []
    assert adapter.closed
    assert adapter.rooms == []

    _, back = site.connect("0/doc/1,")
    assert back.connected
    assert names(site) == ["/doc/1"]


def test_a_child_vanishes_if_nobody_is_let_in(site: Site) -> None:
    def refuse(socket: Any) -> None:
        raise ConnectRefused("no")

    site.sio.of("/doc/{id}").use(refuse)
    session = site.open()
    session.receive("0/doc/1,")
    session.run()
    forget(site)

    assert session.take() == ['4/doc/1,{"message":"no"}']
    assert names(site) == []


def test_children_are_kept_if_that_is_wanted() -> None:
    site = Site(keep_empty=True)
    site.define(path="/doc/{id}", match=digits)
    session, _ = site.connect("0/doc/1,")
    session.lose()
    session.run()
    forget(site)

    assert names(site) == ["/doc/1"]


def test_a_child_takes_over_what_the_pattern_has_been_given_so_far(site: Site) -> None:
    seen: list[Any] = []
    family = site.sio.of("/doc/{id}")
    family.use(lambda socket: seen.append(("use", socket.nsp.name)))
    family.on_server("refresh", lambda *args: seen.append(("server", *args)))
    _, early = site.connect("0/doc/1,")
    family.use(lambda socket: seen.append("too late"))
    family.on_server("refresh", lambda *args: seen.append("too late"))

    site.connect("0/doc/1,")
    early.nsp.receive_from_server("refresh", (1,))

    assert seen == [("use", "/doc/1"), ("use", "/doc/1"), ("server", 1)]


def test_creation_is_told_once_however_many_ask_at_once(site: Site) -> None:
    created: list[Any] = []
    site.sio.creation_listeners.append(lambda nsp: created.append(nsp.name))
    sessions = [site.open(), site.open()]
    for session in sessions:
        session.receive("0/doc/1,")
    for session in sessions:
        session.run()

    assert created == ["/doc/1"]
    assert len(site.sio.of("/doc/1").sockets) == 2


def test_two_who_wait_for_a_pattern_at_once_get_one_namespace() -> None:
    site = Site()
    created: list[Any] = []
    site.sio.creation_listeners.append(lambda nsp: created.append(nsp.name))
    sessions = [site.open(), site.open()]
    waiting: list[Any] = []

    def slow(name: str, auth: Any) -> Mapping[str, Any] | None:
        # While the first one's answer is being looked up, the second one asks.
        waiting.append(name)
        if len(waiting) == 1:
            sessions[1].run()
        return {}

    site.define(path="slow", match=slow)
    for session in sessions:
        session.receive("0/x,")
    sessions[0].run()

    assert waiting == ["/x", "/x"]
    assert created == ["/x"]
    assert site.made[0].nsp is site.made[1].nsp


def test_who_listens_for_creation_and_fails_keeps_the_client_out(site: Site) -> None:
    def fail(nsp: Any) -> None:
        raise RuntimeError("on purpose")

    site.sio.creation_listeners.append(fail)
    session = site.open()
    session.receive("0/doc/1,")
    session.run()

    assert session.take() == ['4/doc/1,{"message":"Internal server error"}']
    gc.collect()
    assert names(site) == []


class TestFamily:
    """What is asked of a pattern is done to every child."""

    @pytest.fixture
    def three(self, site: Site) -> list[tuple[Any, Any]]:
        return [site.connect(f"0/doc/{id},") for id in (1, 1, 2)]

    def test_emit(self, site: Site, three: list[tuple[Any, Any]]) -> None:
        family = site.sio.of("/doc/{id}")
        family.emit("news", 1)
        assert [session.take() for session, _ in three] == [
            ['2/doc/1,["news",1]'],
            ['2/doc/1,["news",1]'],
            ['2/doc/2,["news",1]'],
        ]

        three[1][1].join("red")
        family.to("red").emit("news", 2)
        family.except_("red").emit("news", 3)
        assert [session.take() for session, _ in three] == [
            ['2/doc/1,["news",3]'],
            ['2/doc/1,["news",2]'],
            ['2/doc/2,["news",3]'],
        ]

    def test_fetch_join_leave_disconnect(self, site: Site, three: list[tuple[Any, Any]]) -> None:
        family = site.sio.of("/doc/{id}")
        sockets = [socket for _, socket in three]
        assert {id(socket) for socket in family.fetch()} == {id(socket) for socket in sockets}

        family.join("red", "blue")
        family.leave("blue")
        assert all(socket.rooms == {socket.sid, "red"} for socket in sockets)

        family.to("red").disconnect()
        assert family.fetch() == []
        assert not any(socket.connected for socket in sockets)

    def test_call(self, site: Site, three: list[tuple[Any, Any]]) -> None:
        family = site.sio.of("/doc/{id}")

        def answer(timeout: float | None) -> None:
            assert timeout == 3
            for number, (session, socket) in enumerate(three[:2]):
                session.receive(f"3{socket.nsp.name},0[{number}]")

        site.meanwhile = answer
        with pytest.raises(AckTimeout, match="1 of 3") as caught:
            family.call("who", timeout=3)
        assert caught.value.responses == [0, 1]

    def test_server_side(self, site: Site, three: list[tuple[Any, Any]]) -> None:
        family = site.sio.of("/doc/{id}")
        family.server_side_emit("refresh")
        assert family.server_side_call("refresh") == []
