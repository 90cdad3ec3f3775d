"""Clients whose connection breaks, and who come back to another server of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.functional.members import APP, JavaScript, Python
from tests.support import Node, Redis, Server, wait_until


class Trio:
    """A server of Node.js and two of ours; one client, wherever it is."""

    def __init__(self, redis: Redis, node: Node, serve: Callable[..., Server]) -> None:
        self.a = JavaScript(
            node, "streams", redis.port, server={"connectionStateRecovery": {}}, name="A"
        )
        options = {"redis_url": redis.url, "adapter": "redis-streams", "recovery": "true"}
        self.p = Python(serve(APP, **options))
        self.q = Python(serve(APP, **options))
        self.crowd = JavaScript(node, "none")
        wait_until(
            lambda: self.p("nsp.server_count()") == 3 == self.q("nsp.server_count()"),
            what="all three to be there",
        )
        wait_until(lambda: self.a("return await io.of('/').adapter.serverCount()") == 3)

    def emit(self, *args: Any, room: str = "") -> None:
        """An event from a server where the client is not."""
        to = f".to('{room}')" if room else ""
        self.q(f"nsp{to}.emit(*{args!r})")

    def begin(self, url: str) -> str:
        self.crowd("Object.values(clients).forEach(c => c.disconnect())")
        sid: str = self.crowd(f"return await join('c', '{url}', {{auth: {{user: 'ada'}}}})")
        self.crowd("return await clients.c.timeout(60000).emitWithAck('join', 'r')")
        self.emit("first", 1)
        self.await_event("first")
        return sid

    def await_event(self, name: str) -> None:
        code = f"return log.c.some(e => e[0] === '{name}')"
        wait_until(lambda: self.crowd(code), what=name)

    def leave(self) -> None:
        """The connection breaks, and all know it."""
        self.crowd("clients.c.io.reconnection(false); clients.c.io.engine.close();")
        wait_until(lambda: not self.crowd("return clients.c.connected"), what="the break")
        wait_until(lambda: not self.p("len(nsp.local.fetch())"), what="ours to know")
        wait_until(lambda: not self.a("return io.sockets.sockets.size"), what="Node to know")

    def come_back(self, url: str) -> dict[str, Any]:
        """The client at another server: what it knows and what it got, in order."""
        self.crowd(
            f"log.c.length = 0; const c = clients.c; c.io.uri = '{url}';"
            "const on = new Promise(r => c.once('connect', r)); c.connect(); await on;"
        )
        self.emit("last")
        self.await_event("last")
        state: dict[str, Any] = self.crowd(
            "return {recovered: clients.c.recovered, sid: clients.c.id, log: log.c.slice()}"
        )
        state["log"] = [event[:-1] for event in state["log"]]
        return state


@pytest.fixture(scope="module")
def trio(
    tmp_path_factory: pytest.TempPathFactory, serve_shared: Callable[..., Server]
) -> Iterator[Trio]:
    with ExitStack() as running:
        redis = running.enter_context(closing(Redis(tmp_path_factory.mktemp("redis"))))
        redis.expect("Ready to accept connections")
        node = running.enter_context(closing(Node()))
        yield Trio(redis, node, serve_shared)


@pytest.mark.parametrize("way", ["a to p", "p to a", "p to q", "p to p"])
def test_39_40_a_client_comes_back_to_another_server(trio: Trio, way: str) -> None:
    before, after = (getattr(trio, name) for name in way.split(" to "))
    sid = trio.begin(before.url)
    trio.leave()
    trio.emit("missed", 2, "🎉")
    trio.emit("other room", room="elsewhere")
    trio.emit("missed", b"\1\2", room="r")
    trio.emit("missed", 4, room=sid)
    state = trio.come_back(after.url)
    assert (state["recovered"], state["sid"]) == (True, sid)
    assert state["log"] == [
        ["missed", 2, "🎉"],
        ["missed", {"hex": "0102"}],
        ["missed", 4],
        ["last"],
    ]
    # It is in its rooms, and its data are there.
    found = trio.q("[(s.sid, sorted(s.rooms - {s.sid}), s.session['user']) for s in nsp.fetch()]")
    assert found == [[sid, ["r"], "ada"]]


@pytest.mark.parametrize(
    "claim",
    [
        "c._pid = 'wrong'",
        "c._lastOffset = 'x'",
        "c._lastOffset = '5-5'",
        "c._lastOffset = undefined",
    ],
)
def test_41_a_wrong_claim_makes_a_new_client(trio: Trio, claim: str) -> None:
    sid = trio.begin(trio.a.url)
    trio.leave()
    trio.emit("missed")
    trio.crowd(f"const c = clients.c; {claim};")
    state = trio.come_back(trio.p.url)
    assert state["recovered"] is False
    assert state["sid"] != sid
    assert state["log"] == [["last"]]


def test_41_a_session_is_good_for_one_return(trio: Trio) -> None:
    trio.begin(trio.p.url)
    trio.leave()
    claims = trio.crowd("return {pid: clients.c._pid, offset: clients.c._lastOffset}")
    assert trio.come_back(trio.q.url)["recovered"] is True
    thief = trio.crowd(
        f"await join('d', '{trio.p.url}', {{auth: {{pid: '{claims['pid']}',"
        f" offset: '{claims['offset']}'}}}}); return clients.d.recovered"
    )
    assert thief is False


def test_events_of_all_servers_come_in_one_order_with_their_offsets(trio: Trio) -> None:
    trio.begin(trio.p.url)
    trio.crowd(f"await join('d', '{trio.a.url}'); log.c.length = 0;")
    trio.a("for (let n = 0; n < 100; n++) io.emit('n', 'a', n)")
    trio.p("[nsp.emit('n', 'p', n) for n in range(100)]")
    trio.q("[nsp.emit('n', 'q', n) for n in range(100)]")
    wait_until(lambda: trio.crowd("return log.c.length") == 300, what="all events")
    offsets = [
        tuple(map(int, event[-1].split("-"))) for event in trio.crowd("return log.c.slice()")
    ]
    assert offsets == sorted(set(offsets))
