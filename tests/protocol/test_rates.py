from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.protocol.rates import Bucket, Rate, parse_rate


class TestParse:
    @pytest.mark.parametrize(
        ("text", "per_second", "burst"),
        [
            ("20/s", 20, 20),
            ("120/m", 2, 120),
            ("3600/h", 1, 3600),
            ("0.5/s", 0.5, 1),
            ("100/s burst 200", 100, 200),
            ("  60 / m   burst  1 ", 1, 1),
            ("1/h burst 5", 1 / 3600, 5),
        ],
    )
    def test_good(self, text: str, per_second: float, burst: float) -> None:
        rate = parse_rate(text)
        assert rate.per_second == pytest.approx(per_second)
        assert rate.burst == burst

    def test_keeps_how_it_was_written(self) -> None:
        assert parse_rate(" 20/s  burst 5").text == "20/s burst 5"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "20",
            "/s",
            "20/",
            "20/d",
            "20/S",
            "-1/s",
            "0/s",
            "0.0/m burst 3",
            "1e9/s",
            "nan/s",
            "٢/s",
            "20/s burst",
            "20/s burst 0",
            "20/s burst 1.5",
            "20/sburst 3",
            "20/s burst 3 and more",
            "20/s\x00",
            "9999999999/s",
            "1/s burst 9999999999",
        ],
    )
    def test_bad(self, text: str) -> None:
        with pytest.raises(ValueError, match="a rate"):
            parse_rate(text)

    @given(st.text(alphabet="0123456789./smh burst\n", max_size=30))
    def test_anything_is_a_rate_or_an_error(self, text: str) -> None:
        try:
            rate = parse_rate(text)
        except ValueError:
            return
        assert rate.per_second > 0
        assert rate.burst >= 1
        assert parse_rate(rate.text) == rate


class TestBucket:
    def test_as_many_as_the_burst_and_then_as_the_rate(self) -> None:
        bucket = Bucket(parse_rate("10/s burst 3"), 100.0)
        assert [bucket.take(100.0) for _ in range(5)] == [True, True, True, False, False]
        assert not bucket.take(100.05)
        assert bucket.take(100.1)
        assert not bucket.take(100.1)
        assert [bucket.take(200.0) for _ in range(4)] == [True, True, True, False]

    def test_refusing_takes_nothing(self) -> None:
        bucket = Bucket(parse_rate("1/s"), 0.0)
        assert bucket.take(0.0)
        for step in range(1, 10):
            assert not bucket.take(step / 10)
        assert bucket.take(1.0)

    def test_until_full(self) -> None:
        bucket = Bucket(parse_rate("2/s burst 4"), 0.0)
        assert bucket.until_full(0.0) == 0
        assert [bucket.take(0.0) for _ in range(4)] == [True] * 4
        assert bucket.until_full(0.0) == pytest.approx(2)
        assert bucket.until_full(1.5) == pytest.approx(0.5)
        assert bucket.until_full(2.0) == 0

    def test_a_clock_that_goes_back_gives_nothing(self) -> None:
        bucket = Bucket(parse_rate("1/s"), 100.0)
        assert bucket.take(100.0)
        assert not bucket.take(50.0)
        assert not bucket.take(100.5)
        assert bucket.take(101.0)

    def test_says_how_full_it_is(self) -> None:
        assert repr(Bucket(parse_rate("2/s burst 4"), 0.0)) == "<Bucket 2/s burst 4 with 4.0>"


rates = st.builds(
    Rate,
    per_second=st.floats(0.01, 1000),
    burst=st.floats(1, 1000),
    text=st.just("fuzzed"),
)
gaps = st.lists(st.floats(0, 10) | st.just(0.0), min_size=1, max_size=200)


@given(rates, gaps)
def test_never_more_than_the_rate_allows(rate: Rate, gaps: list[float]) -> None:
    bucket = Bucket(rate, 0.0)
    now = 0.0
    taken: list[float] = []
    for gap in gaps:
        now += gap
        if bucket.take(now):
            taken.append(now)
    # In any stretch of time: what was in the bucket, and what came back.
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            allowed = rate.burst + (taken[last] - start) * rate.per_second
            assert last - first + 1 <= allowed * (1 + 1e-9) + 1e-5


@given(rates, st.integers(1, 300), st.floats(0, 1e6))
def test_who_keeps_to_the_rate_is_never_refused(rate: Rate, count: int, start: float) -> None:
    bucket = Bucket(rate, start)
    for number in range(count):
        assert bucket.take(start + number / rate.per_second * (1 + 1e-6) + number * 1e-9)


@given(rates, gaps)
def test_refused_only_for_a_reason(rate: Rate, gaps: list[float]) -> None:
    bucket = Bucket(rate, 0.0)
    now = 0.0
    for gap in gaps:
        now += gap
        if not bucket.take(now):
            assert bucket.until_full(now) > 0
            assert bucket.take(now + 1.001 / rate.per_second)
            now += 1.001 / rate.per_second
