"""What a program that knows nothing of Socket.IO publishes: bytes, to be read as they look.

Upstream: ``sockets.feeds``. Downstream: orjson.
"""

from __future__ import annotations

from typing import Any

import orjson


def read_published(data: bytes) -> Any:
    """A value for what was published.

    :returns: what it says, if it is JSON; else the text, if it is UTF-8; else the bytes
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return data.decode()
    except UnicodeDecodeError:
        return bytes(data)
