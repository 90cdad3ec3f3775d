"""Measure a broadcast across two servers: asked for at one, received by clients of the other.

    python bench/cluster.py [--clients 500] [--seconds 1] [--rounds 5] [--adapter classic ...]

Two servers of this project and two of Node.js with the official adapter, side by side on one
Redis, measured in turn; while one pair is, the other has nothing to do. Each broadcast is asked
for when the last has reached everybody. What else the machine does changes how many go through in
a second more than what a broadcast costs the servers, in seconds of a processor.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from prepare import prepare_generator, prepare_node

HERE = Path(__file__).resolve().parent
ADAPTERS = {"classic": "redis", "sharded": "redis-sharded", "streams": "redis-streams"}
TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.02
WARM_UP = 0.5
INI = """\
[app:main]
use = call:server:main
sio.redis_url = redis://127.0.0.1:{redis}
sio.adapter = {adapter}
sio.redis_prefix = ours
sio.redis_stream_name = ours

[server:main]
use = egg:pyramid_sio
port = {port}
"""


class Pair(NamedTuple):
    """Two servers: broadcasts are asked for at the first; the second has the clients."""

    ports: tuple[int, int]
    pids: tuple[int, int]


class Round(NamedTuple):
    """:param milliseconds: until a broadcast had reached everybody, for half of them
    :param cost: seconds of a processor that a broadcast took, at each of the two servers
    """

    deliveries: float
    milliseconds: float
    cost: tuple[float, float]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=500, help="at the second server")
    parser.add_argument("--seconds", type=float, default=1, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="of each pair of servers")
    parser.add_argument("--adapter", nargs="+", choices=ADAPTERS, default=list(ADAPTERS))
    options = parser.parse_args(argv)
    prepare_node()
    with tempfile.TemporaryDirectory() as name, running_redis() as redis:
        for adapter in options.adapter:
            with ours(Path(name), redis, adapter) as our_pair, node(redis, adapter) as node_pair:
                rounds = [
                    (measure(our_pair, options), measure(node_pair, options))
                    for _ in range(options.rounds)
                ]
            print(report(adapter, [a for a, _ in rounds], [b for _, b in rounds]), flush=True)
    return 0


def report(adapter: str, ours: Sequence[Round], node: Sequence[Round]) -> str:
    """What came out, as medians."""
    ours_rate, node_rate = (statistics.median(r.deliveries for r in each) for each in (ours, node))
    spread = sorted(a.deliveries / b.deliveries for a, b in zip(ours, node, strict=True))
    lines = [
        f"{adapter}: {ours_rate:,.0f} deliveries per second against {node_rate:,.0f} of Node.js: "
        f"{ours_rate / node_rate:.2f} x ({spread[0]:.2f} to {spread[-1]:.2f})"
    ]
    # What disturbs a round makes it longer, never shorter.
    a, b = (min(r.milliseconds for r in each) for each in (ours, node))
    lines.append(f"    a broadcast, in the best round: {a:.2f} ms against {b:.2f}: {b / a:.2f} x")
    for number, which in enumerate(("where it is asked for", "where the clients are")):
        a, b = (statistics.median(r.cost[number] for r in each) * 1000 for each in (ours, node))
        lines.append(
            f"    processor seconds for 1,000, {which}: {a:.2f} against {b:.2f}: {b / a:.2f} x"
        )
    a, b = (statistics.median(sum(r.cost) for r in each) * 1000 for each in (ours, node))
    lines.append(f"    both servers: {a:.2f} against {b:.2f}: {b / a:.2f} x")
    return "\n".join(lines)


@contextlib.contextmanager
def ours(directory: Path, redis: int, adapter: str) -> Iterator[Pair]:
    pserve = Path(sys.executable).with_name("pserve")
    commands: list[tuple[int, Sequence[str | Path]]] = []
    for number in range(2):
        port = free_port()
        ini = directory / f"{adapter}{number}.ini"
        ini.write_text(INI.format(redis=redis, adapter=ADAPTERS[adapter], port=port))
        commands.append((port, [pserve, ini]))
    with pair(commands) as started_pair:
        yield started_pair


@contextlib.contextmanager
def node(redis: int, adapter: str) -> Iterator[Pair]:
    script = str(HERE / "peers" / "node_cluster.js")
    ports = [free_port(), free_port()]
    commands = [(port, ["node", script, str(port), str(redis), adapter]) for port in ports]
    with pair(commands) as started_pair:
        yield started_pair


@contextlib.contextmanager
def pair(commands: Sequence[tuple[int, Sequence[str | Path]]]) -> Iterator[Pair]:
    with contextlib.ExitStack() as running:
        pids = [running.enter_context(started(command, "Serving on")) for _, command in commands]
        (first, _), (second, _) = commands
        yield Pair((first, second), (pids[0], pids[1]))


def measure(servers: Pair, options: argparse.Namespace) -> Round:
    """Messages that clients received in a second, and what they cost."""
    asked, hearing = servers.ports
    load = ["fanout", f"-p{hearing}", f"-P{asked}", f"-n{options.clients + 1}"]
    with sampled(servers.pids) as samples:
        done = subprocess.run(
            [prepare_generator(), *load, f"-t{options.seconds}", f"-w{WARM_UP}"],
            capture_output=True,
            text=True,
            check=False,
        )
        ended = time.monotonic()
    if done.returncode != 0:
        raise SystemExit(f"a measurement failed: {done.stdout}{done.stderr}")
    told = json.loads(done.stdout)
    # Between the coming and the going of the clients, which cost something too.
    within = [
        sample for sample in samples if ended - told["seconds"] < sample[0] < ended - SAMPLE_SECONDS
    ]
    (since, *before), (until, *after) = within[0], within[-1]
    broadcasts = told["per_second"] * (until - since) / options.clients
    costs = [(b - a) / broadcasts for a, b in zip(before, after, strict=True)]
    return Round(told["per_second"], told["p50_ms"], (costs[0], costs[1]))


@contextlib.contextmanager
def sampled(pids: Sequence[int]) -> Iterator[list[tuple[float, ...]]]:
    """The time, and how long each process has had a processor until then, in seconds."""
    samples: list[tuple[float, ...]] = []
    end = threading.Event()

    def sample() -> None:
        while not end.wait(SAMPLE_SECONDS):
            samples.append((time.monotonic(), *map(used, pids)))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        end.set()
        thread.join()


def used(pid: int) -> float:
    """Seconds of a processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextlib.contextmanager
def running_redis() -> Iterator[int]:
    """A Redis that keeps nothing, and its port."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is missing (Debian: apt-get install redis-server)")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with started(command, "Ready to accept connections"):
        yield port


@contextlib.contextmanager
def started(command: Sequence[str | Path], sign: str) -> Iterator[int]:
    """A program that has said it is ready; its process id."""
    process = subprocess.Popen(
        command,
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if sign in line:
                break
        else:
            raise SystemExit(f"{command[0]} did not start: {''.join(said)}")
        yield process.pid
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
