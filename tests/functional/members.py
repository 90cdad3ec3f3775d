"""Clusters of real servers: Node.js with the official adapters, and ours."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
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

    def __init__(self, node: Node, kind: str, redis_port: int = 0, **options: Any) -> None:
        text = json.dumps(options)
        self.program: Program = node.start("cluster.js", kind, redis_port, text)
        self._ids = itertools.count()
        self._answers: dict[int, dict[str, Any]] = {}

    @cached_property
    def url(self) -> str:
        """Where it serves, once it does."""
        return f"http://127.0.0.1:{self.program.expect('READY').split()[-1]}"

    def __call__(self, code: str) -> Any:
        """Run the body of an asynchronous function; its value."""
        return self.wait(self.begin(code))

    def begin(self, code: str) -> int:
        """Start it; its number, for :meth:`wait`."""
        assert self.url
        id = next(self._ids)
        self.program.write(json.dumps({"id": id, "code": code}))
        return id

    def wait(self, id: int) -> Any:
        while id not in self._answers:
            told = json.loads(self.program.expect("DONE ").partition(" ")[2])
            self._answers[told["id"]] = told
        answer = self._answers.pop(id)
        if "error" in answer:
            raise Failed(answer)
        return answer["value"]


class Python:
    """A server of ours."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url
        self._http = requests.Session()

    def __call__(self, code: str) -> Any:
        """Evaluate an expression in a view; its value."""
        response = self._http.post(f"{self.url}/do", data=code.encode(), timeout=2 * PATIENCE)
        answer = response.json()
        if "error" in answer:
            raise Failed(answer)
        return answer["value"]


class Cluster:
    """Two servers of Node.js, one of ours, and a client at each: a, b and p.

    :param javascript: options of the adapters of Node.js
    :param second: the library by which the second of these speaks to Redis
    """

    def __init__(
        self,
        name: str,
        redis: Redis,
        node: Node,
        serve: Serve,
        *,
        javascript: dict[str, Any] | None = None,
        second: str = "ioredis",
        **sio: Any,
    ) -> None:
        self.name = name
        self.redis = redis
        options = {"adapter": javascript or {}}
        # They start beside each other.
        self.a = JavaScript(node, name, redis.port, name="A", **options)
        self.b = JavaScript(node, name, redis.port, name="B", client=second, **options)
        self.crowd = JavaScript(node, "none")
        self.p = Python(serve(APP, redis_url=redis.url, adapter=ADAPTERS[name], **sio))
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
            "for (const c of [...Object.values(clients), ...others.splice(0)]) c.disconnect();"
            "for (const n of Object.keys(clients)) { delete clients[n]; delete log[n];"
            " delete answers[n]; }"
        )
        for member in (self.a, self.b):
            member("heard.length = 0")
        self.p("heard.clear()")
        members = {"a": self.a, "b": self.b, "p": self.p}
        joined = self.crowd(
            f"const urls = {json.dumps({name: m.url for name, m in members.items()})};"
            "return await Promise.all(Object.entries(urls).map(([name, url]) => {"
            " answers[name] = [`from ${name}`];"
            " return join(name, url, {auth: {user: `u-${name}`}}); }))"
        )
        self.sids = dict(zip(members, joined, strict=True))
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
                f"return await clients.{name}.timeout(60000)"
                f".emitWithAck('join', {json.dumps(room)})"
            )

    def settle(self) -> None:
        """Wait until clients have everything that was sent before."""
        marks = [next(self._marks) for _ in range(3)]
        self.a(f"io.emit('settled?', {marks[0]})")
        self.b(f"io.emit('settled?', {marks[1]})")
        self.p(f"nsp.emit('settled?', {marks[2]})")
        self.crowd(f"await settle({marks})")

    def take(self) -> dict[str, list[Any]]:
        """What clients got."""
        self.settle()
        taken: dict[str, list[Any]] = self.crowd("return take()")
        return taken


@contextmanager
def running_cluster(name: str, directory: Path, serve: Serve, **options: Any) -> Iterator[Cluster]:
    """A cluster with a Redis of its own.

    :param options: of :class:`Cluster`
    """
    with closing(Redis(directory)) as redis, closing(Node()) as node:
        redis.expect("Ready to accept connections")
        yield Cluster(name, redis, node, serve, **options)


def only(*names: str) -> pytest.MarkDecorator:
    """For tests of a fixture ``cluster`` that concern some adapters."""
    return pytest.mark.parametrize("cluster", names, indirect=True)
