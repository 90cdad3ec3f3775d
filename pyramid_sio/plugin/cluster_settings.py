"""The part of the settings' table that joins processes.

Upstream: ``plugin.settings`` puts all rows together.
"""

from __future__ import annotations

from pyramid.settings import asbool

from pyramid_sio.plugin.converters import count, one_of, seconds
from pyramid_sio.plugin.setting import Setting

CLUSTER_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "workers_buffer_size",
        count,
        "10_000_000",
        "Bytes that may be on the way to one other worker of this server, with workers in "
        "[server:main] and without Redis; one that does not keep up misses what is beyond.",
    ),
    Setting(
        "redis_url",
        str,
        "",
        "The Redis that joins several processes, such as redis://localhost:6379/0; empty: none.",
    ),
    Setting(
        "adapter",
        one_of("auto", "memory", "redis", "redis-sharded", "redis-streams"),
        "auto",
        "How rooms are shared with other processes: redis and its variants as the adapters of "
        "Node.js do, memory not at all; auto is redis where there is a sio.redis_url.",
    ),
    Setting(
        "requests_timeout",
        seconds,
        "5",
        "Seconds other servers may take to say whom they have, or which rooms.",
    ),
    Setting(
        "presence_interval",
        seconds,
        "3",
        "Seconds after which users at other servers are asked for again, while somebody watches "
        "them: so long do those of a server that was killed stay for who watches.",
    ),
    Setting(
        "redis_prefix",
        str,
        "socket.io",
        "What Redis channels begin with: the key or channelPrefix of Node.js servers.",
    ),
    Setting(
        "redis_specific_responses",
        asbool,
        "false",
        "Whether answers go to the server that asked only: publishOnSpecificResponseChannel. "
        "Saves work in large clusters.",
    ),
    Setting(
        "redis_subscription_mode",
        one_of("static", "dynamic", "dynamic-private"),
        "dynamic",
        "Which rooms have a channel of their own with redis-sharded; as all Node.js servers of "
        "the cluster have it, or messages are lost.",
    ),
    Setting(
        "redis_stream_name",
        str,
        "socket.io",
        "The stream of redis-streams: the streamName of Node.js servers.",
    ),
    Setting(
        "redis_stream_count",
        count,
        "1",
        "How many streams redis-streams spreads namespaces over: streamCount.",
    ),
    Setting(
        "redis_stream_max_length",
        count,
        "10_000",
        "About how many entries a stream keeps; a server, or a client with sio.recovery, that is "
        "away for more than that loses messages: maxLen.",
    ),
    Setting("redis_stream_read_count", count, "100", "Most entries read at once: readCount."),
    Setting(
        "redis_stream_sharded_pubsub",
        asbool,
        "false",
        "Whether questions between servers with redis-streams go over sharded pub/sub: "
        "useShardedPubSub.",
    ),
    Setting(
        "redis_session_prefix",
        str,
        "sio:session:",
        "What keys begin with under which clients are kept that may come back: sessionKeyPrefix.",
    ),
    Setting(
        "redis_timeout",
        seconds,
        "5",
        "Seconds Redis may take to answer before its connection is given up and made anew.",
    ),
    Setting(
        "redis_queue_size",
        count,
        "10_000_000",
        "Bytes that may wait for Redis while it is away; beyond that the oldest are dropped.",
    ),
)
