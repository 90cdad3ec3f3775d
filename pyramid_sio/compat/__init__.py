"""For people who come from elsewhere: the APIs they know, over this server.

Nothing below knows of this room. See ``docs/migration.rst``.
"""
