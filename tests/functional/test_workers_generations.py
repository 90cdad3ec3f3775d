"""Official clients of every generation on several workers, whatever joins those."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.conftest import Serve
from tests.functional.conftest import APP
from tests.functional.scenarios import Scenarios
from tests.functional.test_generations import GENERATIONS, JSONP
from tests.functional.test_legacy_browser import RUN
from tests.functional.test_legacy_javascript import LEGACY_APP
from tests.functional.workers import WORKERS, children_of, wait_gone
from tests.support import ROOT, Node, Redis, Server

EVERYBODY = {"allow_eio3": "true", "legacy": "true"}


@pytest.fixture(scope="module")
def workers(serve_shared: Callable[..., Server]) -> Server:
    started = serve_shared(server=WORKERS, **EVERYBODY)
    started.expect("Serving on")
    return started


@pytest.mark.parametrize("adapter", ["bus", "redis", "redis-sharded", "redis-streams"])
def test_one_room_for_all(
    node: Node, serve: Serve, workers: Server, shared_redis: Redis, adapter: str
) -> None:
    """What each client says reaches every other of whatever generation and worker, intact."""
    server = workers
    if adapter != "bus":
        joined = {"adapter": adapter, "redis_url": shared_redis.url}
        server = serve(APP, server=WORKERS, redis_prefix=f"w-{adapter}", **joined, **EVERYBODY)
        assert "2 workers joined by Redis" in server.expect("Serving on")
    assert node("all_generations.js", server.url).strip() == "14 clients"


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("transport", ["polling", "upgrade"])
@pytest.mark.parametrize("scenario", ["events_and_acks", "binary", "namespaces", "leaving"])
def test_requests_find_their_session(
    scenarios: Scenarios, workers: Server, scenario: str, transport: str, generation: int
) -> None:
    scenarios(f"generations.{scenario}", workers.url, transport=transport, generation=generation)


@pytest.mark.parametrize("generation", [1, 2])
def test_jsonp_of_earlier_pages(
    workers: Server, new_page: Callable[..., Page], generation: int
) -> None:
    page = new_page()
    page.goto(f"{workers.url}/page/none.js")
    page.add_script_tag(path=ROOT / f"node_modules/socket.io-client-{generation}/dist/socket.io.js")
    for _ in range(3):
        result = page.evaluate(JSONP)
        assert result["intact"] == [True, 1, True, [0, 1, 255]]


def test_jsonp_of_the_oldest(
    new_page: Callable[..., Page], serve_shared: Callable[..., Server]
) -> None:
    server = serve_shared(
        LEGACY_APP, server=WORKERS, legacy="true", legacy_transports="jsonp-polling"
    )
    server.expect("Serving on")
    for scenario in ("many_in_order", "large", "namespaces"):
        page = new_page()
        page.goto(f"{server.url}/page")
        assert page.evaluate(RUN, [scenario, "jsonp-polling", f"workers-{scenario}"]) == "ok"


def test_all_come_over_in_a_reload(scenarios: Scenarios, serve: Serve) -> None:
    server = serve(APP, server=WORKERS, allow_eio3="true")
    server.expect("Serving on")
    old = children_of(server.pid)
    jobs = [
        scenarios.start(
            "generations.server_restarts", server.url, transport=transport, generation=generation
        )
        for generation in GENERATIONS
        for transport in ("polling", "websocket", "upgrade")
    ]
    for job in jobs:
        job.expect("connected")
    server.signal(signal.SIGHUP)
    for job in jobs:
        job.expect("disconnected")
        job.tell("restarted")
    for job in jobs:
        job.result()
    wait_gone(old)
