"""One page for Prometheus, whichever worker answers."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Serve
from tests.functional.workers import WORKERS, children_of
from tests.rawclient import WebSocket
from tests.support import PATIENCE, Server, wait_until

APP = "tests.functional.adapter_app:main"
CLIENTS = 10


def numbers(server: Server) -> dict[str, dict[str, float]]:
    """What each worker has counted, by name; of labelled ones the sum."""
    answer = requests.get(server.url + "/metrics", timeout=2 * PATIENCE)
    assert answer.status_code == 200
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found[sample.name][sample.labels["worker"]] += sample.value
    return found


@pytest.fixture
def server(serve: Serve) -> Server:
    started = serve(APP, server=WORKERS, metrics=True)
    started.expect("Serving on")
    return started


def test_all_workers_are_on_it(server: Server) -> None:
    clients = [WebSocket(server) for _ in range(CLIENTS)]
    for client in clients:
        client.enter()
    pages: list[dict[str, Any]] = [numbers(server) for _ in range(6)]
    for page in pages:
        assert page["sio_worker_up"] == {"1": 1, "2": 1}
        assert sum(page["sio_connections"].values()) == CLIENTS
        assert sum(page["sio_namespace_clients"].values()) == CLIENTS
        assert sum(page["sio_packets_received_total"].values()) == CLIENTS
        # Whoever answers, each number is of the same worker.
        assert page["sio_connections"] == pages[0]["sio_connections"]
    for client in clients:
        client.close()


def test_one_that_does_not_answer(server: Server) -> None:
    frozen = min(children_of(server.pid))
    os.kill(frozen, signal.SIGSTOP)
    try:
        # The one that is left accepts no connections of the other for now; each is a new one.
        ups = wait_until(lambda: _page_of_the_other(server), what="a page of the other")
    finally:
        os.kill(frozen, signal.SIGCONT)
    assert sorted(ups.values()) == [0, 1]
    wait_until(lambda: numbers(server)["sio_worker_up"] == {"1": 1, "2": 1}, what="both")


def _page_of_the_other(server: Server) -> dict[str, float] | None:
    try:
        answer = requests.get(server.url + "/metrics", timeout=5)
    except requests.Timeout:
        return None
    lines = [line for line in answer.text.splitlines() if line.startswith("sio_worker_up{")]
    return {line.partition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}
