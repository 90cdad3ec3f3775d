"""Claims kept by a real Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from pyramid_sio.adapters.redis_claims import RedisClaims
from pyramid_sio.adapters.redis_link import RedisLink
from pyramid_sio.errors import AdapterError
from tests.support import PATIENCE, Redis, free_port


class Silent:
    def add(self, *args: object, **options: object) -> None: ...


def new_link(url: str) -> RedisLink:
    return RedisLink(
        url, in_loop=lambda func, *args: func(*args), complaints=Silent(), timeout=PATIENCE
    )


@pytest.fixture
def links(shared_redis: Redis) -> Iterator[list[RedisLink]]:
    made = [new_link(shared_redis.url) for _ in range(2)]
    yield made
    for link in made:
        link.close()


def test_the_first_one_gets_it(links: list[RedisLink], shared_redis: Redis) -> None:
    one, two = (RedisClaims(link, "claims:", 600) for link in links)
    assert [one.claim("a"), two.claim("a"), one.claim("a"), two.claim("b")] == [
        True,
        False,
        False,
        True,
    ]
    with redis.Redis.from_url(shared_redis.url) as direct:
        assert 590_000 < direct.pttl("claims:a") <= 600_000
        direct.delete("claims:a", "claims:b")


def test_nobody_gets_it_without_redis() -> None:
    link = new_link(f"redis://127.0.0.1:{free_port()}")
    try:
        with pytest.raises(AdapterError, match="Redis"):
            RedisClaims(link, "claims:", 600).claim("a")
    finally:
        link.close()


def test_nobody_gets_it_from_a_redis_that_keeps_nothing(
    links: list[RedisLink], shared_redis: Redis
) -> None:
    claims = RedisClaims(links[0], "claims:", 600)
    with redis.Redis.from_url(shared_redis.url) as direct:
        direct.config_set("maxmemory", "1")
        try:
            with pytest.raises(AdapterError, match=r"Redis refused SET: .*maxmemory"):
                claims.claim("c")
        finally:
            direct.config_set("maxmemory", "0")
