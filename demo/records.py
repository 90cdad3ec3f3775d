"""What the chat is made of: the records that :mod:`demo.rooms` keeps, and their limits."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TypedDict


@dataclass(frozen=True, slots=True)
class Limits:
    """An end for everything a person can make grow. Lengths in characters, times in seconds."""

    nick: int = 24
    room: int = 32
    topic: int = 120
    text: int = 1000
    nonce: int = 40
    people: int = 500
    rooms: int = 64
    rooms_each: int = 8
    history: int = 50
    empty_for: float = 600.0
    nick_kept_for: float = 60.0
    typing_for: float = 6.0
    #: So many actions that others see, in so many seconds.
    burst: int = 12
    burst_within: float = 6.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a room's history.

    Ids grow over the whole house, and over its restarts too, so "what came after this
    id" means the same to every server a page ever talks to.
    """

    id: int
    room: str
    #: "say", "join", "leave", "topic" or "rename".
    kind: str
    nick: str
    text: str
    #: Seconds since the epoch.
    at: float
    #: The sender's own mark, by which its page knows the line again.
    nonce: str = ""


class Listing(TypedDict):
    """A room as a line of the directory."""

    name: str
    topic: str
    people: int


@dataclass(slots=True)
class Person:
    """Somebody with a nick. Outlives a connection that another one replaces."""

    nick: str
    token: str
    sid: str
    rooms: set[str] = field(default_factory=set)
    acts: deque[float] = field(default_factory=deque)


@dataclass(slots=True)
class Room:
    name: str
    history: deque[Entry]
    topic: str = ""
    topic_by: str = ""
    people: dict[str, Person] = field(default_factory=dict)
    typing: dict[str, float] = field(default_factory=dict)
    #: Id of the newest entry that no longer fits into the history.
    forgotten: int = 0
    empty_since: float = 0.0

    def listing(self) -> Listing:
        """The room as a line of the directory."""
        return {"name": self.name, "topic": self.topic, "people": len(self.people)}


@dataclass(frozen=True, slots=True)
class Arrival:
    """What :meth:`House.enter` did."""

    nick: str
    #: Proves later that the nick is one's own.
    token: str
    rooms: list[str]
    #: The connection that held the nick until now, if it still looked alive.
    displaced: str | None
    entries: list[Entry]
