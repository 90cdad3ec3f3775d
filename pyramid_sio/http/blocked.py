"""Says where a process stands that lets nobody else run: a handler that blocks without waiting.

Upstream: ``serve``. Downstream: a thread of its own, which no greenlet can hold up, and stderr.

Not time is counted, but looks at which nothing had happened in the loop. So a machine that was
suspended is no reason to complain.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any, TextIO

import gevent
from gevent.monkey import get_original

_sleep = get_original("time", "sleep")
_start_thread = get_original("_thread", "start_new_thread")
_thread_id = get_original("_thread", "get_ident")
#: Looks in the time that is given.
LOOKS = 4


class Watch:
    """Watches the loop of the thread that makes it.

    :param seconds: how long nothing else may run before it is said where
    :param out: where it is said
    """

    def __init__(self, seconds: float, out: TextIO | None = None) -> None:
        self._seconds = seconds
        self._out = out
        self._thread = _thread_id()
        self._beats = 0
        self._ended = False
        # It must not keep a loop alive that has nothing else to do.
        self._timer: Any = gevent.get_hub().loop.timer(seconds / LOOKS, seconds / LOOKS, ref=False)

    def start(self) -> None:
        """Begin."""
        self._timer.start(self._beat)
        _start_thread(self._run, ())

    def stop(self) -> None:
        """End. Idempotent."""
        self._ended = True
        self._timer.stop()

    def _beat(self) -> None:
        self._beats += 1

    def _run(self) -> None:
        """The thread."""
        seen, looks = self._beats, 0
        while not self._ended:
            _sleep(self._seconds / LOOKS)
            if self._beats != seen:
                seen, looks = self._beats, 0
                continue
            looks += 1
            # Once for each time; one more, for the beat and the look may fall together.
            if looks == LOOKS + 1:
                self._say()

    def _say(self) -> None:
        frame = sys._current_frames().get(self._thread)
        if frame is None or self._ended:
            return
        stack = "".join(traceback.format_stack(frame))
        # Not to a logger, whose lock may be held by who is stuck.
        print(
            f"pyramid_sio: for {self._seconds:g} seconds nobody else could run; let what takes "
            "long wait (database, network, gevent.sleep), or give it to "
            f"gevent.get_hub().threadpool.apply. It stands here:\n{stack}",
            file=self._out or sys.stderr,
            flush=True,
        )
