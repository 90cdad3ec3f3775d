"""The answers that wait: a poll, a POST whose body must be read, an upgrade.

Upstream: ``plugin.views`` returns one. Downstream: the session's transport.

They wait in ``__call__``: by then Pyramid has let go of the request, closed its transaction
and run its callbacks, whose headers (a session's cookie, say) are already in place.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from pyramid.response import Response

from pyramid_sio.engine.peer import ENVIRON_KEY, Peer
from pyramid_sio.engine.transports.polling import Payload, PollingTransport
from pyramid_sio.errors import LimitExceeded, ProtocolError
from pyramid_sio.protocol.dialect import OCTET_STREAM, Body

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyramid.request import Request
    from websockets.extensions import Extension

    from pyramid_sio.engine.server import EngineServer
    from pyramid_sio.engine.session import Session
    from pyramid_sio.plugin.handshake import Handshake
    from pyramid_sio.protocol.request import EngineRequest

_READ_SIZE = 65536
_EMPTY = Body(b"")
# Not plain text, which some browsers offer as a download.
_OK = Body(b"ok", "text/html")


def best_encoding(request: Request, known: Sequence[str]) -> str | None:
    """Which of these encodings the client likes best; None: it named none of them."""
    if "HTTP_ACCEPT_ENCODING" not in request.environ:
        return None
    offers = request.accept_encoding.acceptable_offers(known)
    return offers[0][0] if offers else None


class PayloadResponse(Response):  # type: ignore[misc]
    """Packets for a polling client; made once the body is known."""

    def __init__(self, body: Body = _EMPTY) -> None:
        super().__init__()
        self.headers["Cache-Control"] = "no-store"
        self.fill(body)

    def fill(self, body: Body) -> None:
        """Make this the body."""
        self.headers["Content-Type"] = body.content_type
        self.body = body.data

    def answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer with what it was filled with."""
        result: Iterable[bytes] = Response.__call__(self, environ, start_response)
        return result

    def compress_for(self, request: Request, body: bytes) -> None:
        """Compress ``body`` in the way the client likes best, if it likes any."""
        name = best_encoding(request, ("gzip", "deflate"))
        if name is None:
            return
        # zlib's format is what HTTP calls deflate; 16 more bits ask for gzip's.
        self.body = zlib.compress(body, wbits=31 if name == "gzip" else 15)
        self.content_encoding = name


class PollResponse(PayloadResponse):
    """Waits until there is something to send.

    :param threshold: bytes from which the answer is compressed; None: never
    """

    def __init__(self, session: Session, request: Request, threshold: int | None) -> None:
        super().__init__()
        self._session = session
        self._request = request
        self._threshold = threshold

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        transport = self._session.transport
        if not isinstance(transport, PollingTransport):
            return refuse(self, environ, start_response)
        try:
            payload = self._session.engine.perform(self._wait, transport, environ)
        except ProtocolError:
            return refuse(self, environ, start_response)
        body = self.dress(Body(payload.body, payload.content_type))
        self.fill(body)
        if payload.compress and self._threshold is not None:
            if len(body.data) >= self._threshold:
                self.compress_for(self._request, body.data)
        return self.answer(environ, start_response)

    def dress(self, body: Body) -> Body:
        """What is put around the packets."""
        return body

    @staticmethod
    def _wait(transport: PollingTransport, environ: dict[str, Any]) -> Payload:
        """In the loop's thread. :raises ProtocolError: this poll was one too many"""
        seats = transport.session.engine.seats
        if seats is not None:
            return seats.poll(transport)
        peer: Peer | None = environ.get(ENVIRON_KEY)
        if peer is None:
            return transport.poll()
        unwatch = peer.when_gone(transport.peer_vanished)
        try:
            payload = transport.poll()
        finally:
            unwatch()
        peer.follow(transport.answer_lost)
        return payload


class PostResponse(PayloadResponse):
    """Reads the client's packets, and answers once they may be followed by more.

    :param limit: longest body, in bytes
    """

    def __init__(self, session: Session, limit: int) -> None:
        super().__init__(_OK)
        self._session = session
        self._limit = limit

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        transport = self._session.transport
        if not isinstance(transport, PollingTransport):
            return refuse(self, environ, start_response)
        engine = self._session.engine
        if not engine.perform(self._begin, transport):
            return refuse(self, environ, start_response)
        try:
            body = self._read(environ)
            binary = environ.get("CONTENT_TYPE") == OCTET_STREAM
            engine.perform(self._receive, transport, body, binary)
        except LimitExceeded as error:
            engine.perform(self._session.complain, "message too large", error)
            return refuse(self, environ, start_response, status=413)
        except OSError:
            engine.perform(transport.peer_vanished)
            return refuse(self, environ, start_response)
        except ProtocolError:
            return refuse(self, environ, start_response)
        finally:
            transport.receiving = False
        result: Iterable[bytes] = super().__call__(environ, start_response)
        return result

    def _begin(self, transport: PollingTransport) -> bool:
        """In the loop's thread: may this POST be read?"""
        if transport.receiving:
            self._session.refuse(ProtocolError("two POSTs at once"))
            return False
        transport.receiving = True
        return True

    @staticmethod
    def _receive(transport: PollingTransport, body: bytes, binary: bool) -> None:
        """In the loop's thread, where it may wait. :raises ProtocolError: the session has ended"""
        transport.receive(body, binary=binary)
        seats = transport.session.engine.seats
        if seats is not None:
            seats.wait_until_ready(transport)
        else:
            transport.wait_until_ready()

    def _read(self, environ: dict[str, Any]) -> bytes:
        """The body; never more of it is kept than the limit, whatever it claims to be.

        :raises LimitExceeded: there is more
        :raises OSError: the client went away in the middle
        """
        declared = environ.get("CONTENT_LENGTH")
        limit = self._limit
        if declared and int(declared) > limit:
            raise LimitExceeded(f"sio.max_http_buffer_size = {limit}: a POST of {declared} bytes")
        stream = environ["wsgi.input"]
        body = bytearray()
        while len(body) <= limit:
            chunk = stream.read(min(_READ_SIZE, limit + 1 - len(body)))
            if not chunk:
                break
            body += chunk
        if len(body) > limit:
            raise LimitExceeded(f"sio.max_http_buffer_size = {limit}: a POST of more bytes")
        if declared and len(body) < int(declared):
            raise OSError("the body ended early")
        return bytes(body)


class UpgradeResponse(Response):  # type: ignore[misc]
    """Turns the connection into a WebSocket: a session of its own, or one's new transport.

    :param asked: the request
    :param session: the session that wants to change to it; None: open a new one
    :param head: headers of the 101, as the WebSocket library made them
    """

    def __init__(
        self,
        engine: EngineServer,
        asked: EngineRequest,
        handshake: Handshake | None,
        *,
        session: Session | None,
        head: list[tuple[str, str]],
        extensions: list[Extension],
    ) -> None:
        super().__init__(status=101)
        self.headerlist = head
        self._engine = engine
        self._asked = asked
        self._handshake = handshake
        self._session = session
        self._extensions = extensions

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        peer: Peer = environ[ENVIRON_KEY]
        peer.engines.add(self._engine)
        sock, leftover = peer.take_over()
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headerlist)
        head = f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode("latin-1")
        options: dict[str, Any] = {
            "head": head,
            "leftover": leftover,
            "extensions": self._extensions,
        }
        if self._session is not None:
            self._engine.open_candidate(self._session, sock, self._asked, **options)
        else:
            assert self._handshake is not None
            self._engine.open_websocket(self._handshake, sock, self._asked, **options)
        return peer.leave()


def close_connection(response: Response, environ: dict[str, Any]) -> None:
    """Have the connection closed after a response, where the server lets applications say so.

    Ours does; WSGI forbids it, so that others raise an error.
    """
    if ENVIRON_KEY in environ:
        response.headers["Connection"] = "close"


def refuse(
    response: Response, environ: dict[str, Any], start_response: Any, status: int = 400
) -> Iterable[bytes]:
    """An empty answer; the connection is closed, because its body may not have been read."""
    response.status_int = status
    response.body = b""
    close_connection(response, environ)
    result: Iterable[bytes] = Response.__call__(response, environ, start_response)
    return result
