"""A server whose Redis is not there, or goes away: it serves, and says so."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

import redis
import socketio

from tests.conftest import Serve
from tests.support import PATIENCE, Redis, Server, free_port

APP = "tests.functional.adapter_app:main"


def say(server: Server, text: str) -> None:
    """Somebody connects, and is served."""
    with socketio.SimpleClient() as client:
        client.connect(server.url, wait_timeout=int(PATIENCE))
        assert client.call("say", text, timeout=PATIENCE) == text


def test_a_server_begins_without_redis_and_finds_it_later(serve: Serve, tmp_path: Path) -> None:
    port = free_port()
    server = serve(APP, redis_url=f"redis://127.0.0.1:{port}")
    server.expect(f"rooms shared through redis://127.0.0.1:{port} (redis);")
    server.expect(f"Redis at redis://127.0.0.1:{port} is not reached")
    server.expect("EVENT <SioAdapterDown")
    say(server, "nobody else hears")

    with closing(Redis(tmp_path, port=port)):
        server.expect(f"Redis at redis://127.0.0.1:{port} is back after")
        server.expect("EVENT <SioAdapterUp>")


def test_a_wrong_password_is_named_and_not_shown(serve: Serve, redis_server: Redis) -> None:
    with redis.Redis.from_url(redis_server.url) as direct:
        direct.config_set("requirepass", "right")
    server = serve(APP, redis_url=redis_server.url.replace("//", "//:secret@"))
    server.expect("is not reached (AuthenticationError")
    say(server, "nobody else hears")
    assert "secret" not in server.output


def test_clients_are_served_while_redis_is_killed_and_while_it_is_frozen(
    serve: Serve, tmp_path: Path
) -> None:
    with closing(Redis(tmp_path)) as first:
        first.expect("Ready to accept connections")
        server = serve(APP, redis_url=first.url, redis_timeout=0.5)
        # Before anybody has connected.
        server.expect("EVENT <SioAdapterUp>")
        first.signal(SIGKILL)
        first.wait()
    server.expect("EVENT <SioAdapterDown")
    say(server, "while it is gone")

    with closing(Redis(tmp_path, port=first.port)) as again:
        server.expect("EVENT <SioAdapterUp>")
        again.signal(SIGSTOP)
        server.expect("EVENT <SioAdapterDown")
        say(server, "while it is frozen")
        again.signal(SIGCONT)
        server.expect("EVENT <SioAdapterUp>")


def test_the_link_ends_with_the_server(serve: Serve, redis_server: Redis) -> None:
    server = serve(APP, redis_url=redis_server.url)
    server.expect("EVENT <SioAdapterUp>")
    assert server.stop() == 0
    assert "EVENT <SioAdapterDown" not in server.output
