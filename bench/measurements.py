"""What is measured, how, and what it must come to.

Upstream: ``run``. Downstream: the load generator and ``servers``.
"""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers import Running, ServerFailed, core_seconds, settle

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
    #: Servers that cannot do it.
    without: frozenset[str] = frozenset()


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
        Measurement(
            "echo2",
            "the same with clients of Socket.IO 2",
            ("echo2", "-n100", "-d16"),
            None,
            None,
            without=frozenset({"python"}),
        ),
        Measurement(
            "echo09",
            "the same with clients of Socket.IO 0.9",
            ("echo09", "-n100", "-d16"),
            None,
            None,
            without=frozenset({"node", "python"}),
        ),
        Measurement("fanout", "fan-out to 500, deliveries/s", ("fanout", "-n500"), 1.5, 4),
        Measurement(
            "askall",
            "fan-out to 500, an acknowledgement of each",
            ("askall", "-n500"),
            None,
            None,
            without=frozenset({"python"}),
        ),
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
    """One figure, and what the cores did meanwhile, as shares of one.

    :param server_busy: the server, from the first connection to the end of the run
    :param load_busy: the load generator, while it measured
    :param others_busy: everybody else, on the core where they were busier
    """

    figure: float
    server_busy: float = 0
    load_busy: float = 0
    others_busy: float = 0


def measure(
    measurement: Measurement,
    server: Running,
    *,
    generator: Path,
    cores: tuple[int, int],
    seconds: float,
) -> Outcome:
    """Put the load on a fresh server.

    :param cores: the server's, and the one the load generator is to run on
    :raises RunRefused: when a single client met an error
    """
    if measurement is MEMORY:
        return Outcome(_idle_bytes(server, generator, cores[1]))
    command = [str(generator), *measurement.load, f"-p{server.port}", f"-t{seconds}"]
    started, cores_used, server_used, load_used = _clocks(server, cores)
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=GENERATOR_LIMIT,
        preexec_fn=lambda: settle(cores[1]),
        check=False,
    )
    ended, cores_now, server_now, load_now = _clocks(server, cores)
    if done.returncode != 0:
        raise RunRefused(done.stderr.strip() or f"status {done.returncode}")
    said = json.loads(done.stdout)
    server_took, load_took = server_now - server_used, load_now - load_used
    if cores[0] == cores[1]:
        others = cores_now[0] - cores_used[0] - server_took - load_took
    else:
        others = max(
            cores_now[0] - cores_used[0] - server_took, cores_now[1] - cores_used[1] - load_took
        )
    took = ended - started
    return Outcome(said["per_second"], server_took / took, said["load_cpu"], max(0, others / took))


def _clocks(
    server: Running, cores: tuple[int, int]
) -> tuple[float, tuple[float, float], float, float]:
    """Now, then the processor time used by both cores, the server, and finished children."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (
        time.monotonic(),
        (core_seconds(cores[0]), core_seconds(cores[1])),
        server.processor_seconds(),
        children.ru_utime + children.ru_stime,
    )


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
