"""The same application under waitress: threads, long-polling, a loop in the background."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from signal import SIGINT
from typing import Any

import pytest
import socketio

from tests.conftest import Serve
from tests.functional.scenarios import Scenarios
from tests.functional.test_javascript import BOTH_SIDES, ONCE
from tests.functional.threaded_app import AT_A_MEETING
from tests.functional.wire import Polling, SessionEnded, ask, enter
from tests.support import PATIENCE, Redis, Server, wait_until

THREADED_APP = "tests.functional.threaded_app:main"

#: A native thread cannot be killed: what is spawned has to look whether its client is there.
GREENLETS_ONLY = {"leaving.spawned_work_ends_too"}
WEBSOCKETS_ONLY = {"connect.subprotocols"}


@pytest.fixture(scope="module")
def waitress(serve_shared: Callable[..., Server]) -> Server:
    """The usual test application."""
    return serve_shared(server={"use": "egg:waitress", "threads": 8})


@pytest.fixture(scope="module")
def threaded(serve_shared: Callable[..., Server]) -> Server:
    """The application that knows threads."""
    return serve_shared(THREADED_APP, server={"use": "egg:waitress", "threads": 8})


@pytest.mark.parametrize(
    "scenario", sorted({*BOTH_SIDES, *ONCE} - GREENLETS_ONLY - WEBSOCKETS_ONLY)
)
def test_official_client(scenarios: Scenarios, waitress: Server, scenario: str) -> None:
    scenarios(scenario, waitress.url, transport="polling")


def test_a_client_that_would_like_to_upgrade_polls(scenarios: Scenarios, waitress: Server) -> None:
    assert Polling(waitress).handshake["upgrades"] == []
    scenarios("events.values_come_back", waitress.url, transport="polling", upgrade=True)


def test_websocket_is_refused(waitress: Server) -> None:
    answer = ask(
        waitress,
        query="EIO=4&transport=websocket",
        Upgrade="websocket",
        Connection="Upgrade",
        Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
        Sec_WebSocket_Version="13",
    )
    assert (answer.status, answer.text) == (400, "Transport unknown")


# Threads.


class Person:
    """python-socketio's client, over polling."""

    def __init__(self, server: Server, name: str, namespace: str = "/") -> None:
        self.client = socketio.Client(reconnection=False)
        self.heard: list[tuple[Any, ...]] = []
        self.namespace = namespace
        self.client.on("*", lambda *event: self.heard.append(event), namespace=namespace)
        self.client.on("question", lambda number: number * 10, namespace=namespace)
        self.client.on("silence", lambda: time.sleep(1), namespace=namespace)
        self.client.connect(
            server.url,
            headers={"User-Agent": name},
            auth={"name": name},
            namespaces=[namespace],
            transports=["polling"],
            wait_timeout=PATIENCE,
        )

    def call(self, event: str, *args: Any) -> Any:
        return self.client.call(event, args, self.namespace, timeout=PATIENCE)

    def hears(self, *event: Any) -> None:
        wait_until(lambda: event in self.heard, what=f"{event}; heard: {self.heard}")

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *exc: object) -> None:
        self.client.disconnect()


def test_handlers_run_in_native_threads_with_a_request_of_their_own(threaded: Server) -> None:
    with Person(threaded, "ann") as ann, Person(threaded, "bob") as bob:
        page = ask(threaded, path="/page").json
        for person, name in ((ann, "ann"), (bob, "bob")):
            where = person.call("where")
            assert where["thread"] != page["thread"]
            assert (where["agent"], where["request"], where["patched"]) == (name, True, False)
        assert page["loop"] == "pyramid_sio"


def test_handlers_that_block_run_side_by_side(threaded: Server) -> None:
    people = [Person(threaded, f"visitor {number}") for number in range(AT_A_MEETING)]
    try:
        with ThreadPoolExecutor(len(people)) as pool:
            answers = list(pool.map(lambda person: person.call("meet"), people))
    finally:
        for person in people:
            person.client.disconnect()

    assert answers == [[True, True]] * len(people)


def test_every_verb_from_a_thread(threaded: Server) -> None:
    with Person(threaded, "verbose") as person:
        assert person.call("verbs") == {
            "rooms": ["a", "c", "everybody"],
            "here": [True],
            "seen": ["verbose"],
            "answers": [10, [20]],
            "called back": True,
            "late": True,
        }


def test_emit_from_any_thread(threaded: Server) -> None:
    with Person(threaded, "ann") as ann, Person(threaded, "bob") as bob:
        assert ask(threaded, path="/emit").json["heard"] >= 2
        ann.hears("news", "anybody's")
        bob.hears("news", "anybody's")


def test_emit_to_a_namespace_of_a_pattern(threaded: Server) -> None:
    with Person(threaded, "reader", "/doc/7") as reader:
        reader.hears("opened", "7")
        assert ask(threaded, path="/emit", query="path=/doc/7").json == {"heard": 1}
        reader.hears("news", "anybody's")


def test_spawned_work_sees_that_its_client_is_gone(threaded: Server) -> None:
    with Person(threaded, "worker") as worker:
        assert worker.call("work") == "working"
    threaded.expect("the work of worker has ended")


def test_disconnected_by_the_server(threaded: Server) -> None:
    session = Polling(threaded)
    enter(session)
    session.receive()
    session.send('42["leave_me"]')
    assert session.receive() == "41"


# Time.


def test_heartbeats_in_the_background(serve: Serve) -> None:
    server = serve(THREADED_APP, server={"use": "egg:waitress"}, ping_interval=0.3, ping_timeout=2)
    session = Polling(server)
    enter(session)
    assert "connected" in str(session.receive())
    for _ in range(3):
        assert session.receive() == "2"
        session.send("3")

    # No request comes in any more: only a clock in the background can notice.
    server.expect("nobody left: ping timeout")
    with pytest.raises(SessionEnded):
        session.receive()


# Few threads.


def test_pages_are_answered_beside_twenty_polling_clients(serve: Serve) -> None:
    """Four threads: two polls wait, the others come again, and pages find a thread."""
    server = serve(THREADED_APP, server={"use": "egg:waitress", "threads": 4})
    people = [Person(server, f"person {number}") for number in range(20)]
    try:
        took = []
        for _ in range(40):
            started = time.monotonic()
            assert ask(server, path="/page").status == 200
            took.append(time.monotonic() - started)
        began = time.monotonic()
        assert ask(server, path="/emit").json == {"heard": 20}
        for person in people:
            person.hears("news", "anybody's")
        news = time.monotonic() - began
    finally:
        for person in people:
            person.client.disconnect()

    print(
        f"pages: median {statistics.median(took) * 1000:.0f} ms, longest {max(took) * 1000:.0f} ms;"
        f" news to all 20: {news * 1000:.0f} ms"
    )
    assert statistics.median(took) < 1
    assert news < PATIENCE / 2
    server.expect("more clients poll than the 2 that may wait in threads of this HTTP server")


def test_number_of_waiting_polls_can_be_said(serve: Serve) -> None:
    server = serve(THREADED_APP, server={"use": "egg:waitress", "threads": 4}, waiting_polls=3)
    sessions = [Polling(server) for _ in range(4)]
    server.expect("at most 3 polls wait at once")
    with ThreadPoolExecutor(len(sessions)) as pool:
        polls = [pool.submit(session.poll) for session in sessions]
        early = next(as_completed(polls, PATIENCE))
        assert early.result().text == "6"
        assert [poll.done() for poll in polls].count(True) == 1
        server.stop()


# The end.


def test_control_c_lets_everybody_go(serve: Serve) -> None:
    server = serve(THREADED_APP, server={"use": "egg:waitress", "threads": 4})
    sessions = [Polling(server) for _ in range(2)]
    for session in sessions:
        enter(session)
        session.receive()
    polls = [session.begin_poll() for session in sessions]
    pages = [ask(server, path="/page").status for _ in range(3)]

    server.signal(SIGINT)
    assert server.wait() == 0

    assert pages == [200] * 3
    assert [poll.answer().text for poll in polls] == ["1", "1"]
    assert server.output.count("nobody left: server shutting down") == 2
    # Waitress would say this of polls that nobody answers, after five seconds.
    assert "still running" not in server.output


@pytest.fixture(scope="module")
def earlier_waitress(serve_shared: Callable[..., Server]) -> Server:
    """For clients of Socket.IO 1 and 2 too."""
    return serve_shared(server={"use": "egg:waitress", "threads": 8}, allow_eio3="true")


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize("scenario", ["events_and_acks", "binary", "rooms", "namespaces"])
def test_earlier_clients(
    scenarios: Scenarios, earlier_waitress: Server, scenario: str, generation: int
) -> None:
    scenarios(
        f"generations.{scenario}",
        earlier_waitress.url,
        transport="polling",
        generation=generation,
    )


# Other servers.


def test_rooms_are_shared_through_redis(serve: Serve, redis_server: Redis) -> None:
    """Two processes with threads: what is emitted in one is heard in the other."""
    options = {"use": "egg:waitress", "threads": 8}
    here, there = (serve(THREADED_APP, server=options, redis_url=redis_server.url) for _ in "12")
    with Person(here, "ann") as ann, Person(there, "bob") as bob:
        wait_until(lambda: ask(here, path="/emit").json["heard"] == 2, what="both to be known")
        ann.hears("news", "anybody's")
        bob.hears("news", "anybody's")
        assert sorted(ann.call("verbs")["here"]) == [True]


def test_emits_commit_with_the_transaction(
    serve: Serve, scenarios: Scenarios, tmp_path: Path
) -> None:
    server = serve(
        "tests.functional.rows_app:main",
        server={"use": "egg:waitress", "threads": 8},
        settings={"database": tmp_path / "rows.sqlite"},
    )
    name = "transactions.nobody_hears_of_what_was_rolled_back"
    result = scenarios(name, server.url, transport="polling", rounds=2)
    assert result["heard"] == 2 * 6
    assert result["said"]["event fail"] == {"error": "rolled back"}
