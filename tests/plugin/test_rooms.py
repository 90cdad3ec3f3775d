"""What rooms are made with, from the settings alone: nothing is connected here."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
from pyramid.exceptions import ConfigurationError

from pyramid_sio.adapters.bus_line import BusLine
from pyramid_sio.adapters.bus_recovery import BusRecoveryAdapter
from pyramid_sio.adapters.cluster import ClusterAdapter
from pyramid_sio.adapters.memory import MemoryAdapter
from pyramid_sio.adapters.memory_recovery import RecoveringAdapter
from pyramid_sio.adapters.redis_link import RedisLink
from pyramid_sio.adapters.redis_pubsub import ClassicLine
from pyramid_sio.adapters.redis_recovery import StreamsRecoveryAdapter
from pyramid_sio.adapters.redis_streams import StreamsLine
from pyramid_sio.engine import services
from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.plugin.rooms import Rooms, find_rooms
from pyramid_sio.plugin.settings import parse_settings
from pyramid_sio.protocol.socket_v5 import Encoder
from pyramid_sio.workers import member as members
from pyramid_sio.workers.member import Member

COMPLAINTS = Complaints(logging.getLogger("test"))
URL = "redis://user:secret@127.0.0.1:1/0"


@pytest.fixture
def link() -> Iterator[RedisLink]:
    made = RedisLink(URL, in_loop=lambda func, *args: func(*args), complaints=COMPLAINTS)
    yield made
    made.close()


@pytest.fixture
def member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Member]:
    """As one of several workers has it."""
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        made = Member(0, "AA", directory=tmp_path, control=ours, listeners=[])
        monkeypatch.setattr(members, "_current", made)
        # What is to begin with the server is not begun here.
        monkeypatch.setattr(services, "_services", WeakSet())
        yield made


def rooms(link: RedisLink | None = None, **sio: object) -> Rooms:
    values = parse_settings({f"sio.{name}": str(value) for name, value in sio.items()})
    return find_rooms(values, Encoder(), link=link, complaints=COMPLAINTS)


def adapter_of(found: Rooms) -> Any:
    return found.adapter_factory({})


class TestAlone:
    def test_in_memory(self) -> None:
        found = rooms()
        assert type(adapter_of(found)) is MemoryAdapter
        assert found.description == "in memory"
        assert not found.shared
        assert not found.foreign
        assert found.recovery is None

    def test_with_recovery(self) -> None:
        found = rooms(recovery="true", recovery_skip_checks="false")
        assert type(adapter_of(found)) is RecoveringAdapter
        assert found.recovery is not None
        assert not found.recovery.skip_checks

    def test_in_memory_all_the_same(self, link: RedisLink) -> None:
        assert type(adapter_of(rooms(link, adapter="memory"))) is MemoryAdapter


class TestRedis:
    @pytest.mark.parametrize(
        ("adapter", "line", "name"),
        [
            ("auto", ClassicLine, "redis"),
            ("redis", ClassicLine, "redis"),
            ("redis-sharded", BusLine, "redis-sharded"),
            ("redis-streams", StreamsLine, "redis-streams"),
        ],
    )
    def test_each_adapter(self, link: RedisLink, adapter: str, line: type, name: str) -> None:
        found = rooms(link, adapter=adapter)
        made = adapter_of(found)
        assert type(made) is ClusterAdapter
        assert type(made._new_line("/")) is line
        assert found.description == f"shared through redis://127.0.0.1:1/0 ({name})"
        assert found.shared
        assert found.foreign

    def test_streams_with_recovery(self, link: RedisLink) -> None:
        found = rooms(link, adapter="redis-streams", recovery="true")
        assert type(adapter_of(found)) is StreamsRecoveryAdapter
        assert found.recovery is not None

    @pytest.mark.parametrize("adapter", ["redis", "redis-sharded", "redis-streams"])
    def test_without_a_redis(self, adapter: str) -> None:
        with pytest.raises(ConfigurationError, match=rf"{adapter} needs sio\.redis_url"):
            rooms(adapter=adapter)

    @pytest.mark.parametrize("adapter", ["auto", "redis", "redis-sharded"])
    def test_recovery_where_nothing_is_kept(self, link: RedisLink, adapter: str) -> None:
        with pytest.raises(ConfigurationError, match="keeps nothing of what was sent"):
            rooms(link, adapter=adapter, recovery="true")


class TestWorkers:
    def test_shared_among_them(self, member: Member) -> None:
        found = rooms()
        made = adapter_of(found)
        assert type(made) is ClusterAdapter
        line = made._new_line("/chat")
        assert line.bus is member.bus
        assert line.prefix == "/socket.io/"
        assert found.description == "shared among workers"
        assert found.shared
        # JavaScript's servers speak no ZeroMQ.
        assert not found.foreign
        assert member.joined == "ZeroMQ"

    def test_one_bus_for_all_applications(self, member: Member) -> None:
        first, second = rooms(), rooms(path="/other/")
        lines = [adapter_of(found)._new_line("/") for found in (first, second)]
        assert lines[0].bus is lines[1].bus
        assert lines[0].prefix != lines[1].prefix

    def test_with_recovery(self, member: Member) -> None:
        found = rooms(recovery="true")
        assert type(adapter_of(found)) is BusRecoveryAdapter
        assert found.recovery is not None
        assert [owes() for owes in member.owes] == [False]

    def test_through_redis(self, member: Member, link: RedisLink) -> None:
        assert type(adapter_of(rooms(link))._new_line("/")) is ClassicLine
        assert member.bus is None
        assert member.joined == "Redis"

    def test_not_at_all(self, member: Member) -> None:
        assert type(adapter_of(rooms(adapter="memory"))) is MemoryAdapter
        assert member.bus is None
        assert member.joined.startswith("nothing")

    def test_zeromq_that_is_not_installed_is_named(
        self, member: Member, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "pyramid_sio.workers.bus", None)
        with pytest.raises(ConfigurationError, match=r"pip install 'pyramid_sio\[workers\]'"):
            rooms()
