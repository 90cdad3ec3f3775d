"""The Flash policy server: says, on a port of its own, that Flash Player may open connections.

Upstream: ``engine.services`` starts it with the process and ends it. Downstream: nothing; each
connection is asked and answered once.
"""

from __future__ import annotations

import logging
from typing import Any

import gevent
from gevent import socket
from gevent.pool import Pool
from gevent.server import StreamServer

from pyramid_sio.protocol.flash import POLICY, POLICY_REQUEST

logger = logging.getLogger(__name__)

#: Seconds a client may take for a request of 23 bytes.
PATIENCE = 3.0
#: Clients answered at once; others wait to be accepted.
MAX_CLIENTS = 100


class PolicyServer:
    """One listening socket, opened when the process begins to serve.

    :param host: the address to listen on
    :param port: the port; 0: any that is free
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._server: Any = None

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        number: int = self._server.server_port
        return number

    def start(self) -> None:
        """Listen. A port that is taken is reported, and everything else goes on."""
        if self._server is not None:
            return
        listener = socket.socket(socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Each of several workers has one.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listener.bind(self._address)
            listener.listen()
        except OSError as exc:
            listener.close()
            logger.error("no Flash policy server on %s:%d: %s", *self._address, exc)
            return
        self._server = StreamServer(listener, self._answer, spawn=Pool(MAX_CLIENTS))
        self._server.start()
        logger.info("Flash policy server on %s:%d", self._address[0], self.port)

    def close(self, patience: float) -> None:
        """Listen no longer."""
        if self._server is not None:
            self._server.stop(timeout=min(patience, PATIENCE))

    @staticmethod
    def _answer(sock: Any, address: Any) -> None:
        request = b""
        # Whoever says something else, or nothing, gets nothing.
        with gevent.Timeout(PATIENCE, False):
            while len(request) < len(POLICY_REQUEST):
                data = sock.recv(len(POLICY_REQUEST) - len(request))
                if not data:
                    break
                request += data
            if request == POLICY_REQUEST:
                sock.sendall(POLICY)
