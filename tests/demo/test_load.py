"""The loop behind the chart: runs while somebody watches, and only then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from demo.load import KEPT, LOOP, Gauge, Monitor, resident
from demo.rooms import LOBBY, House
from tests.support import wait_until

INTERVAL = 0.002


class Pushed(list[dict[str, float]]):
    """Takes samples; raises instead as long as ``broken``."""

    broken = False

    def __call__(self, sample: dict[str, float]) -> None:
        self.append(sample)
        if self.broken:
            raise OSError("nobody there")


@pytest.fixture
def pushed() -> Pushed:
    return Pushed()


@pytest.fixture
def monitor(pushed: Pushed) -> Iterator[Monitor]:
    house = House()
    house.enter("1", "Ada")
    monitor = Monitor(house, pushed, INTERVAL)
    yield monitor
    for sid in list(monitor._watchers):
        monitor.unwatch(sid)
    wait_until(lambda: not loops(), what="the loop to end")


def loops() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == LOOP]


def more_than(pushed: Pushed, count: int) -> Callable[[], bool]:
    return lambda: len(pushed) > count


def test_nothing_runs_before_somebody_watches(monitor: Monitor, pushed: Pushed) -> None:
    assert not monitor.running
    assert loops() == []
    assert pushed == []


def test_one_loop_for_all_watchers_until_the_last_leaves(monitor: Monitor, pushed: Pushed) -> None:
    for sid in "abc":
        monitor.watch(sid)
    wait_until(more_than(pushed, 2), what="samples")
    assert len(loops()) == 1
    monitor.unwatch("a")
    monitor.unwatch("b")
    wait_until(more_than(pushed, len(pushed)), what="samples for the last watcher")
    monitor.unwatch("c")
    wait_until(lambda: not loops(), what="the loop to end")
    assert not monitor.running


def test_a_watcher_who_is_unknown_ends_nothing(monitor: Monitor, pushed: Pushed) -> None:
    monitor.watch("a")
    monitor.unwatch("b")
    wait_until(more_than(pushed, 1), what="samples")
    assert monitor.running


def test_it_starts_again_with_an_empty_history(monitor: Monitor, pushed: Pushed) -> None:
    assert monitor.watch("a") == []
    wait_until(more_than(pushed, 3), what="samples")
    assert len(monitor.watch("b")) >= 3
    for sid in "ab":
        monitor.unwatch(sid)
    wait_until(lambda: not loops(), what="the loop to end")
    assert monitor.watch("c") == []
    wait_until(more_than(pushed, len(pushed)), what="samples of the new loop")


def test_the_history_is_bounded(monitor: Monitor, pushed: Pushed) -> None:
    monitor.watch("a")
    wait_until(more_than(pushed, KEPT + 5), what="samples")
    assert len(monitor.watch("b")) == KEPT


def test_a_sample_says_what_the_chart_shows(monitor: Monitor, pushed: Pushed) -> None:
    monitor.watch("a")
    wait_until(more_than(pushed, 0), what="a sample")
    sample = pushed[0]
    assert sample.keys() == {"at", "cpu", "memory", "said", "late", "pages", "people"}
    assert (sample["pages"], sample["people"]) == (1, 1)
    assert sample["memory"] > 1
    assert min(sample.values()) >= 0


def test_a_push_that_fails_is_logged_and_not_the_last(
    monitor: Monitor, pushed: Pushed, caplog: pytest.LogCaptureFixture
) -> None:
    pushed.broken = True
    monitor.watch("a")
    wait_until(more_than(pushed, 2), what="samples after the failure")
    assert "could not be sent" in caplog.text
    assert "nobody there" in caplog.text


def test_the_gauge_counts_statements_from_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [10.0]
    monkeypatch.setattr("demo.load.time.monotonic", lambda: now[0])
    house = House()
    house.enter("1", "Ada")
    house.say("1", LOBBY, "before")
    gauge = Gauge(house.said)
    now[0] += 2
    assert gauge.read(house.said)["said"] == 0
    for text in "abc":
        house.say("1", LOBBY, text)
    now[0] += 2
    assert gauge.read(house.said)["said"] == 1.5


def test_the_gauge_sees_work() -> None:
    gauge = Gauge(0)
    wait_until(lambda: sum(range(10_000)) and gauge.read(0)["cpu"] > 20, what="CPU time")


def test_memory_is_told_without_proc_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*args: Any) -> None:
        raise FileNotFoundError

    usual = resident()
    monkeypatch.setattr("builtins.open", missing)
    assert resident() > 0.5 * usual > 2**20
