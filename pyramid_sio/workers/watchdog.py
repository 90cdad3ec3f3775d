"""Finds workers that are frozen: nothing runs in them, though they have not ended.

Upstream: ``workers.supervisor``, at every look. Downstream: workers say a few times within
``worker_timeout`` that they are alive, from a greenlet; so who says it lets its greenlets run.

Not time is counted, but looks at which a worker had said nothing. A look that comes late does
not count: then it is the machine, or the supervisor, that had stopped.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from pyramid_sio.workers.children import Child

logger = logging.getLogger(__name__)

#: Looks without a sign of life, after which a worker is killed; and after which others look
#: after its part of the port.
FATAL, ALARMING = 10, 3
#: Seconds that a worker has for writing down what it does, before it is killed.
LAST_WORDS = 1.0
#: Has a worker write down what it does. Applications are not likely to use it.
DUMP: int = getattr(signal, "SIGRTMAX", signal.SIGUSR2)


class Watchdog:
    """Looks after workers.

    :param timeout: seconds in which a worker must have said that it is alive; 0: nobody looks
    :param clock: returns seconds, monotonic; replaced in tests
    """

    def __init__(self, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout = timeout
        self._clock = clock
        #: Seconds from one look to the next, and between two signs of life.
        self.interval = timeout / FATAL
        self._due = clock() + self.interval

    @property
    def due(self) -> float | None:
        """When to look next, as the clock tells it; None: never."""
        return self._due if self._timeout else None

    def look(self, children: Iterable[Child]) -> bool:
        """Look at workers, if it is time; True if others must be told of what was seen."""
        now = self._clock()
        if not self._timeout or now < self._due:
            return False
        in_time = now - self._due < self.interval / 2
        self._due = now + self.interval
        news = [self._look_at(child, in_time=in_time) for child in children]
        return any(news)

    def _look_at(self, child: Child, *, in_time: bool) -> bool:
        """True if it has fallen silent, or speaks again."""
        was_silent = is_silent(child)
        if child.has_beaten or child.leaving or not child.ready:
            child.has_beaten, child.missed = False, 0
            return was_silent
        child.missed += in_time
        if child.missed == FATAL and child.kill_at is None:
            self._condemn(child)
        elif child.missed == ALARMING and not was_silent:
            logger.warning(
                "%r has given no sign of life for %.3g s; others accept its connections",
                child,
                ALARMING * self.interval,
            )
        return is_silent(child) != was_silent

    def _condemn(self, child: Child) -> None:
        why = "it is stopped" if is_stopped(child.pid) else "what it does is on standard error"
        logger.error(
            "%r has given no sign of life for %g s and is killed (%s); see worker_timeout in "
            "[server:main]",
            child,
            self._timeout,
            why,
        )
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, DUMP)
        child.kill_at = self._clock() + LAST_WORDS


def is_silent(child: Child) -> bool:
    """Has it said nothing for so long that others should do its work?"""
    return child.missed >= ALARMING


def is_stopped(pid: int) -> bool:
    """Has a signal, or a debugger, stopped a process? Known on Linux."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] in "Tt"
    except OSError:
        return False


def dump_when_told() -> None:
    """In a worker: the watchdog's signal writes what all threads do to standard error."""
    # Standard error may be anything, or nothing.
    with contextlib.suppress(AttributeError, OSError, RuntimeError, ValueError):
        faulthandler.register(DUMP, file=sys.stderr, all_threads=True)
