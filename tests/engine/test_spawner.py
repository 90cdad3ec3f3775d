"""Greenlets for connections are used again, and one that fails is no exception."""

from __future__ import annotations

import gevent
import pytest
from gevent.event import AsyncResult, Event

from pyramid_sio.engine import spawner
from pyramid_sio.engine.spawner import Spawner
from tests.support import PATIENCE


def run(spawn: Spawner) -> gevent.Greenlet:
    """Let it run one task to its end; the greenlet that did."""
    result: AsyncResult[gevent.Greenlet] = AsyncResult()
    spawn(lambda: result.set(gevent.getcurrent()))
    greenlet = result.get(timeout=PATIENCE)
    gevent.idle()
    return greenlet


def test_uses_a_greenlet_again() -> None:
    spawn = Spawner()
    assert run(spawn) is run(spawn)


def test_passes_arguments() -> None:
    result: AsyncResult[tuple[int, str]] = AsyncResult()
    Spawner()(lambda *args: result.set(args), 1, "two")
    assert result.get(timeout=PATIENCE) == (1, "two")


def test_starts_another_while_one_waits() -> None:
    spawn, go_on, ended = Spawner(), Event(), Event()

    def wait() -> None:
        go_on.wait(PATIENCE)
        ended.set()

    waiting = spawn(wait)
    gevent.idle()
    assert run(spawn) is not waiting
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(PATIENCE)


def test_a_task_that_fails_is_reported_and_costs_no_greenlet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[type] = []
    hub = gevent.get_hub()
    monkeypatch.setattr(hub, "handle_error", lambda context, kind, *rest: reported.append(kind))
    spawn, started = Spawner(), AsyncResult()

    def fail() -> None:
        started.set(gevent.getcurrent())
        raise ZeroDivisionError

    spawn(fail)
    failed = started.get(timeout=PATIENCE)
    gevent.idle()
    assert reported == [ZeroDivisionError]
    assert run(spawn) is failed


def test_keeps_no_more_than_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawner, "KEPT_IDLE", 1)
    spawn, go_on = Spawner(), Event()
    greenlets = [spawn(go_on.wait, PATIENCE) for _ in range(3)]
    go_on.set()
    gevent.joinall(greenlets, timeout=PATIENCE, count=2)
    assert sum(greenlet.dead for greenlet in greenlets) == 2


def test_what_a_task_left_running_hits_no_later_one() -> None:
    """A time-out that was started and never cancelled comes while the greenlet has no task."""
    spawn, fired = Spawner(), Event()

    def leave_timeout() -> None:
        gevent.Timeout.start_new(0.001)
        gevent.get_hub().loop.timer(0.002).start(fired.set)

    run_later = spawn(leave_timeout)
    assert fired.wait(PATIENCE)
    gevent.idle()
    assert run(spawn) is run_later
    assert run(spawn) is run_later
