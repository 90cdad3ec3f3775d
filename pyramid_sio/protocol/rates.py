"""How often something may happen: rates as people write them, and token buckets.

Upstream: ``@on(rate=...)``, settings, and ``sockets.limits``. Nothing here knows a clock:
the time is an argument.
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: Seconds in a period, by its letter.
PERIODS = {"s": 1, "m": 60, "h": 3600}
#: How much of a token may be missing to rounding: someone exactly on time is not refused.
ROUNDING = 1e-6
#: Beyond this a limit limits nothing, and sums lose precision.
MOST = 10**9

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*([smh])(?:\s+burst\s+(\d+))?", re.ASCII)


class Rate(NamedTuple):
    """What a bucket holds, and how fast it fills.

    :param per_second: tokens that come back each second
    :param burst: tokens there are when it is full
    :param text: as it was written, for messages
    """

    per_second: float
    burst: float
    text: str


def parse_rate(text: str) -> Rate:
    """``'20/s'``, ``'100/m'`` or ``'1000/h'``, with ``'burst 50'`` behind it or not.

    Without a burst as many may come at once as in one period, and at least one.

    :raises ValueError: it is written otherwise, or is no sensible number
    """
    found = _RATE.fullmatch(text.strip())
    if found is None:
        raise ValueError("a rate looks like 20/s, 100/m or 100/s burst 200")
    number, period, burst = found.groups()
    count = float(number)
    size = float(burst) if burst else max(count, 1.0)
    if not 0 < count <= MOST or not 1 <= size <= MOST:
        raise ValueError("a rate is above 0, and its burst at least 1")
    return Rate(count / PERIODS[period], size, " ".join(text.split()))


class Bucket:
    """Tokens of one kind for one holder; full at first.

    :param now: seconds, from any clock; the same for all calls
    """

    __slots__ = ("_at", "_tokens", "rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self.rate = rate
        self._tokens = rate.burst
        self._at = now

    def __repr__(self) -> str:
        return f"<Bucket {self.rate.text} with {self._tokens:.1f}>"

    def take(self, now: float) -> bool:
        """Take a token; False, and nothing is taken, if there is none."""
        self._fill(now)
        if self._tokens < 1 - ROUNDING:
            return False
        self._tokens -= 1
        return True

    def until_full(self, now: float) -> float:
        """Seconds until it is full again; 0 if it is."""
        self._fill(now)
        return (self.rate.burst - self._tokens) / self.rate.per_second

    def _fill(self, now: float) -> None:
        # A clock that went back gives nothing, and what was given once is not given again.
        if now > self._at:
            filled = self._tokens + (now - self._at) * self.rate.per_second
            self._tokens = min(filled, self.rate.burst)
            self._at = now
