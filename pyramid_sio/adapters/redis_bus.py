"""Redis as a bus of named channels, sharded or not.

Upstream: ``adapters.bus_line`` and ``adapters.redis_streams``.
Downstream: ``adapters.redis_link``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from pyramid_sio.adapters.redis_topics import Kind
from pyramid_sio.errors import AdapterError

if TYPE_CHECKING:
    from pyramid_sio.adapters.redis_link import RedisLink
    from pyramid_sio.adapters.redis_topics import Subscription


class RedisBus:
    """See ``lines.IBus``.

    :param sharded: use the channels that came with Redis 7, which ``PUBLISH`` does not reach
    """

    def __init__(self, link: RedisLink, *, sharded: bool) -> None:
        self._link = link
        self._sharded = sharded

    def subscribe(
        self,
        channel: str,
        hear: Callable[[bytes, bytes], Any],
        began: Callable[[], Any] | None = None,
    ) -> Subscription:
        kind = Kind.SHARD if self._sharded else Kind.CHANNEL
        return self._link.subscribe(channel, hear, kind=kind, began=began)

    def publish(self, channel: str, data: bytes) -> None:
        self._link.publish(channel, data, shard=self._sharded)

    def reach(self, channel: str, data: bytes, timeout: float) -> int:
        how = "SPUBLISH" if self._sharded else "PUBLISH"
        try:
            return int(self._link.call(how, channel, data, timeout=timeout))
        except RedisError as exc:
            raise AdapterError(f"Redis refused a question to servers: {exc}") from exc

    def join(self, seconds: float) -> None:
        self._link.join(seconds)

    def count(self, channel: str, timeout: float) -> int:
        how = "SHARDNUMSUB" if self._sharded else "NUMSUB"
        return count_subscribers(self._link, how, channel, timeout)


def count_subscribers(link: RedisLink, how: str, channel: str, timeout: float) -> int:
    """How many connections hear a channel.

    :param how: the subcommand of ``PUBSUB``
    :raises AdapterError: Redis does not say
    """
    try:
        _, count = link.call("PUBSUB", how, channel, timeout=timeout)
    except RedisError as exc:
        raise AdapterError(f"Redis refused to count servers: {exc}") from exc
    return int(count)
