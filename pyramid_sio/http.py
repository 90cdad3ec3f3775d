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
import time
from collections.abc import Iterator
from typing import Any

import gevent
from gevent.event import Event
from gevent.pywsgi import LoggingLogAdapter, WSGIHandler, WSGIServer
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from pyramid_sio.engine.peer import ENVIRON_KEY, Peer

logger = logging.getLogger(__name__)


#: Longest head of a request, in bytes: its line and all its headers.
LONGEST_HEAD = 65536


class Head:
    """The head of one request, parsed; in the shape gevent's handler asks for.

    llhttp, which Node's server uses too, does the parsing: it is strict where two servers that
    understand one request differently would let a second one be smuggled in.

    :param data: the request line and the headers, with the empty line
    :raises ValueError: it is no HTTP
    """

    status = ""

    def __init__(self, data: bytes) -> None:
        self.items: list[tuple[str, str]] = []
        self.url = ""
        parser = HttpRequestParser(self)
        try:
            parser.feed_data(data)
        except HttpParserUpgrade:
            pass
        except HttpParserError as exc:
            raise ValueError(f"bad request: {exc}") from None
        self.method = parser.get_method().decode("latin-1")
        self.version = f"HTTP/{parser.get_http_version()}"
        self.keeps_alive = parser.should_keep_alive()
        if self.version not in ("HTTP/1.0", "HTTP/1.1"):
            raise ValueError(f"bad request: {self.version}")

    # Called by the parser.

    def on_url(self, url: bytes) -> None:
        self.url += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.items.append((name.decode("latin-1"), value.decode("latin-1")))

    # Called by gevent's handler.

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first header of that name."""
        name = name.lower()
        return next((value for key, value in self.items if key.lower() == name), default)

    getheader = get

    @property
    def typeheader(self) -> str | None:
        return self.get("content-type")


class Handler(WSGIHandler):  # type: ignore[misc]
    """One HTTP connection; its socket may be taken over while a request is answered."""

    def read_request(self, raw_requestline: str) -> bool:
        """Read the headers; :raises ValueError: what came is no HTTP, or too much"""
        self.requestline = raw_requestline.rstrip()
        lines = [raw_requestline.encode("latin-1")]
        left = LONGEST_HEAD - len(lines[0])
        while lines[-1] not in (b"\r\n", b"\n", b"") or len(lines) == 1:
            lines.append(self.rfile.readline(left + 1))
            left -= len(lines[-1])
            if left < 0:
                raise ValueError(f"more than {LONGEST_HEAD} bytes of headers")
        head = self.headers = Head(b"".join(lines))
        self.command, self.path, self.request_version = head.method, head.url, head.version
        self.close_connection = not head.keeps_alive
        length = head.get("content-length")
        self.content_length = None if length is None else int(length)
        return True

    def _headers(self) -> Iterator[tuple[str, str]]:
        for name, value in self.headers.items:
            # With an underscore it could pass for another header.
            if "_" not in name:
                key = name.replace("-", "_").upper()
                if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                    yield "HTTP_" + key, value

    def _write_with_headers(self, data: bytes) -> None:
        """Send head and body in one piece, so that a client need not wait for the second."""
        self.headers_sent = True
        self.finalize_headers()
        head = b"".join(b"%b: %b\r\n" % header for header in self.response_headers)
        head = b"HTTP/1.1 %b\r\n%b\r\n" % (self.status, head)
        if self.response_use_chunked:
            self._sendall(head)
            self._write(data)
        else:
            self._sendall(head + data)

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ[ENVIRON_KEY] = Peer(self)
        return environ

    def detach_socket(self) -> None:
        """Forget the socket: neither read from it nor close it, and answer nothing more.

        Without this the handler, once the application has returned, would read up to 16 KiB
        from the connection and throw them away.
        """
        # It counts as a user of the socket, which with TLS would never be closed.
        self.rfile.close()
        self.wsgi_input.content_length = 0
        self.wsgi_input.chunked_input = False
        self.socket = None
        self.close_connection = True
        self.headers_sent = True
        self.code = 101
        self.status = b"101 Switching Protocols"
        self._orig_status = "101 Switching Protocols"

    def handle_one_response(self) -> None:
        self.server.answering += 1
        try:
            super().handle_one_response()
        finally:
            self.server.answering -= 1

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
        #: Requests that are being answered.
        self.answering = 0
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

    def init_socket(self) -> None:
        """Listen. Sockets that are accepted inherit that small frames are sent at once."""
        super().init_socket()
        if self.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

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
