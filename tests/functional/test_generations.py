"""Official JavaScript clients of several generations in Node.js, on one server.

What they do stands in ``tests/js/scenarios/generations.js``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Serve
from tests.functional.conftest import APP
from tests.functional.scenarios import Scenarios
from tests.support import Server, free_port

GENERATIONS = (1, 2, 3, 4)
TRANSPORTS = ("polling", "websocket", "upgrade")
SCENARIOS = ("events_and_acks", "binary", "many", "rooms", "namespaces", "leaving")

each_client = pytest.mark.parametrize("generation", GENERATIONS)
each_transport = pytest.mark.parametrize("transport", TRANSPORTS)


@pytest.fixture(scope="session")
def server(serve_shared: Callable[..., Server]) -> Server:
    """One for all generations."""
    return serve_shared(allow_eio3="true")


@pytest.fixture(scope="session")
def lively_server(serve_shared: Callable[..., Server]) -> Server:
    """One whose heartbeat is quick."""
    return serve_shared(allow_eio3="true", ping_interval=0.3, ping_timeout=0.8)


@each_client
@each_transport
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(
    scenarios: Scenarios, server: Server, scenario: str, transport: str, generation: int
) -> None:
    scenarios(f"generations.{scenario}", server.url, transport=transport, generation=generation)


@each_client
@each_transport
def test_idle_client_stays(
    scenarios: Scenarios, lively_server: Server, transport: str, generation: int
) -> None:
    scenarios(
        "generations.idle_but_alive",
        lively_server.url,
        transport=transport,
        generation=generation,
    )


@each_client
def test_server_restarts(scenarios: Scenarios, serve: Serve, generation: int) -> None:
    port = free_port()
    first = serve(APP, server={"port": port}, allow_eio3="true")
    job = scenarios.start(
        "generations.server_restarts", first.url, transport="upgrade", generation=generation
    )
    job.expect("connected")

    assert first.stop() == 0
    job.expect("disconnected")
    serve(APP, server={"port": port}, allow_eio3="true")
    job.tell("restarted")

    job.result()
