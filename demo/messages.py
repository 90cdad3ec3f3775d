"""What travels between the pages and the server, as types.

``psio typescript development.ini`` writes them down for TypeScript.
"""

from __future__ import annotations

from typing import TypedDict

from demo.records import Entry, Limits, Listing


class Picture(TypedDict):
    """Everything about a room that somebody who enters it wants to know."""

    name: str
    topic: str
    topic_by: str
    people: list[str]
    typing: list[str]
    backlog: list[Entry]
    #: Some entries between what was seen last and the backlog are lost.
    gap: bool


class Welcome(TypedDict):
    """What somebody gets who came in."""

    nick: str
    token: str
    rooms: list[Picture]
    directory: list[Listing]
    limits: Limits


class Done(TypedDict):
    """An action that was done; ``ok`` is true."""

    ok: bool


class Refused(TypedDict):
    """An action that was not done: a code for the page, a sentence for the person."""

    ok: bool
    error: str
    message: str


class Renamed(Done):
    """The nick in its one spelling, and what the rooms were told."""

    nick: str
    entries: list[Entry]


class Joined(Done):
    """The room that was entered."""

    room: Picture


class Left(Done):
    """The name of the room that was left."""

    room: str


class Said(Done):
    """One's own statement or topic, as the others see it."""

    entry: Entry
