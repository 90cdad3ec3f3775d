"""The TCP connection behind a request, where the HTTP server is gunicorn's own gevent worker.

Upstream: ``plugin.views`` asks for each request that brings no peer of its own.
Downstream: ``plugin.responses`` uses it like a :class:`~pyramid_sio.engine.peer.Peer`.

That worker hands its socket to the application, and forgets a connection upon
``StopIteration``. ``pyramid_sio.gunicorn.Worker`` can do more: it knows when to say good-bye.
"""

from __future__ import annotations

import _socket
import os
import socket
from collections.abc import Callable, Iterable
from typing import Any

from gevent.socket import socket as gevent_socket

from pyramid_sio.engine.peer import ENVIRON_KEY, Delivery, is_closing, watch_for_end

SOCKET_KEY = "gunicorn.socket"


def find_guest(environ: dict[str, Any]) -> None:
    """Put a peer into the environ, if its connection can be taken over."""
    sock = environ.get(SOCKET_KEY)
    # TLS keeps its state in its own object, which gunicorn closes.
    if isinstance(sock, gevent_socket) and not hasattr(sock, "pending"):
        environ[ENVIRON_KEY] = GuestPeer(sock)


class GuestPeer:
    """One HTTP connection of gunicorn's gevent worker.

    :param sock: the connection
    """

    __slots__ = ("answer", "engines", "socket")

    def __init__(self, sock: Any) -> None:
        self.socket = sock
        #: Nobody tells us of the end.
        self.engines: set[Any] = set()
        self.answer: Callable[..., Iterable[bytes]] | None = None

    def take_over(self) -> tuple[Any, bytes]:
        """A socket of our own for the connection; gunicorn closes its one.

        :returns: the socket, and nothing: a client sends no frame before the answer
        """
        sock = self.socket
        kind = (sock.family, sock.type, sock.proto)
        plain = _socket.socket(*kind, fileno=os.dup(sock.fileno()))
        plain.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return plain, b""

    def leave(self) -> Iterable[bytes]:
        """:raises StopIteration: always; gunicorn then forgets the connection"""
        raise StopIteration("the connection is a WebSocket now")

    def read_behind(self, count: int) -> bytes:
        """Wait for bytes that follow the request without belonging to its body."""
        data: bytes = self.socket.recv(count)
        return data

    def is_gone(self) -> bool:
        """Has the client closed the connection? As far as that is known at this moment."""
        return is_closing(self.socket)

    def follow(self, when_lost: Callable[[], Any]) -> Delivery:
        """Find out what becomes of the answer to this request: when it is looked after only."""
        return Delivery(self, when_lost)

    def when_gone(self, callback: Callable[[], Any]) -> Callable[[], None]:
        """Call ``callback()`` in the loop if the client closes the connection.

        :returns: a function that ends the watch; must be called
        """
        return watch_for_end(self.socket, callback)
