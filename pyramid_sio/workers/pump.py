"""A TLS connection whose requests another worker answers.

Upstream: ``workers.handover``. Downstream: the client's TLS socket, and one end of a socket pair
whose other end the other worker takes for its client. Two greenlets for each such connection;
what one side does not take is not read from the other.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import gevent

#: Bytes that are translated at once.
CHUNK = 65536


class Pump:
    """Carries bytes both ways until the worker's side ends, or the client's breaks.

    :param client: its TLS socket
    :param worker: our end of the pair
    :param patience: seconds the client may take to accept a chunk
    """

    def __init__(self, client: Any, worker: Any, *, patience: float) -> None:
        self._client = client
        self._worker = worker
        self._patience = patience

    def start(self) -> None:
        """Begin; it ends by itself."""
        for sock in (self._client, self._worker):
            sock.settimeout(None)
        inward = gevent.spawn(self._inward)
        gevent.spawn(self._outward).link(lambda _: inward.kill(block=False))

    def _inward(self) -> None:
        """From the client to the worker. A worker that does not read makes the client wait."""
        with contextlib.suppress(OSError):
            while data := self._client.recv(CHUNK):
                self._worker.sendall(data)
        # The worker decides what the end of its client means.
        with contextlib.suppress(OSError):
            self._worker.shutdown(socket.SHUT_WR)

    def _outward(self) -> None:
        """From the worker to the client; the end of it is the end of all."""
        try:
            while data := self._worker.recv(CHUNK):
                with gevent.Timeout(self._patience):
                    self._client.sendall(data)
        except (OSError, gevent.Timeout):
            pass
        finally:
            self._worker.close()
            self._client.close()
