"""What a worker knows of being one of several.

Upstream: ``workers.supervisor`` makes one in each worker. Downstream: ``plugin`` asks
:func:`current` for the tag of session ids and for the way to the other workers.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
TAG_LENGTH = 2
#: Workers that can be told apart at one time.
TAGS = len(ALPHABET) ** TAG_LENGTH
#: Characters of a session id behind the tag: 108 random bits. No longer than without a tag, as
#: JavaScript servers know ids of clients by their length.
RANDOM_LENGTH = 18
_ID = rf"([A-Za-z0-9_-]{{{TAG_LENGTH}}})[A-Za-z0-9_-]{{{RANDOM_LENGTH}}}"
_IN_QUERY = re.compile(rf"[?&]sid={_ID}(?=&|$)")
#: Clients of Socket.IO 0.9 send it as the path's last part.
_IN_PATH = re.compile(rf"/{_ID}/?(?:\?|$)")


class Member:
    """This worker, as one of several.

    :param slot: which of the workers it is, from 0
    :param tag: what its session ids begin with; no other living worker has the same
    :param directory: where all workers have their sockets
    :param control: the connection to the supervisor
    :param listeners: the sockets that listen, one for each slot; some may be the same
    :param beat: seconds between two signs of life; 0: none are wanted
    """

    def __init__(
        self,
        slot: int,
        tag: str,
        *,
        directory: Path,
        control: socket.socket,
        listeners: list[socket.socket],
        beat: float = 0.0,
    ) -> None:
        self.slot = slot
        self.tag = tag
        self.directory = directory
        self.control = control
        self.listeners = listeners
        self.beat = beat
        #: Tags of the others that are there.
        self.others: frozenset[str] = frozenset()
        #: What this process says to the others, if it has no Redis for that: a ``LocalBus``.
        self.bus: Any = None
        #: What joins this worker to the others, for people.
        self.joined = ""
        #: Those that serve, by tag, and the slot of each.
        self.serving: dict[str, int] = {}
        #: Say whether there is something here that clients who are told to go may come for.
        self.owes: list[Callable[[], bool]] = []
        #: What this process tells the others, by topic; see ``workers.asking``.
        self.answers: dict[str, Callable[[], bytes]] = {}
        #: Asks them: an ``Asking``, once this worker serves.
        self.asking: Any = None
        self._watchers: list[Callable[[frozenset[str]], None]] = []

    def __repr__(self) -> str:
        return f"<Member {self.tag} in slot {self.slot}>"

    def own_listener(self) -> socket.socket:
        """The socket of this worker's slot, for the server that accepts from it. Patched."""
        own = self.listeners[self.slot]
        listener = socket.socket(own.family, own.type, own.proto, fileno=os.dup(own.fileno()))
        return listener

    def watch(self, watcher: Callable[[frozenset[str]], None]) -> None:
        """Call ``watcher(tags of the others)`` now and whenever a worker comes or goes."""
        self._watchers.append(watcher)
        watcher(self.others)

    def set_members(self, tags: list[str]) -> None:
        """Who serves now, as the supervisor says."""
        self.others = frozenset(tags) - {self.tag}
        for watcher in self._watchers:
            watcher(self.others)

    def tell(self, **news: Any) -> None:
        """Say something to the supervisor; nothing happens if it is gone."""
        with contextlib.suppress(OSError):
            self.control.sendall(encode(news))


_current: Member | None = None


def current() -> Member | None:
    """This process as a worker; None if it is not one of several."""
    return _current


def own_tag() -> str:
    """The tag of this process; nothing if it is not one of several."""
    return _current.tag if _current is not None else ""


def become(member: Member) -> None:
    """From now on this process is a worker."""
    global _current
    _current = member


def tag_of(url: str) -> str | None:
    """The tag of the worker whose session a request's target names; None: it names none.

    :param url: as in the request line
    """
    found = _IN_QUERY.findall(url)
    if found:
        # As with any repeated field, the last one counts.
        return str(found[-1])
    in_path = _IN_PATH.search(url)
    return in_path[1] if in_path else None


def tags() -> Iterator[str]:
    """All tags, for ever."""
    while True:
        for number in range(TAGS):
            high, low = divmod(number, len(ALPHABET))
            yield ALPHABET[high] + ALPHABET[low]


def encode(news: dict[str, Any]) -> bytes:
    """What supervisor and workers say to each other: lines of JSON."""
    return json.dumps(news).encode() + b"\n"


class Lines:
    """Lines of JSON out of chunks of bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """What has become complete; a line that was cut off is left out."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):
                yield json.loads(line)
