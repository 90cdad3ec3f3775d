"""How much happened in each second.

Upstream: ``admin.watch``. Downstream: the UI's curves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class Tally:
    """Counts by second, kind and sort. Whoever fills it has to :meth:`take` from it too.

    :param clock: returns seconds since 1970; replaced in tests
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counts: dict[tuple[int, str, str | None], int] = {}

    def add(self, kind: str, count: int = 1, sort: str | None = None) -> None:
        """Count something; ``sort`` tells some of a kind from others."""
        key = (int(self._clock()), kind, sort)
        self._counts[key] = self._counts.get(key, 0) + count

    def take(self) -> list[dict[str, Any]]:
        """What was counted since the last time, as the UI wants it; times in milliseconds."""
        counts, self._counts = self._counts, {}
        events: list[dict[str, Any]] = []
        for (second, kind, sort), count in counts.items():
            event: dict[str, Any] = {"timestamp": second * 1000, "type": kind}
            if sort is not None:
                event["subType"] = sort
            events.append({**event, "count": count})
        return events
