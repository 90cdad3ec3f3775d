from __future__ import annotations

import logging

import pytest

from pyramid_sio.engine.complaints import LINES_PER_SECOND, LONGEST_DETAIL, Complaints
from tests.fakes import FakeClock

logger = logging.getLogger(__name__)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def complaints(clock: FakeClock) -> Complaints:
    return Complaints(logger, clock)


def test_says_rule_peer_and_detail(
    complaints: Complaints, caplog: pytest.LogCaptureFixture
) -> None:
    complaints.add("too much", "192.0.2.1 abcdef...", 42)

    (record,) = caplog.records
    assert record.getMessage() == "too much [192.0.2.1 abcdef...]: 42"
    assert record.levelno == logging.WARNING


def test_a_few_lines_a_second_for_each_rule(
    complaints: Complaints, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(10_000):
        complaints.add("flood", "peer")
    complaints.add("another", "peer")
    assert len(caplog.records) == LINES_PER_SECOND + 1

    caplog.clear()
    clock.advance(1)
    complaints.add("flood", "peer")
    complaints.add("flood", "peer")

    left_out = 10_000 - LINES_PER_SECOND
    assert [record.getMessage() for record in caplog.records] == [
        f"flood [peer]:  ({left_out} more left out)",
        "flood [peer]: ",
    ]


def test_a_peers_words_stay_on_one_short_line(
    complaints: Complaints, caplog: pytest.LogCaptureFixture
) -> None:
    complaints.add("bad", "peer", "%s %d \n\x1b[31m" + "é" * 1000)

    message = caplog.records[0].getMessage()
    assert message.startswith(r"bad [peer]: %s %d \n\x1b[31m\xe9")
    assert message.isascii()
    assert message.isprintable()
    assert len(message) <= 4 * LONGEST_DETAIL + 20


def test_what_the_application_raised_is_shown_within_the_same_limit(
    complaints: Complaints, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        complaints.add("a handler failed", "peer", "event 'x'", ValueError("on purpose"))

    assert len(caplog.records) == LINES_PER_SECOND
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert "ValueError: on purpose" in caplog.text
