"""Messages that are none, or wrong ones: what takes down servers of Node.js, and not ours.

Sent to channels and entries of a namespace of ours alone, because Node.js dies of them. The number
is that of docs/interop.rst.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from tests.functional.members import Cluster, only
from tests.support import wait_until

NSP = "/only-py"
MAIN, ROOM = f"socket.io#{NSP}#", f"socket.io#{NSP}#r#"
REQUEST, RESPONSE = f"socket.io-request#{NSP}#", f"socket.io-response#{NSP}#"
pack = msgspec.msgpack.encode
text = msgspec.json.encode
PACKET: dict[str, Any] = {"type": 2, "data": ["bad"], "nsp": NSP}
OPTIONS: dict[str, Any] = {"rooms": [], "except": [], "flags": {}}
TRIPLE = ["x", PACKET, OPTIONS]

#: What is no broadcast of the classic adapter.
BROADCASTS = {
    "nothing": b"",
    "bytes that are no MessagePack": b"\xc1" * 100,
    "half of a message": pack(TRIPLE)[:-5],
    "bytes after a message": pack(TRIPLE) + b"\0",
    "JSON": text(TRIPLE),
    "nil": b"\xc0",
    "a map": pack({"uid": "x"}),
    "two elements": pack(TRIPLE[:2]),
    "no options": pack(["x", PACKET, None]),
    "rooms that are none": pack(["x", PACKET, {"rooms": 5}]),
    "rooms that are text": pack(["x", PACKET, {"rooms": "abc"}]),
    "a packet of another namespace": pack(["x", {**PACKET, "nsp": "/"}, OPTIONS]),
    "a packet without data": pack(["x", {"type": 2, "nsp": NSP}, OPTIONS]),
    "a packet whose data are no array": pack(["x", {**PACKET, "data": "bad"}, OPTIONS]),
    "a packet that is no event": pack(["x", {**PACKET, "type": 1}, OPTIONS]),
    "an event that clients refuse": pack(["x", {**PACKET, "data": ["connect"]}, OPTIONS]),
    "more levels than anybody needs": b"\x91" * 100_000,
}
#: What is no request or response of it. Node.js ignores some of them.
REQUESTS = {
    "garbage": b"\xff" * 100,
    "text": b"hello",
    "half of JSON": b'{"type":',
    "nil": b"\xc0",
    "a fetch without options": text({"type": 5, "uid": "x", "requestId": "r"}),
    "a question to clients without options": pack(
        {"type": 7, "uid": "x", "requestId": "r", "packet": PACKET}
    ),
    "a question to servers without data": text({"type": 6, "uid": "x", "requestId": "r"}),
    "one whose data are no array": text({"type": 6, "uid": "x", "requestId": "r", "data": 7}),
    "more levels than anybody needs": b'{"type":6,"data":' + b"[" * 100_000,
}
RESPONSES = {
    "garbage": b"\xff" * 100,
    "nil": b"\xc0",
    "an array": b"\x90",
    "an empty object": b"{}",
}
#: What does no harm anywhere, and makes nobody complain.
HARMLESS = {
    "a type from the future": text({"type": 99, "uid": "x"}),
    "a join without rooms": text({"type": 2, "uid": "x", "opts": {"rooms": [], "except": []}}),
    "empty options": text({"type": 3, "uid": "x", "opts": {}, "rooms": ["x"]}),
}


def numbered(kind: int, data: Any = None, **changes: Any) -> dict[str, Any]:
    """A message of the sharded adapter, or a question or an answer of the streams adapter."""
    whole = {"type": kind, "uid": "x", "nsp": NSP, **changes}
    return whole if data is None else {**whole, "data": data}


WRONG = {
    "a broadcast without data": numbered(3),
    "a broadcast without options": numbered(3, {"packet": PACKET}),
    "rooms that are none": numbered(3, {"packet": PACKET, "opts": {"rooms": 5}}),
    "no packet": numbered(3, {"opts": OPTIONS}),
    "a packet without data": numbered(3, {"packet": {"type": 2}, "opts": OPTIONS}),
    "a packet whose data are no array": numbered(
        3, {"packet": {"type": 2, "data": 7}, "opts": OPTIONS}
    ),
    "another namespace": numbered(3, {"packet": PACKET, "opts": OPTIONS}, nsp="/"),
    "an answer without data": numbered(11),
    "a fetch without options": numbered(7, {"requestId": "r"}),
    "a question to servers without an event": numbered(9, {"requestId": "r"}),
}
OTHERS = {
    "a type from the future": numbered(99),
    "a heartbeat of an old version": numbered(1),
    "empty options": numbered(4, {"opts": {}, "rooms": ["x"]}),
    "a join without rooms": numbered(4, {"opts": OPTIONS}),
}


class Target:
    """Our server of a cluster, spoken to by hand, and a client there.

    :param good: publishes an event with a number, as it should be
    """

    def __init__(self, cluster: Cluster, direct: Any, good: Callable[[int], Any]) -> None:
        self.cluster = cluster
        self.direct = direct
        self.sent = 0
        self._good = good
        cluster.crowd(f"await join('o', '{cluster.p.url}{NSP}')")
        cluster.crowd("await clients.o.timeout(20000).emitWithAck('join', 'r')")
        self.uid = cluster.p(f"sio.of('{NSP}').adapter._line.uid")

    def ignored(self) -> int:
        """Messages that it has complained of."""
        adapter = f"sio.of('{NSP}').adapter"
        total: int = self.cluster.p(f"{adapter}._line.ignored + {adapter}._hearing.ignored")
        return total

    def good(self) -> None:
        """What comes after a wrong one is heard."""
        self._good(self.sent)
        self.sent += 1
        wait_until(
            lambda: self.cluster.crowd("return log.o.length") == self.sent, what="a good one"
        )

    def try_each(self, messages: dict[str, Any], publish: Callable[[Any], Any]) -> None:
        """Each is complained of, and the next good one is delivered."""
        self._try(messages, publish, complaints=1)

    def bear_each(self, messages: dict[str, Any], publish: Callable[[Any], Any]) -> None:
        """Each goes unnoticed, and the next good one is delivered."""
        self._try(messages, publish, complaints=0)

    def _try(
        self, messages: dict[str, Any], publish: Callable[[Any], Any], *, complaints: int
    ) -> None:
        for name, message in messages.items():
            before = self.ignored()
            publish(message)
            self.good()
            assert self.ignored() == before + complaints, name

    def check(self) -> None:
        """Nothing but good ones has come, all is well, and the processor has a rest."""
        assert self.cluster.crowd("return log.o") == [["good", n] for n in range(self.sent)]
        used, calls = self._used(), self._reads()
        time.sleep(0.5)
        assert self._used() - used < 0.25
        assert self._reads() - calls < 20
        self.cluster.crowd("clients.o.disconnect(); delete clients.o; delete log.o")
        self.cluster.a("io.emit('e')")
        assert self.cluster.take() == {name: [["e"]] for name in "abp"}
        assert "Traceback" not in self.cluster.p.server.output

    def _used(self) -> float:
        """Seconds of a processor that the server has used."""
        stat = Path(f"/proc/{self.cluster.p.server.pid}/stat").read_text().rpartition(") ")[2]
        return sum(map(int, stat.split()[11:13])) / 100

    def _reads(self) -> int:
        """How often anybody has asked for entries of a stream."""
        return int(self.direct.info("commandstats").get("cmdstat_xread", {}).get("calls", 0))


@pytest.fixture
def target(cluster: Cluster) -> Iterator[Target]:
    with redis.Redis.from_url(cluster.redis.url) as direct:

        def add(data: Any) -> None:
            fields = {"uid": "x", "nsp": NSP, "type": "3", "data": data}
            direct.xadd("socket.io", fields)

        def good(number: int) -> None:
            packet = {**PACKET, "data": ["good", number]}
            if cluster.name == "classic":
                direct.publish(MAIN, pack(["x", packet, OPTIONS]))
            elif cluster.name == "sharded":
                data = {"packet": packet, "opts": OPTIONS}
                direct.execute_command("SPUBLISH", MAIN, text(numbered(3, data)))
            else:
                add(text({"packet": packet, "opts": OPTIONS}))

        yield Target(cluster, direct, good)


@only("classic")
def test_47_poison_of_the_classic_adapter(target: Target) -> None:
    def publish(channel: str) -> Callable[[bytes], Any]:
        return lambda data: target.direct.publish(channel, data)

    target.try_each(BROADCASTS, publish(MAIN))
    target.try_each(BROADCASTS, publish(ROOM))
    target.try_each(REQUESTS, publish(REQUEST))
    target.try_each(RESPONSES, publish(RESPONSE))
    target.try_each(RESPONSES, publish(f"{RESPONSE}{target.uid}#"))
    target.bear_each(HARMLESS, publish(REQUEST))
    target.check()


@only("sharded")
def test_47_poison_of_the_sharded_adapter(target: Target) -> None:
    def publish(channel: str) -> Callable[[Any], Any]:
        def send(message: Any) -> None:
            data = message if isinstance(message, bytes) else text(message)
            target.direct.execute_command("SPUBLISH", channel, data)

        return send

    own = f"socket.io#{NSP}#{target.uid}#"
    packed = {name: pack(message) for name, message in WRONG.items()}
    for channel in (MAIN, ROOM, own):
        target.try_each(RESPONSES | REQUESTS, publish(channel))
        target.try_each(WRONG, publish(channel))
        target.try_each(packed, publish(channel))
        target.bear_each(OTHERS, publish(channel))
    target.check()


@only("streams")
def test_47_poison_of_the_streams_adapter(target: Target) -> None:
    def publish(channel: str) -> Callable[[Any], Any]:
        def send(message: Any) -> None:
            data = message if isinstance(message, bytes) else pack(message)
            target.direct.publish(channel, data)

        return send

    own = f"socket.io#{NSP}#{target.uid}#"
    spoken = {name: text(message) for name, message in WRONG.items()}
    for channel in (MAIN, own):
        target.try_each(RESPONSES | WRONG | {"JSON": text(numbered(99))} | spoken, publish(channel))
        target.bear_each(OTHERS, publish(channel))

    def add(fields: dict[str, Any]) -> None:
        target.direct.xadd("socket.io", fields)

    good = {"packet": PACKET, "opts": OPTIONS}
    whole = {"nsp": NSP, "uid": "x"}
    target.bear_each(
        {
            "no namespace": {"uid": "x", "type": "3", "data": text(good)},
            "a namespace that nobody serves": {**whole, "nsp": "/x", "type": "3"},
            "no type": whole,
            "a type that is no number": {**whole, "type": "x"},
            "a type from the future": {**whole, "type": "99"},
            "heartbeats of an old version": {**whole, "type": "2"},
            # Complained of where the stream is read, and not counted with the namespace.
            "no data": {**whole, "type": "3"},
            "no options": {**whole, "type": "3", "data": text({"packet": PACKET})},
            "an answer without data": {**whole, "type": "11"},
            "half of JSON": {**whole, "type": "3", "data": text(good)[:-3]},
            "no base64": {**whole, "type": "3", "data": "%%%"},
            "no MessagePack in base64": {**whole, "type": "3", "data": "wcHB"},
            "rooms that are none": {
                **whole,
                "type": "3",
                "data": base64.b64encode(pack({"packet": PACKET, "opts": {"rooms": 5}})),
            },
        },
        add,
    )
    target.cluster.p.server.expect("no message of a server")
    target.check()
