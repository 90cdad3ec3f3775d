"""The talk's namespace, by the API of gevent-socketio.

=====================  ========================================  ============================
a page sends           it gets                                   its room gets
=====================  ========================================  ============================
nick(name)             nick_set {reason}                         user_renamed
join(room)             room_joined {room, backlog, reason}       user_joined
statement(room, text)  statement_ok {reason}                     statement
topic(room, text)      topic_changed {room, reason}              topic_set
leave(room)            room_left {room, reason}                  user_left
ping(...)              ping(...)
=====================  ========================================  ============================

What a room gets comes as ``<room>_event``, to the page that caused it too. Who asks for what
cannot be gets ``refused {reason}``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Any

from demo.chat import tell_rooms
from demo.pycon2013.news import channel, event_of
from demo.records import Entry
from demo.rooms import House
from demo.words import Refusal
from pyramid_sio import ConnectRefused
from pyramid_sio.compat.gevent_socketio import BaseNamespace, RoomsMixin

#: What a backlog shows.
_LASTING = ("say", "topic")


class Chat(BaseNamespace, RoomsMixin):
    """One page."""

    def initialize(self) -> None:
        self.nick = f"user_{secrets.token_hex(4)}"
        #: Who this is to the house. Nobody else knows it.
        self.key = secrets.token_urlsafe(15)

    def exception_handler_decorator(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Turn what the house refuses into an event."""

        def handler(*args: Any, **kwargs: Any) -> Any:
            try:
                return func(*args, **kwargs)
            except Refusal as refusal:
                return self.emit("refused", {"reason": str(refusal)})

        return handler

    @property
    def house(self) -> House:
        house: House = self.request.house
        return house

    def recv_connect(self) -> None:
        try:
            arrival = self.house.enter(self.key, self.nick)
        except Refusal as refusal:
            raise ConnectRefused(str(refusal)) from None
        self.emit("nick_set", {"reason": f"You are {self.nick}"})
        self._publish(arrival.entries)
        for room in arrival.rooms:
            self._show(room, f"You are in {room}")

    def recv_disconnect(self) -> None:
        self._publish(self.house.depart(self.key))
        self.disconnect(silent=True)

    def on_nick(self, name: str) -> None:
        self.nick, entries = self.house.rename(self.key, name)
        self.emit("nick_set", {"reason": f"You are {self.nick}"})
        self._publish(entries)

    def on_join(self, room: str) -> None:
        name, entry = self.house.join(self.key, room)
        self._show(name, f"You joined {name}")
        self._publish([entry] if entry else [])

    def on_statement(self, room: str, text: str) -> None:
        if room and text:
            self._publish([self.house.say(self.key, room, text)])
            self.emit("statement_ok", {"reason": "Everybody has it"})

    def on_topic(self, room: str, text: str) -> None:
        entry = self.house.set_topic(self.key, room, text)
        self._publish([entry])
        self.emit("topic_changed", {"room": entry.room, "reason": f"The topic is now: {text}"})

    def on_leave(self, room: str) -> None:
        entry = self.house.leave(self.key, room)
        self.leave(channel(entry.room))
        self._publish([entry])
        self.emit("room_left", {"room": entry.room, "reason": f"You left {entry.room}"})

    def on_ping(self, *args: Any) -> None:
        self.emit("ping", *args)

    def _show(self, room: str, reason: str) -> None:
        """Have the page open a room: it hears of it from here on."""
        self.join(channel(room))
        picture = self.house.picture(room)
        backlog = [event_of(entry) for entry in picture["backlog"] if entry.kind in _LASTING]
        about = {"slug": room, "topic": picture["topic"]}
        self.emit("room_joined", {"room": about, "backlog": backlog, "reason": reason})

    def _publish(self, entries: Iterable[Entry]) -> None:
        """Tell both kinds of pages."""
        tell_rooms(self.request.sio.of("/chat"), self.house, entries)
