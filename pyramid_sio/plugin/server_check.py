"""Whether an HTTP server can do what Socket.IO needs, found out from what it says of a request.

Upstream: ``plugin.views``, for each client that wants in. Downstream: nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pyramid_sio.engine.loopthread import in_native_thread
from pyramid_sio.errors import ServerUnsuited
from pyramid_sio.workers.member import current

logger = logging.getLogger(__name__)

#: What real servers say in an environ, and tests do not.
_MARKS = ("SERVER_SOFTWARE", "uwsgi.version")
_SUITED = (
    "it needs pserve with [server:main] use = egg:pyramid_sio, or gunicorn "
    "-k pyramid_sio.gunicorn.Worker, or a server with threads: waitress, gunicorn --threads 8"
)


def check_server(environ: Mapping[str, Any]) -> None:
    """:raises ServerUnsuited: it answers a request only when the one before has been answered"""
    if environ.get("wsgi.multithread") or not in_native_thread():
        return
    if any(mark in environ for mark in _MARKS):
        name = environ.get("SERVER_SOFTWARE", "this server")
        raise ServerUnsuited(detail=f"{name} answers one request at a time; {_SUITED}")


def warn_of_strangers(environ: Mapping[str, Any], *, shared: bool) -> None:
    """Say it if other processes answer here, too, and know nothing of this one's sessions.

    :param shared: do they have the rooms in common?
    """
    if not environ.get("wsgi.multiprocess") or current() is not None:
        return
    text = (
        "other processes answer at this address, and none knows the sessions of another: polling "
        "works only behind a proxy that keeps each client with one of them. Workers of "
        "[server:main] use = egg:pyramid_sio do without"
    )
    if shared:
        logger.info("%s", text)
    else:
        logger.warning("%s; and rooms are not shared: see sio.redis_url", text)
