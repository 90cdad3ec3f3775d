"""gunicorn's workers under the names that gevent-socketio had for them.

``gunicorn -k pyramid_sio.compat.gunicorn.GeventSocketIOWorker``: this package's worker. Nothing of
Pyramid is imported here: a worker patches the standard library before it loads the application.
"""

from __future__ import annotations

from pyramid_sio.gunicorn import Worker


class GeventSocketIOWorker(Worker):
    """For an application whose view calls ``socketio_manage`` below ``/socket.io/``."""


class NginxGeventSocketIOWorker(GeventSocketIOWorker):
    """The same: nginx has learnt to pass WebSockets on, so nothing is left out behind it."""
