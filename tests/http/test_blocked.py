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


def a_handler_that_blocks(out: io.StringIO) -> None:
    """Nothing here waits in gevent's sense: pytest's process is not patched."""
    wait_until(lambda: "stands here" in out.getvalue(), what="the complaint")
    # However long it goes on.
    threading.Event().wait(0.3)


def test_where_it_stands_is_said_once(watch: Watch, out: io.StringIO) -> None:
    gevent.spawn(a_handler_that_blocks, out).join()
    said = out.getvalue()
    assert said.count("stands here") == 1
    assert "for 0.05 seconds nobody else could run" in said
    assert "in a_handler_that_blocks" in said


def test_again_when_it_happens_again(watch: Watch, out: io.StringIO) -> None:
    for count in (1, 2):
        # Its beat has come, so this is another time.
        beats = watch._beats
        with gevent.Timeout(PATIENCE):
            while watch._beats < beats + 5:
                gevent.sleep(0.01)
        wait_until(lambda count=count: out.getvalue().count("stands here") >= count)


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
