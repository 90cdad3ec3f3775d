"""For people who come from elsewhere: the APIs they know, over this server.

Nothing below knows of this room. See ``docs/migration.rst``. Nothing of Pyramid is imported here:
the standard library may not have been patched yet.
"""

from pyramid_sio.compat.old_names import install_as_socketio

__all__ = ["install_as_socketio"]
