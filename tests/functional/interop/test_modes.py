"""Sharded clusters whose members do not agree about which rooms have a channel of their own.

The numbers are those of docs/interop.rst.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from tests.conftest import Serve
from tests.functional.interop.tap import Tap
from tests.functional.members import APP, JavaScript, Python
from tests.support import Node, Redis, wait_until

MODES = ("static", "dynamic", "dynamic-private")
#: Who does not hear what whom says, to a room and to one client. Ours hears clients' channels in
#: both of the dynamic modes, Node.js in one.
LOST_IN_ROOMS = {("dynamic", "static"), ("dynamic-private", "static")}
LOST_BY_NODE = {("dynamic-private", "static"), ("dynamic-private", "dynamic")}
LOST_BY_OURS = {("dynamic-private", "static")}


def test_34_48_all_pairs_of_modes(tmp_path: Path, node: Node, serve: Serve) -> None:
    with closing(Redis(tmp_path)) as redis:
        redis.expect("Ready to accept connections")
        with Tap(redis) as tap:
            _try_all_pairs(redis, node, serve)
            channels = {said.where for said in tap.said()}
    # Under their own prefix, and nothing under that of others.
    assert channels
    # Who is there is told on channels that Node.js does not know, beside the others.
    own = ("myapp#/", "myapp-users#/")
    assert [channel for channel in channels if not channel.startswith(own)] == []


def _try_all_pairs(redis: Redis, node: Node, serve: Serve) -> None:
    members: dict[tuple[str, str], Any] = {}
    for mode in MODES:
        options = {"subscriptionMode": mode, "channelPrefix": "myapp"}
        members["node", mode] = JavaScript(node, "sharded", redis.port, adapter=options)
    crowd = JavaScript(node, "none")
    for mode in MODES:
        server = serve(
            APP,
            redis_url=redis.url,
            adapter="redis-sharded",
            redis_prefix="myapp",
            redis_subscription_mode=mode,
        )
        members["ours", mode] = Python(server)
    ask = "return await io.of('/').adapter.serverCount()"
    wait_until(lambda: members["node", "static"](ask) == len(members), what="all to be there")

    sids: dict[tuple[str, str], str] = {}
    for (kind, mode), member in members.items():
        name = f"{kind} {mode}"
        sids[kind, mode] = crowd(f"return await join('{name}', '{member.url}')")
        crowd(f"return await clients['{name}'].timeout(20000).emitWithAck('join', 'room')")
    for (kind, mode), member in members.items():
        for target in ("room", *sids.values()):
            if kind == "node":
                member(f"io.to('{target}').emit('to', '{kind}', '{mode}', '{target}')")
            else:
                member(f"nsp.to('{target}').emit('to', '{kind}', '{mode}', '{target}')")
    # What each has said comes before this.
    for member in members.values():
        member("io.emit('end')" if isinstance(member, JavaScript) else "nsp.emit('end')")
    wait_until(
        lambda: crowd(
            "return Object.values(log).every(l => l.filter(e => e[0] === 'end').length === "
            f"{len(members)})"
        ),
        what="the end of what each says",
    )
    heard = crowd("return take()")
    for (kind, mode), sid in sids.items():
        said = [tuple(event[1:]) for event in heard[f"{kind} {mode}"] if event[0] == "to"]
        wanted = []
        lost_private = LOST_BY_NODE if kind == "node" else LOST_BY_OURS
        for speaker, its_mode in members:
            at_home = (speaker, its_mode) == (kind, mode)
            if at_home or (its_mode, mode) not in LOST_IN_ROOMS:
                wanted.append((speaker, its_mode, "room"))
            if at_home or (its_mode, mode) not in lost_private:
                wanted.append((speaker, its_mode, sid))
        assert sorted(said) == sorted(wanted), (kind, mode)
