"""A connection to Redis that is made again whenever it breaks, and one's own thread to use it.

Upstream: ``adapters.redis_link`` has one for each purpose. Downstream: redis-py.

A thread is a greenlet where the standard library has been patched, and a native thread where
it has not (waitress): everything here is right in both.

Three things that look harmless may wait in the first case, which the loop's own callbacks must
not: starting a ``threading.Thread`` waits for its first step, a patched lock for whoever has it,
and a greenlet begins only in a native thread that has a loop.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from typing import Any, Protocol

import gevent
import redis
from gevent.event import Event
from gevent.monkey import get_original, is_module_patched
from greenlet import getcurrent
from redis.backoff import NoBackoff
from redis.retry import Retry

from pyramid_sio.loopcalls import loop_calls

#: Seconds before the first attempt to connect again, and the most that doubling makes of them.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0


#: A lock for a few steps that wait for nothing; the loop's own callbacks may take it too.
Lock: Callable[[], Any] = get_original("_thread", "allocate_lock")


def find_spawn() -> Callable[[Callable[[], None]], None]:
    """A function that runs another beside, without waiting; any thread, any callback may call.

    To be called in the thread whose loop is to run greenlets.
    """
    if not is_module_patched("threading"):
        return _start_thread
    calls = loop_calls()

    def spawn(func: Callable[[], None]) -> None:
        calls.call_soon(gevent.spawn, func)

    return spawn


def new_event() -> Any:
    """Something to wait on, for one who may be a greenlet where nothing has been patched.

    Any thread may set it; only the caller's waits.
    """
    return threading.Event() if getcurrent().parent is None else _LoopEvent()


class _LoopEvent:
    """gevent's, for one who waits in a loop; whoever sets it may be in another thread."""

    def __init__(self) -> None:
        self._event = Event()
        self._calls = loop_calls()

    def set(self) -> None:
        self._calls.call(self._event.set)

    def wait(self, seconds: float | None = None) -> bool:
        return bool(self._event.wait(seconds))


def _start_thread(func: Callable[[], None]) -> None:
    threading.Thread(target=func, name="Redis", daemon=True).start()


class IStatus(Protocol):
    """Is told how a connection does."""

    def works(self, name: str) -> None: ...
    def fails(self, name: str, error: BaseException) -> None: ...


def connector(url: str, *, timeout: float, name: str = "pyramid_sio") -> Callable[[], Any]:
    """A function that makes a connection, which is not connected yet.

    :param url: ``redis://``, ``rediss://`` or ``unix://``
    :param timeout: seconds that connecting, sending or an answer may take
    :param name: what ``CLIENT LIST`` calls it
    :raises ValueError: the URL is none of Redis
    """
    pool = redis.ConnectionPool.from_url(
        url,
        # Understood by every Redis, and pub/sub messages come in order with other answers.
        protocol=2,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        # We try again ourselves, and don't send anything twice.
        retry=Retry(NoBackoff(), 0),
        client_name=name,
        # The pool counts all it has ever made, and by default makes no more after a hundred.
        max_connections=2**31 - 1,
    )
    return pool.make_connection


#: Uses a connection until it breaks (then it raises) or until ``job.stopping`` is set; calls
#: ``job.works()`` as soon as Redis has answered.
Body = Callable[[Any, "Supervised"], None]


class Supervised:
    """Runs ``body(connection, self)`` in a thread, again and again, until it is stopped.

    :param name: for ``status`` and the thread
    :param connect: makes a connection
    :param status: is told of success and failure, in this thread
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Any],
        body: Body,
        status: IStatus,
    ) -> None:
        self.name = name
        #: How often it had to be connected anew.
        self.failures = 0
        #: Set once this is to end.
        self.stopping = threading.Event()
        self._connect = connect
        self._body = body
        self._status = status
        self._pause = FIRST_PAUSE
        self._connection: Any = None
        self._ended = threading.Event()

    def works(self) -> None:
        """Redis has answered on the connection."""
        self._pause = FIRST_PAUSE
        self._status.works(self.name)

    def run(self) -> None:
        """The thread."""
        try:
            while not self.stopping.is_set():
                self._run_once()
        finally:
            self._ended.set()

    def _run_once(self) -> None:
        self._connection = None
        try:
            connection = self._connection = self._connect()
            connection.connect()
            self._body(connection, self)
        except Exception as exc:  # noqa: BLE001 - whatever it was, it must go on
            if not self.stopping.is_set():
                self.failures += 1
                self._status.fails(self.name, exc)
        finally:
            self._hang_up(self._connection)
        # Not all processes at the same moment, when Redis comes back.
        self.stopping.wait(self._pause * random.uniform(0.5, 1.0))
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    @staticmethod
    def _hang_up(connection: Any) -> None:
        with contextlib.suppress(Exception):
            connection.disconnect()

    def stop(self, patience: float = 1.0) -> None:
        """End it, whatever it waits for; waits for that, at most ``patience`` seconds."""
        self.stopping.set()
        connection = self._connection
        if connection is not None:
            self._hang_up(connection)
        self._ended.wait(patience)
