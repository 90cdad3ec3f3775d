"""The HTTP server: gevent's own, which can also give a connection away.

Upstream: ``serve``. Downstream: the WSGI application; ``engine.peer`` takes sockets over.

Imported only after the standard library has been patched.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from typing import Any

import gevent
from gevent.event import Event
from gevent.pywsgi import LoggingLogAdapter, WSGIHandler, WSGIServer

from pyramid_sio.engine.peer import ENVIRON_KEY, Peer

logger = logging.getLogger(__name__)


class Handler(WSGIHandler):  # type: ignore[misc]
    """One HTTP connection; its socket may be taken over while a request is answered."""

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ[ENVIRON_KEY] = Peer(self)
        return environ

    def detach_socket(self) -> None:
        """Forget the socket: neither read from it nor close it, and answer nothing more.

        Without this the handler, once the application has returned, would read up to 16 KiB
        from the connection and throw them away.
        """
        self.socket = None
        self.close_connection = True
        self.headers_sent = True
        self.code = 101
        self.status = b"101 Switching Protocols"
        self._orig_status = "101 Switching Protocols"

    def log_request(self) -> None:
        if self.server.writes_access_log:
            super().log_request()


class HttpServer(WSGIServer):  # type: ignore[misc]
    """Serves until it is told to stop, then lets handlers and clients end.

    :param listener: ``(host, port)``, or a socket that listens
    :param log: a logger for one line a request; None: no such lines
    :param shutdown_timeout: seconds for the end
    """

    def __init__(
        self,
        listener: Any,
        app: Any,
        *,
        backlog: int | None,
        log: logging.Logger | None,
        shutdown_timeout: float,
        **tls: Any,
    ) -> None:
        self.engines: set[Any] = set()
        self.writes_access_log = log is not None
        self.shutdown_timeout = shutdown_timeout
        self._stopping = Event()
        super().__init__(
            listener,
            app,
            backlog=backlog,
            log=log,
            error_log=LoggingLogAdapter(logging.getLogger("pyramid_sio.http"), logging.ERROR),
            handler_class=Handler,
            **tls,
        )

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> None:
        """TLS: close the wrapped socket afterwards, unless somebody has taken it over."""
        wrapped = self.wrap_socket(client_socket, **self.ssl_args)
        handler = self.handler_class(wrapped, address, self)
        try:
            handler.handle()
        finally:
            if handler.code != 101:
                wrapped.close()

    @property
    def url(self) -> str:
        """Where it listens, for people."""
        if self.family == socket.AF_UNIX:
            return f"unix:{self.socket.getsockname()}"
        scheme = "https" if self.ssl_enabled else "http"
        host, port = self.address[:2]
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def serve_until_stopped(self) -> None:
        """Listen, and return after SIGTERM, SIGINT or :meth:`request_stop`."""
        self.start()
        watchers = [
            gevent.signal_handler(number, self.request_stop)
            for number in (signal.SIGTERM, signal.SIGINT)
        ]
        print(
            f"Serving on {self.url} (polling and WebSocket, gevent {gevent.__version__})",
            flush=True,
        )
        try:
            self._stopping.wait()
            self.drain()
        finally:
            for watcher in watchers:
                watcher.cancel()

    def request_stop(self) -> None:
        """Begin to stop. Any greenlet; asked for twice, it ends at once."""
        if self._stopping.is_set():
            raise SystemExit(1)
        self._stopping.set()

    def drain(self) -> None:
        """Accept nothing more, let handlers end, close clients; takes a bounded time."""
        self.stop_accepting()
        for engine in self.engines:
            if not engine.shut_down(self.shutdown_timeout):
                logger.warning(
                    "handlers still ran after %s seconds; see shutdown_timeout in [server:main]",
                    self.shutdown_timeout,
                )
        self.stop(timeout=1)
        if self.family == socket.AF_UNIX:
            with contextlib.suppress(OSError):
                os.unlink(self.address)


def listen_on_unix_socket(path: str, permissions: int, backlog: int) -> Any:
    """A socket that listens at ``path``; one left behind by a dead server is replaced.

    :raises OSError: something else is there, or a server that lives
    """
    from gevent import socket as gevent_socket

    if os.path.exists(path):
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        else:
            raise OSError(f"{path}: another server listens there")
        finally:
            probe.close()
    listener = gevent_socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Nobody may connect before the permissions are as they should be.
    old = os.umask(0o777)
    try:
        listener.bind(path)
    finally:
        os.umask(old)
    os.chmod(path, permissions)
    listener.listen(backlog)
    return listener
