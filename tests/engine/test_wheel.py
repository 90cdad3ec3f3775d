from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.engine.wheel import TimerWheel
from tests.fakes import FakeClock, until


class Entry:
    """Writes down when it was called."""

    def __init__(self) -> None:
        self.called: list[float] = []

    def on_time(self, now: float) -> None:
        self.called.append(now)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def wheel(clock: FakeClock) -> TimerWheel:
    return TimerWheel(resolution=0.1, clock=clock)


def turn(wheel: TimerWheel, clock: FakeClock, seconds: float) -> None:
    clock.advance(seconds)
    wheel.advance()


def test_nothing_is_called_early_and_nothing_late(wheel: TimerWheel, clock: FakeClock) -> None:
    entry = Entry()
    wheel.add(entry, clock() + 2.05)

    turn(wheel, clock, 2.0)
    assert entry.called == []
    turn(wheel, clock, 0.2)
    assert entry.called == [clock()]
    turn(wheel, clock, 10)
    assert len(entry.called) == 1, "once is enough"


@given(st.floats(0, 10_000), st.floats(0.001, 100), st.floats(0.005, 0.5))
def test_due_within_one_tick(start: float, delay: float, resolution: float) -> None:
    clock = FakeClock(start)
    wheel = TimerWheel(resolution, clock)
    entry = Entry()
    when = start + delay
    wheel.add(entry, when)

    clock.now = when - resolution * 0.001
    if clock.now > start:
        wheel.advance()
        assert entry.called == []
    clock.now = when + resolution * 1.001
    wheel.advance()
    assert entry.called == [clock.now]


def test_in_the_order_of_their_times(wheel: TimerWheel, clock: FakeClock) -> None:
    called: list[int] = []
    for seconds in (3, 1, 2):
        wheel.call_later(seconds, lambda seconds=seconds: called.append(seconds))

    turn(wheel, clock, 5)

    assert called == [1, 2, 3]


def test_removed_entry_is_not_called(wheel: TimerWheel, clock: FakeClock) -> None:
    entry, other = Entry(), Entry()
    tick = wheel.add(entry, clock() + 1)
    wheel.add(other, clock() + 1)

    wheel.remove(entry, tick)
    wheel.remove(entry, tick)
    turn(wheel, clock, 2)

    assert entry.called == []
    assert len(other.called) == 1
    wheel.remove(other, tick)


def test_cancelled_timer_leaves_nothing(wheel: TimerWheel, clock: FakeClock) -> None:
    called: list[str] = []
    timer = wheel.call_later(1, lambda: called.append("too late"))

    timer.cancel()
    timer.cancel()
    turn(wheel, clock, 2)

    assert called == []
    assert len(wheel) == 0


def test_cancelled_by_another_of_the_same_tick(wheel: TimerWheel, clock: FakeClock) -> None:
    called: list[str] = []
    timers = [wheel.call_later(1, lambda: stop("a")), wheel.call_later(1, lambda: stop("b"))]

    def stop(name: str) -> None:
        called.append(name)
        for timer in timers:
            timer.cancel()

    turn(wheel, clock, 2)

    assert len(called) == 1


def test_what_is_added_by_a_call_comes_later(wheel: TimerWheel, clock: FakeClock) -> None:
    called: list[float] = []

    def again() -> None:
        called.append(clock())
        wheel.call_later(1, again)

    wheel.call_later(1, again)
    for _ in range(3):
        turn(wheel, clock, 1.5)

    assert len(called) == 3
    assert len(wheel) == 1


def test_one_that_fails_stops_no_other(
    wheel: TimerWheel, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []
    for name in "abc":
        wheel.call_later(1, lambda: 1 / 0)
        wheel.call_later(1, lambda name=name: called.append(name))
    wheel.call_later(3, lambda: called.append("later"))

    with caplog.at_level(logging.ERROR):
        turn(wheel, clock, 2)
        turn(wheel, clock, 2)

    assert sorted(called) == ["a", "b", "c", "later"]
    assert "ZeroDivisionError" in caplog.text


def test_the_loop_advances_it() -> None:
    wheel = TimerWheel(resolution=0.005)
    called: list[str] = []
    wheel.call_later(0.02, lambda: called.append("second"))
    wheel.call_later(0.001, lambda: called.append("first"))

    until(lambda: len(called) == 2)

    assert called == ["first", "second"]


def test_hundred_thousand_that_were_cancelled_take_no_room(
    wheel: TimerWheel, clock: FakeClock
) -> None:
    for number in range(100_000):
        wheel.call_later(1 + number % 60, lambda: None).cancel()

    turn(wheel, clock, 100)

    assert len(wheel) == 0
    assert not wheel._buckets
    assert not wheel._ticks


def test_next_due(wheel: TimerWheel, clock: FakeClock) -> None:
    assert wheel.next_due is None
    entry = Entry()
    late = wheel.add(entry, clock() + 5)
    early = wheel.add(entry, clock() + 2)
    assert wheel.next_due == pytest.approx(clock() + 2, abs=0.11)
    wheel.remove(entry, early)
    assert wheel.next_due == pytest.approx(clock() + 5, abs=0.11)
    wheel.remove(entry, late)
    assert wheel.next_due is None
