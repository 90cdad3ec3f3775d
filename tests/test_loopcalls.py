"""Calls from other threads into a loop."""

from __future__ import annotations

import threading
from typing import Any

import gevent
import pytest

from pyramid_sio.loopcalls import LoopCalls, loop_calls
from tests.fakes import until
from tests.support import PATIENCE

CALLS = 30_000


def in_thread(func: Any) -> threading.Thread:
    thread = threading.Thread(target=func, daemon=True)
    thread.start()
    return thread


def test_in_order_and_in_the_loop_s_thread() -> None:
    calls, heard = loop_calls(), []

    def say() -> None:
        for number in range(100):
            calls.call(lambda number=number: heard.append((number, threading.get_ident())))

    in_thread(say).join(PATIENCE)
    assert heard == []
    until(lambda: len(heard) == 100)
    assert heard == [(number, threading.get_ident()) for number in range(100)]


def test_at_once_where_the_loop_is() -> None:
    heard: list[int] = []
    loop_calls().call(heard.append, 1)
    assert heard == [1]
    loop_calls().call_soon(heard.append, 2)
    assert heard == [1]
    until(lambda: heard == [1, 2])


def test_one_way_for_each_loop() -> None:
    found: list[LoopCalls] = []
    in_thread(lambda: found.extend((loop_calls(), loop_calls()))).join(PATIENCE)
    assert loop_calls() is loop_calls()
    assert found[0] is found[1]
    assert found[0] is not loop_calls()


def test_a_failure_is_reported_and_keeps_nobody_from_being_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[Any] = []
    heard: list[int] = []
    monkeypatch.setattr(
        gevent.get_hub(), "handle_error", lambda context, kind, *rest: reported.append(kind)
    )
    loop_calls().call_soon(int, "no number")
    loop_calls().call_soon(heard.append, 1)
    until(lambda: heard == [1])
    assert reported == [ValueError]


def test_a_loop_with_much_to_do_goes_on() -> None:
    """What keeps it alive is counted right, however many timers end while others call."""
    loop, calls = gevent.get_hub().loop, loop_calls()
    before = loop.activecnt
    heard: list[int] = []
    over = threading.Event()

    def hammer() -> None:
        for _ in range(CALLS):
            calls.call(heard.append, 1)

    def tick() -> None:
        while not over.is_set():
            gevent.sleep(0.0001)

    threads = [in_thread(hammer) for _ in range(2)]
    tickers = [gevent.spawn(tick) for _ in range(20)]
    until(lambda: len(heard) == 2 * CALLS)
    over.set()
    gevent.joinall(tickers, timeout=PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)
    assert loop.activecnt == before
