"""The chat: what a page may ask for, who hears of it, and what it is told itself.

Every action answers by acknowledgement: ``{"ok": True, ...}``, or ``{"ok": False, "error": a
code, "message": a sentence}``. What others should know goes to them as an event, see
``Chat.ServerToClient``.

The state, and every rule about it, is in :mod:`demo.rooms`; the types are in
:mod:`demo.messages`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import wraps
from typing import Any

from demo.messages import Done, Joined, Left, Refused, Renamed, Said, Welcome
from demo.pycon2013.news import publish
from demo.records import Entry, Listing
from demo.rooms import House
from demo.words import Refusal
from pyramid_sio import ConnectRefused, Namespace, sio_namespace


def answered(handler: Callable[..., Done | Refused]) -> Callable[..., Done | Refused]:
    """Turn a refusal into the acknowledgement."""

    @wraps(handler)
    def answer(self: Chat, *args: Any) -> Done | Refused:
        try:
            return handler(self, *args)
        except Refusal as refusal:
            return {"ok": False, "error": refusal.code, "message": str(refusal)}

    return answer


def channel(room: str) -> str:
    """The Socket.IO room of a chat room; never the id of a connection, which is a room too."""
    return f"room:{room}"


def tell_rooms(nsp: Any, house: House, entries: Iterable[Entry]) -> None:
    """Tell rooms of people who came some other way, or whose process died.

    :param nsp: the namespace, whose clients on all processes are meant
    """
    for entry in entries:
        nsp.to(channel(entry.room)).emit("entry", entry)
        publish(nsp.server, entry)
        listing = house.listing(entry.room)
        if listing:
            nsp.emit("listing", listing)


@sio_namespace("/chat")
class Chat(Namespace):
    """One person's connection."""

    class ServerToClient:
        """What a page hears."""

        def welcome(self, welcome: Welcome) -> None:
            """After connecting: who one is, and where."""

        def entry(self, entry: Entry) -> None:
            """Somebody has said or done something: a line of a room's history."""

        def typing(self, room: str, nick: str, active: bool) -> None:
            """Somebody writes, or no longer does."""

        def listing(self, room: Listing) -> None:
            """A room of the directory has changed."""

        def gone(self, rooms: list[str]) -> None:
            """Rooms that are no more."""

        def displaced(self) -> None:
            """Another page went on under one's nick."""

    @property
    def house(self) -> House:
        house: House = self.request.house
        return house

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        """Let somebody in who brings a nick.

        :param auth: ``nick``; ``token`` if the nick is theirs from before; ``rooms`` to be in
            again, each with the id of the last entry seen there
        """
        auth = auth or {}
        seen = auth.get("rooms")
        seen = seen if isinstance(seen, dict) else {}
        try:
            arrival = self.house.enter(self.sid, auth.get("nick"), auth.get("token"), seen)
        except Refusal as refusal:
            raise ConnectRefused(str(refusal), {"error": refusal.code}) from None
        if arrival.displaced:
            self.nsp.to(arrival.displaced).emit("displaced")
            self.nsp.to(arrival.displaced).disconnect()
        self.join(*map(channel, arrival.rooms))
        self._spread(arrival.entries)
        self.emit(
            "welcome",
            {
                "nick": arrival.nick,
                "token": arrival.token,
                "rooms": [self.house.picture(room, seen.get(room, 0)) for room in arrival.rooms],
                "directory": self.house.directory(),
                "limits": asdict(self.house.limits),
            },
        )

    def on_disconnect(self, reason: str) -> None:
        """Tell the rooms; who did not say goodbye may come back for the nick."""
        said_goodbye = reason == "client namespace disconnect"
        self._spread(self.house.depart(self.sid, keep_nick=not said_goodbye))

    @answered
    def on_nick(self, nick: str) -> Renamed | Refused:
        name, entries = self.house.rename(self.sid, nick)
        self._spread(entries)
        return {"ok": True, "nick": name, "entries": entries}

    @answered
    def on_join(self, room: str) -> Joined | Refused:
        """Enter a room; nobody has to have made it."""
        name, entry = self.house.join(self.sid, room)
        self.join(channel(name))
        if entry:
            self._spread([entry])
        return {"ok": True, "room": self.house.picture(name)}

    @answered
    def on_leave(self, room: str) -> Left | Refused:
        entry = self.house.leave(self.sid, room)
        self.leave(channel(entry.room))
        self._spread([entry])
        return {"ok": True, "room": entry.room}

    @answered
    def on_say(self, room: str, text: str, nonce: str) -> Said | Refused:
        """:param nonce: the page's own mark, to know the line again should the answer get lost"""
        entry = self.house.say(self.sid, room, text, nonce)
        self._tell(entry)
        return {"ok": True, "entry": entry}

    @answered
    def on_topic(self, room: str, topic: str) -> Said | Refused:
        entry = self.house.set_topic(self.sid, room, topic)
        self._spread([entry])
        return {"ok": True, "entry": entry}

    @answered
    def on_typing(self, room: str, active: bool) -> Done | Refused:
        name, nick = self.house.set_typing(self.sid, room, active)
        self.to(channel(name)).emit("typing", name, nick, active)
        return {"ok": True}

    def _tell(self, entry: Entry) -> None:
        """Tell the others in a room, whichever page they came with."""
        self.to(channel(entry.room)).emit("entry", entry)
        publish(self.nsp.server, entry)

    def _spread(self, entries: Iterable[Entry]) -> None:
        """Tell the others in the room of each entry, and everybody what it does to the list."""
        for entry in entries:
            self._tell(entry)
            listing = self.house.listing(entry.room)
            if listing and entry.kind != "rename":
                self.nsp.emit("listing", listing)
        gone = self.house.sweep()
        if gone:
            self.nsp.emit("gone", gone)
