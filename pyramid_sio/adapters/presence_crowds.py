"""What a server knows of users at other servers, in the rooms that are watched here.

Each server numbers its lists of changes; so one that was lost is noticed, at the latest when it
is asked again.

Upstream: ``adapters.presence`` hears. Downstream: it tells who came and who left. In the loop:
nothing here waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from pyramid_sio.protocol.cluster_users import RoomName

Users = AbstractSet[Any]
NOBODY: frozenset[Any] = frozenset()
#: Is told the room, who came to it and who left it.
Tell = Callable[[RoomName, Users, Users], Any]


class Held:
    """Whom one server has in one room, up to a version."""

    __slots__ = ("users", "version")

    def __init__(self, version: int, users: Iterable[Any]) -> None:
        self.version = version
        self.users = set(users)


class Crowd:
    """The users of one room at all other servers."""

    __slots__ = ("_counts", "_held")

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        #: At how many servers each user is.
        self._counts: Counter[Any] = Counter()

    @property
    def users(self) -> set[Any]:
        return set(self._counts)

    def put(self, server: str, version: int, users: Users) -> tuple[Users, Users]:
        """These are all that a server has. Who has come and gone, over all servers."""
        held = self._held.get(server)
        if held is not None and held.version > version:
            return NOBODY, NOBODY
        before = NOBODY if held is None else held.users
        self._held[server] = Held(version, users)
        return self._count(users - before, before - users)

    def change(self, server: str, version: int, *, came: Users, gone: Users) -> tuple[Users, Users]:
        """A server has others than before. Nothing if it is not known whom it had."""
        held = self._held.get(server)
        if held is None or held.version >= version:
            return NOBODY, NOBODY
        came, gone = came - held.users, gone & held.users
        held.version = version
        held.users.update(came)
        held.users.difference_update(gone)
        return self._count(came, gone)

    def drop(self, server: str) -> tuple[Users, Users]:
        """A server is gone, with all its users."""
        held = self._held.pop(server, None)
        return self._count(NOBODY, NOBODY if held is None else held.users)

    def _count(self, came: Users, gone: Users) -> tuple[Users, Users]:
        new = {user for user in came if user not in self._counts}
        self._counts.update(came)
        self._counts.subtract(gone)
        old = {user for user in gone if not self._counts[user]}
        for user in old:
            del self._counts[user]
        return new, old


class Crowds:
    """The watched rooms of one namespace.

    :param tell: called for a room with users that came to it and that left it
    :param doubt: called when something may have been missed
    """

    def __init__(self, tell: Tell, doubt: Callable[[], Any]) -> None:
        self._tell = tell
        self._doubt = doubt
        self._crowds: dict[RoomName, Crowd] = {}
        #: Who has said whom it has.
        self.servers: set[str] = set()
        #: Up to which version everything is known of a server, in all of these rooms.
        self.known: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._crowds)

    @property
    def rooms(self) -> list[RoomName]:
        return list(self._crowds)

    def open(self, room: RoomName) -> Crowd:
        """Watch a room."""
        return self._crowds.setdefault(room, Crowd())

    def close(self, room: RoomName) -> None:
        """Watch it no longer; harmless if it is not watched."""
        self._crowds.pop(room, None)
        if not self._crowds:
            self.servers.clear()
            self.known.clear()

    def see(
        self,
        server: str,
        version: int,
        *,
        asked: AbstractSet[RoomName],
        found: Mapping[RoomName, Users],
    ) -> None:
        """A server has said whom it has.

        :param asked: the rooms this is about
        :param found: the users in those that have any
        """
        if not self._crowds:
            return
        self.servers.add(server)
        for room in asked & self._crowds.keys():
            self._pass_on(room, self._crowds[room].put(server, version, found.get(room, NOBODY)))
        known = self.known.get(server)
        if known is not None and known > version:
            # It was overtaken by changes that it does not contain.
            del self.known[server]
            self._doubt()
        elif asked >= self._crowds.keys():
            self.known[server] = version
        elif known is None:
            self._doubt()

    def change(
        self,
        server: str,
        version: int,
        changes: Iterable[tuple[RoomName, Users, Users]],
    ) -> None:
        """A server has told of changes: who came to a room, who left it."""
        if not self._crowds:
            return
        known = self.known.get(server)
        if known is None or version > known + 1:
            self._doubt()
        elif version == known + 1:
            self.known[server] = version
            for room, came, gone in changes:
                crowd = self._crowds.get(room)
                if crowd is not None:
                    self._pass_on(room, crowd.change(server, version, came=came, gone=gone))

    def forget(self, servers: Iterable[str]) -> None:
        """Servers are gone, with all their users."""
        for server in servers:
            self.servers.discard(server)
            self.known.pop(server, None)
            for room, crowd in list(self._crowds.items()):
                self._pass_on(room, crowd.drop(server))

    def _pass_on(self, room: RoomName, difference: tuple[Users, Users]) -> None:
        came, gone = difference
        if came or gone:
            self._tell(room, came, gone)
