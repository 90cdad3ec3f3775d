"""Who is killed for saying nothing, and who is not."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pyramid_sio.workers import watchdog as module
from pyramid_sio.workers.children import Child
from pyramid_sio.workers.watchdog import (
    ALARMING,
    DUMP,
    FATAL,
    LAST_WORDS,
    Watchdog,
    dump_when_told,
    is_silent,
    is_stopped,
)
from tests.fakes import FakeClock
from tests.support import PATIENCE, wait_until

TIMEOUT = 60.0


class Kennel:
    """A watchdog, its clock, and one worker that serves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock()
        self.dog = Watchdog(TIMEOUT, self.clock)
        control, _ = socket.socketpair()
        self.child = Child(4711, 1, "AB", control)
        self.child.ready = True
        self.signals: list[tuple[int, int]] = []
        monkeypatch.setattr(module.os, "kill", lambda *sent: self.signals.append(sent))

    def look(self, *, late: float = 0.0) -> bool:
        self.clock.advance(self.dog.interval + late)
        return self.dog.look([self.child])


@pytest.fixture
def kennel(monkeypatch: pytest.MonkeyPatch) -> Kennel:
    return Kennel(monkeypatch)


def test_who_says_nothing_is_killed(kennel: Kennel, caplog: pytest.LogCaptureFixture) -> None:
    news = [kennel.look() for _ in range(FATAL - 1)]
    assert news == [count == ALARMING for count in range(1, FATAL)]
    assert kennel.signals == []
    kennel.look()
    assert kennel.signals == [(4711, DUMP)]
    assert kennel.child.kill_at == kennel.clock() + LAST_WORDS
    kennel.look()
    assert len(kennel.signals) == 1
    warning, error = caplog.records
    assert "no sign of life for 18 s; others accept its connections" in warning.message
    assert "worker 2 (pid 4711) has given no sign of life for 60 s and is killed" in error.message
    assert "what it does is on standard error" in error.message


def test_who_speaks_again_is_left_alone(kennel: Kennel) -> None:
    for _ in range(3):
        for _ in range(FATAL - 1):
            kennel.look()
        assert is_silent(kennel.child)
        kennel.child.has_beaten = True
        assert kennel.look()
        assert not is_silent(kennel.child)
    assert kennel.child.kill_at is None


def test_looks_that_come_late_do_not_count(kennel: Kennel) -> None:
    for _ in range(3 * FATAL):
        kennel.look(late=kennel.dog.interval)
    assert (kennel.child.missed, kennel.signals) == (0, [])


def test_no_look_before_it_is_time(kennel: Kennel) -> None:
    for _ in range(3 * FATAL):
        assert kennel.dog.due is not None
        kennel.dog.look([kennel.child])
    assert kennel.child.missed == 0


@pytest.mark.parametrize("state", [{"ready": False}, {"leaving": True}])
def test_who_starts_or_ends_may_be_silent(kennel: Kennel, state: dict[str, bool]) -> None:
    vars(kennel.child).update(state)
    for _ in range(2 * FATAL):
        assert not kennel.look()
    assert kennel.signals == []


def test_who_is_to_end_anyway_is_not_condemned(kennel: Kennel) -> None:
    kennel.child.kill_at = 1.0
    for _ in range(FATAL):
        kennel.look()
    assert (kennel.child.kill_at, kennel.signals) == (1.0, [])


def test_turned_off(caplog: pytest.LogCaptureFixture) -> None:
    dog = Watchdog(0)
    control, _ = socket.socketpair()
    child = Child(1, 0, "AA", control)
    child.ready = True
    for _ in range(2 * FATAL):
        assert not dog.look([child])
    assert (dog.due, child.missed) == (None, 0)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def test_stopped_processes(process: subprocess.Popen[bytes]) -> None:
    assert not is_stopped(process.pid)
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: is_stopped(process.pid), what="it to stop")
    process.kill()
    process.wait()
    assert not is_stopped(process.pid)


def test_says_that_it_is_stopped(
    kennel: Kennel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "is_stopped", lambda pid: True)
    with caplog.at_level(logging.ERROR):
        for _ in range(FATAL):
            kennel.look()
    assert "is killed (it is stopped)" in caplog.text


def test_it_has_gone_meanwhile(kennel: Kennel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(pid: int, number: int) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(module.os, "kill", fail)
    for _ in range(FATAL):
        kennel.look()
    assert kennel.child.kill_at is not None


SPINNING = """
import sys
from pyramid_sio.workers.watchdog import dump_when_told
{before}
dump_when_told()
def spin_for_ever():
    print("spins", flush=True)
    while True:
        pass
spin_for_ever()
"""


def spin(before: str = "") -> subprocess.Popen[str]:
    program = SPINNING.format(before=before)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", program], text=True, **pipes)  # type: ignore[call-overload,no-any-return]


def test_what_it_does_is_written_down() -> None:
    with spin() as process:
        assert process.stdout.readline() == "spins\n"
        os.kill(process.pid, DUMP)
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("in spin_for_ever" in line for line in lines)
        process.kill()


def test_without_standard_error() -> None:
    with spin("sys.stderr = None") as process:
        assert process.stdout.readline() == "spins\n"
        os.kill(process.pid, DUMP)
        assert process.wait(PATIENCE) == -DUMP


def test_standard_error_that_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", object())
    dump_when_told()
