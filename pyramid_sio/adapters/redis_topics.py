"""What a process has subscribed to, each name once however many want it.

Upstream: ``adapters.redis_link``, for adapters and for applications' subscriptions.
Downstream: the commands that one connection has to be sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from pyramid_sio.adapters.redis_supervised import Lock


class Kind(Enum):
    """How names are subscribed to: the command, its opposite, and what messages begin with."""

    CHANNEL = ("SUBSCRIBE", "UNSUBSCRIBE", b"message")
    PATTERN = ("PSUBSCRIBE", "PUNSUBSCRIBE", b"pmessage")
    #: Redis 7: ``SPUBLISH`` reaches these, and ``PUBLISH`` does not.
    SHARD = ("SSUBSCRIBE", "SUNSUBSCRIBE", b"smessage")


#: Called with the channel's name and the message. Must not wait, nor keep the loop busy.
Hear = Callable[[bytes, bytes], Any]
#: Called when Redis has begun to send what is wanted. Must not wait.
Began = Callable[[], Any]

#: Kind by what Redis says: a message, or that a subscription has begun.
MESSAGES = {kind.value[2]: kind for kind in Kind}
BEGINNINGS = {kind.value[0].lower().encode(): kind for kind in Kind}

Key = tuple[Kind, bytes]


class Topic:
    """One name. ``listeners`` is replaced, never changed, so that it can be walked through."""

    __slots__ = ("began", "key", "listeners")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.listeners: tuple[Subscription, ...] = ()
        #: Set while Redis is known to send it.
        self.began = threading.Event()


class Subscription:
    """One listener's interest in one name; ends with :meth:`close`."""

    __slots__ = ("_topic", "_topics", "began", "hear")

    def __init__(self, topics: Topics, topic: Topic, hear: Hear, began: Began | None) -> None:
        self.hear = hear
        self.began = began
        self._topics = topics
        self._topic = topic

    def __repr__(self) -> str:
        kind, name = self._topic.key
        return f"<Subscription {kind.name.lower()} {name!r}>"

    @property
    def active(self) -> bool:
        """Has Redis confirmed it, on the connection there is now?"""
        return self._topic.began.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until it is active; False if that takes longer."""
        return self._topic.began.wait(seconds)

    def close(self) -> None:
        """End it; harmless if that has been done. Any thread, never waits."""
        self._topics.remove(self._topic, self)


class Topics:
    """The table of names, and which of them Redis has been told.

    :param changed: called when Redis has to be told something; must not wait
    """

    def __init__(self, changed: Callable[[], Any]) -> None:
        self._changed = changed
        self._lock = Lock()
        self._topics: dict[Key, Topic] = {}
        #: What the present connection has been told.
        self._told: set[Key] = set()
        #: What it may have to be told, in this order: whoever is heard on one name may be relied
        #: on to hear what was wanted before.
        self._dirty: dict[Key, None] = {}
        #: Subscriptions it has not confirmed, by how often it was told to.
        self._unconfirmed: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._topics)

    def add(
        self, kind: Kind, name: str | bytes, hear: Hear, began: Began | None = None
    ) -> Subscription:
        """Begin to listen."""
        key = kind, name.encode() if isinstance(name, str) else bytes(name)
        with self._lock:
            topic = self._topics.get(key)
            is_new = topic is None
            if topic is None:
                topic = self._topics[key] = Topic(key)
                self._dirty[key] = None
            subscription = Subscription(self, topic, hear, began)
            topic.listeners += (subscription,)
        if is_new:
            self._changed()
        return subscription

    def remove(self, topic: Topic, subscription: Subscription) -> None:
        """End one; the name is unsubscribed from with the last."""
        with self._lock:
            if subscription not in topic.listeners:
                return
            topic.listeners = tuple(each for each in topic.listeners if each is not subscription)
            if topic.listeners:
                return
            del self._topics[topic.key]
            self._dirty[topic.key] = None
        self._changed()

    def wait(self, seconds: float) -> bool:
        """Wait until Redis has confirmed all that is wanted now; False if that takes longer."""
        deadline = time.monotonic() + seconds
        return all(
            topic.began.wait(max(0.0, deadline - time.monotonic()))
            for topic in list(self._topics.values())
        )

    def listeners(self, kind: Kind, name: bytes) -> Iterable[Subscription]:
        """Who hears what comes for a name."""
        topic = self._topics.get((kind, name))
        return () if topic is None else topic.listeners

    def confirm(self, kind: Kind, name: bytes) -> Iterable[Subscription]:
        """Redis has begun to send it. One that was told twice confirms twice.

        :returns: the subscriptions that are active by that
        """
        key = kind, name
        with self._lock:
            left = self._unconfirmed.get(key, 0) - 1
            if left > 0:
                self._unconfirmed[key] = left
                return ()
            self._unconfirmed.pop(key, None)
            topic = self._topics.get(key)
            if topic is None or key not in self._told:
                return ()
            topic.began.set()
            return topic.listeners

    def restart(self) -> None:
        """The connection is a new one, which has been told nothing."""
        with self._lock:
            self._told.clear()
            self._unconfirmed.clear()
            self._dirty = dict.fromkeys(self._topics)
            for topic in self._topics.values():
                topic.began.clear()

    def take_commands(self) -> tuple[list[tuple[str | bytes, ...]], list[Subscription]]:
        """What Redis has to be told, all at once: whoever sends it must not be overtaken.

        :returns: the commands, which it is taken to know from now on; and the subscriptions that
            are active without any
        """
        with self._lock:
            active = [
                # Given up and wanted again before Redis had been told anything.
                self._topics[key]
                for key in self._dirty
                if key in self._topics and key in self._told and key not in self._unconfirmed
            ]
            # One by one: a name that Redis refuses would take the others of its command along.
            commands: list[tuple[str | bytes, ...]]
            commands = [(key[0].value[0], key[1]) for key in self._begin()]
            commands += [(key[0].value[1], key[1]) for key in self._end()]
            self._dirty.clear()
            for topic in active:
                topic.began.set()
            return commands, [each for topic in active for each in topic.listeners]

    def _begin(self) -> list[Key]:
        keys = [key for key in self._dirty if key in self._topics and key not in self._told]
        self._told.update(keys)
        for key in keys:
            self._unconfirmed[key] = self._unconfirmed.get(key, 0) + 1
        return keys

    def _end(self) -> list[Key]:
        keys = [key for key in self._dirty if key not in self._topics and key in self._told]
        self._told.difference_update(keys)
        return keys
