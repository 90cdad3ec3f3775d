"""Questions that all servers are asked, and that are asked anew until all have answered.

A question is complete when everybody to whom the bus has carried it has answered. Where that takes
long it is asked anew: of those who do not answer, some may have gone meanwhile, or have missed it.

Upstream: ``adapters.presence`` asks. Downstream: an ``IBus``. In the loop.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import gevent

from pyramid_sio.protocol.cluster_users import RoomName

if TYPE_CHECKING:
    from pyramid_sio.adapters.lines import IBus
    from pyramid_sio.interfaces import IComplaints

ID_BYTES = 8
#: Servers whose answers to one question are taken.
MAX_SERVERS = 10_000
#: How often a question is asked, within its time.
ROUNDS = 4
#: Seconds between two askings at least, whatever others say.
BREATH = 0.05


class Survey:
    """A question, and who has answered it.

    :param asked: the rooms it is about
    :param done: set when all have answered, or when it should be asked anew
    """

    __slots__ = ("_due", "answers", "asked", "done")

    def __init__(self, asked: frozenset[RoomName], done: Any) -> None:
        self.asked = asked
        self.done = done
        #: By server; None: the answer was no list of users.
        self.answers: dict[str, Iterable[Any] | None] = {}
        self._due: int | None = None

    @property
    def complete(self) -> bool:
        return self._due is not None and len(self.answers) >= self._due

    @property
    def full(self) -> bool:
        """Have more answered than there can be?"""
        return len(self.answers) >= MAX_SERVERS

    def restart(self) -> None:
        """Nobody has answered yet."""
        self.done.clear()
        self.answers.clear()
        self._due = None

    def expect(self, count: int) -> None:
        """So many servers have been asked."""
        self._due = count
        if self.complete:
            self.done.set()

    def hear(self, server: str, users: Iterable[Any] | None = None) -> None:
        if not self.complete and not self.full:
            self.answers[server] = users
            if self.complete:
                self.done.set()


class Surveys:
    """Those of one namespace.

    :param bus: carries questions
    :param channel: where to
    :param make_event: makes something to wait on
    :param timeout: seconds others may take to answer
    :param complaints: for those who do not
    """

    def __init__(
        self,
        bus: IBus,
        channel: str,
        *,
        make_event: Callable[[], Any],
        timeout: float,
        complaints: IComplaints,
    ) -> None:
        self.timeout = timeout
        self._bus = bus
        self._channel = channel
        self._make_event = make_event
        self._complaints = complaints
        self._surveys: dict[str, Survey] = {}

    def __len__(self) -> int:
        """Those that wait for answers."""
        return len(self._surveys)

    def ask(
        self,
        asked: frozenset[RoomName],
        question: Callable[[str], bytes],
        prepare: Callable[[float], Any],
    ) -> Survey:
        """Ask all servers and wait for their answers, as long as there is time.

        :param asked: the rooms it is about
        :param question: makes it, with an id
        :param prepare: waits until answers can be heard, until a moment
        :raises AdapterError: they cannot be asked
        """
        deadline = time.monotonic() + self.timeout
        id = secrets.token_hex(ID_BYTES)
        survey = self._surveys[id] = Survey(asked, self._make_event())
        try:
            prepare(deadline)
            self._ask(survey, question(id), deadline)
        finally:
            del self._surveys[id]
        return survey

    def _ask(self, survey: Survey, data: bytes, deadline: float) -> None:
        while not survey.complete:
            survey.restart()
            left = max(deadline - time.monotonic(), 0.0)
            survey.expect(self._bus.reach(self._channel, data, left))
            left = max(deadline - time.monotonic(), 0.0)
            survey.done.wait(min(left, self.timeout / ROUNDS))
            if survey.complete:
                return
            gevent.sleep(BREATH)
            if not survey.complete and time.monotonic() >= deadline - BREATH:
                self._complaints.add("a server did not say who is there", self._channel)
                return

    def get(self, id: str) -> Survey | None:
        """The one with this id, if its answers are still waited for."""
        return self._surveys.get(id)

    def ask_anew(self) -> None:
        """Who is there has changed: what is not answered yet may wait for who is gone."""
        for survey in self._surveys.values():
            survey.done.set()
