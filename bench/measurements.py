"""What is measured, how, and what it must come to.

Upstream: ``run``. Downstream: the load generator and ``servers``.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers import Running, ServerFailed, settle

#: Connections that are there before memory is first read, so that what every server
#: sets up once is not counted, and those whose memory is counted.
FIRST_IDLE, MORE_IDLE = 500, 4000
#: Memory is read when it changes by less than this share in a second, in at most so many seconds.
STEADY, STEADY_LIMIT = 0.002, 15.0
GENERATOR_LIMIT = 300.0


class RunRefused(Exception):
    """A run with errors, whose figure is worthless; the message says which."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of the table.

    :param load: the mode and options of the load generator
    :param node: the ratio to Node wanted, None for none: at least, or at most for memory
    :param python: the ratio to python-socketio wanted, likewise
    """

    name: str
    title: str
    load: tuple[str, ...]
    node: float | None
    python: float | None
    less_is_better: bool = False


MEMORY = Measurement("memory", "bytes per idle connection", (), 0.5, 0.2, less_is_better=True)
MEASUREMENTS = {
    measurement.name: measurement
    for measurement in (
        Measurement(
            "echo1", "acknowledged echo, 1 in flight, events/s", ("echo", "-n100", "-d1"), 1.3, 4
        ),
        Measurement(
            "echo16", "acknowledged echo, 16 in flight, events/s", ("echo", "-n100", "-d16"), 1.2, 4
        ),
        Measurement("fanout", "fan-out to 500, deliveries/s", ("fanout", "-n500"), 1.5, 4),
        Measurement("connect", "direct WebSocket, connections/s", ("connect", "-n20"), 1.0, 4),
        Measurement(
            "upgrade", "polling, then upgrade, connections/s", ("upgrade", "-n200"), None, None
        ),
        Measurement(
            "polling", "acknowledged echo over polling, events/s", ("polling", "-n100"), None, None
        ),
        MEMORY,
    )
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One figure, and how busy both sides were meanwhile, as shares of one core."""

    figure: float
    server_busy: float
    load_busy: float


def measure(
    measurement: Measurement, server: Running, *, generator: Path, core: int, seconds: float
) -> Outcome:
    """Put the load on a fresh server.

    :param core: the core the load generator runs on
    :raises RunRefused: when a single client met an error
    """
    if measurement is MEMORY:
        return Outcome(_idle_bytes(server, generator, core), 0, 0)
    command = [str(generator), *measurement.load, f"-p{server.port}", f"-t{seconds}"]
    started, used = time.monotonic(), server.processor_seconds()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=GENERATOR_LIMIT,
        preexec_fn=lambda: settle(core),
        check=False,
    )
    server_busy = (server.processor_seconds() - used) / (time.monotonic() - started)
    if done.returncode != 0:
        raise RunRefused(done.stderr.strip() or f"status {done.returncode}")
    said = json.loads(done.stdout)
    return Outcome(said["per_second"], server_busy, said["load_cpu"])


def _idle_bytes(server: Running, generator: Path, core: int) -> float:
    with _held(FIRST_IDLE, server, generator, core):
        before = _steady_memory(server)
        with _held(MORE_IDLE, server, generator, core):
            return (_steady_memory(server) - before) / MORE_IDLE


@contextlib.contextmanager
def _held(clients: int, server: Running, generator: Path, core: int) -> Iterator[None]:
    command = [str(generator), "hold", f"-n{clients}", f"-p{server.port}"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: settle(core),
    ) as process:
        # It answers when all are connected, or gives up by itself.
        assert process.stdout
        process.stdout.readline()
        try:
            yield
        finally:
            errors = process.communicate(timeout=GENERATOR_LIMIT)[1]
    if process.returncode != 0:
        raise RunRefused(errors.strip() or f"status {process.returncode}")


def _steady_memory(server: Running) -> int:
    deadline = time.monotonic() + STEADY_LIMIT
    last = server.resident_bytes()
    while time.monotonic() < deadline:
        time.sleep(1)
        current = server.resident_bytes()
        if abs(current - last) <= last * STEADY:
            return current
        last = current
    raise ServerFailed(f"its memory is not steady after {STEADY_LIMIT:.0f} s")
