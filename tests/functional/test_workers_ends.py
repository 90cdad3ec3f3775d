"""How several workers begin and end: in bounded time, and without leaving anybody behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.functional.conftest import APP
from tests.functional.wire import ask
from tests.functional.workers import WORKERS, Crowd, children_of, end, wait_gone
from tests.support import PATIENCE, Node, Server, free_port, wait_until

INI = """\
[app:main]
use = call:{app}
[server:main]
use = egg:pyramid_sio
port = {port}
workers = 2
shutdown_timeout = 3
"""


class TestWorkersThatDieAtTheStart:
    @pytest.fixture
    def ini(self, tmp_path: Path) -> Path:
        return tmp_path / "server.ini"

    @pytest.fixture
    def server(self, ini: Path) -> Iterator[Server]:
        settings = {"sio.ping_interval": 25}
        with closing(Server(APP, ini, server=WORKERS, settings=settings)) as server:
            server.expect("Serving on")
            yield server

    def test_are_started_again_and_again_but_not_at_once(self, server: Server, ini: Path) -> None:
        good = ini.read_text()
        ini.write_text(good.replace("interval = 25", "interval = soon"))
        os.kill(min(children_of(server.pid)), signal.SIGKILL)
        server.expect("was ended by SIGKILL; its clients connect anew, another worker starts in")
        for pause in ("1", "2"):
            # It says what is wrong, each time.
            server.expect("sio.ping_interval = 'soon'", patience=3 * PATIENCE)
            line = server.expect("another worker starts in")
            assert "ended with status 1; its clients connect anew" in line
            assert line.endswith(f" in {pause} s")
        # The other one serves meanwhile, on both parts of the port.
        for _ in range(10):
            assert ask(server, query="EIO=4&transport=polling").status == 200
        assert len(children_of(server.pid)) <= 2
        ini.write_text(good)
        wait_until(
            lambda: len({_tag(server) for _ in range(8)}) == 2,
            what="two that serve",
            patience=3 * PATIENCE,
        )


def _tag(server: Server) -> str:
    text = ask(server, query="EIO=4&transport=polling").text
    sid: str = json.loads(text[1:])["sid"]
    return sid[:2]


class Terminal:
    """``pserve`` as a shell starts it: with its children, a group that Ctrl-C goes to."""

    def __init__(self, directory: Path) -> None:
        #: Also where it makes temporary files.
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        ini = directory / "terminal.ini"
        ini.write_text(INI.format(app=APP, port=self.port))
        self._log = (directory / "log").open("w+")
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("pserve"), ini],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(directory)},
        )
        self.workers: set[int] = set()

    def wait_ready(self) -> None:
        wait_until(lambda: "Serving on" in self.output, what="it to serve")
        self.workers = children_of(self.process.pid)

    @property
    def output(self) -> str:
        return Path(self._log.name).read_text()

    def interrupt(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        end(self.workers)
        self._log.close()


class TestInTerminals:
    @pytest.fixture
    def terminal(self, tmp_path: Path) -> Iterator[Terminal]:
        with closing(Terminal(tmp_path)) as terminal:
            terminal.wait_ready()
            yield terminal

    def test_all_end_with_one_interrupt(self, terminal: Terminal, node: Node) -> None:
        crowd = Crowd(node, "workers.js", terminal, 5, 5, 5)
        assert crowd.start["connected"] == 15
        crowd.ask("load")
        terminal.interrupt()
        assert terminal.process.wait(PATIENCE) == 0
        wait_gone(terminal.workers)
        assert terminal.output.count("Traceback") == 0

    def test_two_interrupts_end_it_at_once(self, terminal: Terminal) -> None:
        frozen = min(terminal.workers)
        os.kill(frozen, signal.SIGSTOP)
        terminal.interrupt()
        wait_until(
            lambda: len(children_of(terminal.process.pid)) == 1, what="the other worker to end"
        )
        terminal.interrupt()
        assert terminal.process.wait(PATIENCE) == 1
        wait_gone(terminal.workers)

    def test_one_that_does_not_end_is_killed(self, terminal: Terminal) -> None:
        os.kill(min(terminal.workers), signal.SIGSTOP)
        terminal.process.terminate()
        assert terminal.process.wait(PATIENCE) == 0
        wait_gone(terminal.workers)

    def test_nothing_is_left_behind(self, terminal: Terminal) -> None:
        assert list(terminal.directory.glob("pyramid_sio-*/AA.bus"))
        terminal.process.terminate()
        assert terminal.process.wait(PATIENCE) == 0
        assert not list(terminal.directory.glob("pyramid_sio-*"))
