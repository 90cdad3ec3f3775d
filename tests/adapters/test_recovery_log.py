"""What is kept for clients that are away: how long, how much, and what each of them missed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pyramid_sio.adapters import recovery_log
from pyramid_sio.adapters.recovery_log import (
    ENTRY_COST,
    LOST_OF,
    Entry,
    Log,
    RecoveryLog,
    Ticket,
)
from pyramid_sio.protocol.packets import Message
from pyramid_sio.sockets.broadcast import Target
from tests.fakes import FakeClock

SECONDS, LIVENESS = 100.0, 40.0
SIZE = 100


class Desk:
    """A log with one namespace, and clients that come and go."""

    def __init__(self, max_bytes: int = 10**6) -> None:
        self.clock = FakeClock()
        self.kept = RecoveryLog(
            seconds=SECONDS, max_bytes=max_bytes, liveness=LIVENESS, clock=self.clock
        )
        self.log = Log()

    def enter(self, sid: str = "sid", *rooms: str, log: Log | None = None) -> Ticket:
        socket: Any = SimpleNamespace(sid=sid, nsp=None, session={"of": sid})
        self.kept.begin(f"pid of {sid}", socket, log or self.log)
        ticket = self.kept.tickets[f"pid of {sid}"]
        ticket.join(rooms, self.kept.last)
        return ticket

    def emit(self, name: str, *rooms: str, excluded: str = "", log: Log | None = None) -> str:
        """An event; its offset."""
        self.kept.last += 1
        target = Target(frozenset(rooms), frozenset(excluded.split()))
        self.kept.add(log or self.log, Message(name.encode().ljust(SIZE)), target)
        return self.kept.offset

    def leave(self, ticket: Ticket) -> None:
        """A connection breaks, at once noticed; it may be one that came back."""
        ticket.socket = ticket.socket or SimpleNamespace(session=ticket.session)
        ticket.gone_at = self.clock()
        self.kept.keep(ticket)

    def missed(self, ticket: Ticket, offset: str | None = None) -> list[str] | None:
        messages = self.kept.missed(ticket, offset)
        if messages is None:
            return None
        return [(message.text or b"").decode().strip() for message in messages]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_came_after_the_offset(desk: Desk) -> None:
    ticket = desk.enter()
    offset = desk.emit("before")
    desk.emit("on its way")
    desk.leave(ticket)
    desk.emit("after")

    assert desk.missed(ticket, offset) == ["on its way", "after"]


def test_who_got_nothing_missed_all_since_it_came(desk: Desk) -> None:
    desk.enter("another")
    desk.emit("before it came")
    ticket = desk.enter()
    desk.emit("on its way")
    desk.leave(ticket)
    desk.emit("after")

    assert desk.missed(ticket) == ["on its way", "after"]


@pytest.mark.parametrize("offset", ["", "x", "x.5", "another log.1", "y" * 1000])
def test_offset_of_another_log_is_none(desk: Desk, offset: str) -> None:
    ticket = desk.enter()
    desk.leave(ticket)
    desk.emit("after")

    assert desk.missed(ticket, offset) == ["after"]


def test_offset_from_before_the_client_came(desk: Desk) -> None:
    desk.enter("another")
    offset = desk.emit("old")
    desk.emit("old as well")
    ticket = desk.enter()
    desk.leave(ticket)

    assert desk.missed(ticket, offset) == []


@pytest.mark.parametrize("digits", ["", "zz", "-3"])
def test_offset_that_is_damaged(desk: Desk, digits: str) -> None:
    ticket = desk.enter()
    desk.leave(ticket)
    desk.emit("after")
    mark = desk.kept.offset.partition(".")[0]

    assert desk.missed(ticket, f"{mark}.{digits}") == ["after"]


def test_offset_from_the_future(desk: Desk) -> None:
    ticket = desk.enter()
    desk.leave(ticket)
    mark = desk.kept.offset.partition(".")[0]

    assert desk.missed(ticket, f"{mark}.ffff") is None


def test_rooms_decide(desk: Desk) -> None:
    ticket = desk.enter("sid", "a", "b")
    desk.leave(ticket)
    desk.emit("to all")
    desk.emit("to a", "a")
    desk.emit("to c", "c")
    desk.emit("to b and c", "b", "c")
    desk.emit("to itself", "sid")
    desk.emit("to all but a", excluded="a")
    desk.emit("to b, not to itself", "b", excluded="sid")
    desk.emit("to all but c", excluded="c")

    assert desk.missed(ticket) == ["to all", "to a", "to b and c", "to itself", "to all but c"]


def test_rooms_as_they_were_when_it_was_sent(desk: Desk) -> None:
    ticket = desk.enter("sid", "left")
    desk.emit("to left, in time", "left")
    desk.emit("to joined, too early", "joined")
    desk.emit("to all but joined, in time", excluded="joined")
    ticket.join(["joined"], desk.kept.last)
    ticket.leave(["left", "never entered"], desk.kept.last)
    desk.emit("to left, too late", "left")
    desk.emit("to joined, in time", "joined")
    desk.emit("to all but joined, too late", excluded="joined")
    desk.leave(ticket)

    assert ticket.rooms == {"joined"}
    assert desk.missed(ticket) == [
        "to left, in time",
        "to all but joined, in time",
        "to joined, in time",
    ]


def test_joining_again_changes_nothing(desk: Desk) -> None:
    ticket = desk.enter("sid", "a")
    desk.emit("to a", "a")
    ticket.join(["a"], desk.kept.last)
    desk.leave(ticket)

    assert desk.missed(ticket) == ["to a"]


def test_too_long_away(desk: Desk) -> None:
    ticket = desk.enter()
    desk.leave(ticket)
    desk.clock.advance(SECONDS)
    assert desk.missed(ticket) == []

    desk.leave(ticket)
    desk.clock.advance(SECONDS + 1)
    assert desk.missed(ticket) is None


def test_long_idle_is_no_loss(desk: Desk) -> None:
    ticket = desk.enter()
    offset = desk.emit("received")
    for number in range(10):
        desk.clock.advance(SECONDS)
        desk.emit(f"to somebody else {number}", "elsewhere")
    desk.leave(ticket)
    desk.clock.advance(SECONDS)
    desk.emit("after")

    assert desk.missed(ticket, offset) == ["after"]


def test_old_events_are_forgotten(desk: Desk) -> None:
    desk.enter()
    for _ in range(1000):
        desk.emit("x")
        desk.clock.advance(1)

    assert len(desk.log.entries) == SECONDS + LIVENESS + 1
    assert desk.kept.size == len(desk.log.entries) * (SIZE + ENTRY_COST)


def test_bytes_are_bounded_over_all_namespaces() -> None:
    desk = Desk(max_bytes=10 * (SIZE + ENTRY_COST))
    other = Log()
    ticket, elsewhere = desk.enter(), desk.enter("elsewhere", log=other)
    desk.leave(ticket)
    desk.leave(elsewhere)
    desk.emit("dropped", log=other)
    for number in range(10):
        desk.emit(str(number))

    assert desk.kept.size == 10 * (SIZE + ENTRY_COST)
    assert desk.missed(elsewhere) is None
    assert desk.missed(ticket) == list("0123456789")


def test_nothing_is_lost_while_all_is_there() -> None:
    desk = Desk(max_bytes=3 * (SIZE + ENTRY_COST))
    ticket = desk.enter()
    offsets = [desk.emit(str(number)) for number in range(5)]
    desk.leave(ticket)

    # 0 and 1 are dropped: who has 1 misses none of them, who has 0 does.
    assert desk.missed(ticket, offsets[0]) is None
    assert desk.missed(ticket, offsets[1]) == ["2", "3", "4"]


def test_dropped_but_surely_received() -> None:
    desk = Desk(max_bytes=2 * (SIZE + ENTRY_COST))
    ticket = desk.enter()
    offset = desk.emit("received")
    desk.emit("to somebody else", "elsewhere")
    desk.clock.advance(LIVENESS + 1)
    desk.leave(ticket)
    desk.emit("a")
    desk.emit("b")
    assert desk.missed(ticket, offset) == ["a", "b"]

    ticket.start = 0
    desk.leave(ticket)
    desk.emit("c")
    assert desk.missed(ticket, offset) is None


def test_each_comes_back_with_what_it_left(desk: Desk) -> None:
    ticket = desk.enter("sid", "a")
    desk.leave(ticket)

    assert (ticket.socket, ticket.session, ticket.rooms) == (None, {"of": "sid"}, {"a"})


def test_who_is_away_too_long_is_forgotten(desk: Desk) -> None:
    away, back = desk.enter("away"), desk.enter("back")
    desk.leave(away)
    desk.leave(back)
    assert desk.missed(back) == []
    back.socket = SimpleNamespace(session={})
    desk.clock.advance(SECONDS + 1)

    desk.enter("new")

    assert set(desk.kept.tickets) == {"pid of back", "pid of new"}
    assert desk.log.sids == {"back", "new"}


def test_leaving_again_starts_the_time_anew(desk: Desk) -> None:
    ticket = desk.enter()
    desk.leave(ticket)
    desk.clock.advance(SECONDS - 1)
    assert desk.missed(ticket) == []
    desk.leave(ticket)
    desk.clock.advance(SECONDS - 1)

    desk.enter("new")

    assert "pid of sid" in desk.kept.tickets
    assert desk.missed(ticket) == []


def test_not_everybody_can_be_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery_log, "MAX_AWAY", 3)

    for number in range(10):
        desk.leave(desk.enter(str(number)))

    assert set(desk.log.sids) == {"7", "8", "9"}


def test_dropping_twice_is_harmless(desk: Desk) -> None:
    ticket = desk.enter()

    desk.kept.drop(ticket)
    desk.kept.drop(ticket)

    assert not desk.kept.tickets
    assert not desk.log.sids


class TestManyRooms:
    """Who changes rooms without end cannot make memory grow."""

    def test_what_is_too_old_to_matter_is_forgotten(self) -> None:
        desk = Desk(max_bytes=10 * (SIZE + ENTRY_COST))
        ticket = desk.enter()
        for number in range(3000):
            ticket.join(["room"], desk.kept.last)
            offset = desk.emit(str(number), "room")
            ticket.leave(["room"], desk.kept.last)
        desk.leave(ticket)

        assert len(ticket._past) <= recovery_log.MAX_PAST
        assert desk.missed(ticket, offset) == []

    def test_too_many_to_tell(self, desk: Desk) -> None:
        ticket = desk.enter()
        first = desk.emit("0")
        for number in range(recovery_log.MAX_PAST + 1):
            ticket.join([f"room {number}"], desk.kept.last)
            last = desk.emit(str(number), f"room {number}")
            ticket.leave([f"room {number}"], desk.kept.last)
        desk.leave(ticket)

        assert len(ticket._past) <= recovery_log.MAX_PAST
        assert desk.missed(ticket, first) is None
        assert desk.missed(ticket, last) == []

    def test_all_dropped(self) -> None:
        desk = Desk(max_bytes=1)
        ticket = desk.enter()
        for number in range(recovery_log.MAX_PAST + 1):
            ticket.join(["room"], desk.kept.last)
            desk.emit(str(number), "room")
            ticket.leave(["room"], desk.kept.last)

        assert len(ticket._past) <= recovery_log.MAX_PAST


def test_processes_that_are_gone_are_not_remembered_for_ever() -> None:
    """Each worker that is replaced leaves a name behind."""
    log = Log()
    for number in range(LOST_OF + 10):
        entry_of = (f"worker {number}", number)
        target, message = Target(), Message(b"x")
        log.entries.append(Entry(log, number, 0.0, message, target, source=entry_of))
        log.entries.append(Entry(log, number, 0.0, message, target, source=("lasting", number)))
        log.drop_first()
        log.drop_first()
    assert len(log.lost_of) == LOST_OF
    assert log.lost_of["lasting"] == LOST_OF + 9
    assert "worker 0" not in log.lost_of
