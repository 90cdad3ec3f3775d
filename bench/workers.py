"""Show what ``workers = 2`` does, with real clients and no proxy that keeps them together.

    python bench/workers.py [--polling 200] [--websocket 200] [--seconds 3]

1. Clients of both kinds, official ones, connect, are echoed, and hear what each of them tells all:
   nobody gets an error, nobody misses anything.
2. One worker is killed while all of them are echoed: who was with it comes back.
3. Echo throughput of one worker against two. Where the machine has no core for each process that
   takes part (two workers and the load generator: three), what counts is processor time per
   event: events divided by the time that the busiest worker has used is what it could do with a
   core for each.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prepare import prepare_generator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TICK = os.sysconf("SC_CLK_TCK")
INI = """\
[app:main]
use = call:{app}

[server:main]
use = egg:pyramid_sio
port = {port}
workers = {workers}
"""


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--polling", type=int, default=200, help="clients of that kind")
    parser.add_argument("--websocket", type=int, default=200, help="clients of that kind")
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    options = parser.parse_args(argv)
    show_clients(options.polling, options.websocket)
    figures = [measure(workers, options.seconds) for workers in (1, 2)]
    for load in figures[0]:
        one, two = (figure[load] for figure in figures)
        print(
            f"{load}: 2 workers could do {two['possible'] / one['possible']:.2f} x 1 worker "
            f"({two['possible']:,.0f} against {one['possible']:,.0f} events per second of the "
            f"busiest; {1e6 / two['per_second']:.1f} against {1e6 / one['per_second']:.1f} us of "
            f"processor time each); on this machine, with {os.cpu_count()} cores for all, they did "
            f"{two['rate'] / one['rate']:.2f} x"
        )
    return 0


def show_clients(polling: int, websocket: int) -> None:
    with serving("tests.functional.app:main", 2) as (port, server):
        script = ROOT / "tests" / "js" / "workers.js"
        url = f"http://127.0.0.1:{port}"
        crowd = subprocess.Popen(
            ["node", script, url, str(polling), str(websocket)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert crowd.stdin is not None
        assert crowd.stdout is not None

        def ask(command: str) -> Any:
            crowd.stdin.write(f"{command}\n")
            return json.loads(crowd.stdout.readline())

        print("connected:", json.loads(crowd.stdout.readline()))
        print("echo 5 each:", ask("echo 5"))
        print("200 told to all:", ask("tell 200"))
        print("after that:", ask("status"))
        ask("load")
        victim = min(children_of(server.pid))
        os.kill(victim, signal.SIGKILL)
        time.sleep(2)
        print("a worker killed under load:", ask("rest"))
        print("echo 5 each:", ask("echo 5"))
        print("50 told to all:", ask("tell 50"))
        crowd.stdin.close()
        crowd.kill()
        crowd.wait()


def measure(workers: int, seconds: float) -> dict[str, dict[str, float]]:
    """Events per second, and per second of processor time, for each kind of load."""
    figures = {}
    loads = {"WebSocket echo": ("echo", "-n100", "-d4"), "polling echo": ("polling", "-n100")}
    with serving("server:main", workers) as (port, server):
        for name, load in loads.items():
            pids = children_of(server.pid) if workers > 1 else {server.pid}
            before = {pid: cpu_seconds(pid) for pid in pids}
            done = subprocess.run(
                [prepare_generator(), *load, f"-p{port}", f"-t{seconds}", "-w0"],
                capture_output=True,
                text=True,
                check=True,
            )
            outcome = json.loads(done.stdout)
            used = [cpu_seconds(pid) - before[pid] for pid in pids]
            events = outcome["count"]
            figures[name] = {
                "rate": outcome["per_second"],
                "per_second": events / sum(used),
                "possible": events / max(used),
            }
    return figures


@contextlib.contextmanager
def serving(app: str, workers: int) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The application, and its port and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        ini = Path(directory) / "workers.ini"
        ini.write_text(INI.format(app=app, port=port, workers=workers))
        server = subprocess.Popen(
            [Path(sys.executable).with_name("pserve"), ini],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{HERE}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert server.stdout is not None
        try:
            for line in server.stdout:
                if line.startswith("Serving on"):
                    break
            yield port, server
        finally:
            server.terminate()
            server.wait()


def children_of(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
