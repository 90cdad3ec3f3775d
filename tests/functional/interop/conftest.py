"""Clusters that all tests of this package share, one for each adapter: starting one takes longer
than most tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.conftest import start_servers
from tests.functional.members import ADAPTERS, Cluster, running_cluster
from tests.support import ending_together


@pytest.fixture(scope="package")
def find_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Cluster]]:
    """The cluster with an adapter. One of its Node.js servers uses ``ioredis``, one ``redis``."""
    made: dict[str, Cluster] = {}
    with ExitStack() as running, ending_together() as servers:
        serve = start_servers(servers, lambda: tmp_path_factory.mktemp("shared"))

        def find(name: str) -> Cluster:
            if name not in made:
                directory = tmp_path_factory.mktemp("redis")
                cluster = running_cluster(name, directory, serve, second="redis", allow_eio3="true")
                made[name] = running.enter_context(cluster)
            return made[name]

        yield find


@pytest.fixture(params=list(ADAPTERS))
def cluster(request: pytest.FixtureRequest, find_cluster: Callable[[str], Cluster]) -> Cluster:
    """It, with new clients; ``only("classic")`` is for tests that concern not all adapters."""
    found = find_cluster(request.param)
    found.gather()
    return found
