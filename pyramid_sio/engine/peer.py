"""The TCP connection behind an HTTP request: taking it over, and noticing that it is gone.

Upstream: ``serve`` puts a :class:`Peer` into each environ. Downstream: ``plugin.responses``.

Both need the server's own handler: WSGI knows neither.
"""

from __future__ import annotations

import _socket
import fcntl
import socket
import sys
import termios
from collections.abc import Callable, Iterable
from ssl import SSLWantReadError, SSLWantWriteError
from typing import Any

import gevent

#: Where an environ carries its :class:`Peer`.
ENVIRON_KEY = "pyramid_sio.peer"
READ = 1
#: A TLS record no longer than this, while nothing is expected, is a goodbye.
LONGEST_ALERT = 40


class Delivery:
    """What becomes of one answer, as far as it can be known: HTTP confirms nothing, TCP does.

    An answer has arrived if the client's next request comes on the same connection. It is lost if
    it could not be written, or if the connection has broken off before the client's system has
    confirmed all of it.

    :param handler: whose connection it goes out on
    :param when_lost: called, once, if the client cannot have got all of it. In the loop
    """

    __slots__ = ("_handler", "_when_lost")

    def __init__(self, handler: Any, when_lost: Callable[[], Any]) -> None:
        self._handler: Any = handler
        self._when_lost: Callable[[], Any] | None = when_lost

    def confirm(self) -> None:
        """Nothing more is to be found out."""
        self._when_lost = self._handler = None

    def fail(self) -> None:
        """It could not be written."""
        when_lost = self._when_lost
        self.confirm()
        if when_lost is not None:
            when_lost()

    def look(self) -> None:
        """See what can be known at this moment."""
        # gevent takes the socket away from a handler that was killed.
        sock = getattr(self._handler, "socket", None)
        if sock is None or sock.fileno() < 0:
            return
        if is_closing(sock) and _unconfirmed(sock):
            self.fail()


class Peer:
    """One HTTP connection of gevent's WSGI server.

    :param handler: gevent's handler, while it serves a request
    """

    __slots__ = ("_handler", "answer", "engines")

    def __init__(self, handler: Any) -> None:
        self._handler = handler
        #: The server's set of engines, for its shut-down.
        self.engines: set[Any] = handler.server.engines
        #: What answers the request instead of what the application returns, once the
        #: application has let go of it: called with environ, ``start_response`` and the
        #: application's own headers, ``(name, value)``. For whoever cannot choose what the
        #: application returns.
        self.answer: Callable[..., Iterable[bytes]] | None = None

    @property
    def application(self) -> Any:
        """What the server calls for each request."""
        return self._handler.server.application

    def shorten(self, path: str, way: Any) -> None:
        """Ask ``way`` for each further request for ``path`` first; see ``http.handler``."""
        self._handler.server.short_ways[path] = way

    def follow(self, when_lost: Callable[[], Any]) -> Delivery:
        """Find out what becomes of the answer to this request, which is about to be written."""
        delivery = Delivery(self._handler, when_lost)
        self._handler.delivery = delivery
        return delivery

    def take_over(self) -> tuple[Any, bytes]:
        """Take the socket from the HTTP server, for good.

        :returns: the socket, non-blocking and closed by nobody else, and what had been read
            from it behind the request
        """
        handler = self._handler
        sock = handler.socket
        sock.settimeout(0)
        leftover = read_ahead(handler)
        handler.detach_socket()
        if hasattr(sock, "pending"):
            # TLS keeps its state in this object.
            return sock, leftover
        # The inner object's, because the outer one's are members of an enumeration, made for each
        # who asks.
        inner = sock._sock
        kind = (inner.family, inner.type, inner.proto)
        plain = _socket.socket(*kind, fileno=sock.detach())
        plain.setblocking(False)
        return plain, leftover

    def read_behind(self, count: int) -> bytes:
        """Wait for bytes that follow the request without belonging to its body.

        :returns: so many, or fewer if the client has closed
        :raises OSError: they do not come in time
        """
        data: bytes = self._handler.rfile.read(count)
        return data

    def is_gone(self) -> bool:
        """Has the client closed the connection? As far as that is known at this moment."""
        return is_closing(self._handler.socket)

    def when_gone(self, callback: Callable[[], Any]) -> Callable[[], None]:
        """Call ``callback()`` in the loop if the client closes the connection.

        :returns: a function that ends the watch; must be called
        """
        return watch_for_end(self._handler.socket, callback)

    def leave(self) -> Iterable[bytes]:
        """What the application returns once the socket has been taken over."""
        return ()


def watch_for_end(sock: Any, callback: Callable[[], Any]) -> Callable[[], None]:
    """See :meth:`Peer.when_gone`."""
    watcher = gevent.get_hub().loop.io(sock.fileno(), READ)

    def look() -> None:
        watcher.stop()
        if is_closing(sock):
            callback()

    def end() -> None:
        watcher.stop()
        watcher.close()

    watcher.start(look)
    return end


def read_ahead(handler: Any) -> bytes:
    """What has been read from a connection, and nobody has asked for; its socket must not block.

    :param handler: gevent's handler
    """
    try:
        data: bytes = handler.rfile.peek(65536)
    except (SSLWantReadError, SSLWantWriteError):
        # What a plain socket says by returning nothing.
        return b""
    return data


def _unconfirmed(sock: Any) -> int:
    """Bytes written to a connection that the other side's system has not confirmed.

    Zero where that cannot be asked.
    """
    try:
        count = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(count, sys.byteorder)


def is_closing(sock: Any) -> bool:
    """Look at what has come, without taking it. A further request is no goodbye."""
    try:
        # The class's method: a TLS object refuses to peek.
        head = _socket.socket.recv(sock._sock, 5, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    if hasattr(sock, "pending") and len(head) == 5:
        return int.from_bytes(head[3:], "big") <= LONGEST_ALERT
    return not head
