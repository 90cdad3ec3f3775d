"""What a worker's bus knows: of channels, of who listens here, and of the other workers.

Upstream: ``workers.bus``. Downstream: a ZeroMQ socket to each other worker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import zmq.green as zmq
from gevent.event import Event

if TYPE_CHECKING:
    from pyramid_sio.workers.bus import LocalBus

logger = logging.getLogger(__name__)

Hear = Callable[[bytes, bytes], Any]

#: Bytes that a message costs beside its data.
OVERHEAD = 200
#: Workers that are gone and whose numbers are remembered with each channel.
REMEMBERED = 64


class Channel:
    """One name, who listens to it here, and how far everybody is.

    What a worker publishes on a channel is numbered, so that two workers can compare what they
    have heard.

    :param count: number of what this worker has published last
    """

    def __init__(self, count: int) -> None:
        self.count = count
        #: Number of what was heard last, by worker; and from where on nothing is missing.
        self.seen: dict[str, int] = {}
        self.since: dict[str, int] = {}
        #: Which worker's message is handled now, and its number.
        self.current: tuple[str, int] | None = None
        self.listeners: list[Subscription] = []
        #: Workers that have not yet noted that it is heard here.
        self.unaware: set[str] = set()
        self.began = Event()

    def begin(self) -> None:
        """All the others have noted it."""
        self.began.set()
        for subscription in tuple(self.listeners):
            try:
                if subscription.began is not None:
                    subscription.began()
            except Exception:
                logger.exception("a subscription failed to begin")

    def learn(self, tag: str, number: int) -> None:
        """A worker says what it has published last, before it publishes more."""
        if number != self.seen.get(tag):
            self.seen[tag] = self.since[tag] = number
            if len(self.seen) > REMEMBERED:
                gone = next(iter(self.seen))
                del self.seen[gone], self.since[gone]

    def advance(self, tag: str, number: int) -> None:
        """A worker's message has come. Those of who does not hear the channel have no number."""
        if number:
            if number != self.seen.get(tag, number) + 1:
                self.learn(tag, number - 1)
            self.seen[tag] = number


class Subscription:
    """See ``adapters.lines.ISubscription``."""

    def __init__(
        self, bus: LocalBus, channel: str, hear: Hear, began: Callable[[], Any] | None
    ) -> None:
        self.hear = hear
        self.began = began
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

    @property
    def heard(self) -> tuple[str, int] | None:
        """Whose message is handled at this moment, and its number there."""
        return self._channel.current

    @property
    def published(self) -> tuple[str, int]:
        """What this worker has said last."""
        return self._bus.tag, self._channel.count

    @property
    def seen(self) -> dict[str, int]:
        """How far each worker is heard, this one included."""
        return {**self._channel.seen, self._bus.tag: self._channel.count}

    @property
    def since(self) -> dict[str, int]:
        """After which number of each other worker nothing has been missed."""
        return dict(self._channel.since)

    @property
    def others(self) -> frozenset[str]:
        """Who else is there."""
        return self._bus.others

    @property
    def _channel(self) -> Channel:
        assert self.entry is not None, "what is numbered is used in the loop"
        return self.entry

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
