"""The pub/sub connection of a process: says what is wanted, and passes on what comes.

Upstream: ``adapters.redis_link`` runs it on a supervised connection.
Downstream: the listeners of ``redis_topics``, through the thread that owns the clients.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError, ResponseError, TimeoutError

from pyramid_sio.adapters.redis_supervised import find_spawn
from pyramid_sio.adapters.redis_topics import (
    BEGINNINGS,
    MESSAGES,
    Began,
    Hear,
    Kind,
    Subscription,
    Topics,
)

if TYPE_CHECKING:
    from pyramid_sio.adapters.redis_supervised import Supervised
    from pyramid_sio.interfaces import IComplaints

#: Messages after which a flood of them lets others have a turn.
TURN = 64


class Listener:
    """Whoever subscribes, and the connection that serves them.

    :param in_loop: runs a function in the thread that owns the connections of clients
    """

    def __init__(
        self, address: str, *, in_loop: Callable[..., Any], complaints: IComplaints
    ) -> None:
        self.topics = Topics(self._tell)
        #: Messages so far.
        self.received = 0
        self._address = address
        self._in_loop = in_loop
        self._complaints = complaints
        self._spawn = find_spawn()
        self._connection: Any = None
        # Held while something is written to it.
        self._writing = threading.Lock()

    def subscribe(
        self, kind: Kind, name: str | bytes, hear: Hear, began: Began | None
    ) -> Subscription:
        """See ``RedisLink.subscribe``."""
        subscription = self.topics.add(kind, name, hear, began)
        if subscription.active:
            self._announce((subscription,))
        return subscription

    def _announce(self, subscriptions: Iterable[Subscription]) -> None:
        """These have become active."""
        for subscription in subscriptions:
            if subscription.began is not None:
                self._in_loop(self._call, subscription.began)

    def _tell(self) -> None:
        """Something is to be subscribed to, or no longer: say so, and make nobody wait."""
        if self._connection is not None:
            self._spawn(self._tell_now)

    def _tell_now(self) -> None:
        with self._writing:
            connection = self._connection
            if connection is None:
                return
            commands, active = self.topics.take_commands()
            self._announce(active)
            if not commands:
                return
            try:
                packed = connection.pack_commands(commands)
                connection.send_packed_command(packed, check_health=False)
            except (RedisError, OSError):
                # The connection is being given up; the next one is told everything.
                self._connection = None

    def run(self, connection: Any, job: Supervised) -> None:
        """Subscribe to everything, then pass on what comes, until the connection breaks.

        What says nothing for its time-out is asked whether it lives, and given up if it does
        not answer: a Redis that is frozen, or out of reach, closes no connection.
        """
        self.topics.restart()
        try:
            self._connection = connection
            self._tell_now()
            self._ping(connection)
            self._hear_all(connection, job)
        finally:
            self._connection = None
            self.topics.restart()

    def _ping(self, connection: Any) -> None:
        with self._writing:
            connection.send_command("PING", check_health=False)

    def _hear_all(self, connection: Any, job: Supervised) -> None:
        asked = True
        while not job.stopping.is_set():
            try:
                message = connection.read_response(disconnect_on_error=False)
            except TimeoutError:
                if asked or self._connection is None:
                    raise
                self._ping(connection)
                asked = True
            except ResponseError as exc:
                self._complaints.add("Redis refused a subscription", self._address, exc)
            else:
                asked = False
                self._hear(message, job)

    def _hear(self, message: Any, job: Supervised) -> None:
        kind = MESSAGES.get(message[0])
        if kind is not None:
            self.received += 1
            # A pattern's messages begin with the pattern; the others with the channel.
            for subscription in self.topics.listeners(kind, message[1]):
                self._in_loop(self._pass_on, subscription, message[-2], message[-1])
            if self.received % TURN == 0:
                time.sleep(0)
        elif message[0] in BEGINNINGS:
            self._announce(self.topics.confirm(BEGINNINGS[message[0]], message[1]))
        elif message in (b"PONG", [b"pong", b""]):
            job.works()

    def _call(self, began: Began) -> None:
        try:
            began()
        except Exception as exc:  # noqa: BLE001 - it must not end the listener
            self._complaints.add("a subscription failed to begin", self._address, error=exc)

    def _pass_on(self, subscription: Subscription, channel: bytes, data: bytes) -> None:
        try:
            subscription.hear(channel, data)
        except Exception as exc:  # noqa: BLE001 - a message must not end the listener
            self._complaints.add(
                "a message on a Redis channel could not be handled",
                self._address,
                channel.decode("utf-8", "replace"),
                error=exc,
            )
