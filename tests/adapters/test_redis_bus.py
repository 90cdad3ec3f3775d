from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from pyramid_sio.adapters.bus_line import MODES, BusLine
from pyramid_sio.adapters.redis_bus import RedisBus
from tests.adapters.members import new_adapter, new_link
from tests.contract.cluster import ClusterContract, NewFactory
from tests.support import Redis


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
