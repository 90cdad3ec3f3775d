"""Questions to other servers that have not been answered yet.

Upstream: ``adapters.cluster`` asks. Downstream: whoever waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyramid_sio.errors import AdapterError
from pyramid_sio.protocol.cluster import (
    ClientAck,
    ClientCount,
    Message,
    Rooms,
    ServerAnswer,
    Sockets,
)


class Question:
    """Clients of other servers were asked. See ``interfaces.IQuestion``.

    :param changed: called when an answer came
    :param count: finds out, in some seconds, how many servers there are
    :param forget: called when nobody waits any more
    """

    __slots__ = ("_changed", "_count", "_expected", "_forget", "_told", "answers", "clients")

    def __init__(
        self,
        changed: Callable[[], None],
        count: Callable[[float], int],
        forget: Callable[[], None],
    ) -> None:
        self.clients = 0
        self.answers: list[Any] = []
        self._changed = changed
        self._count = count
        self._forget = forget
        #: Servers that were asked; None: not known.
        self._expected: int | None = None
        #: Servers that have said how many clients they have.
        self._told = 0

    @property
    def complete(self) -> bool:
        return (
            self._expected is not None
            and self._told >= self._expected
            and len(self.answers) >= self.clients
        )

    def count(self, timeout: float) -> None:
        try:
            self._expected = self._count(timeout) - 1
        except AdapterError:
            # It may be that everybody answers; nobody can tell.
            return

    def hear(self, message: Message) -> None:
        if isinstance(message, ClientCount):
            self._told += 1
            self.clients += message.clients
        elif isinstance(message, ClientAck):
            self.answers.append(message.value)
        self._changed()

    def end(self) -> None:
        self._forget()


class Inquiry:
    """Other servers were asked something, and each is to answer once.

    :param count: how many
    :param done: set when they have
    """

    __slots__ = ("_count", "answers", "done")

    def __init__(self, count: int, done: Any) -> None:
        self.answers: list[Any] = []
        self.done = done
        self._count = count

    def hear(self, message: Message) -> None:
        match message:
            case Sockets(_, value) | Rooms(_, value) | ServerAnswer(_, value):
                self.answers.append(value)
        if len(self.answers) >= self._count:
            self.done.set()


class Questions:
    """Those of one namespace that wait, by id."""

    def __init__(self) -> None:
        self._waiting: dict[str, Question | Inquiry] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, id: str, question: Question | Inquiry) -> None:
        self._waiting[id] = question

    def forget(self, id: str) -> None:
        """Nobody waits any more. Idempotent."""
        self._waiting.pop(id, None)

    def answer(self, message: Any) -> None:
        """An answer came; one that nobody waits for is ignored."""
        question = self._waiting.get(message.request_id)
        if question is not None:
            question.hear(message)
