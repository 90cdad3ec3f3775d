"""Several processes on one page."""

from __future__ import annotations

import math

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pyramid_sio.errors import ProtocolError
from pyramid_sio.metrics.gathering import Gathered, dump, load


def registry(number: float) -> CollectorRegistry:
    made = CollectorRegistry()
    Counter("events", "How many.", ("kind",), registry=made).labels("a").inc(number)
    Gauge("level", "How high.", registry=made).set(number)
    Gauge("mine", "Mine.", ("worker",), registry=made).labels("bee").set(1)
    Histogram("took", "Seconds.", buckets=(1, 2), registry=made).observe(number)
    return made


def lines(*args: object) -> set[str]:
    text: str = generate_latest(Gathered(*args)).decode()  # type: ignore[arg-type]
    return {line for line in text.splitlines() if "_created" not in line}


def test_each_number_says_whose_it_is() -> None:
    found = lines(registry(1), 1, {2: dump(registry(3).collect()), 3: None})
    assert {
        'events_total{kind="a",worker="1"} 1.0',
        'events_total{kind="a",worker="2"} 3.0',
        'level{worker="1"} 1.0',
        'level{worker="2"} 3.0',
        'mine{exported_worker="bee",worker="1"} 1.0',
        'took_bucket{le="1.0",worker="1"} 1.0',
        'took_bucket{le="+Inf",worker="2"} 1.0',
        'took_sum{worker="2"} 3.0',
        'sio_worker_up{worker="1"} 1.0',
        'sio_worker_up{worker="2"} 1.0',
        'sio_worker_up{worker="3"} 0.0',
    } <= found


def test_each_name_is_explained_once() -> None:
    text = generate_latest(Gathered(registry(1), 1, {2: dump(registry(2).collect())})).decode()  # type: ignore[arg-type]
    for name in ("events_total", "level", "took"):
        assert text.count(f"# TYPE {name} ") == 1


def test_one_that_is_alone() -> None:
    assert 'level{worker="1"} 1.0' in lines(registry(1), 1, {})


def test_numbers_that_json_does_not_know() -> None:
    (level,) = (one for one in load(dump(registry(math.inf).collect())) if one.name == "level")
    assert level.samples[0].value == math.inf


@pytest.mark.parametrize("data", [b"", b"no", b"[1]", b"{}x", b'[["a"]]', b'[["a","b","c","d",5]]'])
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        load(data)


def test_an_answer_that_is_none_counts_as_none() -> None:
    found = lines(registry(1), 1, {2: b"no"})
    assert 'sio_worker_up{worker="2"} 0.0' in found
