from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from pyramid_sio.adapters.redis_pubsub import ClassicLine
from tests.adapters.members import new_adapter, new_link
from tests.contract.cluster import ClusterContract, NewFactory
from tests.support import Redis


class TestContract(ClusterContract):
    @pytest.fixture(params=[False, True], ids=["common", "specific"])
    def new_factory(
        self, request: pytest.FixtureRequest, shared_redis: Redis
    ) -> Iterator[NewFactory]:
        with ExitStack() as running:
            yield lambda: new_adapter(
                partial(ClassicLine, new_link(shared_redis.url, running)),
                key="socket.io",
                specific=request.param,
            )
