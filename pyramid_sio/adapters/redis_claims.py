"""Names that only one of all servers gets: whoever claims one first.

Upstream: ``plugin.tickets``. Downstream: ``adapters.redis_link``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.exceptions import ResponseError

from pyramid_sio.errors import AdapterError

if TYPE_CHECKING:
    from pyramid_sio.adapters.redis_link import RedisLink


class RedisClaims:
    """Claims that a Redis keeps, each as a key that ends by itself.

    :param prefix: what the keys begin with
    :param lifetime: seconds that each lasts
    """

    def __init__(self, link: RedisLink, prefix: str, lifetime: float) -> None:
        self._link = link
        self._prefix = prefix
        self._milliseconds = max(int(lifetime * 1000), 1)

    def claim(self, name: str) -> bool:
        """Was nobody faster? Waits for Redis; for a greenlet or a thread of a handler.

        :raises AdapterError: Redis is not reached, or does not keep anything
        """
        key = self._prefix + name
        try:
            kept = self._link.call("SET", key, "", "NX", "PX", self._milliseconds)
        except ResponseError as exc:
            raise AdapterError(f"Redis refused SET: {exc}") from exc
        return kept is not None
