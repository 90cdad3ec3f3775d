"""Who looks, and where; what servers tell each other for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyramid_sio.admin.audience import EVENT, LASTING, Audience
from pyramid_sio.errors import AckTimeout, AdapterError
from tests.fakes import FakeClock


class Room:
    """The admin namespace, and what happens to it."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.asked: list[tuple[Any, ...]] = []
        self.found: Callable[[], list[Any]] = list
        self.answers: Callable[[], list[Any]] = list

    def of(self, name: str) -> Room:
        assert name == "/admin"
        return self

    def server_side_emit(self, *args: Any, immediate: bool) -> None:
        assert immediate
        self.said.append(args)

    def server_side_call(self, *args: Any, timeout: float) -> list[Any]:
        self.asked.append(args)
        return self.answers()

    def fetch(self) -> list[Any]:
        return self.found()


class Here:
    """A client of this server."""

    sid = "here"
    socket = "there is a connection"


class There:
    """One of another."""

    sid = "there"


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def audience(room: Room, clock: FakeClock) -> Audience:
    return Audience(room, "/admin", shared=True, foreign=True, clock=clock)  # type: ignore[arg-type]


def failing(error: Exception) -> Callable[[], list[Any]]:
    def fail() -> list[Any]:
        raise error

    return fail


def test_somebody_elsewhere_is_there_for_a_while(audience: Audience, clock: FakeClock) -> None:
    audience.refresh()
    assert not audience.present
    audience.is_elsewhere()
    assert audience.present
    clock.advance(LASTING - 1)
    audience.refresh()
    assert audience.present
    clock.advance(1)
    audience.refresh()
    assert not audience.present


def test_somebody_here_is_announced(audience: Audience, room: Room) -> None:
    audience.announce()
    assert room.said == []
    audience.here["here"] = Here()  # type: ignore[assignment]
    audience.announce(newcomer="here")
    assert room.said == [(EVENT, {"newcomer": "here"})]


def test_alone_nobody_is_told(room: Room) -> None:
    audience = Audience(room, "/admin", shared=False, foreign=False)  # type: ignore[arg-type]
    audience.here["here"] = Here()  # type: ignore[assignment]
    audience.announce()
    assert room.said == []


def test_looks_for_somebody_elsewhere(audience: Audience, room: Room) -> None:
    room.found = lambda: [Here()]
    audience.probe()
    assert not audience.present
    room.found = lambda: [Here(), There()]
    audience.probe()
    assert audience.present


def test_servers_that_do_not_answer(
    audience: Audience, room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    there = There()
    room.found = failing(AckTimeout("1 of 2", [there]))
    assert list(audience.others_in(room)) == [there]  # type: ignore[arg-type]
    assert "admins do not see all clients of other servers: 1 of 2" in caplog.text
    room.found = failing(AdapterError("gone"))
    assert list(audience.others_in(room)) == []  # type: ignore[arg-type]
    assert "admins do not see clients of other servers: gone" in caplog.text


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [
        (lambda: [None, 5.0, "x"], 5.0),
        (list, 0.0),
        (failing(AckTimeout("1 of 2", [7])), 7.0),
        (failing(AdapterError("gone")), 0.0),
    ],
)
def test_sessions_that_others_know(
    audience: Audience, room: Room, answers: Callable[[], list[Any]], seconds: float
) -> None:
    room.answers = answers
    assert audience.remaining_elsewhere("key") == seconds
    assert room.asked == [(EVENT, {"session": "key"})]
