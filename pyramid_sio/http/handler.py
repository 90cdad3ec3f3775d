"""One HTTP connection: its requests, one after the other, until somebody takes it over.

Upstream: ``http.server``, for each connection. Downstream: the WSGI application.
"""

from __future__ import annotations

import contextlib
import errno
import ssl
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import gevent
from gevent import socket as gevent_socket
from gevent.pywsgi import MAX_REQUEST_LINE, Input, WSGIHandler, _InvalidClientInput

from pyramid_sio.engine.peer import ENVIRON_KEY, Delivery, Peer, read_ahead
from pyramid_sio.http.head import Head, check_path
from pyramid_sio.http.reading import reader

if TYPE_CHECKING:
    from pyramid_sio.http.server import HttpServer

#: Longest head of a request, in bytes: its line and all its headers.
LONGEST_HEAD = 65536
#: How long a body that nobody wanted is read, in seconds: clients that still send when the
#: connection is closed do not get to see the answer.
LINGER = 3
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
#: Bytes of an answer that must get out within the server's ``idle_timeout``.
SEND_SIZE = 262144


class IHandover(Protocol):
    """Knows which requests are for other processes. Implemented in ``workers.handover``."""

    #: Connections on which the next request is waited for, and the greenlet of each.
    idle: dict[Any, Any]

    def takes(self, connection: Handler) -> bool:
        """Give a connection to whom its request is for; False: that is us."""

    def pass_on(self, connection: Handler) -> None:
        """Give a connection that waits for its next request to who comes after this process."""


class Moving(BaseException):
    """Thrown into a greenlet that waits for a request: another process is to do that."""


class IShortWay(Protocol):
    """Answers some requests without the application. Implemented in ``plugin.short_way``."""

    def answer(self, connection: Handler) -> bool:
        """Answer the request that has come; False, and nothing is done: ask the application."""


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

    close_connection: bool
    content_length: Any
    result: Any
    socket: Any
    status: Any
    wsgi_input: Any

    def __init__(
        self,
        sock: Any,
        address: Any,
        server: HttpServer,
        *,
        data: bytes = b"",
        secure: bool = False,
    ) -> None:
        """:param data: what has been read from it already
        :param secure: it has come over TLS, which somebody else ends
        """
        sock.settimeout(server.idle_timeout)
        super().__init__(sock, address, server, reader(sock, data))
        self.secure = secure or server.ssl_enabled
        self._head = b""
        #: What is to be found out about the last answer; None: nothing.
        self.delivery: Delivery | None = None

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

    def handle_one_request(self) -> Any:
        """Serve one request: see gevent's. What it returns tells if another may come."""
        result = self._serve_request()
        if result is not True and self.delivery is not None:
            # gevent closes the socket now.
            self.delivery.look()
            self.delivery.confirm()
        return result

    def _serve_request(self) -> Any:
        """The same; a head that has come in one piece is read as such."""
        try:
            head = self._whole_head() if self.server.handover is None else self._wait_for_head()
        except OSError:
            return None
        except Moving:
            self.server.handover.pass_on(self)
            return None
        if not head:
            return super().handle_one_request()
        self.requestline = head[: head.index(b"\r\n")].decode("latin-1")
        self.response_length = 0
        try:
            self._understand(head)
        except Exception as error:  # noqa: BLE001 - as gevent does: it is the client's fault
            return self._handle_client_error(error)
        if not self._took_short_way():
            self.environ = self.get_environ()
            self.application = self.server.application
            self.handle_one_response()
        return None if self.close_connection or self.rfile.closed else True

    def _whole_head(self) -> bytes:
        """The head of the next request, if it has come whole; nothing if it must be read by line.

        :raises OSError: the client is gone
        """
        if self.rfile.closed:
            return b""
        data = self.rfile.peek(1)
        end = data.find(b"\r\n\r\n") + 4
        line = data.find(b"\r\n")
        # Lines that end otherwise might end the head as well.
        if end < 4 or not 0 < line < MAX_REQUEST_LINE:
            return b""
        if data.count(b"\n", 0, end) != data.count(b"\r\n", 0, end):
            return b""
        head: bytes = self.rfile.read(end)
        return head

    def _wait_for_head(self) -> bytes:
        """The same, and another process may take over the wait. :raises Moving: it does now"""
        idle = self.server.handover.idle
        idle[self] = gevent.getcurrent()
        try:
            return self._whole_head()
        finally:
            idle.pop(self, None)

    def _took_short_way(self) -> bool:
        """Has the request been answered without the application?"""
        server = self.server
        way = server.short_ways.get(self.path.partition("?")[0]) if server.short_ways else None
        if way is None:
            return False
        server.answering += 1
        try:
            answered: bool = way.answer(self)
            return answered
        except OSError:
            # The client is gone while it was answered.
            self.close_connection = True
            self._answer_is_lost()
            return True
        finally:
            server.answering -= 1

    def _answer_is_lost(self) -> None:
        if self.delivery is not None:
            self.delivery.fail()

    @property
    def peer(self) -> Peer:
        """The connection, for who takes a short way."""
        return Peer(self)

    def send(self, answer: bytes) -> None:
        """Send a whole answer. :raises OSError: the client is gone"""
        self.response_length = 0
        # gevent's way to send changes its sign when it fails.
        self.code = 200
        sent = 0
        if not hasattr(self.socket, "pending"):
            # Nearly always all of it is taken at once; gevent's own way there is longer.
            with contextlib.suppress(BlockingIOError):
                sent = self.socket._sock.send(answer)
        if sent < len(answer):
            self._sendall(answer[sent:])

    def answer_by(self, application: Any) -> None:
        """Have a request whose body has been read answered by another application."""
        self.content_length = 0
        self.environ = self.get_environ()
        self.application = application
        self.handle_one_response()

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
        self._understand(b"".join(lines))
        return True

    def _understand(self, data: bytes) -> None:
        """Take in a head. :raises ValueError: it is no HTTP"""
        self._head = data
        if self.delivery is not None:
            # Nobody asks again on a connection before the answer is there.
            self.delivery.confirm()
            self.delivery = None
        head = self.headers = Head(data)
        self.command, self.path, self.request_version = head.method, head.url, head.version
        if "%" in head.url:
            check_path(head.url)
        self.close_connection = not head.keeps_alive
        length = head.get("content-length")
        self.content_length = None if length is None else int(length)

    def _headers(self) -> Iterable[tuple[str, str]]:
        variables: list[tuple[str, str]] = self.headers.variables
        return variables

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
        except OSError as exc:
            self._answer_is_lost()
            if isinstance(exc, TimeoutError | ConnectionResetError | ssl.SSLError):
                raise BrokenPipeError(errno.EPIPE, str(exc)) from exc
            raise

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
        if self.secure:
            environ["wsgi.url_scheme"] = "https"
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

    def release(self) -> tuple[Any, bytes]:
        """Give the connection away, as it was before the request that is to be answered.

        :returns: the socket, without a time-out, and what was read from it of that request on
        """
        sock = self.socket
        sock.settimeout(0)
        data = self._head + read_ahead(self)
        self.detach_socket()
        if not hasattr(sock, "pending"):
            # The object is closed by whoever has accepted it; the connection is not.
            sock = gevent_socket.socket(fileno=sock.detach())
        return sock, data

    def let_go(self) -> Any:
        """Give the connection away while nothing has come of a request: the socket."""
        sock = self.socket
        sock.settimeout(0)
        self.rfile.close()
        self.socket = None
        return gevent_socket.socket(fileno=sock.detach())

    def handle_one_response(self) -> None:
        handover = self.server.handover
        if handover is not None and handover.takes(self):
            return
        self.server.answering += 1
        try:
            super().handle_one_response()
        finally:
            self.server.answering -= 1

    def log_request(self) -> None:
        if self.server.writes_access_log:
            super().log_request()
