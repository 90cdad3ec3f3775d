from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyramid_sio.errors import AckTimeout
from pyramid_sio.sockets.broadcast import Broadcast, Words
from tests.fakes import FakeSession
from tests.sockets.conftest import Site


class Crowd:
    """Four clients: a and b are in room 1, b and c in room 2, d is in none."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.sessions: dict[str, FakeSession] = {}
        self.sockets: dict[str, Any] = {}
        for name in "abcd":
            self.sessions[name], self.sockets[name] = site.connect()
        self.a, self.b, self.c, self.d = self.sockets.values()
        self.a.join("1")
        self.b.join("1", "2")
        self.c.join("2")

    def reached(self) -> str:
        """Who got something, each as often as it did."""
        return "".join(name * len(session.take()) for name, session in self.sessions.items())


@pytest.fixture
def crowd(site: Site) -> Crowd:
    return Crowd(site)


CHAINS: dict[str, tuple[Callable[[Crowd], Any], str]] = {
    "server": (lambda crowd: crowd.site.sio, "abcd"),
    "namespace": (lambda crowd: crowd.a.nsp, "abcd"),
    "named namespace": (lambda crowd: crowd.site.sio.of("/"), "abcd"),
    "one room": (lambda crowd: crowd.site.sio.to("1"), "ab"),
    "in": (lambda crowd: crowd.site.sio.in_("2"), "bc"),
    "two rooms": (lambda crowd: crowd.site.sio.to("1", "2"), "abc"),
    "two rooms in turn": (lambda crowd: crowd.site.sio.to("1").to("2"), "abc"),
    "chain in": (lambda crowd: crowd.site.sio.to("1").in_("2"), "abc"),
    "unknown room": (lambda crowd: crowd.site.sio.to("nobody"), ""),
    "one client": (lambda crowd: crowd.site.sio.to(crowd.c.sid), "c"),
    "a client and a room": (lambda crowd: crowd.site.sio.to(crowd.c.sid, "1"), "abc"),
    "except": (lambda crowd: crowd.site.sio.except_("1"), "cd"),
    "except wins": (lambda crowd: crowd.site.sio.to("1").except_("2"), "a"),
    "except one": (lambda crowd: crowd.site.sio.except_(crowd.d.sid), "abc"),
    "except many": (lambda crowd: crowd.site.sio.except_("1", crowd.d.sid), "c"),
    "except nobody": (lambda crowd: crowd.site.sio.except_("nobody"), "abcd"),
    "server's broadcast": (lambda crowd: crowd.site.sio.broadcast, "abcd"),
    "server's local": (lambda crowd: crowd.site.sio.local, "abcd"),
    "myself": (lambda crowd: crowd.a, "a"),
    "myself, compressed": (lambda crowd: crowd.a.compress(True), "a"),
    "the others": (lambda crowd: crowd.a.broadcast, "bcd"),
    "the others here": (lambda crowd: crowd.a.local, "bcd"),
    "the others of my room": (lambda crowd: crowd.a.to("1"), "b"),
    "a room I am not in": (lambda crowd: crowd.a.to("2"), "bc"),
    "my own room": (lambda crowd: crowd.a.to(crowd.a.sid), ""),
    "all others but": (lambda crowd: crowd.a.except_("2"), "d"),
    "flags first": (lambda crowd: crowd.a.compress(False).timeout(1).to("1"), "b"),
    "flags last": (lambda crowd: crowd.a.to("1").compress(False).local, "b"),
}
each_chain = pytest.mark.parametrize(("start", "whom"), CHAINS.values(), ids=CHAINS)


@each_chain
def test_emit_reaches(crowd: Crowd, start: Callable[[Crowd], Any], whom: str) -> None:
    start(crowd).emit("news", 1)
    assert "".join(sorted(crowd.reached())) == whom


@each_chain
def test_send_reaches(crowd: Crowd, start: Callable[[Crowd], Any], whom: str) -> None:
    start(crowd).send("hello")
    assert "".join(sorted(crowd.reached())) == whom


@each_chain
def test_call_asks(crowd: Crowd, start: Callable[[Crowd], Any], whom: str) -> None:
    def answer(timeout: float | None) -> None:
        for name, session in crowd.sessions.items():
            for packet in session.take():
                assert packet == '20["question"]'
                session.receive(f'30["{name}","ignored"]')

    crowd.site.meanwhile = answer
    for session in crowd.sessions.values():
        session.meanwhile = answer
    result = start(crowd).call("question")
    if isinstance(result, tuple):
        result = [result[0]]
    assert sorted(result) == list(whom)


SELECTIONS = {name: chain for name, chain in CHAINS.items() if not name.startswith("myself")}
each_selection = pytest.mark.parametrize(("start", "whom"), SELECTIONS.values(), ids=SELECTIONS)


@each_selection
def test_verbs_reach(crowd: Crowd, start: Callable[[Crowd], Any], whom: str) -> None:
    sockets = {socket: name for name, socket in crowd.sockets.items()}

    def of(chain: Any) -> str:
        return "".join(sorted(sockets[socket] for socket in chain.fetch()))

    assert of(start(crowd)) == whom
    start(crowd).join("new", "newer")
    assert of(crowd.site.sio.to("new")) == of(crowd.site.sio.to("newer")) == whom
    start(crowd).leave("new")
    assert of(crowd.site.sio.to("new")) == ""
    crowd.site.sio.to("newer").disconnect()
    left = "".join(name for name, socket in crowd.sockets.items() if not socket.connected)
    assert left == whom
    assert all(session.is_open for session in crowd.sessions.values())


def test_a_chain_from_one_client_without_a_selection_means_it(crowd: Crowd) -> None:
    chain = crowd.a.compress(True)
    assert chain.fetch() == [crowd.a]
    chain.join("new")
    assert "new" in crowd.a.rooms
    chain.leave("new")
    chain.disconnect(close=True)
    assert not crowd.sessions["a"].is_open
    assert crowd.b.connected


def test_disconnect_may_end_whole_connections(crowd: Crowd) -> None:
    crowd.site.sio.to("1").disconnect(close=True)
    assert [name for name, session in crowd.sessions.items() if session.is_open] == ["c", "d"]


def test_each_word_makes_a_new_chain(crowd: Crowd) -> None:
    """Half a chain can be kept and used again, however it went on elsewhere."""
    base = crowd.site.sio.to("1")
    shown = repr(base)
    words = [
        base.to("2"),
        base.in_("3"),
        base.except_("2"),
        base.volatile,
        base.local,
        base.broadcast,
        base.compress(False),
        base.timeout(1),
    ]
    assert all(chain is not base for chain in words)
    assert repr(base) == shown
    base.emit("news")
    assert crowd.reached() == "ab"
    assert base.chain() is base


def test_chains_have_no_state_to_set(crowd: Crowd) -> None:
    with pytest.raises(AttributeError):
        crowd.site.sio.to("1").rooms = {"2"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("chain", "how"),
    [
        (lambda sio: sio, (False, True)),
        (lambda sio: sio.volatile, (True, True)),
        (lambda sio: sio.compress(False), (False, False)),
        (lambda sio: sio.compress(False).compress(True), (False, True)),
        (lambda sio: sio.volatile.compress(False).to("1"), (True, False)),
        (lambda sio: sio.to("1").compress(False).volatile, (True, False)),
    ],
)
def test_how_it_is_sent(crowd: Crowd, chain: Callable[[Any], Any], how: tuple[bool, bool]) -> None:
    session = crowd.sessions["a"]
    session.how.clear()
    chain(crowd.site.sio).emit("news")
    chain(crowd.a).broadcast.emit("not for a")
    chain(crowd.b).to("1").emit("news")
    assert session.how == [how, how]


def test_flags_hold_for_one_client_too(crowd: Crowd) -> None:
    session = crowd.sessions["a"]
    session.how.clear()
    crowd.a.volatile.emit("news")
    crowd.a.compress(False).emit("news")
    crowd.a.emit("news")
    assert session.how == [(True, True), (False, False), (False, True)]


def test_encoded_once_for_all(crowd: Crowd) -> None:
    crowd.site.sio.emit("news", {"large": "x" * 100})
    messages = {id(session.messages[-1]) for session in crowd.sessions.values()}
    assert len(messages) == 1


def test_nothing_is_encoded_for_nobody(site: Site) -> None:
    site.sio.emit("news", object())


def test_a_broadcast_that_cannot_be_sent_reaches_nobody(crowd: Crowd) -> None:
    with pytest.raises(TypeError):
        crowd.site.sio.emit("news", object())
    with pytest.raises(TypeError):
        crowd.site.sio.call("news", object())
    assert crowd.reached() == ""
    assert all(len(socket._acks or ()) == 0 for socket in crowd.sockets.values())


def test_whoever_leaves_during_a_broadcast_disturbs_nobody(crowd: Crowd) -> None:
    """A client that is too slow is ended in the middle of it."""
    slow = crowd.sessions["b"]
    slow.send = lambda *args: slow.lose() or False  # type: ignore[method-assign, assignment]
    crowd.site.sio.emit("news")
    assert crowd.reached() == "acd"


class TestCallback:
    def test_many_answers(self, crowd: Crowd) -> None:
        answers: list[Any] = []
        crowd.site.sio.to("1").emit("question", callback=lambda *args: answers.extend(args))
        crowd.sessions["a"].receive("30[1]")
        crowd.sessions["b"].receive("30[2]")
        assert answers == []
        ((func, args),) = crowd.site.spawned
        func(*args)
        assert answers == [None, [1, 2]]

    def test_one_that_fails_is_logged(self, crowd: Crowd, caplog: pytest.LogCaptureFixture) -> None:
        crowd.site.sio.to("nobody").emit("question", callback=lambda error, responses: 1 / 0)
        ((func, args),) = crowd.site.spawned
        func(*args)
        assert "ZeroDivisionError" in caplog.text

    def test_some_are_missing(self, crowd: Crowd) -> None:
        answers: list[Any] = []
        crowd.a.broadcast.timeout(5).emit("question", callback=lambda *args: answers.extend(args))
        crowd.sessions["b"].receive("30[2]")
        ((func, args),) = crowd.site.spawned
        func(*args)
        crowd.sessions["a"].run()
        error, responses = answers
        assert isinstance(error, AckTimeout)
        assert responses == [2]

    def test_one_client(self, crowd: Crowd) -> None:
        answers: list[Any] = []
        crowd.a.compress(False).emit("question", callback=lambda *args: answers.append(args))
        crowd.sessions["a"].receive("30[1]")
        crowd.sessions["a"].run()
        assert answers == [(1,)]

    def test_one_client_with_a_time_out(self, crowd: Crowd) -> None:
        answers: list[Any] = []
        session = crowd.sessions["a"]
        crowd.a.timeout(5).emit("question", callback=lambda *args: answers.append(args))
        session.receive("30[1]")
        session.run()
        assert answers == [(None, 1)]
        crowd.a.timeout(5).emit("question", callback=lambda *args: answers.append(args))
        session.advance(5.1)
        session.run()
        assert isinstance(answers[1][0], AckTimeout)


def test_words_need_a_start() -> None:
    with pytest.raises(NotImplementedError):
        Words().to("room")


def test_repr_shows_the_selection(site: Site) -> None:
    chain = site.sio.to("lobby").volatile
    assert isinstance(chain, Broadcast)
    assert "lobby" in repr(chain)
    assert "volatile=True" in repr(chain)
