from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest
import redis

from pyramid_sio.adapters.bus_line import MODES, BusLine
from pyramid_sio.adapters.redis_bus import RedisBus
from pyramid_sio.errors import AdapterError
from tests.adapters.members import new_adapter, new_link
from tests.contract.cluster import ClusterContract, NewFactory
from tests.fakes import until
from tests.support import PATIENCE, Redis


class TestShardedContract(ClusterContract):
    @pytest.fixture(params=MODES)
    def new_factory(
        self, request: pytest.FixtureRequest, shared_redis: Redis
    ) -> Iterator[NewFactory]:
        with ExitStack() as running:
            yield lambda: new_adapter(
                partial(BusLine, RedisBus(new_link(shared_redis.url, running), sharded=True)),
                prefix="socket.io",
                mode=request.param,
            )


NewBus = Callable[[], RedisBus]


@pytest.fixture(params=[False, True], ids=["plain", "sharded"])
def new_bus(request: pytest.FixtureRequest, shared_redis: Redis) -> Iterator[NewBus]:
    with ExitStack() as running:
        yield lambda: RedisBus(new_link(shared_redis.url, running), sharded=request.param)


class TestReaching:
    def test_everybody_who_hears_is_counted_once(self, new_bus: NewBus) -> None:
        here, there = new_bus(), new_bus()
        heard: list[bytes] = []
        assert here.reach("reached", b"0", PATIENCE) == 0
        for _ in range(2):
            there.subscribe("reached", lambda channel, data: heard.append(data))
        until(lambda: there.count("reached", PATIENCE) == 1, what="it to be heard")
        assert here.reach("reached", b"1", PATIENCE) == 1
        assert there.reach("reached", b"2", PATIENCE) == 1
        until(lambda: len(heard) == 4, what="both to be heard")
        assert heard == [b"1", b"1", b"2", b"2"]

    def test_in_order_with_what_is_only_sent(self, new_bus: NewBus) -> None:
        here, there = new_bus(), new_bus()
        heard: list[bytes] = []
        there.subscribe("ordered", lambda channel, data: heard.append(data))
        until(lambda: here.count("ordered", PATIENCE) == 1, what="it to be heard")
        for number in range(20):
            here.publish("ordered", b"%d" % (2 * number))
            here.reach("ordered", b"%d" % (2 * number + 1), PATIENCE)
        until(lambda: len(heard) == 40, what="all to be heard")
        assert [int(data) for data in heard] == list(range(40))

    def test_redis_that_is_not_reached(self) -> None:
        with ExitStack() as running:
            bus = RedisBus(new_link("redis://127.0.0.1:1/0", running), sharded=False)
            with pytest.raises(AdapterError):
                bus.reach("c", b"1", 1.0)

    def test_redis_that_refuses(self, shared_redis: Redis) -> None:
        with ExitStack() as running:
            direct = running.enter_context(redis.Redis.from_url(shared_redis.url))
            direct.acl_setuser(
                "mute", enabled=True, passwords=["+pw"], categories=["+@all"], commands=["-publish"]
            )
            url = shared_redis.url.replace("redis://", "redis://mute:pw@")
            bus = RedisBus(new_link(url, running), sharded=False)
            with pytest.raises(AdapterError, match="refused a question"):
                bus.reach("c", b"1", PATIENCE)


class TestBeginning:
    def test_told_when_redis_has_confirmed_it(self, new_bus: NewBus) -> None:
        bus = new_bus()
        began: list[bool] = []
        subscription = bus.subscribe(
            "begun", lambda channel, data: None, lambda: began.append(subscription.active)
        )
        until(lambda: began, what="the subscription to begin")
        assert began == [True]
        # One more of a name that is heard already.
        bus.subscribe("begun", lambda channel, data: None, lambda: began.append(True))
        assert began == [True, True]

    def test_told_again_after_the_connection_was_lost(
        self, new_bus: NewBus, shared_redis: Redis
    ) -> None:
        bus = new_bus()
        began: list[int] = []
        bus.subscribe("again", lambda channel, data: None, lambda: began.append(1))
        until(lambda: began, what="the subscription to begin")
        with redis.Redis.from_url(shared_redis.url) as direct:
            direct.client_kill_filter(_type="pubsub")
        until(lambda: len(began) == 2, what="it to begin again")

    def test_one_that_fails_stops_nobody(self, new_bus: NewBus) -> None:
        bus = new_bus()
        heard: list[bytes] = []
        bus.subscribe("failing", lambda channel, data: heard.append(data), lambda: 1 / 0)
        until(lambda: bus.count("failing", PATIENCE) == 1, what="the subscription")
        bus.publish("failing", b"1")
        until(lambda: heard, what="it to be heard")
