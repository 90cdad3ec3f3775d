from __future__ import annotations

from pyramid_sio.admin.tally import Tally
from tests.fakes import FakeClock


def test_counts_by_second_kind_and_sort() -> None:
    clock = FakeClock(10.9)
    tally = Tally(clock)
    tally.add("in")
    tally.add("in", 4)
    tally.add("end", sort="ping timeout")
    clock.advance(0.2)
    tally.add("in")

    assert tally.take() == [
        {"timestamp": 10_000, "type": "in", "count": 5},
        {"timestamp": 10_000, "type": "end", "subType": "ping timeout", "count": 1},
        {"timestamp": 11_000, "type": "in", "count": 1},
    ]
    assert tally.take() == []
