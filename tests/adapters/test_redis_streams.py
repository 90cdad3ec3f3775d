from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from pyramid_sio.adapters.redis_streams import StreamOptions, StreamReader, StreamsLine
from tests.adapters.members import COMPLAINTS, new_adapter, new_link
from tests.contract.cluster import ClusterContract, NewFactory, in_loop
from tests.fakes import until
from tests.support import Redis


def new_streams(url: str, running: ExitStack, **options: Any) -> Any:
    link = new_link(url, running)
    usual: dict[str, Any] = {
        "name": "socket.io",
        "count": 1,
        "max_length": 10_000,
        "read_count": 100,
        "sharded": False,
    }
    reader = StreamReader(
        link,
        StreamOptions(**{**usual, **options}),
        block=1.0,
        in_loop=in_loop,
        complaints=COMPLAINTS,
    )
    reader.open()
    until(lambda: reader.positions, what="the reader to know where it begins")
    return new_adapter(partial(StreamsLine, link), reader=reader, prefix="socket.io")


class TestContract(ClusterContract):
    @pytest.fixture(params=["plain", "sharded", "three"])
    def new_factory(
        self, request: pytest.FixtureRequest, shared_redis: Redis
    ) -> Iterator[NewFactory]:
        options = {"sharded": request.param == "sharded"}
        if request.param == "three":
            options |= {"count": 3, "name": "stream"}
        with ExitStack() as running:
            yield lambda: new_streams(shared_redis.url, running, **options)
