"""Measure a broadcast across two servers: asked for at one, received by clients of the other.

    python bench/cluster.py [--clients 500] [--seconds 3] [--adapter classic sharded streams]

Two servers of this project, then two of Node.js with the official adapter, in one run on one
Redis of their own. Each broadcast is asked for when the last has reached everybody.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from prepare import prepare_generator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ADAPTERS = {"classic": "redis", "sharded": "redis-sharded", "streams": "redis-streams"}
INI = """\
[app:main]
use = call:server:main
sio.redis_url = redis://127.0.0.1:{redis}
sio.adapter = {adapter}

[server:main]
use = egg:pyramid_sio
port = {port}
"""


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=500, help="at the second server")
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--adapter", nargs="+", choices=ADAPTERS, default=list(ADAPTERS))
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name, running_redis() as redis:
        for adapter in options.adapter:
            ours = measure(ours_commands(Path(name), redis, adapter), options)
            node = measure(node_commands(redis, adapter), options)
            print(
                f"{adapter}: {ours:,.0f} deliveries per second against {node:,.0f} of Node.js: "
                f"{ours / node:.2f} x"
            )
    return 0


Command = tuple[int, Sequence[str | Path]]


def ours_commands(directory: Path, redis: int, adapter: str) -> list[Command]:
    commands: list[Command] = []
    for number in range(2):
        port = free_port()
        ini = directory / f"{adapter}{number}.ini"
        ini.write_text(INI.format(redis=redis, adapter=ADAPTERS[adapter], port=port))
        commands.append((port, [Path(sys.executable).with_name("pserve"), ini]))
    return commands


def node_commands(redis: int, adapter: str) -> list[Command]:
    script = str(HERE / "peers" / "node_cluster.js")
    ports = [free_port(), free_port()]
    return [(port, ["node", script, str(port), str(redis), adapter]) for port in ports]


def measure(commands: list[Command], options: argparse.Namespace) -> float:
    """Messages that clients received in a second."""
    with contextlib.ExitStack() as running:
        for _, command in commands:
            running.enter_context(started(command, "Serving on"))
        first, second = (port for port, _ in commands)
        load = ["fanout", f"-p{second}", f"-P{first}", f"-n{options.clients + 1}"]
        done = subprocess.run(
            [prepare_generator(), *load, f"-t{options.seconds}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"a measurement failed: {done.stdout}{done.stderr}")
        return float(json.loads(done.stdout)["per_second"])


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
def started(command: Sequence[str | Path], sign: str) -> Iterator[None]:
    """A program that has said it is ready."""
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
        yield
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
