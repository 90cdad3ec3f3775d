"""What any program publishes to Redis arrives at browsers: the application of docs/pubsub.rst."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from signal import SIGKILL

import pytest
import redis

from tests.conftest import Serve
from tests.functional.scenarios import Scenarios
from tests.rawclient import WebSocket
from tests.support import PATIENCE, Redis, Server, find_program, wait_until

APP = "tests.functional.pubsub_app:main"


@pytest.fixture(scope="module")
def server(serve_shared: Callable[..., Server], shared_redis: Redis) -> Server:
    started: Server = serve_shared(APP, redis_url=shared_redis.url)
    return started


@pytest.fixture
def direct(shared_redis: Redis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(shared_redis.url) as client:
        yield client


def publish(redis_server: Redis, channel: str, text: str) -> None:
    """What somebody types."""
    command = [find_program("redis-cli"), "-p", str(redis_server.port), "publish", channel, text]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)


def wait_subscribed(direct: redis.Redis, channel: str, count: int = 1) -> None:
    wait_until(lambda: direct.pubsub_numsub(channel) == [(channel.encode(), count)])


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_what_redis_cli_publishes_arrives(
    scenarios: Scenarios,
    server: Server,
    shared_redis: Redis,
    direct: redis.Redis,
    transport: str,
) -> None:
    news = scenarios.start("pubsub.news", server.url, transport=transport, count=5)
    news.expect("ready")
    wait_subscribed(direct, "news")
    publish(shared_redis, "news", '{"bid": 41.5, "who": ["ann", null]}')
    publish(shared_redis, "news", "plain words, grüße")
    publish(shared_redis, "alert:fire", "42")
    direct.publish("news", b"\xff\x00")
    direct.publish("news", json.dumps("42"))

    assert news.result() == [
        [{"bid": 41.5, "who": ["ann", None]}, "news"],
        ["plain words, grüße", "news"],
        [42, "alert:fire"],
        [{"hex": "ff00"}, "news"],
        ["42", "news"],
    ]
    # It ended with its client.
    wait_subscribed(direct, "news", 0)


def test_a_channel_is_heard_from_when_it_is_subscribed_until_it_is_not(
    scenarios: Scenarios, server: Server, direct: redis.Redis
) -> None:
    prices = scenarios.start("pubsub.prices", server.url, transport="websocket")
    prices.expect("looking")
    # Confirmed: this one is not missed.
    assert direct.publish("price:ACME", "41.5") == 1
    prices.expect("away")
    wait_subscribed(direct, "price:ACME", 0)
    direct.publish("price:ACME", "in vain")
    prices.tell("go on")
    prices.expect("looking")
    assert direct.publish("price:ACME", "42") == 1

    assert prices.result() == [[41.5, "price:ACME"], [42, "price:ACME"]]


def test_a_channel_that_needs_a_permission(scenarios: Scenarios, server: Server) -> None:
    answer = scenarios("pubsub.forbidden", server.url, transport="websocket")
    assert answer == {"error": "Forbidden"}


def test_a_handler_sees_it_first(scenarios: Scenarios, server: Server, direct: redis.Redis) -> None:
    orders = scenarios.start("pubsub.orders", server.url, transport="websocket")
    orders.expect("ready")
    wait_subscribed(direct, "orders")
    for who, state in (("ann", "paid"), ("bob", "paid"), ("ann", "sent")):
        direct.publish("orders", json.dumps({"customer": who, "state": state}))
    direct.publish("orders", "not what the handler expects")
    assert orders.result() == [["paid"], ["sent"]]


def test_many_clients_cost_one_connection_and_one_subscription(
    server: Server, direct: redis.Redis
) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(WebSocket(server))]
        clients[0].enter("/live")
        wait_subscribed(direct, "news")
        # Servers of other tests may have connections too.
        listening = len(direct.client_list(_type="pubsub"))
        connected = direct.info("clients")["connected_clients"]
        clients += [stack.enter_context(WebSocket(server)) for _ in range(49)]
        for client in clients[1:]:
            client.enter("/live")
        assert len(direct.client_list(_type="pubsub")) == listening
        assert direct.info("clients")["connected_clients"] <= connected
        assert direct.publish("news", "to all") == 1
        for client in clients:
            assert client.text() == '42/live,["news","to all","news"]'


def test_a_slow_client_holds_up_nobody_and_is_let_go(
    serve: Serve, shared_redis: Redis, direct: redis.Redis
) -> None:
    server = serve(APP, redis_url=shared_redis.url, max_buffer_size=2_000_000)
    with WebSocket(server, receive_buffer=4096) as slow, WebSocket(server) as quick:
        for client in (slow, quick):
            client.enter("/live")
        wait_subscribed(direct, "news")
        text = "x" * 100_000
        for number in range(200):
            direct.publish("news", f"{number} {text}")
            expected = f'42/live,["news","{number} {text}","news"]'
            assert quick.text() == expected
        server.expect("sio.max_buffer_size")
        slow.wire.wait_closed()


def test_hostile_messages_hurt_nobody(
    scenarios: Scenarios, server: Server, direct: redis.Redis
) -> None:
    news = scenarios.start("pubsub.news", server.url, transport="websocket", count=2)
    news.expect("ready")
    wait_subscribed(direct, "news")
    direct.publish("news", b"x" * 1_500_000)
    direct.publish("news", b"[" * 900 + b"]" * 900)
    direct.publish(b"alert:\xff\xfe", b"\x80\x04\x95pickle")
    direct.publish("news", "still here")
    assert news.result() == [
        [{"hex": "800495" + b"pickle".hex()}, "alert:\ufffd\ufffd"],
        ["still here", "news"],
    ]
    server.expect("a message on a channel is too long")
    server.expect("a message on a Redis channel could not be handled")


def test_everything_is_subscribed_to_again_when_redis_comes_back(
    serve: Serve, scenarios: Scenarios, tmp_path: Path
) -> None:
    with closing(Redis(tmp_path)) as first:
        first.expect("Ready to accept connections")
        server = serve(APP, redis_url=first.url)
        server.expect("together")
        news = scenarios.start("pubsub.news", server.url, transport="websocket", count=2)
        news.expect("ready")
        with redis.Redis.from_url(first.url) as direct:
            wait_subscribed(direct, "news")
            direct.publish("news", "before")
        first.signal(SIGKILL)
        first.wait()
    server.expect("alone: ")
    with closing(Redis(tmp_path, port=first.port)) as again:
        again.expect("Ready to accept connections")
        server.expect("together")
        with redis.Redis.from_url(again.url) as direct:
            wait_subscribed(direct, "news")
            direct.publish("alert:x", "after")
        assert news.result() == [["before", "news"], ["after", "alert:x"]]


def test_a_server_with_threads_does_it_too(
    serve: Serve, scenarios: Scenarios, shared_redis: Redis, direct: redis.Redis
) -> None:
    waitress = {"use": "egg:waitress#main"}
    server = serve(APP, server=waitress, redis_url=shared_redis.url)
    news = scenarios.start("pubsub.news", server.url, transport="polling", count=2)
    news.expect("ready")
    orders = scenarios.start("pubsub.orders", server.url, transport="polling")
    orders.expect("ready")
    prices = scenarios.start("pubsub.prices", server.url, transport="polling")
    prices.expect("looking")
    for channel in ("news", "orders"):
        wait_until(lambda channel=channel: direct.pubsub_numsub(channel)[0][1] >= 1)  # type: ignore[misc]
    direct.publish("news", "one")
    direct.publish("alert:1", "[2]")
    for state in ("paid", "sent"):
        direct.publish("orders", json.dumps({"customer": "ann", "state": state}))
    assert news.result() == [["one", "news"], [[2], "alert:1"]]
    assert orders.result() == [["paid"], ["sent"]]
    assert direct.publish("price:ACME", "1") == 1
    prices.expect("away")
    prices.tell("go on")
    prices.expect("looking")
    assert direct.publish("price:ACME", "2") == 1
    assert prices.result() == [[1, "price:ACME"], [2, "price:ACME"]]
