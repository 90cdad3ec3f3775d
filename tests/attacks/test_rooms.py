"""Rooms with names that belong to others, or to nobody."""

from __future__ import annotations

import pytest

from tests.attacks.site import Site
from tests.rawclient import WebSocket


def test_room_named_like_another_client_lets_nobody_listen_in(site: Site) -> None:
    with (
        WebSocket(site.server) as victim,
        WebSocket(site.server) as spy,
        WebSocket(site.server) as friend,
    ):
        sid = victim.enter()
        spy.enter()
        friend.enter()
        assert spy.ask("enter", sid) == [[sid]]
        assert friend.ask("tell", sid, "for you alone") == ["told"]
        assert victim.text() == '42["told","for you alone"]'
        # Had it been told as well, that would be the next packet.
        assert spy.ask("echo", "quiet") == ["quiet"]


def test_room_that_was_there_before_its_namesake(site: Site) -> None:
    """Whoever waits in a room named like a client that left hears of nobody."""
    with WebSocket(site.server) as spy, WebSocket(site.server) as friend:
        spy.enter()
        friend.enter()
        with WebSocket(site.server) as victim:
            sid = victim.enter()
            spy.ask("enter", sid)
            assert friend.ask("tell", sid, "to the victim") == ["told"]
            assert victim.text() == '42["told","to the victim"]'
        assert spy.ask("echo", "quiet") == ["quiet"]


def test_engine_id_as_a_room_tells_nothing(site: Site) -> None:
    with WebSocket(site.server) as victim, WebSocket(site.server) as spy:
        sid = victim.enter()
        spy.enter()
        spy.ask("enter", victim.sid)
        with WebSocket(site.server) as friend:
            friend.enter()
            assert friend.ask("tell", sid, "secret") == ["told"]
        assert victim.text() == '42["told","secret"]'
        assert spy.ask("echo", "quiet") == ["quiet"]


def test_same_id_in_another_namespace_is_another_room(site: Site) -> None:
    with WebSocket(site.server) as client:
        main = client.enter()
        other = client.enter("/catch")
        assert main != other
        assert client.ask("tell", other, "to nobody") == ["told"]
        assert client.ask("echo", "quiet") == ["quiet"]


@pytest.mark.parametrize("room", ["", "\x00", "__proto__", "/", "*", "#", "x" * 100_000, "\u2028"])
def test_odd_names_are_rooms_like_others(site: Site, room: str) -> None:
    with WebSocket(site.server) as member, WebSocket(site.server) as teller:
        member.enter()
        teller.enter()
        assert member.ask("enter", room) == [[room]]
        assert teller.ask("tell", room, "hello") == ["told"]
        assert member.text() == '42["told","hello"]'


@pytest.mark.parametrize("room", [1, None, True, ["a"], {"a": 1}, 1.5])
def test_what_is_no_name_is_refused(site: Site, room: object) -> None:
    site.may_raise = True
    with WebSocket(site.server) as client:
        client.enter()
        client.emit("enter", room)
        client.emit("tell", room, "hello")
        assert client.ask("echo", "still here") == ["still here"]


def test_many_rooms_are_gone_with_their_client(site: Site) -> None:
    site.bound = 24
    for _ in range(5):
        with WebSocket(site.server) as client:
            client.enter()
            for number in range(400):
                client.emit("enter", f"{'r' * 1000}{number}")
            client.ask("echo", "done")
