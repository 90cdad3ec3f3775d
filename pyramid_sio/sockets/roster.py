"""Who is in the rooms that somebody watches, and telling those who watch.

Upstream: ``sockets.presence``; a namespace has a roster from when somebody first asks. Adapters
tell it of users at other servers, and are told of those here. Downstream: the adapter knows who is
in a room.

A roster keeps books only of the rooms that somebody watches, here or elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.sockets.broadcast import Flags, Target, room_names, run_alone

if TYPE_CHECKING:
    from pyramid_sio.sockets.nsp import Nsp
    from pyramid_sio.sockets.presence import Present

#: The event that watching clients get.
EVENT = "presence"
_HERE = Flags(local=True)
#: Called with the namespace, the room (None: all of the namespace), the user, and True for
#: who came, False for who went.
Listener = Callable[["Nsp", "str | None", Any, bool], Any]
#: Called with the room, a user who came or went here, and True for who came. Must not wait.
Reporter = Callable[["str | None", Any, bool], Any]


def target_of(room: str | None) -> Target:
    """A room's members; None: everybody in the namespace."""
    return Target() if room is None else Target(room_names((room,)))


class Watch:
    """Who is in one room that somebody watches."""

    __slots__ = (
        "_there",
        "asking",
        "clients",
        "elsewhere",
        "end",
        "listeners",
        "lookers",
        "reporter",
    )

    def __init__(self) -> None:
        self._there: dict[Hashable, set[Present]] = {}
        #: Users at other servers.
        self.elsewhere: set[Hashable] = set()
        #: Ends that they are watched; None: they are not.
        self.end: Callable[[], Any] | None = None
        #: Set when it is known who they are; None: nobody is asking.
        self.asking: Any = None
        #: How many are about to watch.
        self.lookers = 0
        #: Is told of users here, for other servers.
        self.reporter: Reporter | None = None
        #: The ``sid`` of each that gets events.
        self.clients: set[str] = set()
        self.listeners: dict[Listener, None] = {}

    @property
    def users(self) -> list[Any]:
        return sorted(self.elsewhere.union(self._there), key=str)

    @property
    def here(self) -> list[Any]:
        """Users of this process."""
        return list(self._there)

    def has(self, user: Hashable) -> bool:
        """Is a user in this process?"""
        return user in self._there

    def add(self, socket: Present) -> bool:
        """One more connection; True: its user was not there."""
        connections = self._there.setdefault(socket.user, set())
        is_new = not connections
        connections.add(socket)
        return is_new

    def discard(self, socket: Present) -> bool:
        """One connection less; True: it was the last of its user."""
        connections = self._there.get(socket.user)
        if connections is None or socket not in connections:
            return False
        connections.discard(socket)
        if not connections:
            del self._there[socket.user]
        return not connections


class Roster:
    """The watched rooms of one namespace. In the loop: nothing but :meth:`looking` waits.

    It does not know its namespace, which is to end with its last client if it came from a
    pattern.
    """

    __slots__ = ("_watches", "complete")

    def __init__(self) -> None:
        self._watches: dict[str | None, Watch] = {}
        #: False until all who were connected before there was a roster have been identified.
        self.complete = False

    @property
    def watched(self) -> list[str | None]:
        """The rooms it keeps books of."""
        return list(self._watches)

    def open(self, nsp: Nsp, room: str | None) -> Watch:
        """The watch of a room, begun if there is none."""
        watch = self._watches.get(room)
        if watch is None:
            watch = self._watches[room] = Watch()
            for socket in nsp.adapter.select(target_of(room)):
                if socket.connected and socket.user is not None:
                    watch.add(socket)
        return watch

    def close(self, room: str | None, watcher: str | Listener) -> None:
        """Somebody does not watch any more; the last one ends it. Harmless if nobody does."""
        watch = self._watches.get(room)
        if watch is not None:
            if isinstance(watcher, str):
                watch.clients.discard(watcher)
            else:
                watch.listeners.pop(watcher, None)
            self._end_unused(room, watch)

    def _end_unused(self, room: str | None, watch: Watch) -> None:
        if watch.clients or watch.listeners or watch.lookers:
            return
        if watch.end is not None:
            watch.end()
            watch.end = None
            watch.elsewhere.clear()
        if watch.reporter is None and self._watches.get(room) is watch:
            del self._watches[room]

    @contextmanager
    def looking(self, nsp: Nsp, room: str | None) -> Iterator[Watch]:
        """For somebody who begins to watch a room, inside. May wait for other servers, before.

        In between nothing waits, so that whoever is added there misses nothing, and is told
        nothing that it has seen already.
        """
        watch = self.open(nsp, room)
        watch.lookers += 1
        try:
            self._look_elsewhere(nsp, room, watch)
            yield watch
        finally:
            watch.lookers -= 1
            self._end_unused(room, watch)

    @staticmethod
    def _look_elsewhere(nsp: Nsp, room: str | None, watch: Watch) -> None:
        while watch.end is None:
            if watch.asking is not None:
                watch.asking.wait()
                continue
            asking = watch.asking = nsp.server.make_event()
            try:
                watch.elsewhere = set(nsp.adapter.watch_users(room))
                watch.end = partial(nsp.adapter.unwatch_users, room)
            except BaseException:
                # Whoever waits may be interrupted. The next one begins anew.
                nsp.adapter.unwatch_users(room)
                raise
            finally:
                watch.asking = None
                asking.set()

    def hear_elsewhere(
        self, nsp: Nsp, room: str | None, *, came: Iterable[Hashable], gone: Iterable[Hashable]
    ) -> None:
        """Users have come to a room at other servers, or left it. Called by adapters."""
        watch = self._watches.get(room)
        if watch is None or watch.end is None:
            return
        watch.elsewhere.difference_update(gone)
        watch.elsewhere.update(came)
        for joined, users in ((False, gone), (True, came)):
            for user in sorted(users, key=str):
                if not watch.has(user):
                    _announce_remote(nsp, watch, room, user=user, came=joined)

    def here(self, room: str | None) -> list[Any] | None:
        """The users of a room in this process; None: there are no books of it."""
        watch = self._watches.get(room)
        return None if watch is None else watch.here

    def report(self, nsp: Nsp, room: str | None, reporter: Reporter) -> None:
        """Tell ``reporter`` of users that come and go in this process. Called by adapters."""
        self.open(nsp, room).reporter = reporter

    def end_report(self, room: str | None) -> None:
        """Tell it no more; harmless if it was not told."""
        watch = self._watches.get(room)
        if watch is not None:
            watch.reporter = None
            self._end_unused(room, watch)

    def enter(self, socket: Present, rooms: Iterable[str | None]) -> None:
        """A connection is in rooms, or (None) in the namespace."""
        if self._watches and socket.user is not None:
            for room in rooms:
                watch = self._watches.get(room)
                if watch is not None and watch.add(socket):
                    _announce(watch, socket, room, came=True)

    def exit(self, socket: Present, rooms: Iterable[str | None]) -> None:
        """It is not any more. Harmless if it was not."""
        if self._watches and socket.known:
            for room in rooms:
                watch = self._watches.get(room)
                if watch is not None and watch.discard(socket):
                    _announce(watch, socket, room, came=False)

    def forget(self, socket: Present) -> None:
        """A client is gone. Idempotent."""
        for room in list(self._watches):
            self.close(room, socket.sid)
        self.exit(socket, (None, *socket.rooms))


def _announce(watch: Watch, socket: Present, room: str | None, *, came: bool) -> None:
    nsp, user = socket.nsp, socket.user
    if watch.reporter is not None:
        watch.reporter(room, user, came)
    if user in watch.elsewhere:
        # To whom that matters it has been there before, or is still there.
        return
    try:
        _tell_clients(nsp, watch, room, user=user, came=came)
    except TypeError as exc:
        # The way out of the namespace passes here: nothing may stop it.
        socket.complain("a user's name cannot be sent", exc)
    for listener in tuple(watch.listeners):
        socket.run_beside(listener, nsp, room, user, came)


def _announce_remote(
    nsp: Nsp, watch: Watch, room: str | None, *, user: Hashable, came: bool
) -> None:
    """The same for a user at another server."""
    _tell_clients(nsp, watch, room, user=user, came=came)
    for listener in tuple(watch.listeners):
        nsp.server.spawn(run_alone, listener, (nsp, room, user, came))


def _tell_clients(nsp: Nsp, watch: Watch, room: str | None, *, user: Any, came: bool) -> None:
    if watch.clients:
        news = {"room": room, "user": user, "joined": came}
        packet = SocketPacket(SocketType.EVENT, nsp.name, (EVENT, news))
        nsp.adapter.broadcast(packet, Target(frozenset(watch.clients)), _HERE)


def begin(nsp: Nsp) -> Roster:
    """The roster of a namespace, made if there is none. May wait, the first time."""
    roster = nsp.roster
    if roster is None:
        # From here on everybody is identified before being admitted.
        roster = nsp.roster = Roster()
    if not roster.complete:
        for socket in list(nsp.sockets.values()):
            if socket.connected:
                socket.identify()
        roster.complete = True
    return roster
