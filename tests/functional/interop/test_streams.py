"""Clusters over Redis streams of another shape: several streams, and an old version of Node.js.

The numbers are those of docs/interop.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.functional.interop.tap import Tap
from tests.functional.members import APP, Failed, JavaScript, Python
from tests.support import Node, Redis, wait_until


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with closing(Redis(tmp_path)) as server:
        server.expect("Ready to accept connections")
        yield server


def gather(crowd: JavaScript, **members: Any) -> None:
    """A client at each, by name."""
    for name, url in members.items():
        crowd(f"answers['{name}'] = ['from {name}']; await join('{name}', '{url}')")


def has(crowd: JavaScript, name: str, event: list[Any]) -> None:
    """Wait until a client has an event."""
    wait_until(lambda: event in crowd(f"return log['{name}']"), what=f"{event} for {name}")


def test_34_50_four_streams_with_other_names(redis: Redis, node: Node, serve: Serve) -> None:
    options = {
        "streamName": "mine",
        "channelPrefix": "mine",
        "streamCount": 4,
        "useShardedPubSub": True,
    }
    a = JavaScript(node, "streams", redis.port, adapter=options, name="A")
    crowd = JavaScript(node, "none")
    server = serve(
        APP,
        settings={"namespaces": "/admin /dashboard"},
        redis_url=redis.url,
        adapter="redis-streams",
        redis_stream_name="mine",
        redis_stream_count=4,
        redis_stream_sharded_pubsub="true",
        redis_prefix="mine",
    )
    p = Python(server)
    server.expect(
        "entries of /dashboard go to the stream mine--3, which no JavaScript server reads"
    )
    for name in ("/", "/admin", "/dashboard"):
        ask = f"return await io.of('{name}').adapter.serverCount()"
        wait_until(lambda ask=ask: a(ask) == 2, what="both to be there")
        wait_until(lambda name=name: p(f"sio.of('{name}').server_count()") == 2)
        gather(crowd, **{f"a {name}": f"{a.url}{name}", f"p {name}": f"{p.url}{name}"})
    with Tap(redis) as tap:
        for name in ("/", "/admin", "/dashboard"):
            a(f"io.of('{name}').emit('from a')")
            p(f"sio.of('{name}').emit('from p')")
        for name in ("/", "/admin"):
            for client in (f"a {name}", f"p {name}"):
                has(crowd, client, ["from a"])
                has(crowd, client, ["from p"])
        has(crowd, "a /dashboard", ["from a"])
        has(crowd, "p /dashboard", ["from p"])
        said = [one for one in tap.said() if one.verb == "XADD"]
    # The third goes where nobody reads, as with Node.js alone; questions reach everybody.
    assert sorted(one.where for one in said) == sorted(["mine-3", "mine-0", "mine--3"] * 2)
    assert crowd("return [log['a /dashboard'], log['p /dashboard']]") == [
        [["from a"]],
        [["from p"]],
    ]
    wanted = ["from a /dashboard", "from p /dashboard"]
    assert sorted(p("sio.of('/dashboard').call('q', timeout=9)")) == wanted
    ask = "return await io.of('/dashboard').timeout(9000).emitWithAck('q')"
    assert sorted(a(ask)) == wanted


def test_55_a_server_of_an_old_version(redis: Redis, node: Node, serve: Serve) -> None:
    a = JavaScript(node, "streams", redis.port, name="A")
    old = JavaScript(node, "old-streams", redis.port, name="old", adapter={"requestsTimeout": 700})
    crowd = JavaScript(node, "none")
    server = serve(APP, redis_url=redis.url, adapter="redis-streams")
    p = Python(server)
    ask = "return await io.of('/').adapter.serverCount()"
    # It is in no count: it does not subscribe to what is counted.
    wait_until(lambda: a(ask) == 2, what="both others to be there")
    gather(crowd, a=a.url, old=old.url, p=p.url)
    # It begins to read some time after it serves.
    wait_until(
        lambda: old("io.of('/').emit('awake'); return true") and crowd("return log.p.length"),
        what="the old one to write",
    )
    wait_until(
        lambda: p("nsp.emit('ready')") is None and ["ready"] in crowd("return log.old"),
        what="the old one to read",
    )
    p("nsp.emit('from p', b'x')")
    old("io.emit('from old', Buffer.from([1]), 'ü')")
    for name in ("a", "old", "p"):
        has(crowd, name, ["from p", {"hex": "78"}])
        has(crowd, name, ["from old", {"hex": "01"}, "ü"])

    sid = crowd("return clients.p.id")
    old(f"io.in('{sid}').socketsJoin('x')")
    wait_until(lambda: p("len(nsp.to('x').local.fetch())"), what="the room")
    sid = crowd("return clients.old.id")
    p(f"nsp.to('{sid}').join('y')")
    wait_until(lambda: old(f"return io.sockets.sockets.get('{sid}').rooms.has('y')"))

    # Its questions are answered where it does not listen, and it gets none.
    assert sorted(p("nsp.call('q', timeout=9)")) == ["from a", "from p"]
    assert len(p("nsp.fetch()")) == 2
    with pytest.raises(Failed, match="timed out"):
        old("return await io.timeout(700).emitWithAck('q')")
    assert sorted(p("nsp.call('q', timeout=9)")) == ["from a", "from p"]
    assert "no message of a server" not in server.output
