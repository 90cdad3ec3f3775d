"""The life of one Engine.IO session as a state machine; the time is an argument.

Upstream: ``engine.session`` tells it what arrived and what time it is.
Downstream: the same module does what it answers.

Source: Engine.IO protocol, revisions 4 and 3, "Heartbeat" and "Upgrade".
"""

from __future__ import annotations

from enum import Enum

from pyramid_sio.errors import DisconnectReason, HeartbeatDirectionError
from pyramid_sio.protocol.packets import EngineType

#: How much of the time for a pong a ping that goes out late may take.
MAX_LATENESS = 0.25


class State(Enum):
    """Where a session is in its life."""

    OPEN = "open"
    #: What is queued still goes out; nothing comes in any more.
    CLOSING = "closing"
    CLOSED = "closed"


class Upgrade(Enum):
    """How far the switch to a WebSocket has come."""

    NONE = "none"
    CANDIDATE = "candidate"
    DONE = "done"


class Due(Enum):
    """What a deadline asks for."""

    NOTHING = "nothing"
    PING = "ping"
    TIMEOUT = "timeout"


class Connection:
    """State, heartbeat and upgrade of one session whose pings come from the server.

    :param ping_interval: seconds from a pong (or the opening) to the next ping
    :param ping_timeout: seconds a pong may take
    :param now: the time, on the caller's monotonic clock, in seconds
    :param upgraded: True for a session that was opened on a WebSocket
    """

    __slots__ = (
        "awaiting_pong",
        "deadline",
        "extended",
        "ping_interval",
        "ping_timeout",
        "state",
        "upgrade",
    )

    def __init__(
        self, *, ping_interval: float, ping_timeout: float, now: float, upgraded: bool
    ) -> None:
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.state = State.OPEN
        self.upgrade = Upgrade.DONE if upgraded else Upgrade.NONE
        self.awaiting_pong = False
        self.extended = False
        #: When :meth:`reach` must be called next.
        self.deadline = now + ping_interval

    def receive(self, kind: EngineType, now: float) -> DisconnectReason | None:
        """Account for a packet; a reason if it ends the session.

        A message needs this call only while ``awaiting_pong``.

        :raises HeartbeatDirectionError: a ping, which in revision 4 only a server sends
        """
        if kind is EngineType.PONG:
            self.awaiting_pong = self.extended = False
            self.deadline = now + self.ping_interval
            return None
        if kind is EngineType.PING:
            raise HeartbeatDirectionError("a client of revision 4 does not send pings")
        if kind is EngineType.CLOSE:
            return DisconnectReason.TRANSPORT_CLOSE
        if self.awaiting_pong and not self.extended:
            # A pong queued behind a large message is not late: extend once per ping.
            self.extended = True
            self.deadline = now + self.ping_timeout
        return None

    def reach(self, now: float, *, paused: bool = False) -> Due:
        """A deadline may have passed: what is due now.

        :param paused: True while we do not read what the client sends, so that its pong
            cannot reach us; it is not punished for that
        """
        if self.state is State.CLOSED or now < self.deadline:
            return Due.NOTHING
        if not self.awaiting_pong:
            self.awaiting_pong = True
            # Counted from when the ping was due, as a client that keeps time does. One that is
            # very late is our fault, and takes no more than a part of the client's time.
            since = max(self.deadline, now - self.ping_timeout * MAX_LATENESS)
            self.deadline = since + self.ping_timeout
            return Due.PING
        if paused:
            self.deadline = now + self.ping_timeout
            return Due.NOTHING
        return Due.TIMEOUT

    def is_overdue(self, now: float, *, paused: bool = False) -> bool:
        """Has the client been silent for too long, even if :meth:`reach` is yet to be called?

        :param paused: as for :meth:`reach`
        """
        return self.awaiting_pong and now >= self.deadline and not paused

    def doubt(self, now: float) -> None:
        """The client may be gone: it has as long as for a pong to show that it is not."""
        self.awaiting_pong = True
        self.deadline = now + self.ping_timeout

    def admit_candidate(self) -> bool:
        """May a WebSocket try to take this session over? True at most once at a time."""
        if self.upgrade is not Upgrade.NONE or self.state is State.CLOSED:
            return False
        self.upgrade = Upgrade.CANDIDATE
        return True

    def drop_candidate(self) -> None:
        """The candidate failed; the session stays on polling and may try again."""
        if self.upgrade is Upgrade.CANDIDATE:
            self.upgrade = Upgrade.NONE

    def complete_upgrade(self, now: float) -> None:
        """The candidate is the transport now. An outstanding ping gets its time anew."""
        self.upgrade = Upgrade.DONE
        if self.awaiting_pong:
            self.deadline = now + self.ping_timeout


class ClientPings(Connection):
    """The same where pings come from the client, as in revision 3.

    One must come within the interval and the time-out together; nothing else counts.
    """

    __slots__ = ()

    def __init__(
        self, *, ping_interval: float, ping_timeout: float, now: float, upgraded: bool
    ) -> None:
        super().__init__(
            ping_interval=ping_interval, ping_timeout=ping_timeout, now=now, upgraded=upgraded
        )
        self.deadline = now + ping_interval + ping_timeout

    def receive(self, kind: EngineType, now: float) -> DisconnectReason | None:
        """Account for a packet; a reason if it ends the session. A ping wants to be answered.

        :raises HeartbeatDirectionError: a pong, which here only a server sends
        """
        if kind is EngineType.PING:
            self.deadline = now + self.ping_interval + self.ping_timeout
        elif kind is EngineType.PONG:
            raise HeartbeatDirectionError("a client of revision 3 does not send pongs")
        elif kind is EngineType.CLOSE:
            return DisconnectReason.TRANSPORT_CLOSE
        return None

    def is_overdue(self, now: float, *, paused: bool = False) -> bool:
        """Has the client been silent for too long, even if :meth:`reach` is yet to be called?"""
        return now >= self.deadline and not paused

    def reach(self, now: float, *, paused: bool = False) -> Due:
        """A deadline may have passed: what is due now. Never a ping."""
        if self.state is State.CLOSED or now < self.deadline:
            return Due.NOTHING
        if paused:
            self.deadline = now + self.ping_timeout
            return Due.NOTHING
        return Due.TIMEOUT
