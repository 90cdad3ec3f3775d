"""Reading from a connection, in turns with everybody else.

Upstream: ``http.handler`` and ``http.server``. Downstream: gevent's sockets.
"""

from __future__ import annotations

import io
from typing import Any

import gevent

#: What ``socket.makefile`` reads at once.
BUFFER_SIZE = 8192


class _Connection(io.RawIOBase):
    """What was read already, then what the socket gives.

    gevent lets others run only where a socket has nothing to give. Whoever sends faster than we
    read would have the whole process to itself, and no time-out would ever end that.

    :param data: what was read already
    """

    def __init__(self, sock: Any, data: bytes) -> None:
        self._data = data
        self._sock = sock
        self._raw = sock.makefile("rb", 0)
        self._loop = gevent.get_hub().loop
        #: When the last read was over, as the loop counts: it stands still while nobody waits.
        self._last = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._data:
            size = min(len(buffer), len(self._data))
            buffer[:size] = self._data[:size]
            self._data = self._data[size:]
            return size
        count: int | None = self._raw.readinto(buffer)
        now = self._loop.now()
        if now == self._last and count and self._sock.gettimeout() != 0:
            self._give_way()
            now = self._loop.now()
        self._last = now
        return count

    def _give_way(self) -> None:
        """Let everybody run for whom something has come. ``sleep(0)`` would not look for that."""
        with self._loop.timer(0) as soon:
            gevent.get_hub().wait(soon)

    def close(self) -> None:
        self._raw.close()
        super().close()


def reader(sock: Any, data: bytes = b"") -> io.BufferedReader:
    """A reader for a connection.

    :param data: what has been read from it already. The buffer takes all of that at once: whoever
        asks what has been read ahead gets all of it
    """
    return io.BufferedReader(_Connection(sock, data), BUFFER_SIZE + len(data))
