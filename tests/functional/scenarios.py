"""Runs what ``tests/js/scenarios`` holds, and tells how it went.

A scenario is a function of the official client's language; it fails by throwing. All of
them run in one Node.js, to which this speaks one line of JSON at a time.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import PATIENCE, Program


class Job:
    """One scenario that has been started."""

    def __init__(self, runner: Scenarios, number: int, name: str) -> None:
        self._runner = runner
        self._number = number
        self._name = name

    def expect(self, said: object) -> None:
        """Wait until the scenario says ``said``; fails the test if it says anything else."""
        news = self._runner.next_news(self._number)
        if news.get("said") != said:
            pytest.fail(f"{self._name}: expected {said!r}, got {self._text(news)}")

    def tell(self, text: str) -> None:
        """Say something to the scenario."""
        self._runner.write({"job": self._number, "tell": text})

    def result(self) -> Any:
        """Wait for its end, which has to be a good one; what it returned."""
        news = self._runner.next_news(self._number)
        if "result" not in news:
            pytest.fail(f"{self._name}: {self._text(news)}")
        return news["result"]

    @staticmethod
    def _text(news: dict[str, Any]) -> str:
        return str(news.get("error", news))


class Scenarios:
    """The Node.js that runs them.

    :param program: ``scenarios.js``, running
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._unread: dict[int, list[dict[str, Any]]] = {}
        self._last = 0

    def start(self, name: str, url: str, **options: object) -> Job:
        """Start ``<file>.<function>`` against a server.

        :param options: what the scenario finds in ``t.options``; ``transport`` decides how
            it connects: ``polling``, ``websocket``, or ``upgrade`` from one to the other
        """
        self._last += 1
        options.setdefault("patience", PATIENCE)
        self.write({"job": self._last, "scenario": name, "url": url, "options": options})
        return Job(self, self._last, name)

    def __call__(self, name: str, url: str, **options: object) -> Any:
        """Run a scenario to its end; what it returned."""
        return self.start(name, url, **options).result()

    def write(self, message: dict[str, Any]) -> None:
        self._program.write(json.dumps(message))

    def next_news(self, number: int) -> dict[str, Any]:
        """What the scenario with that number reports next."""
        # The scenario itself gives up after PATIENCE, and then says what it waited for.
        while True:
            kept = self._unread.get(number)
            if kept:
                return kept.pop(0)
            news: dict[str, Any] = json.loads(
                self._program.expect('{"job":', patience=PATIENCE + 10)
            )
            # Those of other scenarios are wanted later.
            self._unread.setdefault(news["job"], []).append(news)
