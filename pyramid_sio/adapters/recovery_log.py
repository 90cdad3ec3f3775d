"""What a client missed while it was away: a log of packets, and a ticket for each client.

Upstream: ``adapters.memory_recovery``. Downstream: nothing; nothing here waits.

Events are numbered over all namespaces. The number travels to clients as the last argument
of each event, and comes back as the offset when they return.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid_sio.interfaces import ITarget
    from pyramid_sio.protocol.packets import Message

#: Clients that may be away at once; the one that left first is forgotten.
MAX_AWAY = 100_000
#: Memberships of one client that have ended and are still remembered.
MAX_PAST = 1_000
#: What an entry costs beside its message, in bytes.
ENTRY_COST = 300
#: Random bytes of what marks this log's offsets.
MARK_BYTES = 6
#: Processes of which is remembered what was lost: as many as a bus remembers with each channel.
LOST_OF = 64


#: Which process has said something, and its number there.
Source = tuple[str, int]


class Entry:
    """One event that was sent, to whom and when."""

    __slots__ = ("excluded", "log", "message", "number", "rooms", "sent", "size", "source")

    def __init__(
        self,
        log: Log,
        number: int,
        sent: float,
        message: Message,
        target: ITarget,
        *,
        source: Source | None,
    ) -> None:
        self.log = log
        self.source = source
        self.number = number
        self.sent = sent
        self.message = message
        self.rooms = target.rooms
        self.excluded = target.excluded
        self.size = message.size + ENTRY_COST


class Log:
    """The entries of one namespace, and what is known of those that were dropped."""

    __slots__ = ("entries", "lost", "lost_at", "lost_of", "sids")

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        #: Number of the last entry that was dropped, and when that had been sent.
        self.lost = 0
        self.lost_at = 0.0
        #: And what other processes had said of it, by process.
        self.lost_of: dict[str, int] = {}
        #: Clients that could come back, here or away. Without any, nothing need be kept.
        self.sids: set[str] = set()

    def drop_first(self) -> None:
        entry = self.entries.popleft()
        self.lost, self.lost_at = entry.number, entry.sent
        if entry.source is not None:
            process, number = entry.source
            # The one that was heard of last comes last.
            self.lost_of.pop(process, None)
            self.lost_of[process] = number
            if len(self.lost_of) > LOST_OF:
                del self.lost_of[next(iter(self.lost_of))]


class Ticket:
    """One client in one namespace, here or away for a while.

    :param pid: its secret
    :param start: number of the last event sent before it came
    """

    __slots__ = (
        "_past",
        "_since",
        "gone_at",
        "log",
        "nsp",
        "pid",
        "session",
        "sid",
        "socket",
        "start",
        "unsure",
    )

    def __init__(self, pid: str, socket: Any, log: Log, start: int) -> None:
        self.pid = pid
        self.sid: str = socket.sid
        # Held, so that a namespace that came from a pattern lasts as long as its tickets.
        self.nsp = socket.nsp
        self.log = log
        #: The client, until its ``on_disconnect`` has ended.
        self.socket: Any = socket
        #: Events up to this one are not of its concern.
        self.start = start
        #: Whether events up to this one were for it is no longer known.
        self.unsure = 0
        #: When its connection broke; None while there is one.
        self.gone_at: float | None = None
        self.session: dict[str, Any] = {}
        #: Rooms it is in: the last event sent before it joined.
        self._since: dict[str, int] = {}
        #: Rooms it has left: the last event before it joined, the last before it left.
        self._past: list[tuple[str, int, int]] = []

    @property
    def rooms(self) -> frozenset[str]:
        """The rooms it is in, its own excepted."""
        return frozenset(self._since)

    def join(self, rooms: Iterable[str], now: int) -> None:
        """It joins; ``now`` is the number of the last event."""
        for room in rooms:
            self._since.setdefault(room, now)

    def leave(self, rooms: Iterable[str], now: int) -> None:
        """It leaves; what was sent before may still be on its way, so that is remembered."""
        for room in rooms:
            since = self._since.pop(room, now)
            if since < now:
                self._past.append((room, since, now))
        if len(self._past) > MAX_PAST:
            first = self.log.entries[0].number if self.log.entries else now + 1
            self._past = [stay for stay in self._past if stay[2] >= first]
            if len(self._past) > MAX_PAST:
                self._past.clear()
                self.unsure = now

    def concerns(self, entry: Entry) -> bool:
        """Was, or would have been, this event sent to it?"""
        if any(self._was_in(room, entry.number) for room in entry.excluded):
            return False
        return not entry.rooms or any(self._was_in(room, entry.number) for room in entry.rooms)

    def _was_in(self, room: str, number: int) -> bool:
        if room == self.sid:
            return True
        since = self._since.get(room)
        if since is not None and since < number:
            return True
        return any(room == other and since < number <= until for other, since, until in self._past)


class RecoveryLog:
    """All logs and tickets of one server. Loop thread only.

    :param seconds: how long a client may be away
    :param max_bytes: of all events that are kept
    :param liveness: seconds after which a client that has not answered counts as gone; what
        was sent longer than that before its connection broke has arrived
    :param clock: seconds, monotonic
    """

    def __init__(
        self, *, seconds: float, max_bytes: int, liveness: float, clock: Callable[[], float]
    ) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._liveness = liveness
        self.clock = clock
        self._mark = secrets.token_urlsafe(MARK_BYTES)
        #: Number of the last event.
        self.last = 0
        #: Bytes kept.
        self.size = 0
        self.tickets: dict[str, Ticket] = {}
        self._entries: deque[Entry] = deque()
        self._away: deque[tuple[float, Ticket]] = deque()

    @property
    def offset(self) -> str:
        """What the last event carries."""
        return f"{self._mark}.{self.last:x}"

    def _number(self, offset: str | None) -> int | None:
        """The number in an offset; None if it is not from this log."""
        if offset is None or len(offset) > 40:
            return None
        mark, _, digits = offset.rpartition(".")
        if mark != self._mark:
            return None
        try:
            return int(digits, 16)
        except ValueError:
            return None

    # Events.

    def add(
        self, log: Log, message: Message, target: ITarget, source: Source | None = None
    ) -> None:
        """Keep the event that was numbered last.

        :param source: who has said it, if that is known to other processes as well
        """
        entry = Entry(log, self.last, self.clock(), message, target, source=source)
        log.entries.append(entry)
        self._entries.append(entry)
        self.size += entry.size
        self._forget_old(entry.sent)
        while self.size > self._max_bytes:
            self._drop_entry()

    def _drop_entry(self) -> None:
        entry = self._entries.popleft()
        self.size -= entry.size
        # Both are in the same order, so it is the first there as well.
        entry.log.drop_first()

    def _forget_old(self, now: float) -> None:
        """Let go what nobody can come back for."""
        limit = now - self._seconds - self._liveness
        while self._entries and self._entries[0].sent < limit:
            self._drop_entry()
        while self._away and (self._away[0][0] < now - self._seconds or len(self._away) > MAX_AWAY):
            gone_at, ticket = self._away.popleft()
            # It may have been here again since.
            if ticket.gone_at == gone_at and ticket.socket is None:
                self.drop(ticket)

    # Clients.

    def begin(self, pid: str, socket: Any, log: Log, sid: str | None = None) -> None:
        """A new client.

        :param sid: its public id, if it is to have another than ``socket`` has
        """
        self._forget_old(self.clock())
        ticket = self.tickets[pid] = Ticket(pid, socket, log, self.last)
        ticket.sid = sid or socket.sid
        log.sids.add(ticket.sid)

    def drop(self, ticket: Ticket) -> None:
        """A client that will not come back. Idempotent."""
        if self.tickets.pop(ticket.pid, None) is not None:
            ticket.log.sids.discard(ticket.sid)
            ticket.socket = None

    def keep(self, ticket: Ticket) -> None:
        """A client is away from now on."""
        now = self.clock()
        ticket.session = ticket.socket.session
        ticket.socket = None
        if ticket.gone_at is None:
            ticket.gone_at = now
        self._away.append((ticket.gone_at, ticket))
        self._forget_old(now)

    def missed(self, ticket: Ticket, offset: str | None) -> list[Message] | None:
        """What a client that is away has missed, in order; None: it cannot be told.

        :param offset: of the last event it got, as it says; None: it got none
        """
        now = self.clock()
        gone_at = now if ticket.gone_at is None else ticket.gone_at
        if now - gone_at > self._seconds:
            return None
        # An offset that is not from here is from before: clients keep the last they have seen.
        number = self._number(offset) or 0
        if number > self.last:
            return None
        position = max(number, ticket.start)
        log = ticket.log
        if log.lost > position and log.lost_at >= gone_at - self._liveness:
            return None
        if ticket.unsure > position:
            return None
        ticket.start = position
        ticket.gone_at = None
        return [
            entry.message
            for entry in log.entries
            if entry.number > position and ticket.concerns(entry)
        ]
