"""Servers of a cluster that are killed or frozen, and Redis that is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

import pytest

from tests.conftest import Serve
from tests.functional.members import ADAPTERS, APP, Cluster, Failed, Python
from tests.support import Node, Redis, wait_until

NewCluster = Callable[..., Cluster]


@pytest.fixture
def redis(tmp_path: Path) -> Any:
    with closing(Redis(tmp_path)) as server:
        server.expect("Ready to accept connections")
        yield server


@pytest.fixture(params=list(ADAPTERS))
def cluster(request: pytest.FixtureRequest, redis: Redis, node: Node, serve: Serve) -> Cluster:
    made = Cluster(request.param, redis, node, serve, redis_timeout=1, presence_interval=0.5)
    made.gather()
    return made


def test_45_46_54_a_second_server_of_ours_frozen_then_killed(
    cluster: Cluster, serve: Serve
) -> None:
    options = {"redis_url": cluster.redis.url, "presence_interval": 0.5}
    second = Python(serve(APP, adapter=ADAPTERS[cluster.name], **options))
    count = "return await io.of('/').adapter.serverCount()"
    wait_until(lambda: cluster.a(count) == 4, what="four servers")
    cluster.crowd(
        f"answers.q = ['from q']; return await join('q', '{second.url}', {{auth: {{user: 'q'}}}})"
    )
    wanted = ["from a", "from b", "from p", "from q"]
    assert sorted(cluster.a("return await io.timeout(9000).emitWithAck('q')")) == wanted
    assert sorted(cluster.p("nsp.call('q', timeout=9)")) == wanted
    cluster.p("nsp.emit('e')")
    taken = cluster.take()
    assert {name: events.count(["e"]) for name, events in taken.items()} == dict.fromkeys("abpq", 1)
    assert cluster.p("nsp.presence()") == ["q", "u-p"]

    second.server.signal(SIGSTOP)
    with pytest.raises(Failed):
        cluster.a("return await io.timeout(700).emitWithAck('q')")
    second.server.signal(SIGCONT)
    assert sorted(cluster.p("nsp.call('q', timeout=9)")) == wanted

    cluster.p("nsp.watch_presence(lambda nsp, *news: heard.append(news))")
    second.server.signal(SIGKILL)
    wait_until(lambda: cluster.a(count) == 3, what="three servers")
    assert cluster.p("nsp.presence()") == ["u-p"]
    wait_until(lambda: [None, "q", False] in cluster.p("heard"), what="its user to be gone")
    assert len(cluster.fetch_at_a()) == 3
    assert sorted(cluster.a("return await io.timeout(9000).emitWithAck('q')")) == wanted[:3]


def test_42_to_44_redis_killed_and_back(cluster: Cluster, tmp_path: Path) -> None:
    cluster.join("p", "r")
    cluster.redis.signal(SIGKILL)
    cluster.redis.wait()
    cluster.p("nsp.emit('local')")
    wait_until(lambda: cluster.crowd("return log.p.length"), what="delivery without Redis")
    with pytest.raises(Failed):
        cluster.p("nsp.server_count()")
    if cluster.name == "streams":
        cluster.a("io.emit('kept')")
    with closing(Redis(tmp_path, port=cluster.redis.port)) as again:
        again.expect("Ready to accept connections")
        wait_until(lambda: cluster.count(cluster.p) == 3, what="all servers to be back")
        if cluster.name == "streams":
            wait_until(lambda: ["kept"] in cluster.crowd("return log.p"), what="what was said")
        wait_until(lambda: len(cluster.fetch_at_a()) == 3, what="Node to ask all")
        cluster.a("io.to('r').emit('room')")
        cluster.p("nsp.emit('all')")
        taken = cluster.take()
        assert taken["p"].count(["room"]) == 1
        assert [taken[name].count(["all"]) for name in "abp"] == [1, 1, 1]
        assert taken["p"].count(["kept"]) == (cluster.name == "streams")
        answers = cluster.a("return await io.timeout(9000).emitWithAck('q')")
        assert sorted(answers) == ["from a", "from b", "from p"]
        assert sorted(cluster.p("nsp.server_side_call('sse')")) == ["A", "B"]


@pytest.mark.parametrize("specific", [(True, False), (False, True)])
def test_33_34_answers_on_a_channel_of_one_and_another_key(
    redis: Redis, node: Node, serve: Serve, specific: tuple[bool, bool]
) -> None:
    node_does, we_do = specific
    cluster = Cluster(
        "classic",
        redis,
        node,
        serve,
        javascript={"key": "myapp", "publishOnSpecificResponseChannel": node_does},
        redis_prefix="myapp",
        redis_specific_responses=we_do,
    )
    cluster.gather()
    assert len(cluster.p("[s.sid for s in nsp.fetch()]")) == 3
    wanted = ["from a", "from b", "from p"]
    assert sorted(cluster.a("return await io.timeout(9000).emitWithAck('q')")) == wanted
    assert sorted(cluster.p("nsp.call('q', timeout=9)")) == wanted
    assert sorted(cluster.a("return await io.serverSideEmitWithAck('sse')")) == ["B", "python"]
