"""``sio.metrics``, from the setting to the page that Prometheus fetches."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import requests
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError

from pyramid_sio import get_metrics
from pyramid_sio.engine.session import Session
from pyramid_sio.interfaces import IEndpoint
from tests.conftest import Serve
from tests.rawclient import Polling, WebSocket
from tests.support import PATIENCE, Redis, wait_until


def configured(**settings: object) -> Any:
    config = Configurator(settings={f"sio.{name}": value for name, value in settings.items()})
    config.include("pyramid_sio")
    return config.registry


def test_nothing_is_counted_unless_it_is_asked_for() -> None:
    registry = configured()
    assert registry.getUtility(IEndpoint).engine.session_class is Session
    with pytest.raises(LookupError, match=r"sio\.metrics"):
        get_metrics(registry)
    with pytest.raises(LookupError):
        get_metrics(Configurator().registry)


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pyramid_sio.metrics.collector", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'pyramid-sio\[metrics\]'"):
        configured(metrics=True)


@pytest.mark.parametrize("admin", [False, True])
def test_a_server_counts(serve: Serve, shared_redis: Redis, admin: bool) -> None:
    more: dict[str, Any] = {"admin": True, "admin_auth": "none"} if admin else {}
    server = serve(
        "tests.functional.adapter_app:main", metrics=True, redis_url=shared_redis.url, **more
    )

    def numbers() -> dict[str, float]:
        answer = requests.get(server.url + "/metrics", timeout=PATIENCE)
        assert answer.headers["Content-Type"].startswith("text/plain")
        lines = [line.rpartition(" ") for line in answer.text.splitlines() if line[0] != "#"]
        return {name: float(value) for name, _, value in lines}

    with WebSocket(server) as client:
        client.enter()
        client.emit("say", "hello")
        assert client.text() == '42["said","hello"]'
        polling = Polling(server)
        polling.enter("/chat")
        told = numbers()
        assert told['sio_connections{revision="4",transport="websocket"}'] == 1
        assert told['sio_connections{revision="4",transport="polling"}'] == 1
        assert told['sio_namespace_clients{namespace="/"}'] == 1
        assert told['sio_namespace_clients{namespace="/chat"}'] == 1
        assert told["sio_packets_received_total"] == 3
        # Two confirmations, and an event.
        assert told["sio_packets_sent_total"] == 3
        assert told["sio_sent_bytes_total"] > told["sio_received_bytes_total"] > 0
        wait_until(lambda: numbers()["sio_redis_up"] == 1)
    closed = 'sio_connections_closed_total{reason="transport close"}'
    wait_until(lambda: numbers().get(closed) == 1)
