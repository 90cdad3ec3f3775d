"""Greenlets for HTTP connections, used again.

Upstream: ``http`` starts one for each connection. Downstream: the connection's handler.

A WebSocket's HTTP life is a millisecond. A new greenlet for each would cost more than its
start: Pyramid's stack of current requests is made anew in every greenlet that looks at it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import gevent
from greenlet import GreenletExit

logger = logging.getLogger(__name__)

#: Greenlets kept for the next connections; those beyond end when they are done.
KEPT_IDLE = 64


class Spawner:
    """What gevent's server calls to start a function. Loop thread only."""

    def __init__(self) -> None:
        self._idle: list[_Runner] = []

    def __call__(self, func: Callable[..., Any], *args: Any) -> gevent.Greenlet:
        """Run ``func(*args)`` soon, in a greenlet that has nothing else to do."""
        if self._idle:
            runner = self._idle.pop()
            runner.task = (func, args)
            gevent.get_hub().loop.run_callback(runner.wake)
        else:
            runner = _Runner(self._idle)
            runner.task = (func, args)
            runner.start()
        return runner


class _Runner(gevent.Greenlet):  # type: ignore[misc]
    """Runs one task after the other, and waits in ``idle`` in between."""

    def __init__(self, idle: list[_Runner]) -> None:
        super().__init__()
        self.task: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self._idle_runners = idle
        self._waits = False

    def wake(self) -> None:
        """In the loop: it has a task; harmless if it has begun already."""
        if self._waits:
            self.switch()

    def _run(self) -> None:
        hub = gevent.get_hub()
        while self.task is not None:
            (func, args), self.task = self.task, None
            try:
                func(*args)
            except (Exception, gevent.Timeout):  # noqa: BLE001 - the top of a greenlet
                hub.handle_error(self, *sys.exc_info())
            # Nothing of the connection may live on in this frame.
            del func, args
            if len(self._idle_runners) < KEPT_IDLE:
                self._idle_runners.append(self)
                self._wait(hub)

    def _wait(self, hub: Any) -> None:
        """Wait until taken out of ``idle``, whatever else comes.

        A task may have left something behind that throws into its greenlet later: a time-out
        that nobody cancelled. It is late, and meant for nobody who is here now.
        """
        self._waits = True
        while self in self._idle_runners:
            try:
                hub.switch()
            except GreenletExit:
                if self in self._idle_runners:
                    self._idle_runners.remove(self)
            except (Exception, gevent.Timeout):
                logger.debug("dropped what an earlier connection left behind", exc_info=True)
        self._waits = False
