"""The adapters that join a process to others through Redis, from the settings.

Upstream: ``plugin.rooms``, and ``emitter``, which uses the lines alone.
Downstream: ``adapters``, for each namespace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pyramid_sio.adapters.bus_line import BusLine
from pyramid_sio.adapters.cluster import ClusterAdapter
from pyramid_sio.adapters.redis_bus import RedisBus
from pyramid_sio.adapters.redis_pubsub import ClassicLine
from pyramid_sio.adapters.redis_recovery import StreamsRecoveryAdapter
from pyramid_sio.adapters.redis_streams import StreamOptions, StreamReader, StreamsLine
from pyramid_sio.protocol.cluster_values import ValueEncoder

if TYPE_CHECKING:
    from pyramid_sio.adapters.lines import ILine
    from pyramid_sio.adapters.redis_link import RedisLink
    from pyramid_sio.interfaces import IAdapter, IComplaints, IEncoder
    from pyramid_sio.sockets.namespace import Namespace

#: Seconds a question for entries of a stream waits for them.
LONGEST_BLOCK = 5.0

#: What makes a line for a namespace of that name.
NewLine = Callable[[str], "ILine"]
AdapterFactory = Callable[["dict[str, Namespace]"], "IAdapter"]


def classic(values: Mapping[str, Any], *, link: RedisLink, complaints: IComplaints) -> NewLine:
    """As ``@socket.io/redis-adapter`` does by default."""
    return partial(
        ClassicLine,
        link,
        key=values["redis_prefix"],
        specific=values["redis_specific_responses"],
        encoder=ValueEncoder(values["json_default"]),
        complaints=complaints,
    )


def sharded(values: Mapping[str, Any], *, link: RedisLink, complaints: IComplaints) -> NewLine:
    """As its ``createShardedAdapter`` does."""
    return partial(
        BusLine,
        RedisBus(link, sharded=True),
        prefix=values["redis_prefix"],
        mode=values["redis_subscription_mode"],
        encoder=ValueEncoder(values["json_default"]),
        complaints=complaints,
    )


def streams(values: Mapping[str, Any], *, link: RedisLink, complaints: IComplaints) -> NewLine:
    """As ``@socket.io/redis-streams-adapter`` does."""
    options = StreamOptions(
        name=values["redis_stream_name"],
        count=values["redis_stream_count"],
        max_length=values["redis_stream_max_length"],
        read_count=values["redis_stream_read_count"],
        sharded=values["redis_stream_sharded_pubsub"],
    )
    reader = StreamReader(
        link,
        options,
        # Well before the connection is given up for saying nothing.
        block=min(values["redis_timeout"] / 2, LONGEST_BLOCK),
        in_loop=link.in_loop,
        complaints=complaints,
    )
    return partial(
        StreamsLine,
        link,
        reader=reader,
        prefix=values["redis_prefix"],
        encoder=ValueEncoder(values["json_default"]),
        complaints=complaints,
    )


def cluster(
    values: Mapping[str, Any], new_line: NewLine, complaints: IComplaints
) -> AdapterFactory:
    """An adapter for each namespace, on a line of its own."""
    return partial(
        ClusterAdapter,
        new_line=new_line,
        timeout=values["requests_timeout"],
        complaints=complaints,
        presence_interval=values["presence_interval"],
    )


def recovering(
    values: Mapping[str, Any], new_line: NewLine, *, complaints: IComplaints, encoder: IEncoder
) -> AdapterFactory:
    """The same on lines over streams, for clients that may come back.

    :param encoder: the server's
    """
    return partial(
        StreamsRecoveryAdapter,
        new_line=new_line,
        timeout=values["requests_timeout"],
        complaints=complaints,
        presence_interval=values["presence_interval"],
        encoder=encoder,
        seconds=values["recovery_seconds"],
        key_prefix=values["redis_session_prefix"],
        # An on_disconnect that waits for a handler, and then for something of its own.
        patience=2 * values["disconnect_grace"],
    )
