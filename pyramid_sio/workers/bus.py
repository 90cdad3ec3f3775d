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
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gevent
import zmq.green as zmq
from gevent.event import Event
from gevent.monkey import get_original

from pyramid_sio.engine.complaints import Complaints

logger = logging.getLogger(__name__)
get_thread_id: Callable[[], int] = get_original("_thread", "get_ident")

Hear = Callable[[bytes, bytes], Any]

#: What a message is about: data on a channel; channels heard from now on, and no longer; all of
#: them; that this has been noted; how many bytes have been received.
DATA, HEARD, UNHEARD, ALL_HEARD, NOTED, RECEIVED = b"d", b"h", b"u", b"a", b"n", b"r"
#: Bytes that a message costs beside its data.
OVERHEAD = 200
#: How often the sender of much is told what has arrived, in bytes.
RECEIPT = 65536
#: Milliseconds that the end waits for others to take what is left.
LINGER = 200
#: How long messages are handled before the loop looks at its sockets again, in seconds.
TIME_SLICE = 0.01


class Channel:
    """One name and who listens to it here."""

    def __init__(self) -> None:
        self.listeners: list[Subscription] = []
        #: Workers that have not yet noted that it is heard here.
        self.unaware: set[str] = set()
        self.began = Event()


class Subscription:
    """See ``adapters.lines.ISubscription``."""

    def __init__(self, bus: LocalBus, channel: str, hear: Hear) -> None:
        self.hear = hear
        self.channel = channel
        self._bus = bus
        self.entry: Channel | None = None
        self._began = Event()

    @property
    def active(self) -> bool:
        return self.entry is not None and self.entry.began.is_set()

    def wait(self, seconds: float) -> bool:
        entry = self.entry
        return entry is not None and bool(entry.began.wait(seconds))

    def close(self) -> None:
        self._bus.in_loop(self._bus.remove, self)


class Neighbour:
    """Another worker: what it hears, and how much is on its way to it.

    :param window: bytes that may be on the way
    """

    def __init__(self, tag: str, socket: Any, window: int) -> None:
        self.tag = tag
        self.hears: set[str] = set()
        #: It has told what it hears.
        self.known = Event()
        #: Messages that were for it, and are lost.
        self.lost = 0
        #: It has noted something of what we hear.
        self.aware = False
        #: It has missed that what we hear has changed, and must be told all of it.
        self.stale = False
        #: Bytes that came from it, and how many of them it knows of.
        self.received = self.receipted = 0
        self._socket = socket
        self._window = window
        self._sent = self._arrived = 0

    def send(self, *parts: bytes) -> bool:
        """Send what always fits; or else False."""
        size = OVERHEAD + sum(map(len, parts))
        if self._sent - self._arrived + size > self._window:
            return False
        self._sent += size
        self.send_anyway(*parts)
        return True

    def send_anyway(self, *parts: bytes) -> None:
        """Send what does not count: an answer to what counts."""
        self._socket.send_multipart(parts, zmq.NOBLOCK, copy=True)

    def arrived(self, total: int) -> None:
        """It has received so many bytes since it is there."""
        self._arrived = total

    def close(self, linger: int = 0) -> None:
        """:param linger: milliseconds for what it has not taken yet"""
        self.known.set()
        self._socket.close(linger=linger)


class LocalBus:
    """See ``adapters.lines.IBus``; a process does not hear itself.

    :param directory: where the workers have their sockets
    :param tag: this worker's
    :param window: bytes that may be on the way to one other worker
    """

    def __init__(self, directory: Path, tag: str, *, window: int) -> None:
        self._directory = directory
        self._tag = tag.encode()
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
        self._thread = 0
        self._loop: Any = None

    def __repr__(self) -> str:
        return f"<LocalBus of {self._tag.decode()} with {len(self._neighbours)} others>"

    @property
    def lost(self) -> int:
        """Messages that did not fit into the window of one that is there."""
        return sum(neighbour.lost for neighbour in self._neighbours.values())

    # Beginning and end; see ``engine.services``.

    def start(self) -> None:
        """Hear and be heard from now on; harmless if that is so already."""
        if self._context is not None:
            return
        self._thread, self._loop = get_thread_id(), gevent.get_hub().loop
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
        if self._loop is None or get_thread_id() == self._thread:
            func(*args)
        else:
            self._loop.run_callback_threadsafe(func, *args)

    # What adapters ask for; any thread.

    def subscribe(self, channel: str, hear: Hear) -> Subscription:
        subscription = Subscription(self, channel, hear)
        self.in_loop(self._add, subscription)
        return subscription

    def publish(self, channel: str, data: bytes) -> None:
        self.in_loop(self._publish, channel, data)

    def join(self, seconds: float) -> None:
        """A worker hears from its start."""

    def count(self, channel: str, timeout: float) -> int:
        others = sum(channel in neighbour.hears for neighbour in self._neighbours.values())
        return others + (channel in self._channels)

    # The same, in the loop.

    def _publish(self, channel: str, data: bytes) -> None:
        name = channel.encode()
        for neighbour in self._neighbours.values():
            if channel in neighbour.hears and not neighbour.send(self._tag, DATA, name, data):
                neighbour.lost += 1
                self._complaints.add("a worker does not keep up", neighbour.tag, "message lost")

    def _add(self, subscription: Subscription) -> None:
        channel = self._channels.get(subscription.channel)
        if channel is None:
            channel = self._channels[subscription.channel] = Channel()
            channel.unaware = set(self._neighbours)
            self._tell(HEARD, subscription.channel)
        channel.listeners.append(subscription)
        subscription.entry = channel
        if not channel.unaware:
            channel.began.set()

    def remove(self, subscription: Subscription) -> None:
        """A subscription ends."""
        channel = subscription.entry
        if channel is None or subscription not in channel.listeners:
            return
        channel.listeners.remove(subscription)
        if not channel.listeners:
            del self._channels[subscription.channel]
            self._tell(UNHEARD, subscription.channel)

    def _tell(self, kind: bytes, channel: str) -> None:
        for neighbour in self._neighbours.values():
            if neighbour.stale or not neighbour.send(self._tag, kind, channel.encode()):
                neighbour.stale = True

    def _tell_all(self, neighbour: Neighbour) -> None:
        names = json.dumps(list(self._channels)).encode()
        neighbour.stale = not neighbour.send(self._tag, ALL_HEARD, names)
        for channel in self._channels.values():
            channel.unaware.add(neighbour.tag)

    @staticmethod
    def _noted(channel: Channel, tag: str) -> None:
        channel.unaware.discard(tag)
        if not channel.unaware:
            channel.began.set()

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
            name, data = parts
            channel = self._channels.get(name.decode())
            for subscription in tuple(channel.listeners) if channel is not None else ():
                self._hear(subscription, name, data)
        else:
            self._learn(neighbour, kind, parts[0])
        neighbour.received += size
        if neighbour.received - neighbour.receipted >= min(RECEIPT, self._window // 4):
            neighbour.receipted = neighbour.received
            neighbour.send_anyway(self._tag, RECEIVED, str(neighbour.received).encode())

    def _hear(self, subscription: Subscription, name: bytes, data: bytes) -> None:
        try:
            subscription.hear(name, data)
        except Exception:
            logger.exception("what a worker said could not be handled")

    def _learn(self, neighbour: Neighbour, kind: bytes, names: bytes) -> None:
        """It hears other channels than before."""
        if kind == ALL_HEARD:
            noted: Iterable[str] = json.loads(names)
            neighbour.hears = set(noted)
            neighbour.known.set()
            if not neighbour.aware:
                # It may have missed what we have said: then it did not know us yet.
                neighbour.aware = True
                self._tell_all(neighbour)
        elif kind == HEARD:
            noted = [names.decode()]
            neighbour.hears.update(noted)
        else:
            neighbour.hears.discard(names.decode())
            return
        neighbour.send_anyway(self._tag, NOTED, json.dumps(list(noted)).encode())

    def _note(self, neighbour: Neighbour, names: list[str]) -> None:
        """It knows that we hear these."""
        neighbour.aware = True
        for name in names:
            channel = self._channels.get(name)
            if channel is not None:
                self._noted(channel, neighbour.tag)
