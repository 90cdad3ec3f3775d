"""The chat's state in Redis, for several processes: each sees who is where and what was said.

Every action happens on the whole state, read and written under a lock that all processes
share; so every rule of :mod:`demo.rooms` holds for all of them together. A chat of some hundred
people is small enough for that. While Redis is away, each process goes on with what it has.

A process that was killed said goodbye for nobody. So each says every few seconds that it lives,
and the people of one that no longer does have lost their connections.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Self, get_args

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from demo.records import Arrival, Entry, Limits, Person, Room
from demo.rooms import House

logger = logging.getLogger(__name__)

#: Seconds after which a process that says nothing is taken for dead.
LEASE = 15.0
#: Seconds one action may take, before others no longer wait for it.
PATIENCE = 2.0


class State(msgspec.Struct):
    """What is kept; people are named by their nicks, as :class:`House` has them as keys."""

    said: int
    next_id: int
    people: dict[str, Person]
    kept: dict[str, tuple[str, float]]
    rooms: dict[str, Room]
    gone: set[str]
    #: The process of each connection.
    homes: dict[str, str]


def _from_list(kind: Any, values: Any) -> Any:
    """msgspec knows no deques, which are written as lists."""
    (item,) = get_args(kind)
    return deque(msgspec.convert(values, list[item]))


encode = msgspec.json.Encoder(enc_hook=list).encode
decode = msgspec.json.Decoder(State, dec_hook=_from_list).decode


class SharedHouse(House):
    """A house that several processes live in.

    :param url: of the Redis they share
    :param prefix: of its keys
    :param lease: seconds after which a process that says nothing is dead
    """

    def __init__(
        self,
        url: str,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
        *,
        prefix: str = "demo",
        lease: float = LEASE,
    ) -> None:
        super().__init__(limits, clock)
        #: Called with what happened to people whose process died; must not fail.
        self.on_lost: Callable[[list[Entry]], Any] = lambda entries: None
        self._homes: dict[str, str] = {}
        self._me = secrets.token_urlsafe(9)
        self._lease = lease
        self._prefix = prefix
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )
        self._lock = _Turn(self, self._redis, f"{prefix}:house")  # type: ignore[assignment]
        self._beating = False
        self._ended = threading.Event()

    def enter(
        self, sid: str, nick: object, token: object = None, rooms: Iterable[object] = ()
    ) -> Arrival:
        with self._lock:
            arrival = super().enter(sid, nick, token, rooms)
            if arrival.displaced is not None:
                self._homes.pop(arrival.displaced, None)
            self._homes[sid] = self._me
            begins = not self._beating
            self._beating = True
        if begins:
            self._say_alive()
            threading.Thread(target=self._beat, name="lease", daemon=True).start()
        return arrival

    def depart(self, sid: str, keep_nick: bool = False) -> list[Entry]:
        with self._lock:
            self._homes.pop(sid, None)
            return super().depart(sid, keep_nick)

    def bury(self) -> list[Entry]:
        """Take out the people of processes that are dead; what happened to their rooms."""
        with self._lock:
            homes = sorted({*self._homes.values()} - {self._me})
            try:
                alive = self._redis.mget([self._alive(home) for home in homes]) if homes else []
            except redis.RedisError:
                return []
            dead = {home for home, sign in zip(homes, alive, strict=True) if sign is None}
            sids = [sid for sid, home in self._homes.items() if home in dead]
            return [entry for sid in sids for entry in self.depart(sid, keep_nick=True)]

    def close(self) -> None:
        """Say no more that this process lives."""
        self._ended.set()
        self._redis.close()

    def _alive(self, home: str) -> str:
        return f"{self._prefix}:alive:{home}"

    def _say_alive(self) -> None:
        try:
            self._redis.set(self._alive(self._me), "1", px=int(self._lease * 1000))
        except redis.RedisError as exc:
            logger.debug("no sign of life: %s", exc)

    def _beat(self) -> None:
        while not self._ended.wait(self._lease / 3):
            self._say_alive()
            entries = self.bury()
            if entries:
                self.on_lost(entries)

    # For the lock.

    def dump(self) -> bytes:
        """The state as it is."""
        next_id = next(self._ids)
        self._ids = itertools.count(next_id)
        state = State(
            self.said,
            next_id,
            self._people,
            self._kept,
            self._rooms,
            self._gone,
            self._homes,
        )
        return encode(state)

    def load(self, data: bytes) -> None:
        """Make this the state."""
        state = decode(data)
        self.said = state.said
        self._ids = itertools.count(state.next_id)
        self._people, self._kept = state.people, state.kept
        self._rooms, self._gone, self._homes = state.rooms, state.gone, state.homes
        self._by_sid = {person.sid: person for person in self._people.values()}
        for room in self._rooms.values():
            room.history = deque(room.history, self.limits.history)
            # One person is one object, wherever it is.
            room.people = {key: self._people[key] for key in room.people}


class _Turn:
    """A lock of all processes; who has it has the state as it is now, and leaves it changed."""

    def __init__(self, house: SharedHouse, client: redis.Redis, key: str) -> None:
        self._house = house
        self._client = client
        self._key = key
        self._here = threading.RLock()
        self._depth = 0
        self._shared: Any = None
        self._before: bytes | None = None

    def __enter__(self) -> Self:
        self._here.acquire()
        self._depth += 1
        if self._depth == 1:
            self._begin()
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            if self._depth == 1:
                self._end()
        finally:
            self._depth -= 1
            self._here.release()

    def _begin(self) -> None:
        self._shared = None
        lock = self._client.lock(
            f"{self._key}:lock", timeout=PATIENCE, blocking_timeout=2 * PATIENCE, sleep=0.005
        )
        try:
            if not lock.acquire():
                logger.warning("the chat's state is locked too long; going on alone")
                return
            self._shared = lock
            self._before = self._client.get(self._key)
        except redis.RedisError as exc:
            logger.warning("the chat's state is not reached, going on alone: %s", exc)
            self._shared = None
            return
        if self._before is not None:
            self._house.load(self._before)

    def _end(self) -> None:
        if self._shared is None:
            return
        try:
            after = self._house.dump()
            if after != self._before:
                self._client.set(self._key, after)
            self._shared.release()
        except redis.RedisError as exc:
            logger.warning("the chat's state is not kept: %s", exc)
