"""The numbers of one process, as Prometheus wants them.

Upstream: a page that Prometheus fetches. Downstream: ``metrics.tally``, and what the server
knows anyway, looked up at that moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from pyramid_sio.interfaces import ISession
    from pyramid_sio.metrics.tally import Tally


class SioCollector:
    """Registered with a ``CollectorRegistry``; any thread may collect.

    :param sessions: all that are open
    :param members: the number of clients of each declared namespace
    :param redis: what is known of the way to Redis; None: there is none
    """

    def __init__(
        self,
        tally: Tally,
        *,
        sessions: Callable[[], Iterable[ISession]],
        members: Callable[[], Iterable[tuple[str, int]]],
        redis: Callable[[], dict[str, Any] | None],
    ) -> None:
        self._tally = tally
        self._sessions = sessions
        self._members = members
        self._redis = redis

    def collect(self) -> Iterator[Metric]:
        """All of them, as they are now."""
        tally = self._tally
        yield from self._connections()
        yield _counter("upgrades", "Sessions that changed to a WebSocket.", tally.upgrades)
        yield _counter("packets_received", "Packets with data from clients.", tally.packets_in)
        yield _counter("received_bytes", "Their bytes.", tally.bytes_in)
        yield _counter("packets_sent", "Packets with data to clients.", tally.packets_out)
        yield _counter("sent_bytes", "Their bytes.", tally.bytes_out)
        yield _counter(
            "packets_dropped",
            "Volatile packets that clients were not ready for.",
            tally.packets_dropped,
        )
        redis = self._redis()
        if redis is not None:
            yield from _redis_metrics(redis)

    def _connections(self) -> Iterator[Metric]:
        kinds = ("transport", "revision")
        now = GaugeMetricFamily("sio_connections", "Open connections.", labels=kinds)
        open_now = Counter((s.transport_name, str(s.revision)) for s in self._sessions())
        for labels, number in open_now.items():
            now.add_metric(labels, number)
        yield now
        opened = CounterMetricFamily(
            "sio_connections_opened", "Connections, by their first transport.", labels=kinds
        )
        for labels, number in list(self._tally.opened_by.items()):
            opened.add_metric(labels, number)
        yield opened
        closed = CounterMetricFamily(
            "sio_connections_closed", "Connections that ended.", labels=("reason",)
        )
        for reason, number in list(self._tally.closed_by.items()):
            closed.add_metric((reason,), number)
        yield closed
        clients = GaugeMetricFamily(
            "sio_namespace_clients", "Clients in a namespace.", labels=("namespace",)
        )
        for name, number in self._members():
            clients.add_metric((name,), number)
        yield clients


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"sio_{name}", text, value=value)


def _redis_metrics(health: dict[str, Any]) -> Iterator[Metric]:
    up = health["state"] == "up"
    yield GaugeMetricFamily("sio_redis_up", "1 if Redis is reached.", value=up)
    yield GaugeMetricFamily("sio_redis_queue_bytes", "What waits for it.", value=health["queued"])
    yield GaugeMetricFamily(
        "sio_redis_subscriptions", "Channels and patterns.", value=health["subscriptions"]
    )
    for name, text in (
        ("published", "Messages said."),
        ("received", "Messages heard."),
        ("dropped", "Messages there was no room for."),
        ("lost", "Messages under way when the connection broke."),
        ("refused", "Commands that Redis refused."),
        ("failures", "Connections that broke, or were not made."),
    ):
        yield _counter(f"redis_{name}", text, health[name])


def registry_of(collector: SioCollector) -> CollectorRegistry:
    """A registry with nothing else in it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry
