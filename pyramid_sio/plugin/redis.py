"""The process's link to Redis, from the settings.

Upstream: ``plugin.endpoint``. Downstream: ``adapters.redis_link``, imported only if asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pyramid.exceptions import ConfigurationError

from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.engine.services import register
from pyramid_sio.events import SioAdapterDown, SioAdapterUp
from pyramid_sio.sockets.feeds import Feeds

if TYPE_CHECKING:
    from pyramid.registry import Registry

    from pyramid_sio.adapters.redis_link import RedisLink


def find_link(
    values: Mapping[str, Any], registry: Registry, in_loop: Callable[..., None]
) -> RedisLink | None:
    """The link, if ``sio.redis_url`` says where Redis is. Nothing is connected yet.

    :param values: the settings
    :param in_loop: runs a function in the thread that owns the connections of clients
    :raises ConfigurationError: that is no URL of Redis, or redis-py is not installed
    """
    url = values["redis_url"]
    if not url:
        return None
    try:
        from pyramid_sio.adapters.redis_link import RedisLink
    except ImportError as exc:
        raise ConfigurationError(
            f"sio.redis_url needs more packages: pip install 'pyramid-sio[redis]' ({exc})"
        ) from exc
    try:
        link = RedisLink(
            url,
            in_loop=in_loop,
            complaints=Complaints(logging.getLogger("pyramid_sio.adapters")),
            timeout=values["redis_timeout"],
            max_bytes=values["redis_queue_size"],
        )
    except ValueError as exc:
        raise ConfigurationError(f"sio.redis_url: {exc}") from exc

    def tell(up: bool, why: str) -> None:
        if registry.has_listeners:
            news = SioAdapterUp(registry) if up else SioAdapterDown(registry, why)
            registry.notify(news)

    link.listeners.append(tell)
    register(link)
    return link


def find_feeds(values: Mapping[str, Any], link: RedisLink | None) -> Feeds | None:
    """The channels that clients may subscribe to, if there is a link."""
    if link is None:
        return None
    return Feeds(
        link,
        Complaints(logging.getLogger("pyramid_sio.sockets")),
        max_bytes=values["max_http_buffer_size"],
        max_each=values["max_subscriptions"],
    )
