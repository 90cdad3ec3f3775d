"""A house that several processes live in; what one house does is in test_rooms.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from demo.records import Entry
from demo.shared import SharedHouse
from demo.words import Refusal
from tests.support import Redis, wait_until


@pytest.fixture
def build(shared_redis: Redis) -> Iterator[Callable[..., SharedHouse]]:
    """Makes houses that share one state."""
    prefix = uuid4().hex
    with ExitStack() as houses:
        yield lambda **options: houses.enter_context(
            closing(SharedHouse(shared_redis.url, prefix=prefix, **options))
        )
    with redis.Redis.from_url(shared_redis.url) as client:
        client.delete(*client.keys(f"{prefix}:*"))


def test_people_and_words_are_seen_from_everywhere(build: Callable[..., SharedHouse]) -> None:
    here, there = build(), build()
    here.enter("1", "Ada")
    here.say("1", "lobby", "hello")
    there.enter("2", "Ben")
    there.join("2", "kitchen")

    for house in (here, there):
        picture = house.picture("lobby")
        assert picture["people"] == ["Ada", "Ben"]
        assert "hello" in [entry.text for entry in picture["backlog"]]
        assert [room["name"] for room in house.directory()] == ["lobby", "kitchen"]
    with pytest.raises(Refusal):
        there.enter("3", "ada")
    ids = [entry.id for entry in here.picture("lobby")["backlog"]]
    assert ids == sorted(set(ids))


def test_who_goes_on_elsewhere_is_displaced(build: Callable[..., SharedHouse]) -> None:
    here, there = build(), build()
    token = here.enter("1", "Ada").token
    assert there.enter("2", "Ada", token).displaced == "1"
    assert here.depart("1") == []
    there.say("2", "lobby", "moved")


def test_people_of_a_dead_process_have_lost_their_connection(
    build: Callable[..., SharedHouse], shared_redis: Redis
) -> None:
    dead, alive = build(), build(lease=0.6)
    dead.enter("1", "Ada")
    dead.close()
    lost: list[Entry] = []
    alive.on_lost = lost.extend
    alive.enter("2", "Ben")
    assert alive.bury() == []
    # It says nothing more.
    with redis.Redis.from_url(shared_redis.url) as client:
        client.delete(dead._alive(dead._me))

    wait_until(lambda: lost, what="the loss of Ada to be noticed")
    assert [(entry.kind, entry.nick, entry.text) for entry in lost] == [
        ("leave", "Ada", "lost the connection")
    ]
    assert alive.picture("lobby")["people"] == ["Ben"]


def test_without_redis_each_goes_on_alone(tmp_path: Path) -> None:
    with closing(Redis(tmp_path)) as server:
        server.expect("Ready to accept connections")
        house = SharedHouse(server.url)
        house.enter("1", "Ada")
    house.say("1", "lobby", "anybody?")
    assert house.picture("lobby")["people"] == ["Ada"]
    assert house.bury() == []
    house.close()
