"""The official client of Socket.IO 0.9 in Node.js, over each transport it has there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Serve
from tests.functional.wire import ask
from tests.support import Node, Server, free_port, wait_until

LEGACY_APP = "tests.functional.legacy_app:main"
TRANSPORTS = ("websocket", "xhr-polling")
SCENARIOS = (
    "booted",
    "facts",
    "failing_handler",
    "large",
    "left_by_server",
    "many_in_order",
    "messages",
    "namespaces",
    "refused_namespaces",
    "rooms",
    "server_asks",
    "values_come_back",
)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(node: Node, legacy_server: Server, scenario: str, transport: str) -> None:
    node("legacy.js", legacy_server.url, transport, scenario, f"{scenario}-{transport}")


def test_idle_client_stays(node: Node, serve_shared: Callable[..., Server]) -> None:
    server = serve_shared(LEGACY_APP, legacy="true", ping_interval=0.4, ping_timeout=2)
    clients = [
        node.start("legacy.js", server.url, transport, "idle", "idle") for transport in TRANSPORTS
    ]
    assert [client.wait() for client in clients] == [0, 0]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_comes_back_after_a_restart(node: Node, serve: Serve, transport: str) -> None:
    """It joins its namespaces again, and what it has buffered is handled."""
    port = free_port()
    server = serve(LEGACY_APP, server={"port": port}, legacy="true")
    client = node.start("legacy.js", server.url, transport, "reconnect", "back")
    client.expect("answer in chat")
    server.stop()
    client.expect("disconnect")
    serve(LEGACY_APP, server={"port": port}, legacy="true")
    answers = {client.expect("answer"), client.expect("answer")}
    assert answers == {"answer buffered", "answer in chat"}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_hooks_run_once(node: Node, legacy_server: Server, transport: str) -> None:
    key = f"once-{transport}"
    node("legacy.js", legacy_server.url, transport, "namespaces", key)

    def entries() -> list[list[object]]:
        found: list[list[object]] = ask(legacy_server, path=f"/journal/{key}").json
        return found if len(found) >= 4 else []

    assert wait_until(entries, what="the ends of both namespaces") == [
        ["/", "connect", None],
        ["/chat", "connect", None],
        ["/chat", "disconnect", "client namespace disconnect"],
        ["/", "disconnect", "client namespace disconnect"],
    ]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_several_workers(node: Node, serve: Serve, transport: str) -> None:
    """Requests of one client find their way to the worker that has it."""
    server = serve(LEGACY_APP, server={"workers": 2}, legacy="true")
    clients = [
        node.start("legacy.js", server.url, transport, scenario, "workers")
        for scenario in ("rooms", "many_in_order")
    ]
    assert [client.wait() for client in clients] == [0, 0]


def test_threaded_server(node: Node, serve: Serve) -> None:
    """Under waitress it polls."""
    use = {"use": "egg:waitress", "threads": 8}
    server = serve(LEGACY_APP, server=use, legacy="true")
    for scenario in ("facts", "messages", "namespaces", "server_asks", "booted"):
        node("legacy.js", server.url, "xhr-polling", scenario, scenario)
