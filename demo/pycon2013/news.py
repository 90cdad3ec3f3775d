"""What the old page hears of its rooms.

In the talk, whatever was recorded went out on a channel of Redis, so that anything could speak
to a room. Here it goes to the Socket.IO server, which any part of the application can ask for.
"""

from __future__ import annotations

import time
from typing import Any

from demo.records import Entry

NAMESPACE = "/pycon2013"

#: The talk's names for what is recorded.
TYPES = {
    "say": "statement",
    "join": "user_joined",
    "leave": "user_left",
    "topic": "topic_set",
    "rename": "user_renamed",
}
_SENTENCES = {
    "say": "{text}",
    "join": "{nick} joined the room",
    "leave": "{nick} left the room",
    "topic": "{nick} changed the topic to: {text}",
    "rename": "{nick} is now {text}",
}


def channel(room: str) -> str:
    """The Socket.IO room of a chat room."""
    return f"room_{room}"


def event_of(entry: Entry) -> dict[str, Any]:
    """An entry of a room's history, as the talk's page knows it."""
    event = {
        "room": entry.room,
        "type": TYPES[entry.kind],
        "user": entry.nick,
        "message": _SENTENCES[entry.kind].format(nick=entry.nick, text=entry.text),
        "timestamp": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(entry.at)),
    }
    if entry.kind == "topic":
        event["topic"] = entry.text
    return event


def publish(sio: Any, entry: Entry) -> None:
    """Tell everybody in a room who came with the old page."""
    event = event_of(entry)
    sio.of(NAMESPACE).to(channel(entry.room)).emit(f"{entry.room}_event", event)
