"""Redis killed, and started again, while a thousand events a second go through it.

``SIO_TEST_OUTAGE=10 pytest -s tests/functional/test_redis_load.py`` shows the figures for ten
seconds.
"""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.conftest import Serve
from tests.rawclient import PeerClosed, WebSocket
from tests.support import PATIENCE, Redis, Server, wait_until

APP = "tests.functional.adapter_app:main"
#: Seconds without Redis.
OUTAGE = float(os.environ.get("SIO_TEST_OUTAGE", "2"))
RATE = 1000
#: Bytes that a process may grow by meanwhile: what waits for Redis, and what belongs to that.
GROWTH = 12_000_000


class Receiver(threading.Thread):
    """A client that counts: ``came`` is when each number arrived."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        super().__init__(daemon=True)
        self.client = stack.enter_context(WebSocket(server))
        self.client.enter()
        self.came: dict[int, float] = {}
        self.twice = 0
        self.start()

    def run(self) -> None:
        try:
            while True:
                text = self.client.text()
                if text.startswith('42["said"'):
                    number = int(json.loads(text[2:])[1])
                    self.twice += number in self.came
                    self.came[number] = time.monotonic()
        except (PeerClosed, OSError):
            return


class Sender(threading.Thread):
    """Says a number a millisecond, until it is told to stop."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        super().__init__(daemon=True)
        self.client = stack.enter_context(WebSocket(server))
        self.client.enter()
        self.said = 0
        self._end = threading.Event()
        self._start = time.monotonic()
        # Its own copies are read by nobody else.
        threading.Thread(target=self._drain, daemon=True).start()
        self.start()

    def _drain(self) -> None:
        try:
            while True:
                self.client.read_frame()
        except (PeerClosed, OSError):
            return

    def run(self) -> None:
        while not self._end.wait(0.005):
            due = int((time.monotonic() - self._start) * RATE)
            while self.said < due:
                self.client.emit("say", str(self.said))
                self.said += 1

    def stop(self) -> None:
        self._end.set()
        self.join()


def resident(server: Server) -> int:
    """Memory of a process, in bytes."""
    pages = int(Path(f"/proc/{server.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.timeout(120 + 3 * OUTAGE)
def test_redis_killed_under_load(serve: Serve, tmp_path: Path) -> None:
    with ExitStack() as stack:
        redis = stack.enter_context(closing(Redis(tmp_path)))
        redis.expect("Ready to accept connections")
        servers = [serve(APP, redis_url=redis.url) for _ in range(2)]
        for server in servers:
            server.expect("EVENT <SioAdapterUp>")
        near, far = (Receiver(server, stack) for server in servers)
        sender = Sender(servers[0], stack)
        wait_until(lambda: len(far.came) > RATE / 2, what="the load to arrive")
        before = [resident(server) for server in servers]

        killed_at = time.monotonic()
        redis.signal(SIGKILL)
        redis.wait()
        threading.Event().wait(OUTAGE)
        during = [resident(server) for server in servers]
        again = stack.enter_context(closing(Redis(tmp_path, port=redis.port)))
        again.expect("Ready to accept connections")
        back_at = time.monotonic()
        wait_until(lambda: any(came > back_at for came in list(far.came.values())))
        recovered = len(far.came)
        wait_until(lambda: len(far.came) > recovered + RATE)
        sender.stop()
        wait_until(lambda: len(near.came) == sender.said, what="all of them, near")
        last = sender.said - 1
        wait_until(lambda: last in far.came, what="the last of them, far", patience=PATIENCE)
        after = [resident(server) for server in servers]

    lost = sorted(set(range(sender.said)) - far.came.keys())
    first = min(came for came in far.came.values() if came > back_at) - back_at
    print(
        f"\n{OUTAGE:g} s without Redis, {RATE} events/s, {sender.said} in all: near lost 0, "
        f"far lost {len(lost)}; first delivery {first:.2f} s after its return; memory in MB "
        + " ".join(
            f"{b / 1e6:.1f}->{d / 1e6:.1f}->{a / 1e6:.1f}"
            for b, d, a in zip(before, during, after, strict=True)
        )
    )
    # Whoever is here hears everything, at once, and nobody hears anything twice.
    assert near.twice == far.twice == 0
    meanwhile = sum(killed_at < came < back_at for came in near.came.values())
    assert meanwhile > RATE * OUTAGE / 4
    # Back within the longest pause between attempts, and what is lost was said around its death
    # and its return: what was under way, and what was sent before the other had subscribed again.
    assert first < 5
    assert len(lost) < RATE * (OUTAGE + 5)
    for old, new in zip(before, after, strict=True):
        assert new - old < GROWTH
