"""Each setting reaches the part that is made from it; nothing is connected here."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from pyramid_sio.adapters.redis_link import RedisLink
from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.plugin import redis_rooms
from pyramid_sio.plugin.settings import parse_settings
from pyramid_sio.protocol.cluster import Broadcast, ClientCount, Options
from pyramid_sio.protocol.socket_v5 import Encoder

COMPLAINTS = Complaints(logging.getLogger("test"))


class Kept(RedisLink):
    """A link that keeps what it is to do instead of doing it."""

    def __init__(self) -> None:
        super().__init__(
            "redis://127.0.0.1:1/0",
            in_loop=lambda func, *args: func(*args),
            complaints=COMPLAINTS,
        )
        self.commands: list[tuple[Any, ...]] = []
        self.subscribed: list[str] = []

    def command(self, *args: Any, resolve: Any = None) -> None:
        self.commands.append(args)

    def subscribe(self, name: Any, hear: Any, **options: Any) -> Any:
        self.subscribed.append(name)
        return super().subscribe(name, hear, **options)

    def supervise(self, name: str, body: Any) -> None: ...


@pytest.fixture
def link() -> Iterator[Kept]:
    made = Kept()
    yield made
    made.close()


def values(**sio: object) -> dict[str, Any]:
    return parse_settings({f"sio.{name}": str(value) for name, value in sio.items()})


def open_line(link: Kept, make: Any, **sio: object) -> Any:
    """A line for ``/chat`` that hears everything."""
    line = make(values(**sio), link=link, complaints=COMPLAINTS)("/chat")
    line.open(lambda envelope: None, lambda room: True)
    return line


def said(link: Kept, line: Any, room: str = "red") -> tuple[Any, ...]:
    """The command by which an event goes to a room."""
    link.commands.clear()
    line.send(Broadcast(Options(frozenset((room,))), lambda: ["news"]))
    (command,) = link.commands
    return command


class TestClassic:
    def test_as_javascript_does_by_default(self, link: Kept) -> None:
        line = open_line(link, redis_rooms.classic)
        assert link.subscribed[0] == "socket.io#/chat#*"
        assert link.subscribed[-1] == "socket.io-request#/chat#"
        assert said(link, line)[:2] == ("PUBLISH", "socket.io#/chat#red#")

    def test_another_prefix(self, link: Kept) -> None:
        line = open_line(link, redis_rooms.classic, redis_prefix="mine")
        assert all(name.startswith("mine") for name in link.subscribed)
        assert said(link, line)[1] == "mine#/chat#red#"
        assert line.prefix == "mine"

    @pytest.mark.parametrize("specific", [True, False])
    def test_whom_answers_go_to(self, link: Kept, specific: bool) -> None:
        line = open_line(link, redis_rooms.classic, redis_specific_responses=specific)
        link.commands.clear()
        line.answer(ClientCount("1", 0), "asker1")
        ((_, channel, _),) = link.commands
        assert channel == "socket.io-response#/chat#" + ("asker1#" if specific else "")


class TestSharded:
    @pytest.mark.parametrize(
        ("mode", "channel"),
        [("static", "x#/chat#"), ("dynamic", "x#/chat#red#"), ("dynamic-private", "x#/chat#red#")],
    )
    def test_prefix_and_mode(self, link: Kept, mode: str, channel: str) -> None:
        options = {"redis_prefix": "x", "redis_subscription_mode": mode}
        line = open_line(link, redis_rooms.sharded, **options)
        assert line.opens_rooms is (mode != "static")
        assert said(link, line)[:2] == ("SPUBLISH", channel)


class TestStreams:
    def test_as_javascript_does_by_default(self, link: Kept) -> None:
        line = open_line(link, redis_rooms.streams)
        assert said(link, line)[:5] == ("XADD", "socket.io", "MAXLEN", "~", 10_000)
        assert link.subscribed[0] == "socket.io#/chat#"

    def test_name_count_and_length(self, link: Kept) -> None:
        options = {"redis_stream_name": "s", "redis_stream_count": 4}
        line = open_line(link, redis_rooms.streams, redis_stream_max_length=7, **options)
        command = said(link, line)
        assert command[1][:2] == "s-"
        assert command[4] == 7

    @pytest.mark.parametrize(("timeout", "block"), [(1, 0.5), (100, redis_rooms.LONGEST_BLOCK)])
    def test_reading(self, link: Kept, timeout: int, block: float) -> None:
        line = open_line(
            link, redis_rooms.streams, redis_timeout=timeout, redis_stream_read_count=3
        )
        assert line.reader._block == block
        assert line.reader.options.read_count == 3

    @pytest.mark.parametrize(("sharded", "command"), [(True, "SPUBLISH"), (False, "PUBLISH")])
    def test_where_questions_go(self, link: Kept, sharded: bool, command: str) -> None:
        line = open_line(link, redis_rooms.streams, redis_stream_sharded_pubsub=sharded)
        link.commands.clear()
        line.send(Broadcast(Options(), lambda: ["question"], "1"))
        assert link.commands[0][:2] == (command, "socket.io#/chat#")


class TestAdapters:
    def test_times(self, link: Kept) -> None:
        found = values(requests_timeout=7, presence_interval=9)
        new_line = redis_rooms.classic(found, link=link, complaints=COMPLAINTS)
        adapter: Any = redis_rooms.cluster(found, new_line, COMPLAINTS)({})
        assert (adapter._timeout, adapter._presence_interval) == (7, 9)

    def test_recovery(self, link: Kept) -> None:
        found = values(
            recovery_seconds=30, redis_session_prefix="s:", disconnect_grace=4, presence_interval=9
        )
        new_line = redis_rooms.streams(found, link=link, complaints=COMPLAINTS)
        adapter: Any = redis_rooms.recovering(
            found, new_line, complaints=COMPLAINTS, encoder=Encoder()
        )({})
        assert (adapter._seconds, adapter._key_prefix, adapter._patience) == (30, "s:", 8)
        assert adapter._presence_interval == 9

    def test_objects_of_the_application_s_own(self, link: Kept) -> None:
        found = {**values(), "json_default": lambda value: "mine"}
        line: Any = redis_rooms.classic(found, link=link, complaints=COMPLAINTS)("/")
        assert line.encoder.json([object()]) == b'["mine"]'
