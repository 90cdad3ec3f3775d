"""The chat: what a page may ask for, who hears of it, and what it is told itself.

Every action answers by acknowledgement: ``{"ok": True, ...}``, or ``{"ok": False, "error": a
code, "message": a sentence}``. What others should know goes to them as an event:

``entry`` (a line of a room's history), ``typing`` (room, nick, whether), ``listing`` (a room of
the directory has changed) and ``gone`` (names of rooms that are no more). To oneself:
``welcome`` after connecting, ``displaced`` when another page went on under one's nick.

The state, and every rule about it, is in :mod:`demo.rooms`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import wraps
from typing import Any

from demo.records import Entry
from demo.rooms import House
from demo.words import Refusal
from pyramid_sio import ConnectRefused, Namespace, sio_namespace

Answer = dict[str, Any]


def answered(handler: Callable[..., Answer | None]) -> Callable[..., Answer]:
    """Turn what a handler returns, or refuses, into the acknowledgement."""

    @wraps(handler)
    def answer(self: Chat, *args: Any) -> Answer:
        try:
            return {"ok": True, **(handler(self, *args) or {})}
        except Refusal as refusal:
            return {"ok": False, "error": refusal.code, "message": str(refusal)}

    return answer


def channel(room: str) -> str:
    """The Socket.IO room of a chat room; never the id of a connection, which is a room too."""
    return f"room:{room}"


@sio_namespace("/chat")
class Chat(Namespace):
    """One person's connection."""

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
    def on_nick(self, nick: str) -> Answer:
        name, entries = self.house.rename(self.sid, nick)
        self._spread(entries)
        return {"nick": name, "entries": [entry.as_dict() for entry in entries]}

    @answered
    def on_join(self, room: str) -> Answer:
        """Enter a room; nobody has to have made it."""
        name, entry = self.house.join(self.sid, room)
        self.join(channel(name))
        if entry:
            self._spread([entry])
        return {"room": self.house.picture(name)}

    @answered
    def on_leave(self, room: str) -> Answer:
        entry = self.house.leave(self.sid, room)
        self.leave(channel(entry.room))
        self._spread([entry])
        return {"room": entry.room}

    @answered
    def on_say(self, room: str, text: str, nonce: str) -> Answer:
        """:param nonce: the page's own mark, to know the line again should the answer get lost"""
        entry = self.house.say(self.sid, room, text, nonce)
        self.to(channel(entry.room)).emit("entry", entry.as_dict())
        return {"entry": entry.as_dict()}

    @answered
    def on_topic(self, room: str, topic: str) -> Answer:
        entry = self.house.set_topic(self.sid, room, topic)
        self._spread([entry])
        return {"entry": entry.as_dict()}

    @answered
    def on_typing(self, room: str, active: bool) -> None:
        name, nick = self.house.set_typing(self.sid, room, active)
        self.to(channel(name)).emit("typing", name, nick, bool(active))

    def _spread(self, entries: Iterable[Entry]) -> None:
        """Tell the others in the room of each entry, and everybody what it does to the list."""
        for entry in entries:
            self.to(channel(entry.room)).emit("entry", entry.as_dict())
            listing = self.house.listing(entry.room)
            if listing and entry.kind != "rename":
                self.nsp.emit("listing", listing)
        gone = self.house.sweep()
        if gone:
            self.nsp.emit("gone", gone)
