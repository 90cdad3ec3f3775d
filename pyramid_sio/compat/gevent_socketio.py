"""gevent-socketio's API, for all generations of clients this server speaks to.

Change imports of ``socketio``, ``socketio.namespace``, ``socketio.mixins`` and
``socketio.server`` to this module; ``docs/migration.rst`` says what else differs.

Import it after the standard library has been patched, like everything of Pyramid.
"""

from pyramid_sio.compat.adapted import as_namespace
from pyramid_sio.compat.manage import configure, get_sio, socketio_manage
from pyramid_sio.compat.mixins import BroadcastMixin, RoomsMixin
from pyramid_sio.compat.namespace import BaseNamespace
from pyramid_sio.compat.server import SocketIOServer, serve, serve_paste
from pyramid_sio.compat.virtual import Socket, default_error_handler

__all__ = [
    "BaseNamespace",
    "BroadcastMixin",
    "RoomsMixin",
    "Socket",
    "SocketIOServer",
    "as_namespace",
    "configure",
    "default_error_handler",
    "get_sio",
    "serve",
    "serve_paste",
    "socketio_manage",
]
