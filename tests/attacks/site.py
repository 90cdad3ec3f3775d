"""A server under attack, watched from outside: memory, descriptors, log, and a witness."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.rawclient import Polling, WebSocket, request
from tests.support import PATIENCE, Server, wait_until

MEGABYTE = 1 << 20
#: Part of every payload that must not show up in the log.
MARK = "zq-payload-zq"
#: What the process may grow by unless a test says otherwise, in megabytes.
BOUND = 48
#: How often a witness echoes, in seconds: during a test, and otherwise.
DURING, BETWEEN = 0.1, 10.0


class Witness(threading.Thread):
    """Two clients, one for each transport, that echo throughout and must lose nothing."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True, name="witness")
        self._websocket = WebSocket(server)
        self._websocket.enter()
        self._polling = Polling(server)
        self._polling.enter()
        self._stopping = False
        self._hurry = threading.Event()
        self._pause = BETWEEN
        #: Held during a round; who holds it finds no request of the witness under way.
        self.between_rounds = threading.Lock()
        self.rounds = 0
        #: The longest a round took, in seconds.
        self.slowest = 0.0
        self.failure: BaseException | None = None

    def run(self) -> None:
        while not self._stopping:
            if self._hurry.wait(self._pause):
                self._hurry.clear()
            else:
                self.is_well()

    def _round(self) -> None:
        start = time.monotonic()
        sent = [self.rounds, "witness"]
        try:
            assert self._websocket.ask("echo", *sent) == sent
            assert self._polling.ask("echo", *sent) == sent
        except BaseException as exc:  # noqa: BLE001 - told by check()
            self.failure = exc
        self.slowest = max(self.slowest, time.monotonic() - start)
        self.rounds += 1

    def is_well(self) -> bool:
        """One more round; has that, and all before it, lost nothing?"""
        with self.between_rounds:
            if self.failure is None:
                self._round()
        return self.failure is None

    def check(self) -> None:
        """One more round; fails the test if that, or one before it, lost anything."""
        if not self.is_well():
            raise AssertionError("the witness lost its connection") from self.failure

    def pause(self, seconds: float) -> None:
        """Echo that often from now on."""
        self._pause = seconds
        self._hurry.set()

    def stop(self) -> None:
        self._stopping = True
        self._hurry.set()
        self.join(PATIENCE)
        self._websocket.close()


class Site:
    """The server of :mod:`tests.attacks.app` and what can be seen of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.witness = self._new_witness()
        #: Megabytes the process may grow by during the present test.
        self.bound = BOUND
        #: Whether the present test makes handlers raise.
        self.may_raise = False
        self._log_start = 0

    def _new_witness(self) -> Witness:
        witness = Witness(self.server)
        witness.start()
        return witness

    # What the application tells.

    def ask(self, path: str) -> Any:
        """A plain page of the application."""
        return request(self.server, "GET", path=path, query="").json

    def journal(self, name: str) -> list[Any]:
        """What happened to the client that calls itself ``name``."""
        entries: list[Any] = self.ask(f"/journal/{name}")
        return entries

    def wait_noted(self, name: str, count: int) -> list[Any]:
        """The journal once it has ``count`` entries."""
        return wait_until(
            lambda: entries if len(entries := self.journal(name)) >= count else None,
            what=f"{count} entries for {name}",
        )

    @contextmanager
    def closed_gate(self) -> Iterator[None]:
        """Handlers that wait at the gate do so until the block ends, or opens it."""
        self.ask("/gate/close")
        try:
            yield
        finally:
            self.open_gate()

    def open_gate(self) -> None:
        self.ask("/gate/open")

    @property
    def sessions(self) -> int:
        """Engine.IO sessions, those of the witness not counted."""
        count: int = self.ask("/sessions")
        return count - 2

    def wait_sessions(self, count: int) -> None:
        """Wait until there are no more than ``count`` sessions."""
        wait_until(lambda: self.sessions <= count, what=f"no more than {count} sessions")

    # What the system tells.

    def _status(self, key: str) -> float:
        status = Path(f"/proc/{self.server.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(key))
        return int(line.split()[1]) / 1024

    @property
    def memory(self) -> float:
        """Resident memory, in megabytes."""
        return self._status("VmRSS")

    @property
    def peak(self) -> float:
        """The most it has been since the test began, in megabytes."""
        return self._status("VmHWM")

    @property
    def descriptors(self) -> int:
        """Open descriptors, those of the witness's requests not counted."""
        with self.witness.between_rounds:
            return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    @property
    def log(self) -> str:
        """What the server has logged during this test."""
        return self.server.output[self._log_start :]

    def expect_log(self, *texts: str) -> str:
        """Wait for a line of this test's log that contains all of ``texts``."""
        return wait_until(lambda: self._find(texts), what=f"a line with {texts} in the log")

    def provoke(self, attack: Callable[[], None], *texts: str) -> str:
        """Attack until the log has a line with all of ``texts``; it gets few a second."""

        def find() -> str:
            attack()
            return self._find(texts)

        return wait_until(find, what=f"a line with {texts} in the log:\n{self.log}")

    def _find(self, texts: tuple[str, ...]) -> str:
        lines = self.log.splitlines()
        return next((line for line in lines if all(text in line for text in texts)), "")

    # Around each test.

    @contextmanager
    def watched(self, record: Callable[[tuple[float, float]], None]) -> Iterator[None]:
        """Nobody else loses anything, nothing is left open, memory is bounded, nothing raises.

        :param record: told what memory there was before, and at the peak, in megabytes
        """
        self.bound, self.may_raise = BOUND, False
        if not self.witness.is_well():
            # Nobody attacked: it was too late for a heartbeat between two tests. What happens
            # from here on counts.
            self.witness.stop()
            self.witness = self._new_witness()
            self.witness.check()
        self.witness.pause(DURING)
        self.witness.slowest = 0.0
        self._log_start = len(self.server.output)
        descriptors = self.descriptors
        before = self.memory
        Path(f"/proc/{self.server.pid}/clear_refs").write_text("5")
        yield
        assert self.server.is_running, f"the server ended with {self.server.wait()}:\n{self.log}"
        peak = self.peak
        record((before, peak))
        self.witness.check()
        self.witness.pause(BETWEEN)
        assert peak - before <= self.bound, f"memory grew from {before:.0f} MB to {peak:.0f} MB"
        wait_until(
            lambda: self.descriptors <= descriptors,
            what=f"at most {descriptors} descriptors; there are {self.descriptors}",
        )
        assert MARK not in self.log
        if not self.may_raise:
            assert "Traceback" not in self.log, self.log

    def close(self) -> None:
        self.witness.stop()
