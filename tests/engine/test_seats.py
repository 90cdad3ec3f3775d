from __future__ import annotations

import logging
from typing import Any

import gevent
import pytest

from pyramid_sio.engine.seats import QUICK_ANSWERS, SILENCE, Seats
from pyramid_sio.engine.session import Session
from pyramid_sio.engine.transports.polling import PollingTransport
from pyramid_sio.errors import DisconnectReason, LimitExceeded, OverlapError
from pyramid_sio.protocol.packets import Message
from tests.engine.conftest import heard
from tests.fakes import FakeClock, until


class FakeTransport:
    """Tells how long it was asked to wait, and waits until it is told to go on."""

    def __init__(self) -> None:
        self.patience: list[float | None] = []
        self.go_on = gevent.event.Event()

    def poll(self, patience: float | None = None) -> Any:
        self.patience.append(patience)
        self.go_on.wait()
        return self


@pytest.fixture
def seats(clock: FakeClock) -> Seats:
    return Seats(lambda: 2, clock)


def begin(seats: Seats, transport: Any) -> gevent.Greenlet:
    greenlet = gevent.spawn(seats.poll, transport)
    gevent.sleep(0)
    return greenlet


def test_as_many_as_there_are_seats_wait_for_as_long_as_it_takes(seats: Seats) -> None:
    transport = FakeTransport()
    first, second = begin(seats, transport), begin(seats, transport)
    assert (transport.patience, seats.taken) == ([None, None], 2)
    transport.go_on.set()
    assert (first.get(), second.get(), seats.taken) == (transport, transport, 0)


def test_the_others_wait_the_longer_the_more_they_are(seats: Seats) -> None:
    sitting, hurried = FakeTransport(), FakeTransport()
    polls = [begin(seats, transport) for transport in [sitting] * 2 + [hurried] * 3]
    one = 1 / QUICK_ANSWERS
    assert hurried.patience == pytest.approx([one, 2 * one, 3 * one])
    for transport in (sitting, hurried):
        transport.go_on.set()
    gevent.joinall(polls)
    assert (seats.taken, seats.hurried) == (0, 0)


def test_a_hurried_poll_says_that_there_is_nothing(polling: Session) -> None:
    seats = Seats(lambda: 0)
    assert isinstance(polling.transport, PollingTransport)
    assert seats.poll(polling.transport).body == b"6"
    polling.send(Message(b'2["a"]'))
    assert seats.poll(polling.transport).body == b'42["a"]'


def test_a_second_poll_of_one_client_frees_its_seat(polling: Session, seats: Seats) -> None:
    assert isinstance(polling.transport, PollingTransport)
    waiting = begin(seats, polling.transport)
    with pytest.raises(OverlapError):
        seats.poll(polling.transport)
    waiting.get()
    assert seats.taken == 0


def test_too_few_seats_are_told_once_a_minute(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    seats = Seats(lambda: 0, clock)
    transport: Any = FakeTransport()
    transport.go_on.set()
    with caplog.at_level(logging.WARNING, "pyramid_sio.engine"):
        for _ in range(3):
            seats.poll(transport)
        clock.advance(SILENCE)
        seats.poll(transport)
    assert [record.getMessage()[:44] for record in caplog.records] == [
        "more clients poll than the 0 that may wait i"
    ] * 2


def test_a_post_waits_in_a_seat(polling: Session, seats: Seats) -> None:
    assert isinstance(polling.transport, PollingTransport)
    seats.wait_until_ready(polling.transport)
    polling.lane.paused = True
    waiting = gevent.spawn(seats.wait_until_ready, polling.transport)
    until(lambda: seats.taken == 1)
    polling.lane.paused = False
    polling.resume()
    waiting.get()
    assert seats.taken == 0


def test_a_post_that_finds_no_seat_ends_its_session(polling: Session) -> None:
    assert isinstance(polling.transport, PollingTransport)
    polling.lane.paused = True
    with pytest.raises(LimitExceeded, match="no thread is free"):
        Seats(lambda: 0).wait_until_ready(polling.transport)
    assert heard(polling).reasons == [DisconnectReason.TRANSPORT_ERROR]
