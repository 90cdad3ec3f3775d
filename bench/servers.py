"""The servers that are measured: how each is started, watched and stopped.

Upstream: ``run``. A server runs on one processor core of its own, at an address of the
loopback interface, and is started afresh for every measurement.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

HERE = Path(__file__).resolve().parent
START_LIMIT = 30.0
STOP_LIMIT = 10.0
TICKS = os.sysconf("SC_CLK_TCK")


class ServerFailed(Exception):
    """A server did not come up, or died."""


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of server; ``{port}`` stands for the port in its command."""

    name: str
    title: str
    command: tuple[str, ...]


def _beside_python(script: str) -> str:
    return str(Path(sys.executable).parent / script)


OURS = Server(
    "ours", "pyramid_sio", (_beside_python("pserve"), str(HERE / "bench.ini"), "http_port={port}")
)
NODE = Server("node", "Node socket.io", ("node", str(HERE / "peers" / "node_peer.js"), "{port}"))
PYTHON = Server(
    "python", "python-socketio", (sys.executable, str(HERE / "peers" / "python_peer.py"), "{port}")
)
SERVERS = {server.name: server for server in (OURS, NODE, PYTHON)}


class Running:
    """A server that answers: its port, and what the system knows of its process."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port

    def resident_bytes(self) -> int:
        """Memory in RAM (VmRSS), in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise ServerFailed(f"process {self.pid} has ended")

    def processor_seconds(self) -> float:
        """Processor time used so far, in seconds, all threads together."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def cores() -> tuple[int, int]:
    """One core for the server and one for the load; the same one twice if there is no other."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


def core_seconds(core: int) -> float:
    """Processor time that a core has spent on processes, or was not given, in seconds."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _, _, _, _, stolen = (int(field) for field in fields[:8])
            return (user + nice + system + stolen) / TICKS
    raise ServerFailed(f"there is no core {core}")


@contextlib.contextmanager
def running(server: Server, core: int) -> Iterator[Running]:
    """Start a server on ``core``, wait until it answers, and stop it afterwards.

    :raises ServerFailed: with what it printed, when it ends or does not answer in time
    """
    port = _free_port()
    command = [word.format(port=port) for word in server.command]
    environ = dict(os.environ, PYTHONPATH=str(HERE), NODE_ENV="production")
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            cwd=HERE,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            preexec_fn=lambda: settle(core),
        )
        try:
            _wait_until_up(process, port)
            yield Running(process.pid, port)
            if process.poll() is not None:
                raise ServerFailed(f"ended with status {process.returncode}")
        except ServerFailed as error:
            raise ServerFailed(f"{server.title}: {error}\n{_last_words(said)}".rstrip()) from None
        finally:
            _stop(process)


def settle(core: int) -> None:
    """Give the calling process one core, and as many open files as it may have."""
    os.sched_setaffinity(0, {core})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailed(f"ended with status {process.returncode}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_LIMIT)
        with contextlib.closing(connection):
            try:
                connection.request("GET", "/socket.io/?EIO=4&transport=polling")
                answer = connection.getresponse()
            except OSError:
                time.sleep(0.05)
                continue
            if answer.read(1) != b"0":
                raise ServerFailed(f"answers a handshake with status {answer.status}")
            return
    raise ServerFailed(f"is not up after {START_LIMIT:.0f} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(said: BinaryIO) -> str:
    said.seek(0)
    return said.read().decode(errors="replace").strip()[-2000:]
