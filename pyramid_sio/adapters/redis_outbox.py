"""Commands on their way to Redis: a queue that has an end.

Upstream: anybody puts commands in, from any thread. Downstream: the thread of the link that
sends them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from pyramid_sio.adapters.redis_supervised import Lock
from pyramid_sio.errors import AdapterError

#: What a command costs beside its arguments, in bytes; so that empty ones have an end too.
OVERHEAD = 100
#: How much is sent in one piece, before the answers to it are read.
BATCH_COMMANDS = 200
BATCH_BYTES = 500_000

#: Called with the answer, or with None and what went wrong.
Resolve = Callable[[Any, BaseException | None], Any]


class Command:
    """One command.

    :param args: its name and arguments
    :param resolve: is told the answer; must not wait. None: nobody wants to know
    """

    __slots__ = ("args", "resolve", "size")

    def __init__(self, args: tuple[Any, ...], resolve: Resolve | None = None) -> None:
        self.args = args
        self.resolve = resolve
        self.size = OVERHEAD + sum(
            len(arg) for arg in args if isinstance(arg, bytes | str | bytearray | memoryview)
        )


class Outbox:
    """The queue. When it is full, what has waited longest is dropped: it matters least now.

    :param max_bytes: how much may wait
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        #: Bytes that wait.
        self.bytes = 0
        #: How many commands there was no room for.
        self.dropped = 0
        self._queue: deque[Command] = deque()
        self._lock = Lock()
        self._news = threading.Event()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, command: Command) -> None:
        """Add one. Any thread; never waits."""
        with self._lock:
            self._queue.append(command)
            self.bytes += command.size
            dropped = self._make_room() if self.bytes > self.max_bytes else ()
        if not self._news.is_set():
            self._news.set()
        self._fail(dropped, "too much waits for Redis")

    def put_back(self, commands: Iterable[Command]) -> None:
        """Put some to the front again: they have not been sent."""
        with self._lock:
            for command in reversed(list(commands)):
                self._queue.appendleft(command)
                self.bytes += command.size
            dropped = self._make_room()
        self._fail(dropped, "too much waits for Redis")

    def _make_room(self) -> list[Command]:
        dropped = []
        while self.bytes > self.max_bytes and self._queue:
            command = self._queue.popleft()
            self.bytes -= command.size
            dropped.append(command)
        self.dropped += len(dropped)
        return dropped

    def take(self, seconds: float) -> list[Command]:
        """Some that can be sent in one piece; waits for the first, at most so long."""
        if not self._queue:
            self._news.wait(seconds)
        with self._lock:
            self._news.clear()
            batch: list[Command] = []
            size = 0
            while self._queue and len(batch) < BATCH_COMMANDS and size < BATCH_BYTES:
                command = self._queue.popleft()
                size += command.size
                batch.append(command)
            self.bytes -= size
            return batch

    def wake(self) -> None:
        """Whoever waits in :meth:`take` is to look up."""
        self._news.set()

    def fail_questions(self, why: str) -> None:
        """Whoever waits for an answer has waited in vain; the rest stays."""
        with self._lock:
            asked = [command for command in self._queue if command.resolve is not None]
            if asked:
                self._queue = deque(command for command in self._queue if command.resolve is None)
                self.bytes -= sum(command.size for command in asked)
        self._fail(asked, why)

    @staticmethod
    def _fail(commands: Iterable[Command], why: str) -> None:
        for command in commands:
            if command.resolve is not None:
                command.resolve(None, AdapterError(why))
