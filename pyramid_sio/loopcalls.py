"""What other threads want done in the thread of a loop.

Upstream: the engine, adapters and workers, wherever a native thread has something for the loop.
Downstream: libev's asynchronous watchers.

gevent's own ``run_callback_threadsafe`` changes, from the calling thread, the count of what keeps a
loop alive; the loop changes it too, as it ends timers, and holds no lock then. Now and then one of
the two is lost, until a loop with much to do takes itself for finished.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
from gevent.monkey import get_original

# Patched, these would tell greenlets apart, not threads.
get_thread_id: Callable[[], int] = get_original("_thread", "get_ident")
_here: Any = get_original("_thread", "_local")()


class LoopCalls:
    """The way into the loop of the thread that makes this."""

    def __init__(self) -> None:
        self.loop: Any = gevent.get_hub().loop
        #: Identifies the loop's thread.
        self.thread = get_thread_id()
        self._waiting: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        # It must not keep a loop alive that has nothing else to do.
        self._bell: Any = self.loop.async_(ref=False)
        self._bell.start(self._run)

    def call(self, func: Callable[..., Any], *args: Any) -> None:
        """Run ``func(*args)``, which must not wait, in the loop's thread. Any thread.

        From the loop's own it runs at once, from others soon, and in their order.
        """
        if get_thread_id() == self.thread:
            func(*args)
        else:
            self.call_soon(func, *args)

    def call_soon(self, func: Callable[..., Any], *args: Any) -> None:
        """The same, but never at once. What it raises is reported as gevent does."""
        self._waiting.append((func, args))
        self._bell.send()

    def _run(self) -> None:
        # What comes meanwhile rings again.
        for _ in range(len(self._waiting)):
            func, args = self._waiting.popleft()
            try:
                func(*args)
            except Exception:  # noqa: BLE001 - the next one is to be called
                gevent.get_hub().handle_error((func, args), *sys.exc_info())


def loop_calls() -> LoopCalls:
    """The way into the loop of the calling thread; always the same for one loop."""
    calls: LoopCalls | None = getattr(_here, "calls", None)
    if calls is None or calls.loop is not gevent.get_hub().loop:
        calls = _here.calls = LoopCalls()
    return calls
