"""A connection to Redis that is made again whenever it breaks, and one's own thread to use it.

Upstream: ``adapters.redis_link`` has one for each purpose. Downstream: redis-py.

A thread is a greenlet where the standard library has been patched, and a native thread where
it has not (waitress): everything here is right in both.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from typing import Any, Protocol

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

#: Seconds before the first attempt to connect again, and the most that doubling makes of them.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0


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
        self._thread = threading.Thread(target=self._run, name=f"Redis {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def works(self) -> None:
        """Redis has answered on the connection."""
        self._pause = FIRST_PAUSE
        self._status.works(self.name)

    def _run(self) -> None:
        while not self.stopping.is_set():
            connection = self._connection = self._connect()
            try:
                connection.connect()
                self._body(connection, self)
            except Exception as exc:  # noqa: BLE001 - whatever it was, it must go on
                if not self.stopping.is_set():
                    self.failures += 1
                    self._status.fails(self.name, exc)
            finally:
                self._hang_up(connection)
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
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(patience)
