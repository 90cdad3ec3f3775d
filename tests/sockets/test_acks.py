from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.errors import AckTimeout
from pyramid_sio.sockets.acks import PendingAcks, to_callback, unwrap, wrap
from tests.fakes import FakeSession


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def acks() -> PendingAcks:
    return PendingAcks()


def test_each_answer_goes_to_who_waits_for_it(acks: PendingAcks, session: FakeSession) -> None:
    answers: list[Any] = []
    acks.add(session, 1, lambda args: answers.append((1, args)), None)
    acks.add(session, 2, lambda args: answers.append((2, args)), 5)
    acks.resolve(2, ["b"])
    acks.resolve(1, ["a"])
    assert answers == [(2, ["b"]), (1, ["a"])]
    assert session.live_timers == 0


def test_once(acks: PendingAcks, session: FakeSession) -> None:
    answers: list[Any] = []
    acks.add(session, 1, answers.append, 5)
    acks.resolve(1, ["a"])
    acks.resolve(1, ["again"])
    session.advance(10)
    acks.resolve_all()
    assert answers == [["a"]]


def test_unknown_ids_are_ignored(acks: PendingAcks) -> None:
    acks.resolve(99, [])


def test_too_late(acks: PendingAcks, session: FakeSession) -> None:
    answers: list[Any] = []
    acks.add(session, 1, answers.append, 5)
    session.advance(4.9)
    assert answers == []
    session.advance(0.2)
    assert answers == [None]
    acks.resolve(1, ["late"])
    assert answers == [None]


def test_the_end_resolves_all(acks: PendingAcks, session: FakeSession) -> None:
    answers: list[Any] = []
    acks.add(session, 1, answers.append, None)
    acks.add(session, 2, lambda args: acks.resolve(3, None), 5)
    acks.add(session, 3, answers.append, 5)
    acks.resolve_all()
    assert answers == [None, None]
    assert len(acks) == session.live_timers == 0


def test_hundred_thousand_that_timed_out_leave_nothing(
    acks: PendingAcks, session: FakeSession
) -> None:
    count = [0]

    def resolve(args: Any) -> None:
        count[0] += args is None

    for id in range(100_000):
        acks.add(session, id, resolve, 1 + id % 30)
    assert len(acks) == 100_000
    session.advance(31)
    assert count == [100_000]
    assert len(acks) == session.live_timers == 0


@pytest.mark.parametrize(
    ("args", "value"), [([], None), ([1], 1), ([None], None), ([1, 2], (1, 2)), ([[1]], [1])]
)
def test_unwrap(args: list[Any], value: Any) -> None:
    assert unwrap(args) == value


@pytest.mark.parametrize(
    ("value", "args"), [(None, ()), (1, (1,)), ((), ()), ((1, 2), (1, 2)), ([1, 2], ([1, 2],))]
)
def test_wrap(value: Any, args: tuple[Any, ...]) -> None:
    assert wrap(value) == args


class TestCallback:
    def run(self, *, with_error: bool, answer: Any) -> list[Any]:
        seen: list[Any] = []
        resolve = to_callback(lambda *args: seen.extend(args), _call, with_error=with_error)
        resolve(answer)
        return seen

    def test_gets_the_arguments(self) -> None:
        assert self.run(with_error=False, answer=["a", 1]) == ["a", 1]
        assert self.run(with_error=True, answer=["a", 1]) == [None, "a", 1]

    def test_hears_of_no_answer_only_if_it_asked_to(self) -> None:
        assert self.run(with_error=False, answer=None) == []
        (error,) = self.run(with_error=True, answer=None)
        assert isinstance(error, AckTimeout)


def _call(func: Any, args: Any) -> None:
    func(*args)
