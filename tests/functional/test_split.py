"""Pages on waitress, connections on gevent, Redis between: views there reach clients here."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import redis
import requests

from tests.conftest import Serve
from tests.rawclient import WebSocket
from tests.support import PATIENCE, Redis, Server, wait_until

APP = "tests.functional.adapter_app:main"
WAITRESS = {"use": "egg:waitress#main"}


each_adapter = pytest.mark.parametrize("adapter", ["redis", "redis-sharded", "redis-streams"])


def start(serve: Serve, redis_server: Redis, adapter: str) -> tuple[Server, Server]:
    """One server for pages, and one for connections."""
    how: dict[str, Any] = {"redis_url": redis_server.url, "adapter": adapter}
    pages = serve(APP, server=WAITRESS, **how)
    realtime = serve(APP, **how)
    realtime.expect("EVENT <SioAdapterUp>")
    return pages, realtime


def ask(pages: Server, verb: str, *args: Any, to: tuple[str, ...] = ()) -> Any:
    """Have a view do something to clients; what comes of it."""
    what = {"verb": verb, "args": args, "to": to}
    answer = requests.post(pages.url + "/page", json=what, timeout=PATIENCE)
    assert answer.ok, answer.text
    return answer.json()["answer"]


@each_adapter
def test_a_view_on_waitress_speaks_to_clients_of_gevent(
    serve: Serve, redis_server: Redis, adapter: str
) -> None:
    pages, realtime = start(serve, redis_server, adapter)
    with WebSocket(realtime) as client:
        client.enter("/chat")
        ask(pages, "emit", "hello", {"from": "waitress"}, to=("everybody",))
        assert client.text() == '42/chat,["hello",{"from":"waitress"}]'
        ask(pages, "join", "more", to=("python",))
        ask(pages, "emit", "for more", to=("more",))
        assert client.text() == '42/chat,["for more"]'
        ask(pages, "disconnect", to=("more",))
        assert client.text() == "41/chat,"
    with redis.Redis.from_url(redis_server.url) as direct:
        # Who serves nobody is no member of the cluster: nobody waits for its answers.
        assert len(direct.client_list(_type="pubsub")) == 1


@each_adapter
def test_a_view_on_waitress_asks_and_is_answered(
    serve: Serve, redis_server: Redis, adapter: str
) -> None:
    pages, realtime = start(serve, redis_server, adapter)
    with WebSocket(realtime) as client:
        sid = client.enter("/chat")
        assert ask(pages, "fetch") == [sid]
        assert ask(pages, "fetch", to=("python",)) == [sid]
        assert ask(pages, "fetch", to=("nobody",)) == []

        def answer() -> None:
            assert client.text() == '42/chat,0["question",1]'
            client.send('43/chat,0["answer"]')

        answering = threading.Thread(target=answer)
        answering.start()
        assert ask(pages, "call", "question", 1) == ["answer"]
        answering.join()
        # It belongs to the cluster from now on, and answers others too.
        assert ask(realtime, "fetch") == [sid]


def test_a_process_tells_how_it_does(serve: Serve, redis_server: Redis) -> None:
    pages = serve(APP, server=WAITRESS, redis_url=redis_server.url, redis_timeout=1)

    def health() -> Any:
        return requests.get(pages.url + "/health", timeout=PATIENCE).json()

    first = health()
    assert (first["ok"], first["connections"]) == (True, 0)
    assert first["redis"]["state"] == "idle"
    ask(pages, "emit", "x")
    wait_until(lambda: health()["redis"]["state"] == "up")
    assert health()["redis"]["published"] == 1

    redis_server.stop()
    wait_until(lambda: health()["redis"]["state"] == "down")
    # Views are answered as before.
    ask(pages, "emit", "x")
    told = health()
    assert not told["ok"]
    assert told["redis"]["error"]
    assert told["redis"]["queued"] > 0
