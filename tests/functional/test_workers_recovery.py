"""Clients that come back to another worker than they were with, and what happens meanwhile."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.conftest import Serve
from tests.functional.scenarios import Scenarios
from tests.functional.workers import WORKERS, Crowd, children_of, wait_gone
from tests.support import Node, Server

APP = "tests.functional.returning:main"
LISTENERS, SPEAKERS = 12, 4


@pytest.fixture(scope="module")
def keeping_workers(serve_shared: Callable[..., Server]) -> Server:
    started = serve_shared(APP, server=WORKERS, recovery=True)
    started.expect("Serving on")
    return started


@pytest.mark.parametrize(
    ("scenario", "transport"),
    [
        ("checked_again", "websocket"),
        ("from_a_pattern", "websocket"),
        ("handler_still_runs", "websocket"),
        ("left_on_purpose", "websocket"),
        ("lost_on_the_way", "polling"),
        ("made_up", "websocket"),
        ("missed_binary", "polling"),
        ("missed_in_order", "websocket"),
        ("one_of_many", "websocket"),
        ("server_has_not_noticed", "polling"),
        ("several_namespaces", "websocket"),
        ("strings_at_the_end", "websocket"),
    ],
)
def test_as_with_one_process(
    scenarios: Scenarios, keeping_workers: Server, scenario: str, transport: str
) -> None:
    scenarios(f"recovery.{scenario}", keeping_workers.url, transport=transport)


def test_nothing_is_lost_on_the_way_to_another_worker(node: Node, keeping_workers: Server) -> None:
    crowd = Crowd(node, "returning.js", keeping_workers, LISTENERS, SPEAKERS)
    crowd.ask("speak")
    crowd.ask("break 5")
    told = crowd.ask("hush")
    assert told["moved"] > 0, told
    assert (told["missed"], told["twice"], told["disordered"]) == (0, 0, 0), told
    assert told["recovered"] == told["returns"] == 5 * LISTENERS, told


def test_nothing_is_lost_in_a_reload(node: Node, serve: Serve) -> None:
    server = serve(APP, server=WORKERS, recovery=True)
    server.expect("Serving on")
    crowd = Crowd(node, "returning.js", server, LISTENERS, SPEAKERS)
    old = children_of(server.pid)
    crowd.ask("speak")
    server.signal(signal.SIGHUP)
    wait_gone(old)
    told = crowd.ask("hush")
    assert (told["missed"], told["twice"], told["disordered"]) == (0, 0, 0), told
    assert told["recovered"] == told["returns"] == told["moved"] == LISTENERS, told
    assert told["reasons"] == {"transport close": LISTENERS + SPEAKERS}
