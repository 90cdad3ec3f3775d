"""What the workers of one server say to each other, without any other server: over ZeroMQ.

Upstream: ``adapters.bus_line`` speaks on it; ``workers.member`` knows who is there.
Downstream: a socket to each other worker, and one on which all of them are heard.

Everybody tells everybody which channels are heard, so that nothing is sent to whom it does not
concern, and nobody has to be asked who hears a channel. A worker that does not keep up is sent
no more than fits into its window; what is beyond that is lost for that worker alone.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import zmq.green as zmq

from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.loopcalls import LoopCalls, loop_calls
from pyramid_sio.workers.neighbours import OVERHEAD, Channel, Hear, Neighbour, Subscription

logger = logging.getLogger(__name__)

#: Numbers of a channel that is opened again begin so much higher: nothing is counted twice.
LIFETIME = 1 << 32
#: What a message is about: data on a channel; channels heard from now on, and no longer; all of
#: them; that this has been noted; how many bytes have been received.
DATA, HEARD, UNHEARD, ALL_HEARD, NOTED, RECEIVED = b"d", b"h", b"u", b"a", b"n", b"r"
#: How often the sender of much is told what has arrived, in bytes.
RECEIPT = 65536
#: Milliseconds that the end waits for others to take what is left.
LINGER = 200
#: Seconds that a question waits for those who have not said what they hear.
SETTLING = 1.0
#: How long messages are handled before the loop looks at its sockets again, in seconds.
TIME_SLICE = 0.01


class LocalBus:
    """See ``adapters.lines.IBus``; a process does not hear itself.

    :param directory: where the workers have their sockets
    :param tag: this worker's
    :param window: bytes that may be on the way to one other worker
    """

    def __init__(self, directory: Path, tag: str, *, window: int) -> None:
        self._directory = directory
        self.tag = tag
        self._tag = tag.encode()
        #: Channels that have been opened.
        self._opened = 0
        self._window = window
        self._complaints = Complaints(logger)
        self._channels: dict[str, Channel] = {}
        self._neighbours: dict[str, Neighbour] = {}
        #: Who is said to be there.
        self._others: frozenset[str] = frozenset()
        #: Bytes received from those who are not said to be there yet.
        self._early: dict[str, int] = {}
        self._context: Any = None
        self._inbox: Any = None
        self._reader: Any = None
        self._calls: LoopCalls | None = None

    def __repr__(self) -> str:
        return f"<LocalBus of {self._tag.decode()} with {len(self._neighbours)} others>"

    @property
    def lost(self) -> int:
        """Messages that did not fit into the window of one that is there."""
        return sum(neighbour.lost for neighbour in self._neighbours.values())

    @property
    def others(self) -> frozenset[str]:
        """Tags of those who are there."""
        return frozenset(self._neighbours)

    # Beginning and end; see ``engine.services``.

    def start(self) -> None:
        """Hear and be heard from now on; harmless if that is so already."""
        if self._context is not None:
            return
        self._calls = loop_calls()
        self._context = zmq.Context()
        self._inbox = self._context.socket(zmq.PULL)
        # The windows of those who send are the limit.
        self._inbox.rcvhwm = 0
        self._inbox.bind(self._address(self._tag.decode()))
        self._reader = gevent.spawn(self._read)
        self.set_others(self._others)

    def close(self, patience: float) -> None:
        """End; what has been published is still sent, if others take it within a moment."""
        if self._context is None:
            return
        self._reader.kill()
        self._inbox.close(linger=0)
        for neighbour in self._neighbours.values():
            neighbour.close(LINGER)
        self._neighbours.clear()
        # Waits in C for that long; nothing else is to be done any more.
        self._context.term()
        self._context = None

    def set_others(self, tags: frozenset[str]) -> None:
        """Who is there beside us. Loop thread only."""
        self._others = tags
        if self._context is None:
            return
        for tag in set(self._neighbours) - tags:
            self._neighbours.pop(tag).close()
            for channel in self._channels.values():
                self._noted(channel, tag)
        for tag in tags - set(self._neighbours):
            socket = self._context.socket(zmq.PUSH)
            socket.sndhwm = 0
            socket.connect(self._address(tag))
            neighbour = self._neighbours[tag] = Neighbour(tag, socket, self._window)
            neighbour.received = self._early.pop(tag, 0)
            self._tell_all(neighbour)
        self._early.clear()

    def wait_settled(self, seconds: float) -> bool:
        """Wait until it is known what all the others hear; False if that takes longer."""
        known = [neighbour.known for neighbour in self._neighbours.values()]
        return len(gevent.wait(known, timeout=seconds)) == len(known)

    def _address(self, tag: str) -> str:
        return f"ipc://{self._directory / tag}.bus"

    def in_loop(self, func: Callable[..., Any], *args: Any) -> None:
        """Run something in the thread that the sockets belong to."""
        if self._calls is None:
            func(*args)
        else:
            self._calls.call(func, *args)

    # What adapters ask for; any thread.

    def subscribe(
        self, channel: str, hear: Hear, began: Callable[[], Any] | None = None
    ) -> Subscription:
        subscription = Subscription(self, channel, hear, began)
        self.in_loop(self._add, subscription)
        return subscription

    def publish(self, channel: str, data: bytes) -> None:
        self.in_loop(self._publish, channel, data)

    def reach(self, channel: str, data: bytes, timeout: float) -> int:
        # One that has just come has not said yet what it hears.
        self.wait_settled(min(timeout, SETTLING))
        return int(self._publish(channel, data))

    def join(self, seconds: float) -> None:
        """A worker hears from its start."""

    def count(self, channel: str, timeout: float) -> int:
        others = sum(channel in neighbour.hears for neighbour in self._neighbours.values())
        return others + (channel in self._channels)

    # The same, in the loop.

    def _publish(self, channel: str, data: bytes) -> int:
        """How many it is for, whether or not they keep up."""
        own = self._channels.get(channel)
        number = 0
        if own is not None:
            number = own.count = own.count + 1
        parts = (self._tag, DATA, channel.encode(), str(number).encode(), data)
        hearers = [each for each in self._neighbours.values() if channel in each.hears]
        for neighbour in hearers:
            if not neighbour.send(*parts):
                neighbour.lost += 1
                self._complaints.add("a worker does not keep up", neighbour.tag, "message lost")
        return len(hearers)

    def _add(self, subscription: Subscription) -> None:
        channel = self._channels.get(subscription.channel)
        if channel is None:
            self._opened += 1
            channel = self._channels[subscription.channel] = Channel(self._opened * LIFETIME)
            channel.unaware = set(self._neighbours)
            self._tell(HEARD, subscription.channel, str(channel.count))
        channel.listeners.append(subscription)
        subscription.entry = channel
        if not channel.unaware:
            channel.begin()

    def remove(self, subscription: Subscription) -> None:
        """A subscription ends."""
        channel = subscription.entry
        if channel is None or subscription not in channel.listeners:
            return
        channel.listeners.remove(subscription)
        if not channel.listeners:
            del self._channels[subscription.channel]
            self._tell(UNHEARD, subscription.channel)

    def _tell(self, kind: bytes, *words: str) -> None:
        parts = (self._tag, kind, *(word.encode() for word in words))
        for neighbour in self._neighbours.values():
            if neighbour.stale or not neighbour.send(*parts):
                neighbour.stale = True

    def _tell_all(self, neighbour: Neighbour) -> None:
        counts = {name: channel.count for name, channel in self._channels.items()}
        names = json.dumps(counts).encode()
        neighbour.stale = not neighbour.send(self._tag, ALL_HEARD, names)
        for channel in self._channels.values():
            channel.unaware.add(neighbour.tag)

    @staticmethod
    def _noted(channel: Channel, tag: str) -> None:
        if tag in channel.unaware:
            channel.unaware.discard(tag)
            if not channel.unaware:
                channel.begin()

    # What comes.

    def _read(self) -> None:
        stop = 0.0
        while True:
            parts = self._inbox.recv_multipart()
            try:
                self._receive(*parts)
            except (TypeError, ValueError) as error:
                self._complaints.add("no message of a worker", self._tag.decode(), error)
            now = time.monotonic()
            if now > stop:
                # Others want to run too, as long as there is always one more.
                gevent.sleep(0)
                stop = time.monotonic() + TIME_SLICE

    def _receive(self, tag: bytes, kind: bytes, *parts: bytes) -> None:
        size = OVERHEAD + len(tag) + len(kind) + sum(map(len, parts))
        neighbour = self._neighbours.get(tag.decode())
        if neighbour is None:
            # It is ahead of the news that it is there. It says this again when it hears of us.
            self._early[tag.decode()] = self._early.get(tag.decode(), 0) + size
            return
        if kind == RECEIVED:
            neighbour.arrived(int(parts[0]))
            if neighbour.stale:
                self._tell_all(neighbour)
            return
        if kind == NOTED:
            self._note(neighbour, json.loads(parts[0]))
            return
        if kind == DATA:
            name, number, data = parts
            channel = self._channels.get(name.decode())
            if channel is not None:
                self._hear(channel, (neighbour.tag, int(number)), name, data)
        else:
            self._learn(neighbour, kind, *parts)
        neighbour.received += size
        if neighbour.received - neighbour.receipted >= min(RECEIPT, self._window // 4):
            neighbour.receipted = neighbour.received
            neighbour.send_anyway(self._tag, RECEIVED, str(neighbour.received).encode())

    def _hear(self, channel: Channel, source: tuple[str, int], name: bytes, data: bytes) -> None:
        channel.advance(*source)
        channel.current = source
        for subscription in tuple(channel.listeners):
            try:
                subscription.hear(name, data)
            except Exception:
                logger.exception("what a worker said could not be handled")
        channel.current = None

    def _learn(self, neighbour: Neighbour, kind: bytes, *parts: bytes) -> None:
        """It hears other channels than before."""
        if kind == UNHEARD:
            neighbour.hears.discard(parts[0].decode())
            return
        counts: dict[str, int]
        if kind == ALL_HEARD:
            counts = json.loads(parts[0])
            neighbour.hears = set(counts)
            neighbour.known.set()
            if not neighbour.aware:
                # It may have missed what we have said: then it did not know us yet.
                neighbour.aware = True
                self._tell_all(neighbour)
        else:
            counts = {parts[0].decode(): int(parts[1])}
            neighbour.hears.update(counts)
        # What they publish from now on comes behind this; and what we do, behind the answer.
        ours = {}
        for name, count in counts.items():
            channel = self._channels.get(name)
            if channel is not None:
                channel.learn(neighbour.tag, count)
            ours[name] = 0 if channel is None else channel.count
        neighbour.send_anyway(self._tag, NOTED, json.dumps(ours).encode())

    def _note(self, neighbour: Neighbour, counts: dict[str, int]) -> None:
        """It knows that we hear these; and what it has published there last."""
        neighbour.aware = True
        for name, count in counts.items():
            channel = self._channels.get(name)
            if channel is not None:
                channel.learn(neighbour.tag, count)
                self._noted(channel, neighbour.tag)
