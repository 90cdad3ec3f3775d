"""Answers to Socket.IO 0.9 clients.

Upstream: ``plugin.legacy`` returns one. Downstream: the session's transport. As those of
``plugin.responses``, they wait in ``__call__``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyramid.response import Response

from pyramid_sio.engine.peer import ENVIRON_KEY, Peer
from pyramid_sio.engine.transports.legacy import TRANSPORTS, HtmlFile, XhrPolling
from pyramid_sio.engine.transports.polling import Payload, PollingTransport
from pyramid_sio.errors import BadRequest, LimitExceeded, ProtocolError
from pyramid_sio.plugin.responses import PayloadResponse, PollResponse, PostResponse, refuse
from pyramid_sio.protocol.dialect import Body
from pyramid_sio.protocol.engine_v09 import SCRIPT, LegacyRequest, encode_script
from pyramid_sio.protocol.flash import KEY3_LENGTH, answer_keys
from pyramid_sio.protocol.socket_v09 import UNKNOWN_CLIENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyramid.request import Request

    from pyramid_sio.engine.legacy import LegacySessions
    from pyramid_sio.engine.session import Session


def text(body: str, status: int = 200) -> Response:
    """A plain answer."""
    response = PayloadResponse(Body(body.encode()))
    response.status_int = status
    return response


def script(body: bytes) -> Response:
    """An answer that a page loads as a script."""
    response = PayloadResponse(Body(body, SCRIPT))
    # Or some browsers think that the page has injected it.
    response.headers["X-XSS-Protection"] = "0"
    return response


def no_session(transport: str, slot: int | None) -> Response:
    """The answer to a GET for a session that is not there (any more)."""
    if slot is not None:
        return script(encode_script(slot, UNKNOWN_CLIENT))
    stream = TRANSPORTS[transport]
    if not issubclass(stream, HtmlFile):
        return text(UNKNOWN_CLIENT.decode())
    response = PayloadResponse(Body(stream.preamble + stream.part(UNKNOWN_CLIENT)))
    response.headers["Content-Type"] = stream.content_type
    return response


class LegacyPollResponse(PollResponse):
    """Waits until there is something to send.

    :param slot: the callback that a script hands it to; None: it is sent as it is
    """

    def __init__(
        self, session: Session, request: Request, threshold: int | None, *, slot: int | None
    ) -> None:
        super().__init__(session, request, threshold)
        self._slot = slot

    @staticmethod
    def _wait(transport: PollingTransport, environ: dict[str, Any]) -> Payload:
        peer: Peer | None = environ.get(ENVIRON_KEY)
        if peer is None or not isinstance(transport, XhrPolling):
            return PollResponse._wait(transport, environ)
        unwatch = peer.when_gone(transport.peer_vanished)
        try:
            return transport.poll(peer=peer)
        finally:
            unwatch()

    def dress(self, body: Body) -> Body:
        if self._slot is None:
            return body
        self.headers["X-XSS-Protection"] = "0"
        return Body(encode_script(self._slot, body.data), SCRIPT)


class LegacyPostResponse(PostResponse):
    """Reads the client's packets. Unlike later ones, these clients may send several at once."""

    def __init__(self, session: Session, limit: int) -> None:
        super().__init__(session, limit)
        self.fill(Body(b"1"))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        transport = self._session.transport
        assert isinstance(transport, PollingTransport)
        perform = self._session.engine.perform
        try:
            perform(self._receive, transport, self._read(environ), False)
        except LimitExceeded as error:
            perform(self._session.complain, "message too large", error)
            return refuse(self, environ, start_response, status=413)
        except OSError:
            perform(transport.peer_vanished)
            return refuse(self, environ, start_response)
        except ProtocolError:
            return refuse(self, environ, start_response)
        return self.answer(environ, start_response)


class StreamResponse(Response):  # type: ignore[misc]
    """An answer without end, with a piece for each packet."""

    def __init__(self, transport: HtmlFile) -> None:
        super().__init__()
        self.headers["Content-Type"] = transport.content_type
        self.headers["Cache-Control"] = "no-store"
        # Or a proxy keeps it until there is a lot of it.
        self.headers["X-Accel-Buffering"] = "no"
        self._transport = transport

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.app_iter = self._stream(environ[ENVIRON_KEY])
        result: Iterable[bytes] = super().__call__(environ, start_response)
        return result

    def _stream(self, peer: Peer) -> Iterator[bytes]:
        unwatch = peer.when_gone(self._transport.peer_vanished)
        try:
            yield from self._transport.stream()
        except GeneratorExit:
            # Writing has failed.
            self._transport.peer_vanished()
            raise
        finally:
            unwatch()


class LegacyUpgradeResponse(Response):  # type: ignore[misc]
    """Turns the connection into a WebSocket.

    :param head: headers of the 101
    """

    def __init__(
        self, sessions: LegacySessions, asked: LegacyRequest, head: list[tuple[str, str]]
    ) -> None:
        super().__init__(status=101)
        self.headerlist = head
        self._sessions = sessions
        self._asked = asked

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        head = self._head("101 Switching Protocols", self.headerlist)
        return self._take_over(environ, head, draft=False)

    @staticmethod
    def _head(status: str, headers: Iterable[tuple[str, str]]) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode("latin-1")

    def _take_over(self, environ: dict[str, Any], head: bytes, *, draft: bool) -> Iterable[bytes]:
        peer: Peer = environ[ENVIRON_KEY]
        sock, leftover = peer.take_over()
        self._sessions.open_socket(
            self._asked.sid,
            sock,
            name=self._asked.transport,
            head=head,
            leftover=leftover,
            draft=draft,
        )
        return peer.leave()


class DraftResponse(LegacyUpgradeResponse):
    """The same for the draft that Flash Player's client speaks: a key comes behind the request.

    :param request: whose headers hold the other keys
    """

    def __init__(self, sessions: LegacySessions, asked: LegacyRequest, request: Request) -> None:
        scheme = "wss" if request.scheme == "https" else "ws"
        location = request.path_url.partition("://")[2]
        head = [
            ("Upgrade", "WebSocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Origin", request.environ.get("HTTP_ORIGIN", "null")),
            ("Sec-WebSocket-Location", f"{scheme}://{location}"),
        ]
        super().__init__(sessions, asked, head)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        peer: Peer = environ[ENVIRON_KEY]
        keys = environ["HTTP_SEC_WEBSOCKET_KEY1"], environ.get("HTTP_SEC_WEBSOCKET_KEY2", "")
        try:
            proof = answer_keys(*keys, peer.read_behind(KEY3_LENGTH))
        except (ProtocolError, OSError) as error:
            address = environ.get("REMOTE_ADDR", "")
            self._sessions.complain(f"request refused: {BadRequest.message}", address, error)
            response = text(BadRequest.message, BadRequest.status)
            return refuse(response, environ, start_response)
        head = self._head("101 WebSocket Protocol Handshake", self.headerlist)
        return self._take_over(environ, head + proof, draft=True)
