"""What tests of real parts stand on: programs that run beside them, and waiting with an end.

The fixtures in :mod:`tests.conftest` hand these out; tests that need a program of their
own use :class:`Program` directly. Nothing here imports or patches gevent.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
#: How long a test waits for what should come at once, in seconds. Raise it on a slow machine.
PATIENCE = float(os.environ.get("SIO_TEST_PATIENCE", "60"))
#: Ports for programs of tests: below those that systems choose from for connections.
_PORTS = range(15_000, 32_000)


def _numbers_of_ports() -> Iterator[int]:
    """Where in ``_PORTS`` to look; processes of one run of pytest-xdist look elsewhere each."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    mine = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return itertools.count(random.Random(run).randrange(len(_PORTS)) + mine, processes)


_number_of_port = _numbers_of_ports()


def wait_until(condition: Callable[[], T], *, what: str = "", patience: float = PATIENCE) -> T:
    """Ask ``condition`` until its answer is true, and return that answer.

    Fails the test after ``patience`` seconds, saying ``what`` it had been waiting for.
    """
    deadline = time.monotonic() + patience
    pause = threading.Event()
    while not (answer := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {patience:g} s in vain for {what or condition}")
        pause.wait(0.01)
    return answer


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on.

    Nobody gets it twice, and no connection takes it until a program listens there.
    """
    for number in _number_of_port:
        port = _PORTS[number % len(_PORTS)]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is always a next number")


def find_program(*names: str) -> str:
    """The path of the first of these programs that is installed; fails the test if none is."""
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.fail(f"{names[0]} is not installed; make test installs it, or says how to")


def open_to_everybody(folder: Path) -> None:
    """Let programs of other users, as nginx's workers are, get into a test's folder."""
    top = Path(tempfile.gettempdir()).resolve()
    for one in (folder, *folder.parents):
        if one.resolve() == top or one == one.parent:
            break
        one.chmod(0o755)


class Program:
    """A running program: its lines of output as they come, and a sure end.

    :param args: the command and its arguments
    :param name: what messages call it
    :param env: what is added to this process's environment
    """

    def __init__(
        self, args: Sequence[str | Path], *, name: str, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._lines: list[str] = []
        self._seen = 0
        self._asked = False
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            [str(arg) for arg in args],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            bufsize=1,
        )
        self._reader = threading.Thread(target=self._read, daemon=True, name=f"output of {name}")
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._lines.append(line.rstrip("\n"))
                self._news.notify_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        """Everything it has printed so far, to either stream."""
        with self._news:
            return "\n".join(self._lines)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def write(self, line: str) -> None:
        """Send it one line on its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def expect(self, text: str, *, patience: float = PATIENCE) -> str:
        """Wait for a line that contains ``text``, after the line found last; return the line."""
        deadline = time.monotonic() + patience
        with self._news:
            while True:
                while self._seen < len(self._lines):
                    line = self._lines[self._seen]
                    self._seen += 1
                    if text in line:
                        return line
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._reader.is_alive():
                    break
                # Not the whole rest at once: the end of the program notifies nobody.
                self._news.wait(min(remaining, 0.1))
        pytest.fail(f"{self.name} did not print {text!r}; its output:\n{self.output}")

    def signal(self, number: int) -> None:
        """Send it a signal; nothing happens if it has ended."""
        self._process.send_signal(number)

    def wait(self, *, patience: float = PATIENCE) -> int:
        """Wait for its end; its exit status, negative for a signal. Fails the test if it stays."""
        try:
            status = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            pytest.fail(f"{self.name} did not end in {patience:g} s; its output:\n{self.output}")
        self._reader.join(PATIENCE)
        return status

    def stop(self, *, patience: float = PATIENCE) -> int:
        """Ask it to end with SIGTERM, and wait for that. Idempotent."""
        self.begin_to_stop()
        return self.wait(patience=patience)

    def begin_to_stop(self) -> None:
        """Ask it to end with SIGTERM, once: a second would let it finish nothing."""
        if self.is_running and not self._asked:
            self._asked = True
            self._process.terminate()

    def close(self) -> None:
        """End it whatever it does, and show its output to whom reads of a failed test."""
        try:
            self.stop()
        finally:
            print(f"--- {self.name} printed:\n{self.output}")
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()


@contextlib.contextmanager
def ending_together() -> Iterator[list[Program]]:
    """A list of programs that end with the block; none has to wait for another."""
    programs: list[Program] = []
    with contextlib.ExitStack() as stack:
        try:
            yield programs
        finally:
            for program in programs:
                stack.callback(program.close)
                program.begin_to_stop()


_INI = """\
[app:main]
use = {app}
{settings}

[server:main]
{server}

[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = generic

[logger_root]
level = INFO
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic

[formatter_generic]
format = %(asctime)s %(levelname)-5.5s [%(name)s] %(message)s
"""


def _ini_lines(values: Mapping[str, object]) -> str:
    return "\n".join(f"{key} = {str(value).replace('%', '%%')}" for key, value in values.items())


class Server(Program):
    """An application served by the real ``pserve``, on a port of its own.

    :param app: ``package.module:function`` that makes the application, or a path of an ini file
    :param ini: where to write the ini file that pserve gets
    :param server: what ``[server:main]`` says beside host and port
    :param settings: what ``[app:main]`` says
    :param options: of pserve itself
    :param env: what is added to this process's environment

    Use it when :meth:`wait_ready` has returned. ``url`` is where a client connects to
    (``http://127.0.0.1:PORT``; ``https`` where ``server`` has a ``certfile``).
    """

    def __init__(
        self,
        app: str,
        ini: Path,
        *,
        server: Mapping[str, object],
        settings: Mapping[str, object],
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.host = "127.0.0.1"
        self.port = int(str(server["port"])) if "port" in server else free_port()
        self.unix_socket = str(server["unix_socket"]) if "unix_socket" in server else None
        scheme = "https" if "certfile" in server else "http"
        self.url = f"{scheme}://{self.host}:{self.port}"
        address = {} if self.unix_socket else {"host": self.host, "port": self.port}
        use = f"config:{ROOT / app}" if app.endswith(".ini") else f"call:{app}"
        ini.write_text(
            _INI.format(
                app=use,
                settings=_ini_lines(settings),
                server=_ini_lines({"use": "egg:pyramid_sio", **address, **server}),
            )
        )
        pserve = Path(sys.executable).with_name("pserve")
        super().__init__([pserve, *options, ini], name=f"pserve {app}", env=env)

    def connect(self, *, patience: float = PATIENCE) -> socket.socket:
        """A raw socket to the server, with a time-out of ``patience`` seconds."""
        if self.unix_socket is None:
            return socket.create_connection((self.host, self.port), patience)
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(patience)
        try:
            client.connect(self.unix_socket)
        except OSError:
            client.close()
            raise
        return client

    def wait_ready(self) -> None:
        """Wait until it accepts connections; fails the test if it ends before that."""
        wait_until(self._accepts, what=f"{self.name} to accept connections")

    def _accepts(self) -> bool:
        if not self.is_running:
            self._reader.join(PATIENCE)
            pytest.fail(f"{self.name} ended with {self.wait()}; its output:\n{self.output}")
        try:
            self.connect().close()
        except OSError:
            return False
        return True


class Redis(Program):
    """A redis-server that keeps nothing on disk; ``url`` is what a client connects to.

    :param port: None: a free one
    """

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self.url = f"redis://127.0.0.1:{self.port}/0"
        command = [find_program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1"]
        options = ["--save", "", "--appendonly", "no", "--dir", str(directory)]
        super().__init__([*command, *options], name="redis-server")


class Node:
    """Runs scripts of ``tests/js``, which find the official clients that the lock file names."""

    def __init__(self) -> None:
        self._programs: list[Program] = []

    def start(self, script: str, *args: object) -> Program:
        """Start ``tests/js/<script>`` and return at once."""
        path = ROOT / "tests" / "js" / script
        if not (ROOT / "node_modules" / "socket.io-client").is_dir():
            pytest.fail("the official client is not installed; make test does that, or: npm ci")
        node = find_program("node", "nodejs")
        program = Program([node, path, *map(str, args)], name=f"node {script}")
        self._programs.append(program)
        return program

    def __call__(self, script: str, *args: object, patience: float = PATIENCE) -> str:
        """Run a script to its end, which has to be a good one; what it printed."""
        program = self.start(script, *args)
        status = program.wait(patience=patience)
        if status != 0:
            pytest.fail(f"node {script} ended with {status}; its output:\n{program.output}")
        return program.output

    def close(self) -> None:
        """End what still runs."""
        for program in self._programs:
            if program.is_running:
                program.signal(9)
            program.close()
