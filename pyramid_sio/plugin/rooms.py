"""What the server makes its rooms with, from the settings: in memory, or joined to others.

Upstream: ``plugin.endpoint``. Downstream: ``adapters``; those for Redis are imported only if
they are asked for.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gevent.event import Event
from pyramid.exceptions import ConfigurationError

from pyramid_sio.adapters.memory import MemoryAdapter
from pyramid_sio.adapters.memory_recovery import RecoveringAdapter
from pyramid_sio.adapters.recovery_log import RecoveryLog
from pyramid_sio.sockets.recovery import Recovery
from pyramid_sio.workers.member import current

if TYPE_CHECKING:
    from pyramid_sio.adapters.redis_link import RedisLink
    from pyramid_sio.interfaces import IAdapter, IComplaints, IEncoder
    from pyramid_sio.sockets.namespace import Namespace

#: What ``sio.adapter`` may say. ``auto``: classic if there is a Redis, in memory if there is none
#: and nobody to share with.
AUTO, MEMORY = "auto", "memory"
#: What ``auto`` is in one of several workers without Redis; nobody can ask for it.
WORKERS = "workers"
REDIS, SHARDED, STREAMS = "redis", "redis-sharded", "redis-streams"

AdapterFactory = Callable[["dict[str, Namespace]"], "IAdapter"]


class Rooms(NamedTuple):
    """What the server makes its rooms with.

    :param recovery: None: nobody comes back
    :param description: for people
    """

    recovery: Recovery | None
    adapter_factory: AdapterFactory
    description: str


def find_rooms(
    values: Mapping[str, Any],
    encoder: IEncoder,
    *,
    link: RedisLink | None,
    complaints: IComplaints,
) -> Rooms:
    """Rooms as the settings ask for them.

    :param values: the settings
    :param encoder: the server's
    :param link: the process's way to Redis; None: there is none
    :param complaints: for what other servers get wrong
    :raises ConfigurationError: the settings do not go together
    """
    adapter = values["adapter"]
    member = current()
    if adapter == AUTO:
        adapter = REDIS if link is not None else MEMORY if member is None else WORKERS
    recovery = Recovery(skip_checks=values["recovery_skip_checks"]) if values["recovery"] else None
    if adapter == MEMORY:
        local = MemoryAdapter if recovery is None else _recovering(values, encoder)
        return Rooms(recovery, local, "in memory")
    if adapter == WORKERS:
        if recovery is not None:
            raise ConfigurationError(
                "sio.recovery keeps what was sent in one process, and with workers in [server:main]"
                f" a client may come back to another; it needs sio.adapter = {STREAMS}"
            )
        assert member is not None
        from pyramid_sio.plugin import worker_rooms

        shared = worker_rooms.shared(values, member=member, complaints=complaints)
        return Rooms(None, shared, "shared among workers")
    if link is None:
        raise ConfigurationError(f"sio.adapter = {adapter} needs sio.redis_url")
    if recovery is not None and adapter != STREAMS:
        raise ConfigurationError(
            f"sio.recovery cannot be had with sio.adapter = {adapter}, which keeps nothing of what"
            f" was sent; {STREAMS} does"
        )
    from pyramid_sio.plugin import redis_rooms

    make = {
        REDIS: redis_rooms.classic,
        SHARDED: redis_rooms.sharded,
        STREAMS: redis_rooms.streams,
    }[adapter]
    new_line = make(values, link=link, complaints=complaints)
    if recovery is not None:
        factory = redis_rooms.recovering(values, new_line, complaints=complaints, encoder=encoder)
    else:
        factory = redis_rooms.cluster(values, new_line, complaints)
    return Rooms(recovery, factory, f"shared through {link.address} ({adapter})")


def _recovering(values: Mapping[str, Any], encoder: IEncoder) -> AdapterFactory:
    kept = RecoveryLog(
        seconds=values["recovery_seconds"],
        max_bytes=values["recovery_buffer_size"],
        liveness=values["ping_interval"] + values["ping_timeout"],
        clock=time.monotonic,
    )
    return functools.partial(
        RecoveringAdapter,
        kept=kept,
        encoder=encoder,
        make_event=Event,
        # An on_disconnect that waits for a handler, and then for something of its own.
        patience=2 * values["disconnect_grace"],
    )
