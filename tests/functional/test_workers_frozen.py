"""Workers in which nothing runs any more, though they have not ended."""

from __future__ import annotations

import os
import signal
import time

import pytest
import socketio

from tests.conftest import Serve
from tests.functional.conftest import APP
from tests.functional.wire import ask
from tests.functional.workers import WORKERS, Crowd, children_of, wait_gone
from tests.support import PATIENCE, Node, Server, wait_until

#: Long enough for a machine that has a lot to do.
WATCHED = {**WORKERS, "worker_timeout": 6}


@pytest.fixture
def server(serve: Serve) -> Server:
    started = serve(APP, server=WATCHED)
    started.expect("Serving on")
    return started


def is_served(server: Server, count: int = 10) -> bool:
    """Does everybody get an answer, whichever socket the kernel puts them to?"""
    return all(ask(server, query="EIO=4&transport=polling").status == 200 for _ in range(count))


def test_one_that_is_stopped(server: Server, node: Node) -> None:
    crowd = Crowd(node, "workers.js", server, 10, 10)
    assert crowd.start["connected"] == crowd.total
    frozen = min(children_of(server.pid))
    os.kill(frozen, signal.SIGSTOP)
    server.expect(f"(pid {frozen}) has given no sign of life for 1.8 s; others accept")
    assert is_served(server)
    line = server.expect("is killed")
    assert f"(pid {frozen}) has given no sign of life for 6 s and is killed (it is stopped)" in line
    server.expect(f"(pid {frozen}) was ended by SIGKILL; its clients connect anew")
    wait_until(lambda: len(children_of(server.pid)) == 2, what="another worker")
    assert crowd.ask("rest")["connected"] == crowd.total
    crowd.ask("echo 2")
    assert crowd.ask("tell 5")["complete"] == crowd.total


def test_one_with_a_handler_that_never_waits(server: Server) -> None:
    workers = children_of(server.pid)
    client = socketio.Client(reconnection=False)
    client.connect(server.url, transports=["websocket"], wait_timeout=PATIENCE)
    client.emit("spin", 600)
    server.expect("what it does is on standard error")
    server.expect("in on_spin")
    server.expect("was ended by SIGKILL; its clients connect anew")
    wait_until(lambda: len(workers & children_of(server.pid)) == 1, what="its end")
    wait_until(lambda: len(children_of(server.pid)) == 2, what="another worker")
    client.wait()
    assert is_served(server)


def test_one_that_speaks_again(server: Server) -> None:
    workers = children_of(server.pid)
    frozen = min(workers)
    os.kill(frozen, signal.SIGSTOP)
    server.expect("others accept its connections")
    os.kill(frozen, signal.SIGCONT)
    wait_until(lambda: is_served(server), what="answers")
    assert children_of(server.pid) == workers


def test_all_of_them_and_the_supervisor(serve: Serve) -> None:
    """As when a terminal stops a job, or a machine sleeps."""
    server = serve(APP, server={**WORKERS, "worker_timeout": 1.5})
    server.expect("Serving on")
    workers = children_of(server.pid)
    for pid in (server.pid, *workers):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2)
    for pid in (*workers, server.pid):
        os.kill(pid, signal.SIGCONT)
    assert is_served(server)
    # The supervisor has done a round of its work: it has heard of this one's end.
    os.kill(min(workers), signal.SIGTERM)
    server.expect("ended with status 0")
    assert "is killed" not in server.output


def test_nobody_looks(serve: Serve) -> None:
    server = serve(APP, server={**WORKERS, "worker_timeout": 0, "shutdown_timeout": 0.5})
    server.expect("Serving on")
    workers = children_of(server.pid)
    os.kill(min(workers), signal.SIGSTOP)
    assert server.stop() == 0
    # What ends is not waited for longer than it may take.
    assert "did not end in time and is killed" in server.output
    wait_gone(workers)
