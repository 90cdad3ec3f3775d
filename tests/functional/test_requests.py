"""Each view and each handler sees its own user's request, whatever greenlets run beside it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any
from urllib.parse import quote

import pytest

from tests.functional.wire import KINDS, Polling, Session, WebSocket, ask, begin
from tests.support import Server

ROUNDS = 5

_meetings = itertools.count()


@pytest.fixture(scope="module")
def server(serve_shared: Callable[..., Server]) -> Server:
    return serve_shared("tests.functional.identity:main", settings={"a.setting": "a value"})


class User:
    """Somebody with a cookie, in one namespace.

    :param kind: what carries the session
    """

    def __init__(
        self,
        server: Server,
        name: str,
        *,
        kind: Callable[..., Session] = WebSocket,
        namespace: str = "/",
        query: str = "",
        auth: object = None,
        cookie: str = "",
    ) -> None:
        self.name = name
        headers = {"Cookie": f"user={name}; {cookie}".rstrip("; "), "X-Color": "green"}
        self._session = kind(server, query, **headers)
        self._place = "" if namespace == "/" else f"{namespace},"
        self._session.send(f"40{self._place}{json.dumps(auth) if auth else ''}")
        #: What the server said to that.
        self.welcome = str(self._session.receive())

    def send(self, event: str, *args: Any, id: object = "") -> None:
        self._session.send(f"42{self._place}{id}{json.dumps([event, *args])}")

    def answer(self) -> Any:
        """The acknowledgement, or the event, that comes next."""
        packet = str(self._session.receive())
        return json.loads(packet[packet.index("[") :])

    def ask(self, event: str, *args: Any) -> Any:
        """The acknowledgement's only argument."""
        self.send(event, *args, id=1)
        return self.answer()[0]

    def acknowledge(self) -> None:
        """Answer the event that comes next, without arguments."""
        packet = str(self._session.receive())
        id = "".join(filter(str.isdigit, packet[2 : packet.index("[")]))
        self._session.send(f"43{id}[]")

    def close(self) -> None:
        self._session.close()


@pytest.fixture
def enter(server: Server) -> Iterator[Callable[..., User]]:
    """Lets users in: ``enter('alice', namespace='/members')``."""
    with ExitStack() as present:
        yield lambda name, **options: present.enter_context(closing(User(server, name, **options)))


def meeting(parties: int) -> tuple[str, int, int]:
    """The arguments of a meeting that nobody else goes to."""
    return f"meeting {next(_meetings)}", parties, ROUNDS


# Side by side.


def test_views_of_two_users(server: Server) -> None:
    name, parties, rounds = meeting(4)
    query = f"name={quote(name)}&parties={parties}&rounds={rounds}"
    users = ["alice", "bob", "alice", "bob"]

    pages = [begin(server, path="/meet", query=query, cookie=f"user={user}") for user in users]

    for user, page in zip(users, pages, strict=True):
        assert page.answer().json == [user] * 2 * ROUNDS


@pytest.mark.parametrize("kind", KINDS)
def test_handlers_of_two_users(enter: Callable[..., User], kind: str) -> None:
    users = [enter(name, kind=KINDS[kind]) for name in ("alice", "bob", "eve", "bob")]
    where = meeting(len(users))

    for user in users:
        user.send("meet", *where, id=0)

    for user in users:
        assert user.answer() == [[user.name] * 2 * ROUNDS]


def test_views_and_handlers_together(server: Server, enter: Callable[..., User]) -> None:
    users = [enter("alice"), enter("bob"), enter("eve", kind=Polling)]
    name, parties, rounds = meeting(5)
    query = f"name={quote(name)}&parties={parties}&rounds={rounds}"
    pages = [begin(server, path="/meet", query=query, cookie=f"user={u}") for u in ("bob", "eve")]

    for user in users:
        user.send("meet", name, parties, rounds, id=0)

    for user in users:
        assert user.answer() == [[user.name] * 2 * ROUNDS]
    assert pages[0].answer().json == ["bob"] * 2 * ROUNDS
    assert pages[1].answer().json == ["eve"] * 2 * ROUNDS


def test_spawned_functions(enter: Callable[..., User]) -> None:
    users = [enter(name) for name in ("alice", "bob", "eve")]
    where = meeting(len(users))

    for user in users:
        user.send("meet_spawned", *where)

    for user in users:
        assert user.answer() == ["met", [user.name] * 2 * ROUNDS]


def test_callbacks_of_acknowledgements(enter: Callable[..., User]) -> None:
    users = [enter(name) for name in ("alice", "bob")]
    where = meeting(len(users))

    for user in users:
        user.send("meet_answered", *where)
    for user in users:
        user.acknowledge()

    for user in users:
        assert user.answer() == ["met", [user.name] * 2 * ROUNDS]


def test_one_users_spawned_function_beside_anothers_handler(enter: Callable[..., User]) -> None:
    alice, bob = enter("alice"), enter("bob")
    where = meeting(2)

    alice.send("meet_spawned", *where)
    bob.send("meet", *where, id=0)

    assert alice.answer() == ["met", ["alice"] * 2 * ROUNDS]
    assert bob.answer() == [["bob"] * 2 * ROUNDS]


def test_nothing_is_left_behind(enter: Callable[..., User]) -> None:
    users = [enter(name) for name in ("alice", "bob")]
    depths = {user.ask("depth") for user in users}
    for _ in range(3):
        where = meeting(len(users))
        for user in users:
            user.send("meet", *where, id=0)
        for user in users:
            user.answer()

    assert {user.ask("depth") for user in users} == depths
    assert len(depths) == 1


# The request of a handler.


@pytest.mark.parametrize("kind", KINDS)
def test_facts(server: Server, enter: Callable[..., User], kind: str) -> None:
    user = enter("alice", kind=KINDS[kind], query="&color=blue%20%26%20red")

    assert user.ask("facts") == {
        "same request": True,
        "same registry": True,
        "setting": "a value",
        "user": "alice",
        "user on connect": "alice",
        "shout": "alice!",
        "method": "GET",
        "query": "blue & red",
        "header": "green",
        "address": "127.0.0.1",
        "route": "/visit",
        "session": {},
        "sio": True,
        "body": "",
    }


def test_without_a_cookie_nobody_is_there(enter: Callable[..., User]) -> None:
    assert enter("somebody else").ask("facts")["user"] is None


def test_session_of_the_handshake(server: Server, enter: Callable[..., User]) -> None:
    first = ask(server, path="/visit", cookie="user=alice")
    cookie = first.headers["set-cookie"].partition(";")[0]
    second = ask(server, path="/visit", cookie=f"user=alice; {cookie}")
    cookie = second.headers["set-cookie"].partition(";")[0]

    assert enter("alice", cookie=cookie).ask("facts")["session"] == {"visits": 2}


def test_each_event_has_a_request_of_its_own(enter: Callable[..., User]) -> None:
    user = enter("alice")

    assert user.ask("requests_differ") is True
    assert user.ask("requests_differ") is True


def test_callbacks_of_the_request_run_with_it(enter: Callable[..., User]) -> None:
    user = enter("alice")

    assert user.ask("finish") is False
    assert user.ask("finished") == ["alice"]


def test_request_of_on_disconnect(server: Server, enter: Callable[..., User]) -> None:
    enter("bob", auth={"key": "leaves"}).close()

    entries = ask(server, path="/journal/leaves", query="count=2").json
    assert entries[1] == ["gone", "bob", "bob"]


def test_imperative_namespace(enter: Callable[..., User]) -> None:
    assert enter("bob", namespace="/imperative").ask("user") == "bob"


# Permissions.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_permitted_namespace(enter: Callable[..., User], kind: str, name: str) -> None:
    user = enter(name, kind=KINDS[kind], namespace="/members")

    assert user.welcome.startswith('40/members,{"sid":')
    assert user.ask("context") == [name, True]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["eve", "somebody else"])
def test_forbidden_namespace(enter: Callable[..., User], kind: str, name: str) -> None:
    user = enter(name, kind=KINDS[kind], namespace="/members")

    assert user.welcome == '44/members,{"message":"Forbidden"}'


def test_permission_depends_on_the_context(enter: Callable[..., User]) -> None:
    user = enter("alice", namespace="/members", query="&closed=1")

    assert user.welcome == '44/members,{"message":"Forbidden"}'


def test_permitted_event(enter: Callable[..., User]) -> None:
    user = enter("alice", namespace="/members")

    assert user.ask("write", "a word") == "alice writes a word"


def test_forbidden_event(server: Server, enter: Callable[..., User]) -> None:
    user = enter("bob", namespace="/members", auth={"key": "forbidden"})

    assert user.ask("write", "a word") == {"error": "Forbidden"}
    entries = ask(server, path="/journal/forbidden", query="count=2").json
    assert entries[1] == ["error", "write", "Access was denied to this resource.", "bob"]
    assert user.ask("context") == ["bob", True]
