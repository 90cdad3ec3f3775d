"""One clock for all deadlines of a server.

Upstream: sessions and acknowledgements ask to be called at a time.
Downstream: their callbacks, in the loop.

A connection owns no timer object. Deadlines are rounded up to a tick and collected in
buckets; a single loop timer sleeps until the first bucket that is not empty, so a server
on which nothing is due does not wake up at all.
"""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

import gevent

logger = logging.getLogger(__name__)


class Timed(Protocol):
    """Something that wants to be called; hashable by identity."""

    def on_time(self, now: float) -> None: ...


class Timer:
    """One call in the future. :meth:`cancel` may be called at any time, also twice."""

    __slots__ = ("_func", "_tick", "_wheel")

    def __init__(self, wheel: TimerWheel, func: Callable[[], Any], when: float) -> None:
        self._wheel = wheel
        self._func: Callable[[], Any] | None = func
        self._tick = wheel.add(self, when)

    def on_time(self, now: float) -> None:
        func, self._func = self._func, None
        if func is not None:
            func()

    def cancel(self) -> None:
        if self._func is not None:
            self._func = None
            self._wheel.remove(self, self._tick)


class TimerWheel:
    """Deadlines in buckets of one tick. Adding and removing cost the same at any size.

    :param resolution: length of a tick in seconds; nothing is called early, and up to one
        tick late
    :param clock: returns seconds, monotonic; replaced in tests
    """

    def __init__(
        self, resolution: float = 0.05, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self._resolution = resolution
        self._buckets: dict[int, set[Timed]] = {}
        self._ticks: list[int] = []
        self._armed_for: int | None = None
        self._timer: Any = None

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))

    @property
    def next_due(self) -> float | None:
        """When :meth:`advance` will next have something to do; None: there is nothing."""
        self._forget_empty()
        return self._ticks[0] * self._resolution if self._ticks else None

    def add(self, entry: Timed, when: float) -> int:
        """Call ``entry.on_time`` at ``when``; returns the tick that :meth:`remove` wants."""
        tick = int(when / self._resolution) + 1
        bucket = self._buckets.get(tick)
        if bucket is not None:
            bucket.add(entry)
            return tick
        self._buckets[tick] = {entry}
        heapq.heappush(self._ticks, tick)
        if self._armed_for is None or tick < self._armed_for:
            self._arm()
        return tick

    def remove(self, entry: Timed, tick: int) -> None:
        """Forget an entry. Harmless if it is gone already."""
        bucket = self._buckets.get(tick)
        if bucket is not None:
            bucket.discard(entry)

    def call_later(self, seconds: float, func: Callable[[], Any]) -> Timer:
        """Call ``func()`` in the loop after ``seconds``; it must not wait."""
        return Timer(self, func, self.clock() + seconds)

    def advance(self) -> None:
        """Call everything that is due. The loop timer does this; tests with a clock may."""
        now = self.clock()
        limit = now / self._resolution
        while self._ticks and self._ticks[0] <= limit:
            for entry in self._buckets.pop(heapq.heappop(self._ticks)):
                try:
                    entry.on_time(now)
                except Exception:
                    logger.exception("a timer failed: %r", entry)
        self._arm()

    def _forget_empty(self) -> None:
        while self._ticks and not self._buckets[self._ticks[0]]:
            del self._buckets[heapq.heappop(self._ticks)]

    def _arm(self) -> None:
        self._forget_empty()
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None
        self._armed_for = None
        if self._ticks:
            self._armed_for = self._ticks[0]
            delay = max(self._armed_for * self._resolution - self.clock(), 0.0)
            # Not a reason for the process to stay alive.
            self._timer = gevent.get_hub().loop.timer(delay, ref=False)
            self._timer.start(self.advance)
