"""The HTTP server: gevent's own, which can also give a connection away.

Upstream: ``serve``. Downstream: the WSGI application; ``engine.peer`` takes sockets over.

Imported only after the standard library has been patched.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO

import gevent
from gevent.event import Event
from gevent.pywsgi import (
    Input,
    LoggingLogAdapter,
    WSGIHandler,
    WSGIServer,
    _InvalidClientInput,
)

from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.engine.peer import ENVIRON_KEY, Peer
from pyramid_sio.engine.services import close_services, start_services
from pyramid_sio.engine.spawner import Spawner
from pyramid_sio.http.head import Head, check_path

logger = logging.getLogger(__name__)


#: Longest head of a request, in bytes: its line and all its headers.
LONGEST_HEAD = 65536
#: How long a body that nobody wanted is read, in seconds: clients that still send when the
#: connection is closed do not get to see the answer.
LINGER = 3
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
#: Bytes of an answer that must get out within the server's ``idle_timeout``.
SEND_SIZE = 262144


class Body(Input):  # type: ignore[misc]
    """The body of a request; does not go on for ever if the application leaves it alone.

    :param handler: whose connection it comes from
    """

    def __init__(self, handler: Handler, plain: Input) -> None:
        super().__init__(plain.rfile, plain.content_length, plain.socket, plain.chunked_input)
        self._handler = handler

    def read(self, length: int | None = None) -> bytes:
        try:
            data: bytes = super().read(length)
        except ValueError:
            self._chunked_input_error = True
            raise _InvalidClientInput("a chunk without a size") from None
        return data

    def _discard(self) -> None:
        """Read what the application has left, for a while; then the connection is closed."""
        if self.chunked_input:
            is_read = self.chunk_length == 0
        else:
            is_read = self.position >= (self.content_length or 0)
        if is_read or self._chunked_input_error:
            return
        with gevent.Timeout(LINGER, False):
            super()._discard()
            return
        self._handler.close_connection = True


class Handler(WSGIHandler):  # type: ignore[misc]
    """One HTTP connection; its socket may be taken over while a request is answered."""

    result: Any
    status: Any
    wsgi_input: Any

    def __init__(self, sock: Any, address: Any, server: HttpServer) -> None:
        sock.settimeout(server.idle_timeout)
        super().__init__(sock, address, server)

    def handle(self) -> None:
        # An error answer to a client that is gone already.
        with contextlib.suppress(OSError):
            super().handle()

    def _handle_client_error(self, ex: BaseException) -> tuple[str, bytes]:
        """What came is no request: one of a few lines a second, without the peer's words."""
        address = self.client_address
        peer = str(address[0]) if isinstance(address, tuple) else ""
        self.server.complaints.add("bad request", peer, ex if isinstance(ex, ValueError) else "")
        return "400", _BAD_REQUEST

    def read_request(self, raw_requestline: str) -> bool:
        """Read the headers; :raises ValueError: what came is no HTTP, or too much"""
        self.requestline = raw_requestline.rstrip()
        lines = [raw_requestline.encode("latin-1")]
        left = LONGEST_HEAD - len(lines[0])
        while lines[-1] not in (b"\r\n", b"\n") or len(lines) == 1:
            lines.append(self.rfile.readline(left + 1))
            left -= len(lines[-1])
            if not lines[-1]:
                raise ValueError("the headers ended early")
            if left < 0:
                raise ValueError(f"more than {LONGEST_HEAD} bytes of headers")
        head = self.headers = Head(b"".join(lines))
        self.command, self.path, self.request_version = head.method, head.url, head.version
        if "%" in head.url:
            check_path(head.url)
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

    def _sendall(self, data: bytes) -> None:
        """Send in pieces, because the time-out is for one call, however much there is.

        :raises BrokenPipeError: the client is gone, or too slow: nothing to report
        """
        view = memoryview(data)
        try:
            for start in range(0, len(data), SEND_SIZE):
                super()._sendall(view[start : start + SEND_SIZE])
        except (TimeoutError, ssl.SSLError) as exc:
            raise BrokenPipeError(errno.EPIPE, str(exc)) from exc

    def process_result(self) -> None:
        """Send what the application returned, or what has been put in its place meanwhile."""
        peer: Peer = self.environ[ENVIRON_KEY]
        for data in self.result:
            # Asked here because a generator begins to run only now.
            if peer.answer is not None:
                break
            if data:
                self.write(data)
        if peer.answer is not None:
            self._replace_result(peer.answer)
        if self.status and not self.headers_sent:
            self.write(b"")
        if self.response_use_chunked:
            self._sendall(b"0\r\n\r\n")

    def _replace_result(self, answer: Callable[..., Iterable[bytes]]) -> None:
        """Let go of what the application returned, then send another answer.

        :raises AssertionError: it is too late, part of the first has been sent
        """
        assert not self.headers_sent, "an answer is under way"
        close = getattr(self.result, "close", None)
        self.result = None
        if close is not None:
            close()
        fields = self.response_headers if self.status else ()
        discarded = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
        self.status = None
        self.result = answer(self.environ, self.start_response, discarded)
        for data in self.result:
            if data:
                self.write(data)

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ["wsgi.input"] = self.wsgi_input = Body(self, self.wsgi_input)
        environ["wsgi.input_terminated"] = True
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
        self._stopping = Event()
        super().__init__(
            listener,
            app,
            backlog=backlog,
            log=log,
            error_log=LoggingLogAdapter(logging.getLogger("pyramid_sio.http"), logging.ERROR),
            handler_class=Handler,
            spawn=Spawner(),
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
        start_services()
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
        # What handlers said at the end is still to be sent.
        close_services(max(1.0, deadline - time.monotonic()))
        if self.owns_address and self.family == socket.AF_UNIX:
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
