"""The part of the contract of cluster adapters that is about users. See ``tests.contract.cluster``.

The adapters under test ask again after a fraction of a second.
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import gevent

from tests.fakes import until

if TYPE_CHECKING:
    from tests.contract.cluster import NewFactory, NewServer, Server


def news(client: Any) -> list[tuple[Any, bool]]:
    """What a client has been told of users, since the last time."""
    events = [json.loads(text) for text in client.events]
    assert {name for name, _ in events} <= {"presence"}
    return [(told["user"], told["joined"]) for _, told in events]


class UsersContract:
    """Mixed into ``ClusterContract``, whose fixtures it uses."""

    def cut(self, server: Server) -> None:
        """Take a server from the others as if its process had been killed."""
        line: Any = server.nsp.adapter._line  # type: ignore[attr-defined]
        line.bus._link.close(0)

    def test_users_of_all_servers(self, here: Server, there: Server) -> None:
        here.connect("1")[1].user = "ada"
        there.connect("1")[1].user = "bob"
        there.connect("2")[1].user = ("eve", 7)
        there.connect("1")
        assert here.nsp.presence() == [("eve", 7), "ada", "bob"]
        assert here.nsp.presence("1") == ["ada", "bob"]
        assert here.nsp.presence("3") == []
        assert there.nsp.presence("1") == ["ada", "bob"]
        assert there.nsp.presence() == [("eve", 7), "ada", "bob"]

    def test_users_seen_by_a_server_that_has_just_started(
        self, here: Server, new_factory: NewFactory
    ) -> None:
        from tests.contract.cluster import Server

        here.connect("1")[1].user = "ada"
        with closing(Server(new_factory())) as started:
            assert started.nsp.presence("1") == ["ada"]

    def test_many_ask_at_once(self, here: Server, there: Server) -> None:
        here.connect("1")[1].user = "ada"
        there.connect("1")[1].user = "bob"
        asking = [
            gevent.spawn(server.nsp.presence, "1") for server in (here, there) for _ in range(50)
        ]
        gevent.joinall(asking)
        assert [greenlet.value for greenlet in asking] == [["ada", "bob"]] * len(asking)

    def test_users_of_other_servers_are_watched(self, here: Server, there: Server) -> None:
        there.connect("1")[1].user = "bob"
        told: list[Any] = []
        users = here.nsp.watch_presence(lambda nsp, *what: told.append(what), "1")
        assert users == ["bob"]
        client, watcher = here.connect()
        assert watcher.watch_presence("1") == ["bob"]
        _, eve = there.connect()
        eve.user = "eve"
        eve.join("1")
        until(lambda: told == [("1", "eve", True)], what="eve to come")
        # She is at both, so she leaves with the last.
        session, near = here.connect("1")
        near.user = "eve"
        eve.leave("1")
        until(lambda: here.nsp.presence("1") == ["bob", "eve"])
        assert there.nsp.presence("1") == ["bob", "eve"]
        near.user = None
        session.run()
        until(lambda: told[1:] == [("1", "eve", False)], what="eve to leave")
        assert news(client) == [("eve", True), ("eve", False)]

    def test_each_is_told_of_users_of_the_other(self, here: Server, there: Server) -> None:
        clients = []
        for server, name in ((here, "ada"), (there, "bob")):
            client, socket = server.connect("1")
            socket.user = name
            clients.append(client)
            socket.watch_presence("1")
        until(lambda: here.nsp.presence("1") == there.nsp.presence("1") == ["ada", "bob"])
        # The first watched before the second was there.
        until(lambda: news(clients[0]) == [("bob", True)], what="bob to come")
        for server, name in ((here, "carl"), (there, "dora")):
            server.connect("1")[1].user = name
        for client in clients:
            told: list[Any] = []
            until(lambda client=client, told=told: told.extend(news(client)) or len(told) == 2)
            assert sorted(told) == [("carl", True), ("dora", True)]

    def test_users_of_the_namespace_and_of_many_rooms(self, here: Server, there: Server) -> None:
        told: list[Any] = []
        for room in (None, "1", "2", "3"):
            here.nsp.watch_presence(lambda nsp, *what: told.append(what), room)
        _, bob = there.connect("1", "2")
        bob.user = "bob"
        until(lambda: len(told) == 3, what="bob to come")
        assert set(told) == {("1", "bob", True), ("2", "bob", True), (None, "bob", True)}
        there.nsp.disconnect()
        until(lambda: len(told) == 6, what="bob to leave")
        assert {what[2] for what in told[3:]} == {False}

    def test_nobody_is_told_twice_or_missed_at_the_beginning(
        self, here: Server, there: Server
    ) -> None:
        """Users come and go while many begin to watch: all end with the same list."""
        seen: list[set[Any]] = []

        def watch() -> None:
            client, socket = here.connect()
            users = set(socket.watch_presence("1"))
            seen.append(users)
            until(lambda: client.sent and "last" in str(client.sent[-1]), what="the end")
            for user, joined in news(client):
                assert (user in users) is not joined
                (users.add if joined else users.remove)(user)

        watchers = [gevent.spawn(watch) for _ in range(3)]
        for number in range(20):
            there.connect("1")[1].user = number
            if number % 3 == 2:
                there.made[-2].disconnect()
            gevent.sleep(0.005 * (number % 4))
        watchers += [gevent.spawn(watch) for _ in range(3)]
        gevent.sleep(0.1)
        there.connect("1")[1].user = "last"
        gevent.joinall(watchers, raise_error=True)
        assert len(seen) == 6
        for users in seen:
            assert sorted(users, key=str) == here.nsp.presence("1")

    def test_users_of_a_server_that_closes(self, here: Server, new_server: NewServer) -> None:
        leaver = new_server()
        leaver.connect("1")[1].user = "bob"
        client, socket = here.connect()
        assert socket.watch_presence("1") == ["bob"]
        leaver.nsp.adapter.close()
        gone: list[Any] = []
        until(lambda: gone.extend(news(client)) or gone, what="bob to be gone")
        assert gone == [("bob", False)]
        assert here.nsp.presence("1") == []

    def test_users_of_a_server_that_is_killed(self, here: Server, new_server: NewServer) -> None:
        killed = new_server()
        killed.connect("1")[1].user = "bob"
        client, socket = here.connect("1")
        socket.user = "ada"
        assert socket.watch_presence("1") == ["ada", "bob"]
        self.cut(killed)
        assert here.nsp.presence("1") == ["ada"]
        gone: list[Any] = []
        until(lambda: gone.extend(news(client)) or gone, what="bob to be gone")
        assert gone == [("bob", False)]

    def test_users_of_a_server_that_comes(self, here: Server, new_server: NewServer) -> None:
        client, socket = here.connect()
        assert socket.watch_presence("1") == []
        newcomer = new_server()
        newcomer.connect("1")[1].user = "bob"
        came: list[Any] = []
        until(lambda: came.extend(news(client)) or came, what="bob to come")
        assert came == [("bob", True)]

    def test_a_change_that_was_lost(self, here: Server, there: Server) -> None:
        """It is noticed by its number, or when others are asked again."""
        told: list[Any] = []
        here.nsp.watch_presence(lambda nsp, *what: told.append(what), "1")
        telling = there.nsp.adapter._elsewhere._telling  # type: ignore[attr-defined]
        say, lost = telling._say, []
        telling._say = lambda *words: lost.append(words)
        there.connect("1")[1].user = "bob"
        until(lambda: lost, what="a change that is lost")
        telling._say = say
        until(lambda: told == [("1", "bob", True)], what="bob to come all the same")

    def test_who_stops_watching_is_told_nothing(self, here: Server, there: Server) -> None:
        client, socket = here.connect()
        socket.watch_presence("1")
        socket.unwatch_presence("1")
        there.connect("1")[1].user = "bob"
        assert here.nsp.presence("1") == ["bob"]
        assert socket.watch_presence("1") == ["bob"]
        there.made[-1].leave("1")
        gone: list[Any] = []
        until(lambda: gone.extend(news(client)) or gone, what="bob to leave")
        assert gone == [("bob", False)]

    def test_a_user_whose_name_cannot_be_sent(self, here: Server, there: Server) -> None:
        nameless = object()
        there.connect("1")[1].user = nameless
        there.connect("1")[1].user = "bob"
        assert here.nsp.presence("1") == ["bob"]
        told: list[Any] = []
        assert here.nsp.watch_presence(lambda nsp, *what: told.append(what), "1") == ["bob"]
        there.connect("1")[1].user = object()
        there.connect("1")[1].user = "eve"
        until(lambda: told == [("1", "eve", True)], what="eve to come")
