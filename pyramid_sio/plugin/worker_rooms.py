"""The adapter that joins the workers of one server, without any other server.

Upstream: ``plugin.rooms``. Downstream: ``adapters``, for each namespace; ``workers.bus``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pyramid.exceptions import ConfigurationError

from pyramid_sio.adapters.bus_line import STATIC, BusLine
from pyramid_sio.adapters.cluster import ClusterAdapter
from pyramid_sio.engine.services import register
from pyramid_sio.protocol.cluster_values import ValueEncoder

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IAdapter, IComplaints
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.workers.bus import LocalBus
    from pyramid_sio.workers.member import Member

AdapterFactory = Callable[["dict[str, Namespace]"], "IAdapter"]


def shared(values: Mapping[str, Any], *, member: Member, complaints: IComplaints) -> AdapterFactory:
    """Rooms that reach over all workers.

    :raises ConfigurationError: the library for that is missing
    """
    new_line = partial(
        BusLine,
        _bus_of(member, values["workers_buffer_size"]),
        # Applications of one process have paths of their own.
        prefix=values["path"],
        # Everybody is told everything: among few processes that costs less than to tell, with
        # every client that joins a room, who is to be told what.
        mode=STATIC,
        encoder=ValueEncoder(values["json_default"]),
        complaints=complaints,
    )
    timeout = values["requests_timeout"]
    return partial(ClusterAdapter, new_line=new_line, timeout=timeout, complaints=complaints)


def _bus_of(member: Member, window: int) -> LocalBus:
    """The bus of this process, made once."""
    if member.bus is None:
        try:
            from pyramid_sio.workers.bus import LocalBus
        except ImportError as exc:
            raise ConfigurationError(
                f"workers in [server:main] need {exc.name}: pip install 'pyramid_sio[workers]'; "
                "or sio.redis_url"
            ) from exc
        member.bus = LocalBus(member.directory, member.tag, window=window)
        member.watch(member.bus.set_others)
        register(member.bus)
    bus: LocalBus = member.bus
    return bus
