"""The way from one process to Redis: what all its namespaces and adapters share.

Upstream: adapters, and applications' subscriptions. Downstream: ``redis_supervised``, once for
commands and once for pub/sub, and once more for each reader somebody asks for.

Nothing is connected before it is needed, nothing waits unless its name says so, and nothing
that Redis does or does not do reaches a client of ours: at worst what was to be said is lost,
counted and logged.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from redis.exceptions import ConnectionError, RedisError, ResponseError

from pyramid_sio.adapters.redis_listener import Listener
from pyramid_sio.adapters.redis_outbox import Command, Outbox, Resolve
from pyramid_sio.adapters.redis_supervised import (
    Body,
    Lock,
    Supervised,
    connector,
    find_spawn,
    new_event,
)
from pyramid_sio.adapters.redis_topics import Began, Hear, Kind, Subscription
from pyramid_sio.errors import AdapterError

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IComplaints

logger = logging.getLogger(__name__)


def address_of(url: str) -> str:
    """A URL of Redis as logs may show it: without a password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


@dataclass
class LinkHealth:
    """How the link does.

    :ivar state: ``idle`` (nothing asked for it yet), ``connecting``, ``up`` or ``down``
    :ivar seconds: how long it has been so
    :ivar error: what went wrong, while it is down
    :ivar latency: seconds the last answer took; None: there was none
    :ivar queued: bytes that wait to be sent
    :ivar dropped: messages for which there was no room
    :ivar lost: messages that were being sent when the connection broke
    :ivar refused: messages that Redis answered with an error
    """

    address: str
    state: str = "idle"
    seconds: float = 0.0
    error: str = ""
    latency: float | None = None
    failures: int = 0
    subscriptions: int = 0
    queued: int = 0
    dropped: int = 0
    lost: int = 0
    refused: int = 0
    published: int = 0
    received: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class RedisLink:
    """The connections of one process to one Redis.

    Any thread may call any method. Callbacks run through ``in_loop``.

    :param url: where Redis is
    :param in_loop: runs a function in the thread that owns the connections of clients
    :param complaints: for what arrives and cannot be used
    :param timeout: seconds Redis may take for an answer before its connection is given up;
        one that says nothing is asked as often
    :param max_bytes: bytes that may wait to be sent
    """

    def __init__(
        self,
        url: str,
        *,
        in_loop: Callable[..., Any],
        complaints: IComplaints,
        timeout: float = 5.0,
        max_bytes: int = 10_000_000,
    ) -> None:
        self.address = address_of(url)
        self.timeout = timeout
        #: Called with True when Redis is reached, with False when it no longer is, and why.
        self.listeners: list[Callable[[bool, str], Any]] = []
        self.in_loop = in_loop
        self._complaints = complaints
        self._connect = connector(url, timeout=timeout)
        self._outbox = Outbox(max_bytes)
        self._listener = Listener(self.address, in_loop=in_loop, complaints=complaints)
        self._lock = Lock()
        self._spawn = find_spawn()
        self._jobs: dict[str, Supervised] = {}
        #: What went wrong with each of them; None: nothing.
        self._errors: dict[str, str | None] = {}
        self._up: bool | None = None
        self._closed = False
        self._joining = self._joined = False
        self._health = LinkHealth(self.address)
        self._since = time.monotonic()

    def __repr__(self) -> str:
        return f"<RedisLink {self.address} {self.health().state}>"

    # Life.

    @property
    def up(self) -> bool:
        """Is Redis reached, as far as is known? False before anything was asked of it."""
        return self._up is True

    def start(self) -> None:
        """Connect, in the background. Harmless if that has been done; not undone by failure."""
        self._start_sending()
        self.supervise("subscriptions", self._listener.run)

    def join(self, seconds: float) -> None:
        """Be sure to hear what is said from now on; returns at once where this is started anyway.

        For a process that has only spoken so far, and now has a question. Waits.

        :raises AdapterError: Redis does not confirm it in time
        """
        if self._joined or ("subscriptions" in self._jobs and not self._joining):
            return
        self._joining = True
        self.start()
        if not self._listener.topics.wait(seconds):
            raise AdapterError(f"Redis at {self.address} is not reached")
        self._joined = True

    def _start_sending(self) -> None:
        self.supervise("commands", self._send)

    def supervise(self, name: str, body: Body) -> None:
        """Keep one more connection, for ``body(connection, job)`` in a thread of its own.

        It is called again, with a new connection, whenever it raises. It calls ``job.works()``
        when Redis has answered, and returns once ``job.stopping`` is set. Harmless if there is
        one of that name.
        """
        if name in self._jobs:
            return
        with self._lock:
            if name in self._jobs or self._closed:
                return
            job = Supervised(name, self._connect, body, self)
            if not self._jobs:
                self._since = time.monotonic()
            self._jobs[name] = job
            self._errors[name] = ""
        self._spawn(job.run)

    def close(self, patience: float = 1.0) -> None:
        """End all connections, for good. What waits to be sent gets ``patience`` seconds.

        This waits for it. Harmless if it has been done.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        deadline = time.monotonic() + patience
        sender = self._jobs.get("commands")
        if sender is not None and self.up:
            flushed = threading.Event()
            self._outbox.put(Command(("PING",), lambda reply, error: flushed.set()))
            flushed.wait(patience)
        for job in self._jobs.values():
            job.stopping.set()
        self._outbox.wake()
        for job in self._jobs.values():
            job.stop(max(0.1, deadline - time.monotonic()))
        self._outbox.fail_questions("the server is going down")

    def health(self) -> LinkHealth:
        """How it does, at this moment."""
        health = replace(self._health)
        states = {None: "connecting" if self._jobs else "idle", True: "up", False: "down"}
        health.state = states[self._up]
        health.seconds = time.monotonic() - self._since
        health.error = "; ".join(sorted({e for e in self._errors.values() if e}))
        health.failures = sum(job.failures for job in self._jobs.values())
        health.subscriptions = len(self._listener.topics)
        health.received = self._listener.received
        health.queued = self._outbox.bytes
        health.dropped = self._outbox.dropped
        return health

    def works(self, name: str) -> None:
        """A connection is made. Called by it."""
        with self._lock:
            self._errors[name] = None
            if self._up is True or any(error is not None for error in self._errors.values()):
                return
            was_down, away = self._up is False, time.monotonic() - self._since
            self._up, self._since = True, time.monotonic()
        if was_down:
            logger.warning("Redis at %s is back after %.1f seconds", self.address, away)
        else:
            logger.info("Redis at %s is reached", self.address)
        self._notify(True, "")

    def fails(self, name: str, error: BaseException) -> None:
        """A connection broke, or was not made. Called by it."""
        why = f"{type(error).__name__}: {error}"
        if not isinstance(error, RedisError | OSError):
            # Ours, not Redis's.
            self._complaints.add(f"the connection for {name} failed", self.address, error=error)
        with self._lock:
            news = self._up is not False
            before = self._errors[name] or ""
            another = before != "" and not before.startswith(f"{type(error).__name__}:")
            self._errors[name] = why
            if news:
                self._up, self._since = False, time.monotonic()
        if news or another:
            logger.warning(
                "Redis at %s is not reached (%s); clients of this process are served, "
                "without the others, until it is",
                self.address,
                why,
            )
        if news:
            self._notify(False, why)
        self._outbox.fail_questions(f"Redis is not reached: {why}")

    def _notify(self, up: bool, why: str) -> None:
        for listener in tuple(self.listeners):
            self.in_loop(self._tell_listener, listener, up, why)

    def _tell_listener(self, listener: Callable[[bool, str], Any], up: bool, why: str) -> None:
        try:
            listener(up, why)
        except Exception as exc:  # noqa: BLE001 - whatever the application raises
            self._complaints.add("a listener for Redis failed", self.address, error=exc)

    # Commands.

    def publish(self, channel: str | bytes, data: bytes | str, *, shard: bool = False) -> None:
        """Send a message to all who have subscribed, in the order of these calls.

        Lost if Redis is away longer than the queue has room for.

        :param shard: to those who have subscribed to the shard channel
        """
        self._health.published += 1
        self.command("SPUBLISH" if shard else "PUBLISH", channel, data)

    def command(self, *args: Any, resolve: Resolve | None = None) -> None:
        """Send a command, in the order of these calls.

        :param resolve: called once, with the answer, or with None and an exception: an
            ``AdapterError`` if Redis is not reached, or a ``ResponseError`` of its own
        """
        self._start_sending()
        if resolve is not None:
            if self._up is False or self._closed:
                self.in_loop(resolve, None, AdapterError("Redis is not reached"))
                return
            in_loop, inner = self.in_loop, resolve
            self._outbox.put(Command(args, lambda reply, exc: in_loop(inner, reply, exc)))
        elif not self._closed:
            self._outbox.put(Command(args))

    def call(self, *args: Any, timeout: float | None = None) -> Any:
        """Send a command and wait for its answer.

        :param timeout: seconds; None: the link's
        :raises AdapterError: Redis is not reached, or does not answer in time
        :raises redis.ResponseError: it answers that this cannot be
        """
        done = new_event()
        answer: list[Any] = []

        def resolve(reply: Any, error: BaseException | None) -> None:
            answer.extend((reply, error))
            done.set()

        self._start_sending()
        if self._up is False or self._closed:
            raise AdapterError("Redis is not reached")
        # Not through in_loop: this may be the loop's own thread, or one it waits for.
        self._outbox.put(Command(args, resolve))
        if not done.wait(self.timeout if timeout is None else timeout):
            raise AdapterError("Redis does not answer")
        reply, error = answer
        if error is not None:
            raise error
        return reply

    def _send(self, connection: Any, job: Supervised) -> None:
        """The thread for commands."""
        self._ask_whether_alive(connection)
        job.works()
        while not job.stopping.is_set():
            batch = self._outbox.take(self.timeout)
            if not batch:
                self._ask_whether_alive(connection)
            elif self._has_hung_up(connection):
                self._outbox.put_back(batch)
                raise ConnectionError("Redis closed the connection")
            else:
                self._send_batch(connection, batch)

    def _ask_whether_alive(self, connection: Any) -> None:
        begin = time.monotonic()
        connection.send_command("PING", check_health=False)
        connection.read_response()
        self._health.latency = time.monotonic() - begin

    @staticmethod
    def _has_hung_up(connection: Any) -> bool:
        """Has Redis closed it, while nothing was sent?"""
        try:
            return bool(connection.can_read(0))
        except ConnectionError:
            return True

    def _send_batch(self, connection: Any, batch: Sequence[Command]) -> None:
        # None of it is sent a second time: that a message comes twice would be worse.
        unanswered = list(reversed(batch))
        try:
            packed = connection.pack_commands([command.args for command in batch])
            connection.send_packed_command(packed, check_health=False)
            while unanswered:
                reply, error = None, None
                try:
                    reply = connection.read_response()
                except ResponseError as exc:
                    error = exc
                self._answer(unanswered.pop(), reply, error)
        finally:
            for command in reversed(unanswered):
                if command.resolve is None:
                    self._health.lost += 1
                else:
                    command.resolve(None, AdapterError("the connection to Redis broke"))

    def _answer(self, command: Command, reply: Any, error: ResponseError | None) -> None:
        if command.resolve is not None:
            command.resolve(reply, error)
        elif error is not None:
            self._health.refused += 1
            self._complaints.add(f"Redis refused {command.args[0]}", self.address, error)

    # Subscriptions.

    def subscribe(
        self,
        name: str | bytes,
        hear: Hear,
        *,
        kind: Kind = Kind.CHANNEL,
        began: Began | None = None,
    ) -> Subscription:
        """Call ``hear(channel, message)``, both bytes, for whatever is published there.

        Redis is told once, however many subscribe to a name, and told again after each outage.
        Nothing is connected before :meth:`start`.

        :param hear: must not wait
        :param began: called whenever Redis has confirmed it; must not wait
        """
        return self._listener.subscribe(kind, name, hear, began)

    def listen(self, name: str, hear: Hear, *, pattern: bool) -> Subscription:
        """The same for a channel or a pattern, connecting if need be."""
        self.start()
        return self.subscribe(name, hear, kind=Kind.PATTERN if pattern else Kind.CHANNEL)
