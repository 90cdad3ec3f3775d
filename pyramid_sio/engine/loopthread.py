"""A loop in a thread of its own, for HTTP servers that have none.

Upstream: ``plugin.threads`` starts one when the first request comes in a native thread.
Downstream: everything of the engine runs in it; :func:`hand_over` is how other threads get
something done there.

Under waitress nothing of gevent runs by itself. The engine keeps its rule all the same: its
state belongs to the one thread that runs the loop.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gevent
from gevent.event import Event
from gevent.hub import Hub
from gevent.monkey import get_original, is_module_patched
from gevent.threadpool import ThreadPool
from greenlet import getcurrent
from greenlet import greenlet as greenlets

from pyramid_sio.loopcalls import LoopCalls, loop_calls

# A thread waits on one of these without gevent, whether the process was patched or not.
allocate_lock: Callable[[], Any] = get_original("_thread", "allocate_lock")


def in_native_thread() -> bool:
    """Is the caller's thread one that runs no loop, so that waiting in it stops nobody else?"""
    if is_module_patched("threading"):
        return False
    greenlet: greenlets | None = getcurrent()
    while greenlet is not None:
        if isinstance(greenlet, Hub):
            return False
        greenlet = greenlet.parent
    return True


def lacks_patches() -> bool:
    """Does the caller run in a greenlet although nobody has patched the standard library?

    Then whatever waits stops all greenlets, and Pyramid mixes up their requests.
    """
    return not is_module_patched("threading") and not in_native_thread()


class Handover:
    """Something to be done in the loop's thread, and whoever waits for it in another."""

    __slots__ = ("_call", "_done", "_error", "_result")

    def __init__(
        self, func: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]
    ) -> None:
        self._call: Any = (func, args, options)
        self._error: BaseException | None = None
        self._result: Any = None
        self._done = allocate_lock()
        self._done.acquire()

    def start(self) -> None:
        """In the loop: do it in a greenlet, where it may wait."""
        gevent.spawn(self._run)

    def _run(self) -> None:
        (func, args, options), self._call = self._call, None
        try:
            self._result = func(*args, **options)
        except BaseException as exc:  # noqa: BLE001 - it belongs to whoever waits
            self._error = exc
        self._done.release()

    def wait(self) -> Any:
        """In the other thread: what it returned. :raises BaseException: what it raised"""
        self._done.acquire()
        if self._error is not None:
            try:
                raise self._error
            finally:
                # Or the error and this frame would keep each other alive.
                self._error = None
        return self._result


def hand_over(
    calls: LoopCalls, func: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]
) -> Any:
    """``func(*args, **options)`` in a greenlet of another thread, the loop's; wait for it.

    :param calls: the way into that loop
    """
    handover = Handover(func, args, options)
    calls.call_soon(handover.start)
    return handover.wait()


def _outcome(func: Callable[..., Any], args: Sequence[Any]) -> tuple[Any, BaseException | None]:
    """What a call returns, or raises: gevent would print what leaves a thread of its pool."""
    try:
        return func(*args), None
    except BaseException as exc:  # noqa: BLE001 - raised again where somebody waits
        return None, exc


class LoopThread:
    """A thread that runs a gevent loop, and native threads for what may wait.

    The thread does not keep the process alive.

    :param threads: native threads for handlers
    :param spare: native threads for what is started beside them
    """

    def __init__(self, *, threads: int, spare: int) -> None:
        self._ready = threading.Event()
        self._end: Any = None
        self.calls: LoopCalls
        self._threads = threads
        self._spare = spare
        self.handlers: ThreadPool
        self.beside: ThreadPool
        self.pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="pyramid_sio", daemon=True)
        self._thread.start()
        self._ready.wait()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        hub = gevent.get_hub()
        self.calls = loop_calls()
        self.handlers = ThreadPool(self._threads, hub)
        self.beside = ThreadPool(self._spare, hub)
        self._end = Event()
        # Without something that may wake it, gevent takes a loop for stuck.
        awake = hub.loop.async_()
        awake.start(lambda: None)
        self._ready.set()
        self._end.wait()
        awake.close()

    def call_apart(self, func: Callable[..., Any], *args: Any, is_handler: bool = False) -> Any:
        """``func(*args)`` in a native thread, while other greenlets of the loop go on.

        Greenlets of the loop's thread only.

        :param is_handler: False for what may take as long as its connection lasts
        """
        pool = self.handlers if is_handler else self.beside
        result, error = pool.apply(_outcome, (func, args))
        if error is not None:
            raise error
        return result

    def stop(self, patience: float) -> None:
        """End the loop; waits for that, at most ``patience`` seconds. Idempotent; any thread."""
        if self._thread.is_alive() and self.pid == os.getpid():
            self.calls.call_soon(self._end.set)
            self._thread.join(patience)
