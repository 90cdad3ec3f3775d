"""How clients come back after their connection broke, from the settings.

Upstream: ``plugin.endpoint``. Downstream: ``sockets.recovery`` and the adapter in memory.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gevent.event import Event

from pyramid_sio.adapters.memory import MemoryAdapter
from pyramid_sio.adapters.memory_recovery import RecoveringAdapter
from pyramid_sio.adapters.recovery_log import RecoveryLog
from pyramid_sio.sockets.recovery import Recovery

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IAdapter, IEncoder
    from pyramid_sio.sockets.namespace import Namespace


class Rooms(NamedTuple):
    """What the server makes its rooms with.

    :param recovery: None: nobody comes back
    """

    recovery: Recovery | None
    adapter_factory: Callable[[dict[str, Namespace]], IAdapter]


def find_rooms(values: Mapping[str, Any], encoder: IEncoder) -> Rooms:
    """Rooms in memory, with recovery if the settings ask for it.

    :param values: the settings
    :param encoder: the server's
    """
    if not values["recovery"]:
        return Rooms(None, MemoryAdapter)
    kept = RecoveryLog(
        seconds=values["recovery_seconds"],
        max_bytes=values["recovery_buffer_size"],
        liveness=values["ping_interval"] + values["ping_timeout"],
        clock=time.monotonic,
    )
    factory = functools.partial(
        RecoveringAdapter,
        kept=kept,
        encoder=encoder,
        make_event=Event,
        # An on_disconnect that waits for a handler, and then for something of its own.
        patience=2 * values["disconnect_grace"],
    )
    return Rooms(Recovery(skip_checks=values["recovery_skip_checks"]), factory)
