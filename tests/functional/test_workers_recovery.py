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


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(
    "scenario",
    [
        "handler_still_runs",
        "left_on_purpose",
        "lost_on_the_way",
        "missed_binary",
        "missed_in_order",
        "never_got_anything",
        "nothing_was_missed",
        "server_has_not_noticed",
        "strings_at_the_end",
    ],
)
def test_on_each_transport(
    scenarios: Scenarios, keeping_workers: Server, scenario: str, transport: str
) -> None:
    scenarios(f"recovery.{scenario}", keeping_workers.url, transport=transport)


@pytest.mark.parametrize(
    "scenario", ["checked_again", "from_a_pattern", "made_up", "one_of_many", "several_namespaces"]
)
def test_once(scenarios: Scenarios, keeping_workers: Server, scenario: str) -> None:
    scenarios(f"recovery.{scenario}", keeping_workers.url, transport="websocket")


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
