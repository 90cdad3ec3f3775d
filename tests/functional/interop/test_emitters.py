"""Programs that serve nothing speak to all servers: the emitters of JavaScript, and ours.

The numbers are those of docs/interop.rst.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from pyramid_sio import Emitter
from tests.functional.members import ADAPTERS, Cluster
from tests.support import wait_until


class Program(NamedTuple):
    """A program that serves nothing.

    :param emitter: ours; None: it is one of JavaScript, in the program that has the clients
    """

    cluster: Cluster
    emitter: Any = None

    def says(self, js: str, py: Callable[[Any], Any]) -> None:
        """Say it, in one of the two languages; Redis has it then."""
        if self.emitter is None:
            # Some of these promise something, others nothing; Redis answers in order.
            self.cluster.crowd(f"const emitter = kept.emitter; await ({js}); await kept.flush()")
        else:
            py(self.emitter)


@contextmanager
def program(cluster: Cluster, language: str) -> Iterator[Program]:
    if language == "python":
        with Emitter.from_url(cluster.redis.url, adapter=ADAPTERS[cluster.name]) as emitter:
            yield Program(cluster, emitter)
    else:
        cluster.crowd(
            f"kept.emitter ??= await newEmitter('{cluster.name}', {cluster.redis.port});"
            "const client = kept.emitter.redisClient ?? kept.emitter.redis;"
            "kept.flush = () => client.ping()"
        )
        yield Program(cluster)


@pytest.fixture(params=["javascript", "python"])
def speaker(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Program]:
    with program(cluster, request.param) as found:
        yield found


#: There is none in JavaScript for the sharded adapter.
EACH = [
    ("classic", "javascript"),
    ("streams", "javascript"),
    *((name, "python") for name in ADAPTERS),
]
each = pytest.mark.parametrize(("cluster", "speaker"), EACH, indirect=True)


@each
def test_35_37_38_events(cluster: Cluster, speaker: Program) -> None:
    for name in "ap":
        cluster.join(name, "r")
    cluster.join("b", "s")
    speaker.says(
        "emitter.emit('all', 1, {a: 'ünï'}, Buffer.from([1, 2]), [null, 1.5])",
        lambda e: e.emit("all", 1, {"a": "ünï"}, b"\1\2", [None, 1.5]),
    )
    speaker.says("emitter.to('r').emit('room', 1)", lambda e: e.to("r").emit("room", 1))
    speaker.says("emitter.to(['r', 's']).emit('rooms')", lambda e: e.to("r", "s").emit("rooms"))
    speaker.says("emitter.except('r').emit('not r')", lambda e: e.except_("r").emit("not r"))
    sid = cluster.sids["p"]
    speaker.says(
        f"emitter.to('r').except('{sid}').compress(false).emit('not p')",
        lambda e: e.to("r").except_(sid).compress(False).emit("not p"),
    )
    speaker.says(f"emitter.to('{sid}').emit('p')", lambda e: e.to(sid).emit("p"))
    every = ["all", 1, {"a": "ünï"}, {"hex": "0102"}, [None, 1.5]]
    assert cluster.take() == {
        "a": [every, ["room", 1], ["rooms"], ["not p"]],
        "b": [every, ["rooms"], ["not r"]],
        "p": [every, ["room", 1], ["rooms"], ["p"]],
    }


@each
def test_35_37_38_volatile_events(cluster: Cluster, speaker: Program) -> None:
    cluster.p("note_flags(nsp.adapter.local)")
    cluster.p("flags.clear()")
    speaker.says(
        "emitter.volatile.compress(false).emit('e')",
        lambda e: e.volatile.compress(False).emit("e"),
    )
    cluster.settle()
    assert {"volatile": True, "compress": False} in cluster.p("flags")


@each
def test_35_37_38_namespaces(cluster: Cluster, speaker: Program) -> None:
    url = f"{cluster.p.url}/only-py"
    cluster.crowd(f"await join('o', '{url}')")
    speaker.says("emitter.of('/only-py').emit('there')", lambda e: e.of("/only-py").emit("there"))
    wait_until(lambda: cluster.crowd("return log.o.length"), what="the event")
    assert cluster.crowd("return log.o") == [["there"]]
    cluster.crowd("clients.o.disconnect(); delete clients.o; delete log.o")
    assert cluster.take() == {"a": [], "b": [], "p": []}


@each
def test_36_37_38_rooms_and_the_end(cluster: Cluster, speaker: Program) -> None:
    for name in "ap":
        cluster.join(name, "r")
    at_p = "sorted(nsp.local.fetch()[0].rooms - {nsp.local.fetch()[0].sid})"
    at_a = f"return [...io.sockets.sockets.get('{cluster.sids['a']}').rooms].slice(1).sort()"
    speaker.says("emitter.in('r').socketsJoin(['x', 'y'])", lambda e: e.to("r").join("x", "y"))
    for rooms in (lambda: cluster.a(at_a), lambda: cluster.p(at_p)):
        wait_until(lambda rooms=rooms: rooms() == ["r", "x", "y"], what="the rooms")
    speaker.says("emitter.except('b').socketsLeave('y')", lambda e: e.except_("b").leave("y"))
    for rooms in (lambda: cluster.a(at_a), lambda: cluster.p(at_p)):
        wait_until(lambda rooms=rooms: rooms() == ["r", "x"], what="the rooms")
    sid = cluster.sids["p"]
    speaker.says(f"emitter.in('{sid}').disconnectSockets()", lambda e: e.to(sid).disconnect())
    speaker.says("emitter.in('x').disconnectSockets(true)", lambda e: e.to("x").disconnect(True))
    wait_until(
        lambda: not cluster.crowd("return clients.p.connected || clients.a.connected"),
        what="the end",
    )
    assert cluster.take() == {
        "a": [["disconnect", "io server disconnect"]],
        "b": [],
        "p": [["disconnect", "io server disconnect"]],
    }


@each
def test_36_37_38_servers_are_told(cluster: Cluster, speaker: Program) -> None:
    # With the classic adapter this goes through JSON, which has no binary data in JavaScript.
    plain = cluster.name == "classic"
    binary = "'no binary'" if plain else "Buffer.from([9])"
    speaker.says(
        f"emitter.serverSideEmit('sse', 1, {{a: 'x'}}, {binary})",
        lambda e: e.server_side_emit("sse", 1, {"a": "x"}, "no binary" if plain else b"\x09"),
    )
    wanted = [[1, {"a": "x"}, "no binary" if plain else {"hex": "09"}]]
    for heard in (
        lambda: cluster.a("return heard"),
        lambda: cluster.b("return heard"),
        lambda: cluster.p("heard"),
    ):
        wait_until(heard, what="a server to hear")
        assert heard() == wanted
