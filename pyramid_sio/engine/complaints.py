"""Log lines about what peers do wrong or make fail: named, without payload, and not too many.

A peer that breaks a rule, or a handler, ten thousand times a second must not fill a disk.
Each rule gets a few lines a second; how many were left out is said with the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from logging import ERROR, WARNING, Logger

#: Lines a rule may write in one second.
LINES_PER_SECOND = 5
#: How much of a peer's words a line shows.
LONGEST_DETAIL = 200


class Complaints:
    """A logger with a bound per rule.

    :param logger: where the lines go, at level WARNING; at ERROR with what was raised
    :param clock: seconds, monotonic
    """

    def __init__(self, logger: Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._windows: dict[str, list[float]] = {}

    def add(
        self, rule: str, peer: str, detail: object = "", error: BaseException | None = None
    ) -> None:
        """Say that ``peer`` broke ``rule``.

        :param rule: a fixed phrase, the same for all such cases; never a peer's words, because
            each is kept
        :param peer: an address and the start of a session id
        :param detail: which limit, which value; shown escaped and shortened
        :param error: what the application raised; its traceback follows the line
        """
        now = self._clock()
        window = self._windows.setdefault(rule, [now, 0, 0])
        if now - window[0] >= 1:
            window[0], window[1] = now, 0
        window[1] += 1
        if window[1] > LINES_PER_SECOND:
            window[2] += 1
            return
        left_out, window[2] = int(window[2]), 0
        suffix = f" ({left_out} more left out)" if left_out else ""
        shown = ascii(str(detail)[:LONGEST_DETAIL])[1:-1]
        level = WARNING if error is None else ERROR
        self._logger.log(level, "%s [%s]: %s%s", rule, peer, shown, suffix, exc_info=error)
