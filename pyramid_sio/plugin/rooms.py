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
    from pyramid_sio.workers.member import Member

#: What ``sio.adapter`` may say. ``auto``: classic if there is a Redis, in memory if there is none
#: and nobody to share with.
AUTO, MEMORY = "auto", "memory"
#: What ``auto`` is in one of several workers without Redis; nobody can ask for it.
WORKERS = "workers"
REDIS, SHARDED, STREAMS = "redis", "redis-sharded", "redis-streams"

#: What joins workers, for people.
_JOINED = {WORKERS: "ZeroMQ", MEMORY: "nothing, as sio.adapter = memory"}

AdapterFactory = Callable[["dict[str, Namespace]"], "IAdapter"]


class Rooms(NamedTuple):
    """What the server makes its rooms with.

    :param recovery: None: nobody comes back
    :param description: for people
    :param shared: are there other processes with the same rooms?
    :param foreign: may some of them be of JavaScript?
    """

    recovery: Recovery | None
    adapter_factory: AdapterFactory
    description: str
    shared: bool = False
    foreign: bool = False


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
    if member is not None:
        member.joined = _JOINED.get(adapter, "Redis")
    if adapter == MEMORY:
        local: AdapterFactory = MemoryAdapter
        if recovery is not None:
            local = functools.partial(RecoveringAdapter, **_recovering_options(values, encoder))
        return Rooms(recovery, local, "in memory")
    if adapter == WORKERS:
        assert member is not None
        shared = _among_workers(
            values, member, complaints=complaints, encoder=encoder if recovery else None
        )
        return Rooms(recovery, shared, "shared among workers", shared=True)
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
    description = f"shared through {link.address} ({adapter})"
    return Rooms(recovery, factory, description, shared=True, foreign=True)


def _among_workers(
    values: Mapping[str, Any],
    member: Member,
    *,
    complaints: IComplaints,
    encoder: IEncoder | None,
) -> AdapterFactory:
    """:param encoder: None: nobody comes back"""
    from pyramid_sio.plugin import worker_rooms

    bus = worker_rooms.bus_of(member, values["workers_buffer_size"])
    if encoder is None:
        return worker_rooms.shared(values, bus, complaints)
    kept = _recovering_options(values, encoder)
    # Who is sent to another worker comes back for it.
    member.owes.append(lambda: bool(kept["kept"].tickets))
    return worker_rooms.recovering(values, bus, member=member, complaints=complaints, kept=kept)


def _recovering_options(values: Mapping[str, Any], encoder: IEncoder) -> dict[str, Any]:
    """What a :class:`RecoveringAdapter` wants to know, for all namespaces."""
    kept = RecoveryLog(
        seconds=values["recovery_seconds"],
        max_bytes=values["recovery_buffer_size"],
        liveness=values["ping_interval"] + values["ping_timeout"],
        clock=time.monotonic,
    )
    return {
        "kept": kept,
        "encoder": encoder,
        "make_event": Event,
        # An on_disconnect that waits for a handler, and then for something of its own.
        "patience": 2 * values["disconnect_grace"],
    }
