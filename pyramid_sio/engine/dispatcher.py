"""Runs user code for all connections: in order for each, side by side across them.

Upstream: ``engine.session`` submits what its client asked for.
Downstream: the submitted functions, in greenlets that may wait.

A *lane* is one connection's queue. One dispatcher greenlet works through the lanes that
have something to do; it is switched to directly from the loop, so when control comes back
to the loop, either the work is done or a handler is waiting for something. In the second
case another dispatcher takes over, and the waiting one goes on when its handler does. As
long as handlers don't wait, ten thousand connections share one greenlet.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
from greenlet import GreenletExit, greenlet

logger = logging.getLogger(__name__)

#: How long events are handled before the loop looks at its sockets again, in seconds.
TIME_SLICE = 0.01
#: Dispatchers kept for the next burst; those beyond end when they have nothing to do.
KEPT_IDLE = 8


class Lane:
    """The queue of one connection. What is in it runs one after the other.

    :param owner: is told by ``cork()`` that several jobs are about to run, by ``uncork()``
        when they have or when one of them waits, and by ``resume()`` that a lane which it
        marked ``paused`` is empty again
    """

    __slots__ = ("active", "beside", "jobs", "owner", "paused", "received")

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.active = False
        self.paused = False
        #: Jobs of the connection that run, or will, outside of this queue.
        self.beside = 0
        #: Bytes received since the lane was last empty, counted by the owner.
        self.received = 0
        self.jobs: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()

    def rest(self) -> None:
        """Nothing of the connection is queued or runs any more."""
        self.received = 0
        if self.paused:
            self.paused = False
            self.owner.resume()

    def run_beside(self, func: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """For owners: run a job that was counted in :attr:`beside`."""
        try:
            func(*args)
        finally:
            self.beside -= 1
            if not self.beside and not self.active:
                self.rest()


class Dispatcher:
    """The pool of greenlets that run handlers.

    :param max_running: how many handlers may be waiting at once; further events stay in
        their lanes until one returns
    """

    def __init__(self, max_running: int = 1000) -> None:
        self.max_running = max_running
        #: Dispatcher greenlets alive.
        self.running = 0
        self._ready: deque[Lane] = deque()
        self._idle: list[_Worker] = []
        self._scheduled = False
        #: The one that :meth:`_drain` has switched to.
        self.current: _Worker | None = None
        # The loop's; known once there is work, so that creating a pool starts nothing.
        self._hub: Any = None

    @property
    def busy(self) -> int:
        """Handlers that have started and not returned."""
        return self.running - len(self._idle)

    @property
    def has_work(self) -> bool:
        """Is there something that no dispatcher has begun with?"""
        return bool(self._ready)

    def submit(self, lane: Lane, func: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Append a job to a lane. Never waits; loop thread only."""
        lane.jobs.append((func, args))
        if not lane.active:
            self.activate(lane)

    def activate(self, lane: Lane) -> None:
        """A lane that was empty has a job."""
        lane.active = True
        self._ready.append(lane)
        if not self._scheduled:
            self._schedule()

    def wait_idle(self, seconds: float) -> bool:
        """Wait until no handler runs and none is queued; False if time ran out first."""
        deadline = time.monotonic() + seconds
        while self._ready or self.busy:
            if time.monotonic() >= deadline:
                return False
            gevent.sleep(0.01)
        return True

    def _drain(self) -> None:
        """In the loop: switch to dispatchers until nothing is ready or time is up."""
        self._scheduled = False
        stop = time.monotonic() + TIME_SLICE
        while self._ready:
            if time.monotonic() > stop:
                self._schedule()
                return
            if self._idle:
                worker = self._idle.pop()
            elif self.running < self.max_running:
                self.running += 1
                worker = _Worker(self, self._hub)
            else:
                return
            worker.stop_at = stop
            self.current = worker
            worker.switch()
            self.current = None
            if worker.lane is not None:
                # Its handler waits: what it has sent so far must not wait with it.
                worker.lane.owner.uncork()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            if self._hub is None:
                self._hub = gevent.get_hub()
            self._hub.loop.run_callback(self._drain)

    def take(self) -> Lane | None:
        """For workers: the next lane with something to do."""
        return self._ready.popleft() if self._ready else None

    def park(self, worker: _Worker) -> bool:
        """For workers: wait for more; False if there are enough waiting already."""
        if self._ready:
            # All were busy when these lanes had to be left.
            self._schedule()
        if len(self._idle) >= KEPT_IDLE:
            self.running -= 1
            return False
        self._idle.append(worker)
        while worker in self._idle:
            try:
                self._hub.switch()
            except GreenletExit:
                self._idle.remove(worker)
                self.running -= 1
                return False
            except (Exception, gevent.Timeout):
                # A time-out, say, that a handler started and never cancelled.
                logger.debug("dropped what an earlier handler left behind", exc_info=True)
        return True

    def give_back(self, lane: Lane) -> None:
        """For workers: time is up, the lane goes on later."""
        self._ready.append(lane)
        self._schedule()


class _Worker(greenlet):
    """One dispatcher greenlet."""

    #: Kept between jobs for whoever runs them: what belongs to the greenlet, not to a job.
    kept: Any = None

    def __init__(self, pool: Dispatcher, hub: Any) -> None:
        super().__init__(parent=hub)
        self.pool = pool
        #: The lane being worked on; None while parked.
        self.lane: Lane | None = None
        self.stop_at = 0.0

    def run(self) -> None:
        pool = self.pool
        while True:
            lane = pool.take()
            if lane is None:
                if not pool.park(self):
                    return
                continue
            self.lane = lane
            self._work(lane)
            self.lane = None
            # Whose handler had to wait is on its own: nobody would uncork the next lane for it.
            if pool.current is not self or time.monotonic() > self.stop_at:
                if not pool.park(self):
                    return

    def _work(self, lane: Lane) -> None:
        jobs = lane.jobs
        corked = len(jobs) > 1
        if corked:
            lane.owner.cork()
        while jobs:
            func, args = jobs.popleft()
            try:
                func(*args)
            except GreenletExit:
                logger.debug("a handler was killed")
            except (Exception, gevent.Timeout):
                logger.exception("unhandled error in %r", func)
            if jobs and time.monotonic() > self.stop_at:
                break
        if corked:
            lane.owner.uncork()
        if jobs:
            self.pool.give_back(lane)
        else:
            lane.active = False
            if not lane.beside:
                lane.rest()
