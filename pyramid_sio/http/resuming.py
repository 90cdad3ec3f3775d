"""Reading on where another process has stopped.

Upstream: ``http.server``, for a connection that it did not accept itself.
"""

from __future__ import annotations

import io
from typing import Any

#: What ``socket.makefile`` reads at once.
BUFFER_SIZE = 8192


class _Resumed(io.RawIOBase):
    """What was read already, then what the socket gives.

    :param data: the former
    """

    def __init__(self, sock: Any, data: bytes) -> None:
        self._data = data
        self._raw = sock.makefile("rb", 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if not self._data:
            count: int | None = self._raw.readinto(buffer)
            return count
        size = min(len(buffer), len(self._data))
        buffer[:size] = self._data[:size]
        self._data = self._data[size:]
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


def resumed(sock: Any, data: bytes) -> io.BufferedReader:
    """A reader for a connection of which ``data`` has been read.

    Its buffer takes all of that at once: whoever asks what has been read ahead gets all of it.
    """
    return io.BufferedReader(_Resumed(sock, data), BUFFER_SIZE + len(data))
