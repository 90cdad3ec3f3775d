"""The live chart: the server's own load, pushed every second to whoever watches.

The smallest server push there is. One loop serves all watchers; it starts with the first and
ends with the last, so that a server nobody watches does nothing.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from demo.rooms import House
from pyramid_sio import Namespace, sio_namespace

log = logging.getLogger(__name__)

#: Seconds from one sample to the next.
INTERVAL = 1.0
#: The name of the loop's thread.
LOOP = "samples of the load"
#: Samples kept for a page that has just opened.
KEPT = 120

Sample = dict[str, float]


@sio_namespace("/load")
class Load(Namespace):
    def on_connect(self, auth: object) -> None:
        self.emit("history", self.request.monitor.watch(self.sid))

    def on_disconnect(self, reason: str) -> None:
        self.request.monitor.unwatch(self.sid)

    def on_echo(self) -> None:
        """The page times how long this one's acknowledgement takes."""

    class ServerToClient:
        """What a page hears."""

        def history(self, samples: list[Sample]) -> None:
            """The samples of the last two minutes, after connecting."""

        def sample(self, sample: Sample) -> None:
            """Another one, every second."""


class Monitor:
    """Takes a sample a second while there are watchers.

    :param push: sends a sample to all of them
    """

    def __init__(
        self, house: House, push: Callable[[Sample], Any], interval: float = INTERVAL
    ) -> None:
        self._house = house
        self._push = push
        self._interval = interval
        self._lock = threading.Lock()
        self._watchers: set[str] = set()
        self._samples: deque[Sample] = deque(maxlen=KEPT)
        self._end: threading.Event | None = None

    @property
    def running(self) -> bool:
        return self._end is not None

    def watch(self, sid: str) -> list[Sample]:
        """Count a watcher in; returns the samples of the last two minutes."""
        with self._lock:
            self._watchers.add(sid)
            if self._end is None:
                self._samples.clear()
                self._end = threading.Event()
                # A greenlet where the server has patched Python, a thread where it has not.
                threading.Thread(
                    target=self._run, args=(self._end,), name=LOOP, daemon=True
                ).start()
            return list(self._samples)

    def unwatch(self, sid: str) -> None:
        """Count a watcher out; the last one ends the loop."""
        with self._lock:
            self._watchers.discard(sid)
            if not self._watchers and self._end is not None:
                self._end.set()
                self._end = None

    def _run(self, end: threading.Event) -> None:
        gauge = Gauge(self._house.said)
        due = time.monotonic() + self._interval
        while not end.wait(max(0.0, due - time.monotonic())):
            late = time.monotonic() - due
            sample = gauge.read(self._house.said)
            sample["late"] = round(max(0.0, late) * 1000, 2)
            sample["pages"] = len(self._watchers)
            sample["people"] = self._house.headcount
            self._samples.append(sample)
            try:
                self._push(sample)
            except Exception:
                # One sample that did not get out must not be the last one.
                log.exception("a sample of the load could not be sent")
            due = max(due + self._interval, time.monotonic())


class Gauge:
    """What this process uses, from one reading to the next.

    :param said: statements since the start
    """

    def __init__(self, said: int) -> None:
        self._at = time.monotonic()
        self._cpu = time.process_time()
        self._said = said

    def read(self, said: int) -> Sample:
        """``at`` (milliseconds since the epoch), ``cpu`` (percent of one core),
        ``memory`` (MiB) and ``said`` (statements a second)."""
        at, cpu = time.monotonic(), time.process_time()
        elapsed = max(at - self._at, 1e-6)
        sample = {
            "at": round(time.time() * 1000),
            "cpu": round(100 * (cpu - self._cpu) / elapsed, 1),
            "memory": round(resident() / 2**20, 1),
            "said": round((said - self._said) / elapsed, 1),
        }
        self._at, self._cpu, self._said = at, cpu, said
        return sample


def resident() -> int:
    """Bytes of memory this process occupies; where that can't be read, the most it ever did."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
