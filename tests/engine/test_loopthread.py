from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from pyramid_sio.engine import loopthread
from pyramid_sio.engine.loopthread import LoopThread, hand_over, in_native_thread
from tests.support import PATIENCE


@pytest.fixture
def host() -> Iterator[LoopThread]:
    host = LoopThread(threads=2, spare=2)
    yield host
    host.stop(PATIENCE)


def ask(host: LoopThread, func: Any, *args: Any, **options: Any) -> Any:
    return hand_over(host.calls, func, args, options)


def test_a_thread_without_a_loop_is_native() -> None:
    assert in_native_thread()


def test_a_greenlet_of_a_loop_is_not() -> None:
    assert gevent.spawn(in_native_thread).get() is False


def test_nothing_is_native_where_threads_were_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopthread, "is_module_patched", lambda name: True)
    assert not in_native_thread()


def test_what_is_handed_over_runs_in_the_loop(host: LoopThread) -> None:
    def where(greeting: str, *, name: str) -> tuple[str, str, bool]:
        gevent.sleep(0)
        return f"{greeting} {name}", threading.current_thread().name, in_native_thread()

    assert ask(host, where, "hello", name="ann") == ("hello ann", "pyramid_sio", False)


def test_what_waits_there_stops_nobody_else(host: LoopThread) -> None:
    event = ask(host, gevent.event.Event)
    waiting = threading.Thread(target=ask, args=(host, event.wait))
    waiting.start()
    ask(host, event.set)
    waiting.join(PATIENCE)
    assert not waiting.is_alive()


@pytest.mark.parametrize("error", [ValueError("wrong"), SystemExit(3), gevent.Timeout(1)])
def test_what_it_raises_is_raised_here(
    host: LoopThread, error: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        ask(host, fail)
    assert caught.value is error
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("is_handler", [True, False])
def test_call_apart(host: LoopThread, is_handler: bool, capfd: pytest.CaptureFixture[str]) -> None:
    def outside(value: int) -> tuple[int, bool]:
        if value < 0:
            raise ValueError(value)
        return value + 1, in_native_thread()

    def inside(value: int) -> Any:
        return host.call_apart(outside, value, is_handler=is_handler)

    assert ask(host, inside, 1) == (2, True)
    with pytest.raises(ValueError, match="-1"):
        ask(host, inside, -1)
    assert capfd.readouterr().err == ""


def test_calls_apart_run_side_by_side(host: LoopThread) -> None:
    barrier = threading.Barrier(2)

    def meet() -> int:
        return barrier.wait(PATIENCE)

    def both() -> list[int]:
        jobs = [gevent.spawn(host.call_apart, meet, is_handler=True) for _ in range(2)]
        return [job.get() for job in jobs]

    assert sorted(ask(host, both)) == [0, 1]


def test_stop() -> None:
    host = LoopThread(threads=1, spare=1)
    assert host.is_alive
    host.stop(PATIENCE)
    assert not host.is_alive
    host.stop(PATIENCE)


def test_nobody_stops_the_thread_of_a_parent_process(
    host: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "pid", -1)
    host.stop(PATIENCE)
    assert host.is_alive
    monkeypatch.undo()


def test_an_idle_loop_is_not_taken_for_stuck(host: LoopThread) -> None:
    assert ask(host, time.monotonic)
    assert host.is_alive
