"""The HTTP server: gevent's own, which can also give a connection away.

Upstream: ``serve``. Downstream: the WSGI application; ``engine.peer`` takes sockets over.

Imported only after the standard library has been patched.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, TextIO

import gevent
from gevent.event import Event
from gevent.pywsgi import (
    LoggingLogAdapter,
    WSGIServer,
)

from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.engine.services import close_services, start_services
from pyramid_sio.engine.spawner import Spawner
from pyramid_sio.http.handler import Handler, IHandover, IShortWay
from pyramid_sio.http.listening import url_of

logger = logging.getLogger(__name__)

#: Seconds that clients who have been told to go are given to come back for what is kept of them.
RETURNING = 5.0


class HttpServer(WSGIServer):  # type: ignore[misc]
    """Serves until it is told to stop, then lets handlers and clients end.

    :param listener: ``(host, port)``, or a socket that listens
    :param log: a logger, or a file, for one line a request; None: no such lines
    :param shutdown_timeout: seconds for the end
    :param idle_timeout: seconds a client may leave us waiting for its request, or for taking
        an answer
    :param more: of gevent's ``WSGIServer``: ``environ``, ``certfile``, ``keyfile``
    """

    def __init__(
        self,
        listener: Any,
        app: Any,
        *,
        backlog: int | None,
        log: logging.Logger | TextIO | None,
        shutdown_timeout: float,
        idle_timeout: float,
        **more: Any,
    ) -> None:
        self.engines: set[Any] = set()
        self.writes_access_log = log is not None
        self.shutdown_timeout = shutdown_timeout
        self.idle_timeout = idle_timeout
        self.complaints = Complaints(logging.getLogger("pyramid_sio.http"))
        #: False where others listen on the same socket, so that its path is not ours to remove.
        self.owns_address = True
        #: Requests that are being answered.
        self.answering = 0
        #: Gives requests to other processes that share the port; None: there are none.
        self.handover: IHandover | None = None
        #: Answers requests by themselves where nobody could tell the difference, by path.
        self.short_ways: dict[str, IShortWay] = {}
        self._stopping = Event()
        self._spawner = Spawner()
        super().__init__(
            listener,
            app,
            backlog=backlog,
            log=log,
            error_log=LoggingLogAdapter(logging.getLogger("pyramid_sio.http"), logging.ERROR),
            handler_class=Handler,
            spawn=self._spawner,
            **more,
        )

    def init_socket(self) -> None:
        """Listen. Sockets that are accepted inherit that small frames are sent at once."""
        super().init_socket()
        if self.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> None:
        """TLS: close the wrapped socket afterwards, unless somebody has taken it over."""
        client_socket.settimeout(self.idle_timeout)
        try:
            wrapped = self.wrap_socket(client_socket, **self.ssl_args)
        except OSError as exc:
            self.complaints.add("no TLS", str(address[0]) if address else "", type(exc).__name__)
            client_socket.close()
            return
        handler = self.handler_class(wrapped, address, self)
        try:
            handler.handle()
        finally:
            if handler.code != 101:
                wrapped.close()

    @property
    def url(self) -> str:
        """Where it listens, for people."""
        return url_of(self.socket, tls=self.ssl_enabled)

    def adopt(self, sock: Any, address: Any, data: bytes, secure: bool) -> None:
        """Go on with a connection that another process has accepted. Loop thread only.

        :param address: its client's
        :param data: what has been read from it
        :param secure: it has come over TLS, which the other process ends
        """
        self._spawner(self._serve_adopted, sock, address, data, secure)

    def _serve_adopted(self, sock: Any, address: Any, data: bytes, secure: bool) -> None:
        self.handler_class(sock, address, self, data=data, secure=secure).handle()

    def serve_until_stopped(self, prepare: Callable[[], None] | None = None) -> None:
        """Listen, and return after SIGTERM, SIGINT or :meth:`request_stop`.

        :param prepare: called when all is ready but listening, instead of saying that it listens.
            SIGINT is then left alone, and SIGTERM may come twice: both are the business of
            whoever has started this process
        """
        handlers = {signal.SIGTERM: self.finish}
        if prepare is None:
            handlers = dict.fromkeys((signal.SIGTERM, signal.SIGINT), self.request_stop)
        # Before it listens: whoever finds it listening may want to end it.
        watchers = [gevent.signal_handler(*handler) for handler in handlers.items()]
        if prepare is None:
            self.start()
            print(
                f"Serving on {self.url} (polling and WebSocket, gevent {gevent.__version__})",
                flush=True,
            )
        start_services()
        # The application is here to stay; the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        if prepare is not None:
            prepare()
            self.start()
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
        self.finish()

    def finish(self) -> None:
        """Begin to stop, if that has not begun. Any greenlet."""
        self._stopping.set()

    def dismiss(self, seconds: float, *, owes: Callable[[], bool]) -> None:
        """End all sessions, one after the other; their clients are served until they know.

        Other processes pass on what comes for these sessions. Takes at most ``seconds`` and
        twice ``shutdown_timeout``.

        :param seconds: over which clients are told
        :param owes: tells whether clients may still come for what is kept of them
        """
        engines = list(self.engines)
        gevent.joinall([gevent.spawn(engine.dismiss, seconds) for engine in engines])
        parting = [gevent.spawn(engine.part, self.shutdown_timeout) for engine in engines]
        gevent.joinall(parting)
        deadline = time.monotonic() + min(self.shutdown_timeout, RETURNING)
        while owes() and time.monotonic() < deadline:
            gevent.sleep(0.05)

    def drain(self) -> None:
        """Accept nothing more, let handlers end, close clients; takes a bounded time."""
        # Not only accept nothing: a successor may want the port.
        self.close()
        deadline = time.monotonic() + self.shutdown_timeout
        for engine in self.engines:
            if not engine.shut_down(self.shutdown_timeout):
                logger.warning(
                    "handlers still ran after %s seconds; see shutdown_timeout in [server:main]",
                    self.shutdown_timeout,
                )
        while self.answering and time.monotonic() < deadline:
            gevent.sleep(0.01)
        # What handlers said at the end is still to be sent.
        close_services(max(1.0, deadline - time.monotonic()))
        if self.owns_address and self.family == socket.AF_UNIX:
            with contextlib.suppress(OSError):
                os.unlink(self.address)
