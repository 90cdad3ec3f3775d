from __future__ import annotations

import gc
import json
from typing import Any

import pytest

from pyramid_sio.errors import ConnectRefused
from pyramid_sio.sockets.namespace import Namespace
from tests.fakes import FakeSession
from tests.sockets.conftest import Room, Site


class People(Namespace):
    """Clients are who they say they are."""

    def on_connect(self, auth: Any) -> None:
        if auth is not None:
            self.user = auth["name"]
            self.join(*auth.get("rooms", ()))
            if auth.get("refused"):
                raise ConnectRefused


@pytest.fixture
def people() -> Site:
    site = Site()
    site.define(People)
    return site


def come(site: Site, name: str | None, *rooms: str) -> tuple[FakeSession, Any]:
    auth = json.dumps({"name": name, "rooms": rooms}) if name is not None else ""
    return site.connect(f"0{auth}")


def news(session: FakeSession) -> list[tuple[str | None, Any, bool]]:
    """What it has been told about who comes and goes since the last time."""
    told = []
    for text in session.take():
        event, said = json.loads(str(text)[1:])
        assert event == "presence"
        assert list(said) == ["room", "user", "joined"]
        told.append((said["room"], said["user"], said["joined"]))
    return told


def close(session: FakeSession, socket: Any) -> None:
    session.lose()


def close_by_client(session: FakeSession, socket: Any) -> None:
    session.receive("1")
    session.run()


def close_by_server(session: FakeSession, socket: Any) -> None:
    socket.disconnect()


def close_wholly(session: FakeSession, socket: Any) -> None:
    socket.disconnect(close=True)


def kick_all(session: FakeSession, socket: Any) -> None:
    socket.nsp.to(socket.sid).disconnect()


def leave(session: FakeSession, socket: Any) -> None:
    socket.leave("red")


def leave_in_bulk(session: FakeSession, socket: Any) -> None:
    socket.nsp.to(socket.sid).leave("red")


ENDS = [close, close_by_client, close_by_server, close_wholly, kick_all]
WAYS_OUT = [*ENDS, leave, leave_in_bulk]


class TestWhoIsThere:
    def test_users_once_each_sorted(self, people: Site) -> None:
        _, ann = come(people, "ann", "red")
        come(people, "ann", "red")
        come(people, "bob", "red", "blue")
        come(people, "cid")
        nsp = people.sio.of("/")
        assert nsp.presence("red") == ["ann", "bob"]
        assert nsp.presence("blue") == ["bob"]
        assert nsp.presence("nobody's") == []
        assert nsp.presence() == ann.presence() == ["ann", "bob", "cid"]
        assert ann.presence(ann.sid) == ["ann"]
        assert people.sio.presence("red") == ["ann", "bob"]

    def test_nobody_in_particular_is_not_there(self, people: Site) -> None:
        _, socket = come(people, None)
        assert socket.user is None
        assert socket.presence() == []

    def test_numbers_are_users_too(self, people: Site) -> None:
        for user in (10, 9):
            _, socket = come(people, None)
            socket.user = user
        assert socket.presence() == [10, 9], "sorted as text"

    @pytest.mark.parametrize("way_out", WAYS_OUT)
    def test_gone_at_once(self, people: Site, way_out: Any) -> None:
        session, socket = come(people, "ann", "red")
        nsp = people.sio.of("/")
        assert nsp.presence("red") == ["ann"]
        way_out(session, socket)
        assert nsp.presence("red") == []

    def test_not_there_until_let_in(self, people: Site) -> None:
        session = people.open()
        nsp = people.sio.of("/")
        told: list[Any] = []
        nsp.watch_presence(lambda *args: told.append(args))
        session.receive('0{"name":"eve","rooms":["red"],"refused":true}')
        session.run()
        assert nsp.presence() == nsp.presence("red") == told == []

    def test_all_of_a_pattern(self) -> None:
        site = Site()
        site.define(People, "/doc/*", match=lambda name, auth: {} if "/doc/" in name else None)
        kept = [site.connect(f'0/doc/{id},{{"name":"{id}","rooms":["red"]}}') for id in "ab"]
        family = site.sio.of("/doc/*")
        assert family.presence("red") == ["a", "b"]
        assert site.sio.of("/doc/a").presence() == ["a"]
        with pytest.raises(TypeError, match="pattern"):
            family.watch_presence(print)
        assert len(kept) == 2

    def test_a_child_of_a_pattern_still_ends(self) -> None:
        site = Site()
        site.define(People, "/doc/*", match=lambda name, auth: {} if "/doc/" in name else None)
        session, socket = site.connect('0/doc/a,{"name":"a"}')
        socket.watch_presence()
        children = site.sio.of("/doc/*").children  # type: ignore[attr-defined]
        del socket
        session.lose()
        session.run()
        site.made.clear()
        site.invoker.calls.clear()
        session.jobs.clear()
        gc.disable()
        try:
            assert list(children) == []
        finally:
            gc.enable()


class TestUser:
    def test_asked_for_when_needed_and_only_once(self, site: Site) -> None:
        site.invoker.user = "ann"
        _, socket = site.connect()
        assert not socket.known
        assert socket.user == "ann"
        site.invoker.user = "bob"
        assert socket.user == "ann"

    def test_found_at_connect_where_presence_is_in_use(self, site: Site) -> None:
        site.sio.of("/").presence()
        site.invoker.user = "ann"
        _, socket = site.connect()
        site.invoker.user = None
        assert socket.known
        assert socket.presence() == ["ann"]

    def test_those_from_before_are_asked_for(self, site: Site) -> None:
        site.invoker.user = "ann"
        site.connect()
        assert site.sio.of("/").presence() == ["ann"]

    @pytest.mark.parametrize("user", [ValueError("no"), ["a", "list"]])
    def test_a_policy_that_fails_is_nobody(self, site: Site, user: Any) -> None:
        def user_of(socket: Any) -> Any:
            if isinstance(user, Exception):
                raise user
            return user

        site.invoker.user_of = user_of  # type: ignore[method-assign]
        session, socket = site.connect()
        assert socket.presence() == []
        assert [rule for rule, _ in session.complaints] == ["finding out the user failed"]

    def test_what_the_application_says_meanwhile_counts(self, site: Site) -> None:
        def user_of(socket: Any) -> str:
            socket.user = "said"
            return "found"

        site.invoker.user_of = user_of  # type: ignore[method-assign]
        _, socket = site.connect()
        assert socket.user == "said"

    def test_must_do_as_a_key(self, site: Site) -> None:
        _, socket = site.connect()
        with pytest.raises(TypeError, match="unhashable"):
            socket.user = ["ann"]

    def test_changes(self, people: Site) -> None:
        _, socket = come(people, "guest", "red")
        watcher, other = come(people, None)
        other.watch_presence("red")
        socket.user = "ann"
        assert news(watcher) == [("red", "guest", False), ("red", "ann", True)]
        socket.user = "ann"
        assert news(watcher) == []
        socket.user = None
        assert news(watcher) == [("red", "ann", False)]


class TestWatching:
    def test_first_and_last_connection(self, people: Site) -> None:
        watcher, socket = come(people, "wim")
        assert socket.watch_presence("red") == []
        tabs = [come(people, "ann", "red") for _ in range(2)]
        assert news(watcher) == [("red", "ann", True)]
        close(*tabs[0])
        assert news(watcher) == []
        close(*tabs[1])
        assert news(watcher) == [("red", "ann", False)]

    def test_who_was_there_before_is_counted(self, people: Site) -> None:
        tabs = [come(people, "ann", "red") for _ in range(2)]
        watcher, socket = come(people, "wim")
        assert socket.watch_presence("red") == ["ann"]
        come(people, "ann", "red")
        close(*tabs[0])
        close(*tabs[1])
        assert news(watcher) == []

    @pytest.mark.parametrize("way_out", WAYS_OUT)
    def test_told_at_once(self, people: Site, way_out: Any) -> None:
        watcher, socket = come(people, "wim")
        socket.watch_presence("red")
        session, other = come(people, "ann", "red")
        assert news(watcher) == [("red", "ann", True)]
        way_out(session, other)
        assert news(watcher) == [("red", "ann", False)]
        session.run()
        assert news(watcher) == [], "told once"

    @pytest.mark.parametrize("way_out", ENDS)
    def test_the_whole_namespace(self, people: Site, way_out: Any) -> None:
        watcher, socket = come(people, "wim")
        assert socket.watch_presence() == ["wim"]
        session, other = come(people, "ann")
        other.join("red")
        other.leave("red")
        way_out(session, other)
        assert news(watcher) == [(None, "ann", True), (None, "ann", False)]

    def test_joining_in_bulk_and_twice(self, people: Site) -> None:
        watcher, socket = come(people, "wim")
        socket.watch_presence("red")
        come(people, "ann")
        come(people, "bob")
        nsp = people.sio.of("/")
        nsp.except_(socket.sid).join("red")
        nsp.except_(socket.sid).join("red")
        assert sorted(news(watcher), key=str) == [("red", "ann", True), ("red", "bob", True)]

    def test_leaving_where_one_is_not(self, people: Site) -> None:
        watcher, socket = come(people, "wim")
        _, ann = come(people, "ann", "blue")
        socket.watch_presence("red")
        socket.watch_presence(ann.sid)
        ann.leave("red", ann.sid)
        assert news(watcher) == []

    def test_from_on_connect_it_sees_itself_come(self) -> None:
        class Eager(Room):
            def on_connect(self, auth: Any) -> None:
                self.user = "ann"
                self.there = self.watch_presence()

        site = Site()
        site.define(Eager)
        session = site.open()
        session.receive("0")
        session.run()
        connected, told = session.take()
        assert str(connected).startswith("0{")
        assert told == '2["presence",{"room":null,"user":"ann","joined":true}]'
        assert site.made[0].there == []

    def test_until_it_does_not_want_any_more(self, people: Site) -> None:
        watcher, socket = come(people, "wim")
        socket.watch_presence("red")
        socket.unwatch_presence("red")
        socket.unwatch_presence("never watched")
        come(people, "ann", "red")
        assert news(watcher) == []

    @pytest.mark.parametrize("way_out", ENDS)
    def test_ends_with_the_client(self, people: Site, way_out: Any) -> None:
        session, socket = come(people, "wim")
        socket.watch_presence("red")
        socket.watch_presence()
        way_out(session, socket)
        session.run()
        roster = people.sio.of("/").roster
        assert roster is not None
        assert roster.watched == []
        assert socket.watch_presence("red") == []
        assert roster.watched == [], "who is gone watches nothing"

    def test_no_books_of_rooms_nobody_watches(self, people: Site) -> None:
        _, socket = come(people, "wim", "red", "blue")
        socket.watch_presence("red")
        assert people.sio.of("/").roster.watched == ["red"]  # type: ignore[union-attr]
        socket.unwatch_presence("red")
        assert people.sio.of("/").roster.watched == []  # type: ignore[union-attr]

    def test_no_roster_where_nobody_asks(self, people: Site) -> None:
        _, socket = come(people, "wim", "red")
        socket.leave("red")
        socket.unwatch_presence()
        people.sio.of("/").unwatch_presence(print)
        assert people.sio.of("/").roster is None

    def test_a_user_that_cannot_be_sent_stops_nothing(self, people: Site) -> None:
        watcher, socket = come(people, "wim")
        socket.watch_presence()
        session, other = come(people, None)
        other.user = frozenset("x")
        assert news(watcher) == []
        assert session.complaints[0][0] == "a user's name cannot be sent"
        close(session, other)
        assert not other.connected


class TestListeners:
    def test_called_beside(self, people: Site) -> None:
        nsp = people.sio.of("/")
        told: list[Any] = []

        def listener(*args: Any) -> None:
            told.append(args)

        assert nsp.watch_presence(listener, "red") == []
        nsp.watch_presence(listener, "red")
        session, socket = come(people, "ann", "red")
        session.run()
        assert told == [(nsp, "red", "ann", True)]
        close(session, socket)
        session.run()
        assert told[1:] == [(nsp, "red", "ann", False)]
        nsp.unwatch_presence(listener, "red")
        come(people, "ann", "red")[0].run()
        assert len(told) == 2

    def test_one_that_fails_is_logged(self, people: Site) -> None:
        def listener(*args: Any) -> None:
            raise RuntimeError("on purpose")

        people.sio.of("/").watch_presence(listener)
        session, socket = come(people, "ann")
        session.run()
        assert len(session.complaints) == 1
        assert session.complaints[0][0].endswith("listener failed")
        assert socket.connected
