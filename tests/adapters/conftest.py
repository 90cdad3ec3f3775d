from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support import Redis


@pytest.fixture(scope="module")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A redis-server for the tests of one module."""
    with closing(Redis(tmp_path_factory.mktemp("redis"))) as server:
        server.expect("Ready to accept connections")
        yield server
