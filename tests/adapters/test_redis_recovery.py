"""What clients of one server get while their events go through a stream that may be away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any

import pytest

from pyramid_sio.adapters.redis_recovery import StreamsRecoveryAdapter
from pyramid_sio.adapters.redis_streams import StreamOptions, StreamReader, StreamsLine
from pyramid_sio.protocol.cluster_values import ValueEncoder
from pyramid_sio.protocol.socket_v5 import Encoder
from tests.adapters.members import COMPLAINTS, new_link
from tests.contract.cluster import Server, in_loop
from tests.fakes import until
from tests.support import Redis


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with closing(Redis(tmp_path)) as server:
        server.expect("Ready to accept connections")
        yield server


@pytest.fixture
def server(redis: Redis) -> Iterator[Server]:
    with ExitStack() as running:
        link = new_link(redis.url, running, timeout=1.0)
        options = StreamOptions(
            name="socket.io", count=1, max_length=1000, read_count=100, sharded=False
        )
        reader = StreamReader(link, options, block=0.2, in_loop=in_loop, complaints=COMPLAINTS)
        encoder = ValueEncoder()
        line = partial(
            StreamsLine,
            link,
            reader=reader,
            prefix="socket.io",
            encoder=encoder,
            complaints=COMPLAINTS,
        )
        server = Server(
            partial(
                StreamsRecoveryAdapter,
                new_line=line,
                timeout=2.0,
                complaints=COMPLAINTS,
                encoder=Encoder(),
                seconds=60.0,
                key_prefix="sio:session:",
                patience=1.0,
            )
        )
        running.callback(server.close)
        until(lambda: reader.positions and link.up, what="the reader to begin")
        yield server


def names(client: Any) -> list[Any]:
    return [event.partition('"')[2].partition('"')[0] for event in client.sent]


def test_an_event_comes_with_its_place_in_the_stream(server: Server) -> None:
    client, _ = server.connect()
    server.nsp.emit("a")
    assert client.sent == []
    until(lambda: client.sent, what="the event")
    server.nsp.volatile.emit("b")
    first, second = client.sent
    # A volatile event is in no place of its own.
    assert first.partition(",")[2] == second.partition(",")[2]
    assert first.endswith('-0"]')


def test_events_come_without_redis_and_in_order(server: Server, redis: Redis) -> None:
    client, _ = server.connect()
    server.nsp.emit("a")
    redis.signal(SIGSTOP)
    for name in "bcd":
        server.nsp.emit(name)
    until(lambda: names(client)[-1:] == ["d"], what="events although Redis is frozen")
    assert names(client) == list("abcd")
    server.nsp.emit("e")
    assert names(client) == list("abcde")
    redis.signal(SIGCONT)
    until(lambda: server.nsp.adapter._line.link.up, what="Redis")  # type: ignore[attr-defined]
    server.nsp.emit("f")
    until(lambda: "f" in names(client), what="the last event")
    assert names(client) == list("abcdef")
