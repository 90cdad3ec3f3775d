"""What goes through Redis: where to, how often, and the same as Node.js says.

The numbers are those of docs/interop.rst.
"""

from __future__ import annotations

import base64
import json
from typing import Any, NamedTuple

import msgspec
import pytest
import redis

from tests.functional.interop.tap import Said, Tap
from tests.functional.members import Cluster, only
from tests.support import PATIENCE, wait_until

MOMENT = "__import__('datetime').datetime.fromtimestamp(1700000000.123, __import__('datetime').UTC)"
#: The same, asked of a server of Node.js and of ours.
ORDERS = {
    "to all": (
        "io.emit('e', 1, 'ünï 🎉', {a: [null, true]})",
        "nsp.emit('e', 1, 'ünï 🎉', {'a': [None, True]})",
    ),
    "to a room": ("io.to('r').emit('e')", "nsp.to('r').emit('e')"),
    "to a client": ("io.to('A'.repeat(20)).emit('e')", "nsp.to('A' * 20).emit('e')"),
    "to rooms": (
        "io.to(['r', 's']).except('t').emit('e')",
        "nsp.to('r', 's').except_('t').emit('e')",
    ),
    "flags": (
        "io.volatile.compress(false).emit('e')",
        "nsp.volatile.compress(False).emit('e')",
    ),
    "binary": (
        "io.emit('e', Buffer.from([1, 2]), new Date(1700000000123), 1.5, -1, 5e9, 'x'.repeat(300))",
        f"nsp.emit('e', b'\\1\\2', {MOMENT}, 1.5, -1, 5 * 10**9, 'x' * 300)",
    ),
    "date": ("io.emit('e', new Date(1700000000123))", f"nsp.emit('e', {MOMENT})"),
    "join": ("io.in('r').socketsJoin(['x', 'y'])", "nsp.to('r').join('x', 'y')"),
    "leave": ("io.except('r').socketsLeave('x')", "nsp.except_('r').leave('x')"),
    "disconnect": ("io.in('r').disconnectSockets(true)", "nsp.to('r').disconnect(True)"),
    "tell": ("io.serverSideEmit('sse', 'a', [1])", "nsp.server_side_emit('sse', 'a', [1])"),
}
QUESTIONS = {
    "call": ("return await io.timeout(9000).emitWithAck('q', 7)", "nsp.call('q', 7, timeout=9)"),
    "fetch": ("return (await io.fetchSockets()).length", "len(nsp.fetch())"),
    "ask": ("return await io.serverSideEmitWithAck('sse', 1)", "nsp.server_side_call('sse', 1)"),
}


class Spoken(NamedTuple):
    """A message without what is another one each time: ids become the names of what they are."""

    verb: str
    where: str
    content: Any


def plain(value: Any) -> Any:
    """Ids replaced, and what has no order put into one."""
    if isinstance(value, dict):
        known = {"uid": "(uid)", "requestId": "(request)"}
        return {key: known.get(key) or plain(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [plain(item) for item in value]
        # Names of rooms; an event keeps its name in front, because arguments of it differ.
        return sorted(items) if all(isinstance(item, str) for item in items) else items
    return value


def shape(value: Any) -> Any:
    """Which keys there are and what kind of value each has."""
    if isinstance(value, dict):
        # Ours keeps no headers of a client that speak of nothing but the connection.
        connection = ("connection", "upgrade")
        return {
            key: shape(item)
            for key, item in sorted(value.items())
            if key not in connection and not key.startswith("sec-websocket-")
        }
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__


def shapes(messages: list[Spoken]) -> set[str]:
    return {json.dumps([verb, where, shape(content)]) for verb, where, content in messages}


class Listening:
    """Reads what a cluster says, with the libraries of Node.js."""

    def __init__(self, cluster: Cluster, tap: Tap) -> None:
        self._cluster = cluster
        self._tap = tap
        self._uids = [
            cluster.a("return io.of('/').adapter.uid"),
            cluster.b("return io.of('/').adapter.uid"),
            cluster.p("nsp.adapter._line.uid"),
        ]

    def messages(self) -> list[Said]:
        """What was said since the last time, until clients have got it."""
        self._cluster.settle()
        return [
            said
            for said in self._tap.said()
            # What a server that has just begun asks ours, and Node.js does not know, may come late.
            if b"settled?" not in said.data and not said.where.startswith("socket.io-users#")
        ]

    def spoken(self) -> list[Spoken]:
        """The same, read."""
        return [self._read(said) for said in self.messages()]

    def _read(self, said: Said) -> Spoken:
        where = said.where
        for uid in self._uids:
            where = where.replace(f"#{uid}#", "#(uid)#")
        data = said.data
        if said.verb == "XADD" and data[:1] != b"{":
            data = base64.b64decode(data, validate=True)
        content = self._cluster.crowd(f"return read('{self._cluster.name}', '{data.hex()}')")
        if said.verb == "XADD":
            fields = {name: text.decode() for name, text in said.fields.items()}
            content = {**fields, "data": content}
        elif isinstance(content, list):
            content[0] = "(uid)"
        return Spoken(said.verb, where, plain(content))


@pytest.fixture
def listening(cluster: Cluster) -> Any:
    with Tap(cluster.redis) as tap:
        yield Listening(cluster, tap)


def test_ours_says_what_node_says(cluster: Cluster, listening: Listening) -> None:
    for name, (at_a, at_p) in ORDERS.items():
        cluster.a(at_a)
        by_node = listening.spoken()
        cluster.p(at_p)
        assert listening.spoken() == by_node, name
        assert len(by_node) == 1, name


def test_ours_asks_and_answers_as_node_does(cluster: Cluster, listening: Listening) -> None:
    for name, (at_a, at_p) in QUESTIONS.items():
        cluster.a(at_a)
        by_node = listening.spoken()
        cluster.p(at_p)
        by_ours = listening.spoken()
        assert by_ours[0] == by_node[0], name
        # A client count and an acknowledgement of each other server, or one answer.
        assert len(by_ours) == len(by_node) == (5 if name == "call" else 3), name
        # The first were of B and ours, the second of A and B.
        assert shapes(by_ours[1:]) == shapes(by_node[1:]), name


def test_02_nobody_is_asked_where_nobody_else_is(cluster: Cluster, listening: Listening) -> None:
    assert cluster.p("sio.of('/only-py').fetch()") == []
    assert cluster.p("sio.of('/only-py').server_side_call('sse')") == []
    assert listening.messages() == []


@only("classic")
def test_05_what_is_for_rooms_of_others_is_not_decoded(cluster: Cluster) -> None:
    cluster.crowd(f"await join('o', '{cluster.p.url}/only-py')")
    cluster.crowd("await clients.o.timeout(20000).emitWithAck('join', 'r')")
    ignored = "sio.of('/only-py').adapter._line.ignored"
    before = cluster.p(ignored)
    with redis.Redis.from_url(cluster.redis.url) as direct:
        # Nothing that can be decoded: who does, counts it.
        direct.publish("socket.io#/only-py#nobody#", b"\xc1")
        direct.publish("socket.io#/only-py#r#", b"\xc1")
    wait_until(lambda: cluster.p(ignored) == before + 1, what="the second")


@only("sharded")
def test_05_what_is_for_rooms_of_others_does_not_arrive(cluster: Cluster) -> None:
    cluster.join("p", "r")
    cluster.join("b", "elsewhere")

    def received() -> int:
        """Messages that ours has heard, all that were said before included."""
        cluster.settle()
        # Its own come back to it, and before any answer.
        cluster.p("nsp.fetch()")
        count: int = cluster.p("sio.health()['redis']['received']")
        return count

    before = received()
    cluster.a("for (let n = 0; n < 100; n++) io.to('elsewhere').emit('e')")
    without = received() - before
    cluster.a("for (let n = 0; n < 100; n++) io.to('r').emit('e')")
    # Asking has messages of its own, the same both times.
    assert received() - before == 2 * without + 100


@only("sharded")
def test_subscriptions_end_with_those_who_wanted_them(cluster: Cluster) -> None:
    sid = cluster.sids["p"]
    wanted = {f"socket.io#/#{name}#".encode() for name in (sid, "r1", "r2")}
    with redis.Redis.from_url(cluster.redis.url) as direct:

        def heard() -> set[bytes]:
            return wanted.intersection(direct.pubsub_shardchannels())

        cluster.join("p", "r1", "r2")
        assert heard() == wanted
        cluster.a(f"io.in('{sid}').socketsLeave('r1')")
        wait_until(lambda: len(heard()) == 2, what="one to be given up")
        cluster.crowd("clients.p.disconnect()")
        wait_until(lambda: not heard(), what="all to be given up")
    assert cluster.p("len(nsp.adapter._opening)") == cluster.p("len(nsp.adapter._line._rooms)") == 0


def test_08_09_13_whom_it_is_for(cluster: Cluster, listening: Listening) -> None:
    a, p = cluster.sids["a"], cluster.sids["p"]
    cluster.crowd("clients.p.emit('broadcast', 'e', 7)")
    wait_until(lambda: cluster.crowd("return log.a.length"), what="the event")
    (to_others,) = listening.spoken()
    content: Any = to_others.content
    options = content[2] if cluster.name == "classic" else content["data"]["opts"]
    assert (options["rooms"], options["except"]) == ([], [p])

    cluster.p(f"nsp.to('{a}').emit('e')")
    (private,) = listening.spoken()
    channels = {
        "classic": f"socket.io#/#{a}#",
        # What has twenty characters is a client, and has no channel.
        "sharded": "socket.io#/#",
        "streams": "socket.io",
    }
    assert private.where == channels[cluster.name]

    cluster.a("io.local.emit('e')")
    cluster.p("nsp.local.emit('e')")
    cluster.p("nsp.local.fetch()")
    assert listening.messages() == []


@only("classic")
@pytest.mark.parametrize("encode", [msgspec.msgpack.encode, msgspec.json.encode])
def test_17_questions_in_either_encoding(cluster: Cluster, encode: Any) -> None:
    asked = {
        "uid": "tester",
        "requestId": "asked1",
        "type": 7,
        "packet": {"type": 2, "data": ["q"], "nsp": "/"},
        "opts": {"rooms": [], "except": [], "flags": {"timeout": 9000}},
    }
    with redis.Redis.from_url(cluster.redis.url) as direct, direct.pubsub() as pubsub:
        pubsub.subscribe("socket.io-response#/#")
        assert pubsub.get_message(timeout=PATIENCE) is not None
        direct.publish("socket.io-request#/#", encode(asked))
        replies = [pubsub.get_message(timeout=PATIENCE) for _ in range(6)]
    told = [reply["data"] for reply in replies if reply]
    counts = [json.loads(data)["clientCount"] for data in told if data[:1] == b"{"]
    acks = [msgspec.msgpack.decode(data)["packet"] for data in told if data[:1] != b"{"]
    assert (counts, sorted(acks)) == ([1, 1, 1], ["from a", "from b", "from p"])


@only("classic")
def test_32_questions_of_old_versions(cluster: Cluster) -> None:
    sid = cluster.sids["p"]
    with redis.Redis.from_url(cluster.redis.url) as direct, direct.pubsub() as pubsub:

        def ask(**request: Any) -> list[Any]:
            """Ask all servers; what they say until Node.js and ours have heard of it."""
            direct.publish("socket.io-request#/#", json.dumps({"requestId": "reqAAA", **request}))
            wanted = 3 if request["type"] == 0 else 1
            replies = [pubsub.get_message(timeout=PATIENCE) for _ in range(wanted)]
            return [json.loads(reply["data"]) for reply in replies if reply]

        pubsub.subscribe("socket.io-response#/#")
        assert pubsub.get_message(timeout=PATIENCE) is not None
        found = [reply["sockets"] for reply in ask(type=0, rooms=[])]
        assert sorted(found) == sorted([sid] for sid in cluster.sids.values())
        assert ask(type=2, sid=sid, room="x") == [{"requestId": "reqAAA"}]
        found = [reply["sockets"] for reply in ask(type=0, rooms=["x"])]
        assert sorted(found) == [[], [], [sid]]
        assert ask(type=3, sid=sid, room="x") == [{"requestId": "reqAAA"}]
        assert cluster.p("[s.sid for s in nsp.to('x').local.fetch()]") == []
        assert ask(type=4, sid=sid, close=False) == [{"requestId": "reqAAA"}]
    wait_until(lambda: not cluster.crowd("return clients.p.connected"), what="the end")
