"""Time that passes when a test says so.

Upstream: tests. Downstream: the engine's clock and its timer wheel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class VirtualClock:
    """Seconds that pass when told to; what calls it gets the time.

    Given to ``SioTestApp(app, clock=...)`` it moves heartbeats and all the time-outs of
    ``sio.*`` settings, those of acknowledgements included. ``time.sleep`` in handlers does not
    hear of it.
    """

    def __init__(self, now: float = 1000.0) -> None:
        #: The time, in seconds.
        self.now = now
        self._followers: list[Callable[[float], Any]] = []

    def __call__(self) -> float:
        return self.now

    def follow(self, follower: Callable[[float], Any]) -> None:
        """Have ``follower(until)`` move :attr:`now` there, and do what is due on the way. Not for
        applications: ``SioTestApp`` calls it."""
        self._followers.append(follower)

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due in it has happened when this returns, in order."""
        until = self.now + seconds
        for follower in self._followers:
            follower(until)
        self.now = until
