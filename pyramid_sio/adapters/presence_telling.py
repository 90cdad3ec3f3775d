"""What other servers are told of users here that come and go, as long as they want to know.

Upstream: ``adapters.presence`` promises it. Downstream: the namespace's roster notices changes.
In the loop: nothing here waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import gevent

from pyramid_sio.protocol.cluster_users import RoomName

if TYPE_CHECKING:
    from pyramid_sio.sockets.nsp import Nsp
    from pyramid_sio.sockets.roster import Roster

#: Seconds in which changes are collected before others are told of them.
PAUSE = 0.03
#: Seconds for which anything is promised at most, and rooms of which.
MAX_LEASE = 3600.0
MAX_ROOMS = 100_000
#: Seconds between looks for promises that nobody has renewed.
SWEEP = 1.0

Changes = list[tuple[RoomName, list[Any], list[Any]]]


class Telling:
    """The promises of one namespace here.

    :param nsp: gives the namespace, as long as there is one
    :param say: is given a number and changes: a room, who came to it, who left it
    """

    def __init__(self, nsp: Callable[[], Nsp | None], say: Callable[[int, Changes], Any]) -> None:
        #: The number of the latest changes. Some that nobody was told of have one too.
        self.version = 0
        self._nsp = nsp
        self._say = say
        #: Until when it is promised.
        self._until: dict[RoomName, float] = {}
        #: Of each user that has changed: is it there now?
        self._changes: dict[RoomName, dict[Any, bool]] = {}
        self._sweeper: Any = None

    def __len__(self) -> int:
        """The rooms of which it is promised."""
        return len(self._until)

    def promise(self, nsp: Nsp, roster: Roster, rooms: Iterable[RoomName], lease: float) -> bool:
        """Tell of changes in rooms, for some seconds; what there is to tell is told first.

        :returns: True: that had been promised already, for all of them
        """
        self.flush()
        # Not min(): it may be no number at all.
        until, held = time.monotonic() + (lease if lease < MAX_LEASE else MAX_LEASE), True
        for room in rooms:
            before = self._until.get(room)
            if before is None:
                held = False
                if len(self._until) >= MAX_ROOMS:
                    continue
                roster.report(nsp, room, self._note)
            self._until[room] = max(until, before or 0.0)
        if self._sweeper is None and self._until:
            self._sweeper = gevent.spawn(self._sweep)
        return held

    def _note(self, room: RoomName, user: Any, came: bool) -> None:
        """A user has come to a room, or left it."""
        if not self._changes:
            gevent.spawn_later(PAUSE, self.flush)
        users = self._changes.setdefault(room, {})
        if users.get(user) is (not came):
            # It is again as others know it.
            del users[user]
        else:
            users[user] = came

    def flush(self) -> None:
        """Tell at once what there is to tell."""
        changes, self._changes = self._changes, {}
        rooms = [
            (
                room,
                [user for user, came in users.items() if came],
                [user for user, came in users.items() if not came],
            )
            for room, users in changes.items()
            if users
        ]
        if rooms:
            self.version += 1
            self._say(self.version, rooms)

    def _lapse(self, now: float) -> None:
        ended = [room for room, until in self._until.items() if until < now]
        if not ended:
            return
        self.flush()
        # Whoever still relies on them finds that there is something it does not know.
        self.version += 1
        self._end(ended)

    def _end(self, rooms: Iterable[RoomName]) -> None:
        nsp = self._nsp()
        for room in rooms:
            del self._until[room]
            if nsp is not None and nsp.roster is not None:
                nsp.roster.end_report(room)

    def _sweep(self) -> None:
        try:
            while self._until:
                gevent.sleep(SWEEP)
                self._lapse(time.monotonic())
        finally:
            self._sweeper = None

    def close(self) -> None:
        """Nothing is promised any more."""
        self._changes.clear()
        self._end(list(self._until))
