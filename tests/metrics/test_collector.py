"""What Prometheus is told, without a server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pyramid_sio.errors import DisconnectReason
from pyramid_sio.metrics.collector import SioCollector, registry_of
from pyramid_sio.metrics.tally import Both, Tally


def numbers(collector: SioCollector) -> dict[str, float]:
    """Every sample, by its name and labels."""
    found = {}
    text = generate_latest(registry_of(collector)).decode()
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(sample.labels.values())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def session(transport: str, revision: int = 4) -> Any:
    return SimpleNamespace(transport_name=transport, revision=revision)


def test_what_happened_and_what_there_is() -> None:
    tally = Tally()
    one, two = session("polling"), session("websocket", 3)
    for each in (one, two):
        tally.opened(each)
    tally.upgraded(one)
    tally.closed(two, DisconnectReason.SLOW_CLIENT)
    tally.received(10)
    tally.received(5)
    tally.sent(3, 100)
    tally.dropped()
    one.transport_name = "websocket"
    collector = SioCollector(
        tally, sessions=lambda: [one], members=lambda: [("/chat", 1)], redis=lambda: None
    )
    assert numbers(collector) == {
        "sio_connections{4,websocket}": 1,
        "sio_connections_opened_total{4,polling}": 1,
        "sio_connections_opened_total{3,websocket}": 1,
        "sio_connections_closed_total{slow client}": 1,
        "sio_namespace_clients{/chat}": 1,
        "sio_upgrades_total": 1,
        "sio_packets_received_total": 2,
        "sio_received_bytes_total": 15,
        "sio_packets_sent_total": 3,
        "sio_sent_bytes_total": 100,
        "sio_packets_dropped_total": 1,
    }


def test_redis_is_told_of_where_there_is_one() -> None:
    health: dict[str, Any] = {"state": "up", "queued": 7, "subscriptions": 2, "published": 1}
    health |= {"received": 3, "dropped": 4, "lost": 5, "refused": 6, "failures": 8}
    collector = SioCollector(Tally(), sessions=list, members=list, redis=lambda: health)
    redis = {k: v for k, v in numbers(collector).items() if k.startswith("sio_redis")}
    assert redis == {
        "sio_redis_up": 1,
        "sio_redis_queue_bytes": 7,
        "sio_redis_subscriptions": 2,
        "sio_redis_published_total": 1,
        "sio_redis_received_total": 3,
        "sio_redis_dropped_total": 4,
        "sio_redis_lost_total": 5,
        "sio_redis_refused_total": 6,
        "sio_redis_failures_total": 8,
    }
    health["state"] = "down"
    assert numbers(collector)["sio_redis_up"] == 0


def test_two_watchers_are_told_the_same() -> None:
    first, second = Tally(), Tally()
    both = Both(first, second)
    both.opened(session("polling"))
    both.upgraded(session("websocket"))
    both.received(1)
    both.sent(2, 3)
    both.dropped()
    both.closed(session("websocket"), DisconnectReason.PING_TIMEOUT)
    assert vars(first) == vars(second)
    assert vars(first) != vars(Tally())
