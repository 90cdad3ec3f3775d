"""Servers of a cluster in one test process, over a real Redis."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from pyramid_sio.adapters.cluster import ClusterAdapter
from pyramid_sio.adapters.redis_link import RedisLink
from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.protocol.cluster_values import ValueEncoder
from tests.contract.cluster import in_loop

COMPLAINTS = Complaints(logging.getLogger("tests"))


def new_link(url: str, running: ExitStack, **options: Any) -> RedisLink:
    """A link that is there until the stack ends."""
    link = RedisLink(url, in_loop=in_loop, complaints=COMPLAINTS, **options)
    running.callback(link.close)
    link.start()
    return link


def new_adapter(new_line: Callable[..., Any], **options: Any) -> Any:
    """Makes adapters of one server."""
    line = partial(new_line, encoder=ValueEncoder(), complaints=COMPLAINTS, **options)
    return partial(
        ClusterAdapter,
        new_line=line,
        timeout=5.0,
        complaints=COMPLAINTS,
        presence_interval=0.2,
    )
