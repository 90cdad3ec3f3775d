"""What the supervisor knows of its workers.

Upstream: ``workers.supervisor`` and ``workers.watchdog``. Downstream: a socket pair for each.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import time
from typing import Any

from pyramid_sio.workers.member import Lines, encode

#: Seconds until a worker that died at once is replaced: doubled each time, up to the last.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0


class Child:
    """One worker, seen from here."""

    def __init__(self, pid: int, slot: int, tag: str, control: socket.socket) -> None:
        self.pid = pid
        self.slot = slot
        self.tag = tag
        self.control = control
        self.lines = Lines()
        self.started = time.monotonic()
        #: It can be spoken to by others.
        self.present = False
        #: It serves.
        self.ready = False
        #: It has a successor, or all are to end.
        self.leaving = False
        #: It takes no connections from others any more.
        self.gone = False
        #: It has said since the last look that it is alive; and looks in a row without that.
        self.has_beaten = False
        self.missed = 0
        #: When it is killed, if it has not ended by then.
        self.kill_at: float | None = None

    def __repr__(self) -> str:
        return f"worker {self.slot + 1} (pid {self.pid})"

    def tell(self, **news: Any) -> None:
        """Say something to it; it may be gone."""
        with contextlib.suppress(OSError):
            self.control.send(encode(news))


class Slot:
    """The place of one worker: who serves in it, and who is to."""

    def __init__(self) -> None:
        self.child: Child | None = None
        #: Starts to take the place of ``child``.
        self.successor: Child | None = None
        self.start_at = 0.0
        #: Seconds to wait before the next start, if the worker ends too soon again.
        self.pause = FIRST_PAUSE


def how_it_ended(status: int) -> str:
    """How a process ended, for people."""
    if status < 0:
        try:
            return f"was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"was ended by signal {-status}"
    return f"ended with status {status}"


def watch_files(files: list[str]) -> None:
    """Under ``pserve --reload``: the files of the application, which only workers have loaded."""
    hupper = sys.modules.get("hupper")
    if hupper is not None and hupper.is_active():
        hupper.get_reloader().watch_files(files)
