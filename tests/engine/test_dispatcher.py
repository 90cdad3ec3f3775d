from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event
from greenlet import GreenletExit

from pyramid_sio.engine.dispatcher import KEPT_IDLE, TIME_SLICE, Dispatcher, Lane
from tests.fakes import until
from tests.support import PATIENCE


class Owner:
    """Writes down what a lane tells it."""

    def __init__(self, log: list[Any]) -> None:
        self._log = log

    def cork(self) -> None:
        self._log.append("cork")

    def uncork(self) -> None:
        self._log.append("uncork")

    def resume(self) -> None:
        self._log.append("resume")


@pytest.fixture
def pool() -> Dispatcher:
    return Dispatcher(max_running=100)


@pytest.fixture
def log() -> list[Any]:
    return []


@pytest.fixture
def new_lane(log: list[Any]) -> Callable[[], Lane]:
    return lambda: Lane(Owner(log))


def finish(pool: Dispatcher) -> None:
    assert pool.wait_idle(PATIENCE)


def spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_creating_one_starts_nothing(pool: Dispatcher) -> None:
    assert pool.running == pool.busy == 0
    assert pool.wait_idle(0)


def test_submitting_runs_nothing_yet(
    pool: Dispatcher, new_lane: Callable[[], Lane], log: list[Any]
) -> None:
    pool.submit(new_lane(), log.append, (1,))
    assert log == []
    finish(pool)
    assert log == [1]


def test_jobs_of_a_lane_run_in_order_though_they_wait(
    pool: Dispatcher, new_lane: Callable[[], Lane]
) -> None:
    lane = new_lane()
    log: list[int] = []

    def job(number: int) -> None:
        gevent.sleep(0.001 * (number % 3))
        log.append(number)

    for number in range(20):
        pool.submit(lane, job, (number,))
    finish(pool)

    assert log == list(range(20))
    assert not lane.active


def test_one_that_waits_lets_others_run(pool: Dispatcher, new_lane: Callable[[], Lane]) -> None:
    gate = Event()
    log: list[str] = []
    slow, quick = new_lane(), new_lane()

    def wait() -> None:
        gate.wait()
        log.append("slow")

    pool.submit(slow, wait, ())
    pool.submit(slow, log.append, ("behind it",))
    pool.submit(quick, log.append, ("quick",))
    until(lambda: log)

    assert log == ["quick"]
    assert pool.busy == 1
    gate.set()
    finish(pool)
    assert log == ["quick", "slow", "behind it"]


def test_handlers_that_never_wait_share_one_greenlet(
    pool: Dispatcher, new_lane: Callable[[], Lane]
) -> None:
    greenlets = set()
    for _ in range(50):
        pool.submit(new_lane(), lambda: greenlets.add(gevent.getcurrent()), ())
    finish(pool)
    assert len(greenlets) == pool.running == 1


def test_the_loop_is_looked_after_between_jobs(
    pool: Dispatcher, new_lane: Callable[[], Lane]
) -> None:
    """When the time slice is over, what else is due in the loop comes before the next job."""
    log: list[str] = []
    lane, other = new_lane(), new_lane()

    def long_job() -> None:
        gevent.get_hub().loop.run_callback(log.append, "the loop")
        spin(TIME_SLICE * 1.2)

    pool.submit(lane, long_job, ())
    pool.submit(lane, log.append, ("same lane",))
    pool.submit(other, log.append, ("other lane",))
    finish(pool)

    assert log[0] == "the loop"
    assert sorted(log[1:]) == ["other lane", "same lane"]


def test_a_busy_lane_does_not_keep_others_waiting(
    pool: Dispatcher, new_lane: Callable[[], Lane]
) -> None:
    log: list[str] = []
    busy, other = new_lane(), new_lane()

    def job() -> None:
        spin(TIME_SLICE * 0.7)
        log.append("busy")

    for _ in range(10):
        pool.submit(busy, job, ())
    pool.submit(other, log.append, ("other",))
    finish(pool)

    assert log.index("other") < 5


class TestMaximum:
    """No more handlers than ``max_running`` are under way; the rest waits, and is not forgotten."""

    @pytest.mark.parametrize("wait", [0, TIME_SLICE * 1.5], ids=["briefly", "longer than a slice"])
    def test_further_jobs_wait_for_one_to_return(
        self, new_lane: Callable[[], Lane], wait: float
    ) -> None:
        pool = Dispatcher(max_running=2)
        gate = Event()
        running = [0]
        most = [0]
        done: list[int] = []

        def job(number: int) -> None:
            running[0] += 1
            most[0] = max(most[0], running[0])
            gate.wait()
            gevent.sleep(wait)
            running[0] -= 1
            done.append(number)

        for number in range(10):
            pool.submit(new_lane(), job, (number,))
        until(lambda: running[0] == 2)
        gate.set()
        finish(pool)

        assert sorted(done) == list(range(10))
        assert most[0] == 2

    def test_first_come_first_served(self, new_lane: Callable[[], Lane]) -> None:
        pool = Dispatcher(max_running=1)
        gate = Event()
        log: list[int] = []
        pool.submit(new_lane(), gate.wait, ())
        for number in range(5):
            pool.submit(new_lane(), log.append, (number,))
        until(lambda: pool.busy == 1)
        assert log == []

        gate.set()
        finish(pool)
        assert log == list(range(5))


class TestCork:
    """What several jobs send is written in one piece, but never waits with a waiting handler."""

    def test_around_several_jobs(
        self, pool: Dispatcher, new_lane: Callable[[], Lane], log: list[Any]
    ) -> None:
        lane = new_lane()
        pool.submit(lane, log.append, (1,))
        pool.submit(lane, log.append, (2,))
        finish(pool)
        assert log == ["cork", 1, 2, "uncork"]

    def test_not_around_one(
        self, pool: Dispatcher, new_lane: Callable[[], Lane], log: list[Any]
    ) -> None:
        pool.submit(new_lane(), log.append, (1,))
        finish(pool)
        assert log == [1]

    def test_opened_while_a_handler_waits(
        self, pool: Dispatcher, new_lane: Callable[[], Lane], log: list[Any]
    ) -> None:
        lane = new_lane()
        gate = Event()
        pool.submit(lane, log.append, (1,))
        pool.submit(lane, gate.wait, ())
        pool.submit(lane, log.append, (2,))
        until(lambda: "uncork" in log)
        assert log == ["cork", 1, "uncork"]

        gate.set()
        finish(pool)
        assert log[3] == 2

    def test_opened_for_a_lane_taken_after_a_wait(
        self, new_lane: Callable[[], Lane], log: list[Any]
    ) -> None:
        """The worker comes back from a wait, without the pool, and finds another lane."""
        pool = Dispatcher(max_running=1)
        first, second = Event(), Event()
        lane = new_lane()
        pool.submit(new_lane(), first.wait, ())
        pool.submit(lane, log.append, (1,))
        pool.submit(lane, second.wait, ())
        until(lambda: pool.busy)
        log.clear()

        first.set()
        until(lambda: 1 in log)
        until(lambda: "uncork" in log)
        assert log == ["cork", 1, "uncork"]

        second.set()
        finish(pool)

    def test_opened_when_time_is_up(
        self, pool: Dispatcher, new_lane: Callable[[], Lane], log: list[Any]
    ) -> None:
        lane = new_lane()
        pool.submit(lane, spin, (TIME_SLICE * 1.2,))
        pool.submit(lane, log.append, (1,))
        finish(pool)
        assert log == ["cork", "uncork", 1]


class TestPause:
    def test_a_paused_lane_resumes_when_it_is_empty(
        self, pool: Dispatcher, new_lane: Callable[[], Lane], log: list[Any]
    ) -> None:
        lane = new_lane()
        gate = Event()
        pool.submit(lane, gate.wait, ())
        until(lambda: pool.busy)
        pool.submit(lane, log.append, (1,))
        lane.paused = True
        lane.received = 5000

        gate.set()
        finish(pool)

        assert log[-1] == "resume"
        assert log.count("resume") == 1
        assert 1 in log
        assert not lane.paused
        assert lane.received == 0

    def test_others_are_not_told(
        self, pool: Dispatcher, new_lane: Callable[[], Lane], log: list[Any]
    ) -> None:
        pool.submit(new_lane(), log.append, (1,))
        finish(pool)
        assert "resume" not in log


class TestFailures:
    """No handler takes its lane, or the pool, with it."""

    @pytest.mark.parametrize(
        "error",
        [ValueError("wrong"), GreenletExit(), gevent.Timeout(3)],
        ids=lambda e: type(e).__name__,
    )
    def test_the_next_job_runs(
        self, pool: Dispatcher, new_lane: Callable[[], Lane], error: BaseException
    ) -> None:
        def fail() -> None:
            raise error

        lane = new_lane()
        log: list[int] = []
        pool.submit(lane, fail, ())
        pool.submit(lane, log.append, (1,))
        finish(pool)
        pool.submit(lane, log.append, (2,))
        finish(pool)

        assert log == [1, 2]
        assert pool.running == 1

    def test_an_error_is_logged(
        self, pool: Dispatcher, new_lane: Callable[[], Lane], caplog: pytest.LogCaptureFixture
    ) -> None:
        pool.submit(new_lane(), lambda: 1 / 0, ())
        with caplog.at_level(logging.ERROR):
            finish(pool)
        assert "ZeroDivisionError" in caplog.text

    def test_being_killed_is_none(
        self, pool: Dispatcher, new_lane: Callable[[], Lane], caplog: pytest.LogCaptureFixture
    ) -> None:
        def leave() -> None:
            raise GreenletExit

        pool.submit(new_lane(), leave, ())
        with caplog.at_level(logging.INFO):
            finish(pool)
        assert not caplog.records


class TestIdle:
    def test_a_burst_leaves_only_a_few_greenlets(
        self, pool: Dispatcher, new_lane: Callable[[], Lane]
    ) -> None:
        gate = Event()
        for _ in range(50):
            pool.submit(new_lane(), gate.wait, ())
        until(lambda: pool.busy == 50)

        gate.set()
        finish(pool)
        until(lambda: pool.running <= KEPT_IDLE)

        assert pool.running == KEPT_IDLE

    def test_after_a_burst_of_long_waits_too(
        self, pool: Dispatcher, new_lane: Callable[[], Lane]
    ) -> None:
        gate = Event()

        def job() -> None:
            gate.wait()
            spin(TIME_SLICE / 10)

        for _ in range(30):
            pool.submit(new_lane(), job, ())
        until(lambda: pool.busy == 30)
        spin(TIME_SLICE)

        gate.set()
        finish(pool)
        assert pool.running == KEPT_IDLE

    def test_kept_ones_are_used_again(self, pool: Dispatcher, new_lane: Callable[[], Lane]) -> None:
        seen = []
        for _ in range(3):
            pool.submit(new_lane(), lambda: seen.append(gevent.getcurrent()), ())
            finish(pool)
        assert len(set(seen)) == 1

    def test_waiting_for_it_has_an_end(
        self, pool: Dispatcher, new_lane: Callable[[], Lane]
    ) -> None:
        gate = Event()
        pool.submit(new_lane(), gate.wait, ())
        assert not pool.wait_idle(0.02)
        gate.set()
        finish(pool)


def test_what_a_handler_left_running_hits_no_later_one(
    pool: Dispatcher, new_lane: Callable[[], Lane]
) -> None:
    """A time-out that was started and never cancelled comes while its dispatcher is parked."""
    fired, greenlets = Event(), list[Any]()

    def leave_timeout() -> None:
        gevent.Timeout.start_new(0.001)
        gevent.get_hub().loop.timer(0.002).start(fired.set)
        greenlets.append(gevent.getcurrent())

    pool.submit(new_lane(), leave_timeout, ())
    assert fired.wait(PATIENCE)
    for _ in range(2):
        pool.submit(new_lane(), lambda: greenlets.append(gevent.getcurrent()), ())
        finish(pool)
    assert greenlets == greenlets[:1] * 3
    assert pool.running == 1


def test_a_parked_dispatcher_can_be_killed(pool: Dispatcher, new_lane: Callable[[], Lane]) -> None:
    greenlets = list[Any]()
    pool.submit(new_lane(), lambda: greenlets.append(gevent.getcurrent()), ())
    finish(pool)
    gevent.get_hub().loop.run_callback(greenlets[0].throw, GreenletExit)
    until(lambda: pool.running == 0)
    pool.submit(new_lane(), lambda: greenlets.append(gevent.getcurrent()), ())
    finish(pool)
    assert greenlets[1] is not greenlets[0]
