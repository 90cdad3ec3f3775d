"""Clusters of real servers: Node.js with the official adapters, and ours."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import requests

from tests.conftest import Serve
from tests.support import PATIENCE, Node, Program, Redis, Server, wait_until

APP = "tests.functional.cluster_app:main"
ADAPTERS = {"classic": "redis", "sharded": "redis-sharded", "streams": "redis-streams"}


class Failed(Exception):
    """What was asked of a member went wrong there."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer["error"])
        self.responses = answer.get("responses", [])


class JavaScript:
    """A program of ``tests/js/cluster.js``."""

    def __init__(self, node: Node, adapter: str, redis_port: int = 0, **options: Any) -> None:
        text = json.dumps(options)
        self.program: Program = node.start("cluster.js", adapter, redis_port, text)
        self.url = f"http://127.0.0.1:{self.program.expect('READY').split()[-1]}"
        self._ids = itertools.count()

    def __call__(self, code: str) -> Any:
        """Run the body of an asynchronous function; its value."""
        return self.wait(self.begin(code))

    def begin(self, code: str) -> int:
        id = next(self._ids)
        self.program.write(json.dumps({"id": id, "code": code}))
        return id

    def wait(self, id: int) -> Any:
        line = self.program.expect(f'DONE {{"id":{id},')
        answer = json.loads(line.partition(" ")[2])
        if "error" in answer:
            raise Failed(answer)
        return answer["value"]


class Python:
    """A server of ours."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url

    def __call__(self, code: str) -> Any:
        """Evaluate an expression in a view; its value."""
        response = requests.post(f"{self.url}/do", data=code.encode(), timeout=2 * PATIENCE)
        answer = response.json()
        if "error" in answer:
            raise Failed(answer)
        return answer["value"]


class Cluster:
    """Two servers of Node.js, one of ours, and a client at each: a, b and p."""

    def __init__(self, name: str, redis: Redis, node: Node, serve: Serve, **sio: Any) -> None:
        self.name = name
        self.redis = redis
        self.a = JavaScript(node, name, redis.port, name="A")
        self.b = JavaScript(node, name, redis.port, name="B")
        self.p = Python(serve(APP, redis_url=redis.url, adapter=ADAPTERS[name], **sio))
        self.crowd = JavaScript(node, "none")
        self.sids: dict[str, str] = {}
        self._marks = itertools.count()
        wait_until(lambda: self.count(self.p) == 3, what="all three to be there")
        wait_until(lambda: self.a("return await io.of('/').adapter.serverCount()") == 3)

    @staticmethod
    def count(member: Python) -> int:
        try:
            return int(member("nsp.server_count()"))
        except Failed:
            return 0

    def gather(self) -> None:
        """New clients, in no rooms."""
        self.crowd(
            "for (const c of Object.values(clients)) c.disconnect();"
            "for (const n of Object.keys(clients)) { delete clients[n]; delete log[n];"
            " delete answers[n]; }"
        )
        for member in (self.a, self.b):
            member("heard.length = 0")
        self.p("heard.clear()")
        for name, member in (("a", self.a), ("b", self.b), ("p", self.p)):
            self.sids[name] = self.crowd(
                f"answers.{name} = ['from {name}'];"
                f"return await join('{name}', '{member.url}', {{auth: {{user: 'u-{name}'}}}})"
            )
        want = sorted(self.sids.values())
        wait_until(lambda: sorted(s["id"] for s in self.fetch_at_a()) == want, what="the clients")
        self.settle()

    def fetch_at_a(self) -> Any:
        return self.a(
            "return (await io.fetchSockets()).map(s => ({id: s.id, rooms: [...s.rooms],"
            " data: s.data, query: s.handshake.query, auth: s.handshake.auth}))"
        )

    def join(self, name: str, *rooms: str) -> None:
        for room in rooms:
            self.crowd(
                f"return await clients.{name}.timeout(20000)"
                f".emitWithAck('join', {json.dumps(room)})"
            )

    def settle(self) -> None:
        """Wait until clients have everything that was sent before."""
        for member in (self.a, self.b, self.p):
            mark = next(self._marks)
            if member is self.p:
                self.p(f"nsp.emit('settled?', {mark})")
            else:
                member(f"io.emit('settled?', {mark})")
            wait_until(
                lambda mark=mark: self.crowd(
                    "return Object.keys(clients).every(n => !clients[n].connected ||"
                    f" log[n].settled === {mark})"
                ),
                what="clients to have everything",
            )

    def take(self) -> dict[str, list[Any]]:
        """What clients got."""
        self.settle()
        taken: dict[str, list[Any]] = self.crowd("return take()")
        return taken


def clusters(name: str, new_redis: Callable[[], Redis], serve: Serve) -> Iterator[Cluster]:
    """One cluster, for the tests of a module."""
    with ExitStack() as running:
        redis = running.enter_context(closing(new_redis()))
        redis.expect("Ready to accept connections")
        node = running.enter_context(closing(Node()))
        yield Cluster(name, redis, node, serve)
