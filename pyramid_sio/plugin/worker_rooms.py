"""The adapter that joins the workers of one server, without any other server.

Upstream: ``plugin.rooms``. Downstream: ``adapters``, for each namespace; ``workers.bus``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pyramid.exceptions import ConfigurationError

from pyramid_sio.adapters.bus_line import STATIC, BusLine
from pyramid_sio.adapters.bus_recovery import BusRecoveryAdapter
from pyramid_sio.adapters.cluster import ClusterAdapter
from pyramid_sio.engine.services import register
from pyramid_sio.protocol.cluster_values import ValueEncoder

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IAdapter, IComplaints
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.workers.bus import LocalBus
    from pyramid_sio.workers.member import Member

AdapterFactory = Callable[["dict[str, Namespace]"], "IAdapter"]

#: Characters that the secrets of all clients of a server begin with.
MARK_LENGTH = 8


def shared(
    values: Mapping[str, Any], bus: LocalBus, complaints: IComplaints
) -> Callable[..., ClusterAdapter]:
    """Rooms that reach over all workers."""
    return partial(ClusterAdapter, **_options(values, bus, complaints))


def recovering(
    values: Mapping[str, Any],
    bus: LocalBus,
    *,
    member: Member,
    complaints: IComplaints,
    kept: Mapping[str, Any],
) -> AdapterFactory:
    """The same for clients that may come back, to whichever worker.

    :param kept: what is kept of them, as ``RecoveringAdapter`` wants it
    """
    # The same for all workers, and for no other server: what others have let go is not asked for.
    mark = hashlib.sha256(str(member.directory).encode()).hexdigest()[:MARK_LENGTH]
    options = _options(values, bus, complaints)
    return partial(BusRecoveryAdapter, bus=bus, mark=mark, kept=kept, **options)


def _options(values: Mapping[str, Any], bus: LocalBus, complaints: IComplaints) -> dict[str, Any]:
    new_line = partial(
        BusLine,
        bus,
        # Applications of one process have paths of their own.
        prefix=values["path"],
        # Everybody is told everything: among few processes that costs less than to tell, with
        # every client that joins a room, who is to be told what.
        mode=STATIC,
        encoder=ValueEncoder(values["json_default"]),
        complaints=complaints,
    )
    return {
        "new_line": new_line,
        "timeout": values["requests_timeout"],
        "complaints": complaints,
        "presence_interval": values["presence_interval"],
    }


def bus_of(member: Member, window: int) -> LocalBus:
    """The bus of this process, made once.

    :param window: bytes that may be on the way to one other worker
    :raises ConfigurationError: the library for that is missing
    """
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
