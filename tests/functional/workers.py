"""What tests of several workers share: their processes, and crowds of clients in Node.js."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from tests.support import PATIENCE, Node, Program, wait_until

WORKERS = {"workers": 2, "reload_spread": 1}


def children_of(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except FileNotFoundError:
        return False


def wait_gone(pids: set[int], what: str = "the workers to end") -> None:
    """Wait until workers have ended; others may have to start before, on a machine that is busy."""
    wait_until(lambda: not any(is_alive(pid) for pid in pids), what=what, patience=4 * PATIENCE)


def end(pids: set[int]) -> None:
    """Whatever a test has left behind."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class HasUrl(Protocol):
    @property
    def url(self) -> str: ...


class Crowd:
    """A script of ``tests/js`` that answers each command with a line of JSON.

    :param arguments: of the script, behind the server's address
    """

    def __init__(self, node: Node, script: str, server: HasUrl, *arguments: object) -> None:
        #: Of ``workers.js``: how many clients there are.
        self.total = sum(int(str(count)) for count in arguments)
        self._program: Program = node.start(script, server.url, *arguments)
        self.start = self._answer()

    def _answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._program.expect("{", patience=4 * PATIENCE))
        assert "error" not in answer, answer
        return answer

    def ask(self, command: str) -> dict[str, Any]:
        self._program.write(command)
        return self._answer()


NewCrowd = Callable[..., Crowd]
