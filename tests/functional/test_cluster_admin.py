"""An admin sees, and steers, all workers of a server and all servers of a cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.conftest import Serve
from tests.functional.members import JavaScript
from tests.functional.test_admin import CREDENTIALS, settings
from tests.functional.workers import WORKERS
from tests.support import Node, Redis, Server, wait_until

APP = "tests.functional.returning:main"
CLIENTS = 8


class Desk:
    """An admin, and some clients to look at; all of them in one Node.js."""

    def __init__(self, crowd: JavaScript) -> None:
        self._crowd = crowd

    def join(self, name: str, url: str, **options: Any) -> str:
        """A new client's id. One of that name that is there already goes."""
        self._crowd(f"clients['{name}']?.disconnect()")
        code = f"return await join('{name}', '{url}', {json.dumps(options)})"
        sid: str = self._crowd(code)
        return sid

    def log_in(self, url: str, **auth: Any) -> None:
        self.join("admin", f"{url}/admin", auth=auth or CREDENTIALS)

    def ask(self, name: str, *args: object) -> Any:
        """A client's event, and the answer to it."""
        said = json.dumps(args)[1:-1]
        return self._crowd(f"return await clients['{name}'].timeout(60000).emitWithAck({said})")

    def say(self, name: str, *args: object) -> None:
        self._crowd(f"clients['{name}'].emit({json.dumps(args)[1:-1]})")

    def heard(self, name: str, event: str) -> list[list[Any]]:
        """The arguments of each such event so far."""
        found: list[list[Any]] = self._crowd(
            f"return log['{name}'].filter((e) => e[0] === '{event}').map((e) => e.slice(1))"
        )
        return found

    def listed(self) -> dict[str, dict[str, Any]]:
        """The connections the admin was told of when it came, and since."""
        lists = self.heard("admin", "all_sockets")
        came = [args[0] for args in self.heard("admin", "socket_connected")]
        return {one["id"]: one for one in [*(lists[-1][0] if lists else []), *came]}

    def servers(self) -> dict[str, dict[str, Any]]:
        """What each server has said last."""
        return {args[0]["serverId"]: args[0] for args in self.heard("admin", "server_stats")}


@pytest.fixture
def desk(node: Node) -> Desk:
    return Desk(JavaScript(node, "none"))


@pytest.fixture(scope="module")
def watched_workers(serve_shared: Callable[..., Server]) -> Server:
    started = serve_shared(APP, server=WORKERS, **settings(admin_server_id="w"))
    started.expect("Serving on")
    return started


def join_both(desk: Desk, server: Server) -> dict[str, str]:
    """Clients, by id, at each of two workers, whom the admin's page tells apart."""
    sids = {desk.join(f"c{number}", server.url): f"c{number}" for number in range(CLIENTS)}
    while len({one["clientId"][:2] for sid, one in desk.listed().items() if sid in sids}) < 2:
        sids[desk.join(f"c{len(sids)}", server.url)] = f"c{len(sids)}"
        wait_until(lambda: set(sids) <= set(desk.listed()), what="all connections")
    return sids


class TestWorkers:
    def test_all_are_seen(self, desk: Desk, watched_workers: Server) -> None:
        desk.log_in(watched_workers.url)
        sids = join_both(desk, watched_workers)
        # An admin that comes later sees the same.
        desk.log_in(watched_workers.url)
        wait_until(lambda: set(sids) <= set(desk.listed()), what="all connections")
        (listed,) = desk.heard("admin", "all_sockets")
        by_id = {one["id"]: one for one in listed[0]}
        assert set(sids) <= set(by_id)
        for sid in sids:
            one = by_id[sid]
            assert (one["transport"], one["rooms"], one["nsp"]) == ("websocket", [sid], "/")
            assert len(one["clientId"]) == 12
            assert one["data"] == {"visits": 1}
            assert one["handshake"]["address"] == "127.0.0.1"
            assert "cookie" not in one["handshake"]["headers"]
        wait_until(lambda: set(desk.servers()) == {"w#1", "w#2"}, what="both workers")
        wait_until(
            lambda: sum(one["clientsCount"] for one in desk.servers().values()) >= len(sids) + 1,
            what="all connections to be counted",
        )

    def test_what_happens_at_each(self, desk: Desk, watched_workers: Server) -> None:
        desk.log_in(watched_workers.url)
        sids = join_both(desk, watched_workers)
        for sid, name in sids.items():
            desk.ask(name, "enter", f"room of {sid}")
        wanted = {("/", f"room of {sid}", sid) for sid in sids}

        def joined() -> bool:
            return wanted <= {tuple(args[:3]) for args in desk.heard("admin", "room_joined")}

        wait_until(joined, what="all rooms")
        received = {args[1] for args in desk.heard("admin", "event_received")}
        assert set(sids) <= received

    def test_steers_all(self, desk: Desk, watched_workers: Server) -> None:
        desk.log_in(watched_workers.url)
        sids = join_both(desk, watched_workers)
        for sid in sids:
            desk.say("admin", "join", "/", "picked", sid)
        desk.say("admin", "emit", "/", "picked", "hello", "you")
        for name in sids.values():
            wait_until(lambda name=name: desk.heard(name, "hello") == [["you"]], what="hello")
        for sid in sids:
            desk.say("admin", "_disconnect", "/", False, sid)
        for name in sids.values():
            wait_until(lambda name=name: desk.heard(name, "disconnect"), what="the end")

    def test_namespaces_that_are_at_one_only(self, desk: Desk, watched_workers: Server) -> None:
        sids = [
            desk.join(f"d{number}", f"{watched_workers.url}/doc/{number}") for number in range(6)
        ]
        for _ in range(4):
            desk.log_in(watched_workers.url)
            wait_until(lambda: set(sids) <= set(desk.listed()), what="all connections")
            assert desk.listed()[sids[3]]["nsp"] == "/doc/3"
        for number, sid in enumerate(sids):
            desk.say("admin", "_disconnect", f"/doc/{number}", False, sid)
            name = f"d{number}"
            wait_until(lambda name=name: desk.heard(name, "disconnect"), what="the end")

    def test_a_session_is_good_everywhere(self, desk: Desk, watched_workers: Server) -> None:
        desk.log_in(watched_workers.url)
        heard = wait_until(lambda: desk.heard("admin", "session"), what="a session")
        (session,) = heard[0]
        for _ in range(8):
            desk.log_in(watched_workers.url, sessionId=session)
            # It was not asked for the password, so it got no other.
            wait_until(lambda: desk.heard("admin", "config"), what="to be let in")
            assert desk.heard("admin", "session") == []

    def test_statistics_in_production(self, desk: Desk, serve: Serve) -> None:
        server = serve(
            APP, server=WORKERS, **settings(admin_mode="production", admin_server_id="p")
        )
        server.expect("Serving on")
        for number in range(CLIENTS):
            desk.join(f"c{number}", server.url)
        desk.log_in(server.url)

        def clients() -> int:
            servers = desk.servers()
            return sum(one["clientsCount"] for one in servers.values()) if len(servers) == 2 else 0

        wait_until(lambda: clients() == CLIENTS + 1, what="both workers")
        assert desk.heard("admin", "all_sockets") == []

    def test_nobody_else_is_let_in(self, desk: Desk, watched_workers: Server) -> None:
        with pytest.raises(Exception, match="invalid credentials"):
            desk.log_in(watched_workers.url, sessionId="0" * 32)


@pytest.fixture(scope="module", params=["classic", "streams"])
def mixed(
    request: pytest.FixtureRequest,
    shared_redis: Redis,
    serve_shared: Callable[..., Server],
) -> Iterator[tuple[JavaScript, Server]]:
    """A server of JavaScript with the official admin UI's package, and one of ours."""
    kind = request.param
    key = f"admin-{kind}"
    adapter = {"classic": {"key": key}, "streams": {"streamName": key}}[kind]
    ours = {
        "classic": {"adapter": "redis", "redis_prefix": key},
        "streams": {"adapter": "redis-streams", "redis_stream_name": key},
    }[kind]
    with closing(Node()) as node:
        theirs = JavaScript(node, kind, shared_redis.port, adapter=adapter)
        theirs(
            "require('@socket.io/admin-ui').instrument(io, {auth: false, serverId: 'theirs'});"
            "io.of('/admin');"
        )
        server = serve_shared(
            APP, redis_url=shared_redis.url, **ours, **settings(admin_server_id="ours")
        )
        yield theirs, server


class TestWithJavaScript:
    def test_each_shows_the_other(self, desk: Desk, mixed: tuple[JavaScript, Server]) -> None:
        theirs, ours = mixed
        there, here = desk.join("there", theirs.url), desk.join("here", ours.url)

        def log_in_at_ours() -> bool:
            desk.log_in(ours.url)
            wait_until(lambda: desk.heard("admin", "all_sockets"), what="the list")
            return {there, here} <= set(desk.listed())

        # At first, they may not know each other.
        wait_until(log_in_at_ours, what="both to be seen from ours")
        assert desk.listed()[there]["transport"] == "websocket"
        assert "_admin" not in desk.listed()[there]["data"]
        wait_until(lambda: set(desk.servers()) == {"ours", "theirs"}, what="both servers")

        desk.log_in(theirs.url, some="thing")
        wait_until(lambda: {there, here} <= set(desk.listed()), what="both from theirs")
        assert desk.listed()[here]["transport"] == "websocket"
        assert desk.listed()[here]["data"] == {"visits": 1}
        wait_until(
            lambda: set(desk.servers()) == {"ours", "theirs"}, what="both servers", patience=40
        )
        desk.ask("here", "enter", "the red room")
        wait_until(
            lambda: (
                ["/", "the red room", here]
                in [args[:3] for args in desk.heard("admin", "room_joined")]
            ),
            what="what happens at ours",
        )
        desk.say("admin", "_disconnect", "/", False, here)
        wait_until(lambda: desk.heard("here", "disconnect"), what="the end of ours")
