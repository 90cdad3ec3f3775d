"""Who lets nobody else run is named."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

import gevent
import pytest

from pyramid_sio.http.blocked import Watch
from tests.support import PATIENCE, wait_until


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def watch(out: io.StringIO) -> Iterator[Watch]:
    made = Watch(0.05, out)
    made.start()
    yield made
    made.stop()


def complaints(out: io.StringIO) -> int:
    """How many there are; the lines of a stack may quote anything."""
    lines = out.getvalue().splitlines()
    return sum(line.startswith("pyramid_sio: for ") for line in lines)


def let_it_beat(watch: Watch) -> None:
    """From here on what blocks is another time, whatever there was before."""
    beats = watch._beats
    with gevent.Timeout(PATIENCE):
        while watch._beats < beats + 5:
            gevent.sleep(0.01)


def a_handler_that_blocks(watch: Watch, out: io.StringIO) -> int:
    """How many complaints there were. Pytest's process is not patched: nothing here waits."""
    let_it_beat(watch)
    before = complaints(out)
    wait_until(lambda: complaints(out) > before, what="the complaint")
    # However long it goes on.
    threading.Event().wait(0.3)
    return complaints(out) - before


def test_where_it_stands_is_said_once(watch: Watch, out: io.StringIO) -> None:
    assert gevent.spawn(a_handler_that_blocks, watch, out).get() == 1
    said = out.getvalue()
    assert "for 0.05 seconds nobody else could run" in said
    assert "in a_handler_that_blocks" in said


def test_again_when_it_happens_again(watch: Watch, out: io.StringIO) -> None:
    for _ in range(2):
        let_it_beat(watch)
        before = complaints(out)
        wait_until(lambda before=before: complaints(out) > before, what="a complaint")


def test_nothing_is_said_of_who_waits(out: io.StringIO) -> None:
    # Far longer than anything else could hold this up.
    watch = Watch(PATIENCE, out)
    watch.start()
    gevent.sleep(0.05)
    watch.stop()
    watch.stop()
    assert out.getvalue() == ""


def test_a_loop_with_nothing_to_do_ends(watch: Watch) -> None:
    assert gevent.wait(timeout=PATIENCE)
