"""Polls and POSTs of sessions that a handshake has opened, without a Pyramid request for each.

Upstream: ``http.handler`` asks for each request below an endpoint's path, once ``plugin.views`` has
offered the short way with the first handshake. Downstream: the session's transport.

The handshake is a request like any other: route, tweens, policy and view see it. What follows
only fetches and brings packets of the session that it opened, and no part of the application can
tell, *if* none is there that looks. :func:`leads_there` makes sure of that. Whatever is not plain
(an upgrade, an error, compression, an unusual header) goes the long way; what goes the short way is
answered with the same bytes.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any
from wsgiref.handlers import format_date_time

from pyramid.config import Configurator
from pyramid.events import BeforeTraversal, ContextFound, NewRequest, NewResponse
from pyramid.interfaces import (
    IExecutionPolicy,
    IRequestFactory,
    IRootFactory,
    IRoutesMapper,
    ITraverser,
    ITweens,
    IViewDerivers,
    IViewMapperFactory,
)
from pyramid.request import Request
from pyramid.router import Router
from pyramid.traversal import DefaultRootFactory
from pyramid.tweens import EXCVIEW
from zope.interface import implementedBy

from pyramid_sio.engine.peer import Delivery, Peer
from pyramid_sio.engine.transports.polling import Payload, PollingTransport
from pyramid_sio.errors import ProtocolError, RequestRefused
from pyramid_sio.plugin.names import route_name
from pyramid_sio.plugin.responses import PayloadResponse, PollResponse, PostResponse, refuse
from pyramid_sio.protocol.dialect import Body

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyramid.registry import Registry

    from pyramid_sio.engine.session import Session
    from pyramid_sio.plugin.endpoint import Endpoint

#: Fields of a query that say nothing but whose poll it is; ``t`` is there for caches.
_FIELDS = frozenset(("EIO", "transport", "sid", "t"))
#: Headers that ask for more than a plain answer.
_SPECIAL = frozenset(("expect", "upgrade", "transfer-encoding"))
#: Bytes of a POST that are read in one piece.
LONGEST = 65536
_HEAD = b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n"
_OK = _HEAD + b"Content-Type: text/html\r\nContent-Length: 2\r\n"


class Question:
    """As much of a request as the check of its origin looks at."""

    __slots__ = ("environ", "headers", "host", "host_url", "scheme")

    def __init__(self, origin: str | None, host: str, *, secure: bool) -> None:
        self.environ = {} if origin is None else {"HTTP_ORIGIN": origin}
        self.headers = {} if origin is None else {"Origin": origin}
        self.host = host
        self.scheme = "https" if secure else "http"
        self.host_url = f"{self.scheme}://{host}"


class ShortWay:
    """The short way to the sessions of one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._engine = endpoint.engine
        self._limit = endpoint.engine.settings.max_http_buffer_size
        self._date = (0, b"")
        #: The application that was looked at last, and what came of that.
        self._application: Any = None
        self._is_equal = False

    def offer(self, peer: Any, registry: Registry) -> None:
        """Offer this way to the server that a handshake has come to, if it is one of ours."""
        if not isinstance(peer, Peer):
            return
        application = peer.application
        if application is not self._application:
            self._application = application
            self._is_equal = leads_there(application, registry, self._endpoint)
        if self._is_equal:
            peer.shorten(self._endpoint.path, self)

    def answer(self, connection: Any) -> bool:
        """Answer the request that has come on ``connection``; False, and nothing done: go round.

        Waits as the long way does. :raises OSError: the client is gone
        """
        session = self._session(connection)
        if session is None:
            return False
        headers: dict[str, str] = connection.headers.fields
        # One of each name.
        is_plain = len(headers) == len(connection.headers.items) and "host" in headers
        if not is_plain or not _SPECIAL.isdisjoint(headers):
            return False
        extra = self._cors(connection, headers)
        if extra is None:
            return False
        if connection.command == "GET" and not connection.content_length:
            return self._poll(connection, session, headers, extra)
        if connection.command == "POST" and connection.content_length is not None:
            binary = headers.get("content-type") == "application/octet-stream"
            return not binary and self._post(connection, session, extra)
        return False

    def _session(self, connection: Any) -> Session | None:
        """The session of a plain request; None: it is not plain, or there is none."""
        query = connection.path.partition("?")[2]
        endpoint = self._endpoint
        if connection.close_connection or connection.server.writes_access_log:
            return None
        if "%" in query or "+" in query or endpoint.request_hooks or self._engine.seats is not None:
            return None
        fields = dict([part.partition("=")[::2] for part in query.split("&")])
        if not _FIELDS.issuperset(fields) or fields.get("transport") != "polling":
            return None
        session = self._engine.living(fields.get("sid", ""))
        if session is None or fields.get("EIO") != "4" or session.revision != 4:
            return None
        # A kind of its own would do something of its own.
        return session if type(session.transport) is PollingTransport else None

    def _cors(self, connection: Any, headers: dict[str, str]) -> list[tuple[str, str]] | None:
        """Headers for pages of other origins; None: the page may not ask."""
        origins = self._endpoint.origins
        origin = headers.get("origin")
        if origin is None and not origins.cross_origin:
            return []
        question: Any = Question(origin, headers["host"], secure=connection.secure)
        try:
            origins.check(question)
        except RequestRefused:
            return None
        return origins.headers(question)

    # The two kinds of request.

    def _poll(
        self,
        connection: Any,
        session: Session,
        headers: dict[str, str],
        extra: list[tuple[str, str]],
    ) -> bool:
        transport = session.transport
        assert isinstance(transport, PollingTransport)
        if transport.is_polled:
            return False
        unwatch = None
        if transport.must_wait:
            unwatch = connection.peer.when_gone(transport.peer_vanished)
        try:
            payload = transport.poll()
        finally:
            if unwatch is not None:
                unwatch()
        connection.delivery = Delivery(connection, transport.answer_lost)
        threshold = self._endpoint.http_compression
        if threshold is not None and payload.compress and len(payload.body) >= threshold:
            if "accept-encoding" in headers:
                self._compressed(connection, session, payload, extra)
                return True
        # In the order in which the long way says it.
        described = (payload.content_type.encode(), len(payload.body))
        rest = b"Content-Type: %b\r\nContent-Length: %d\r\n" % described
        self._send(connection, _HEAD + _lines(extra) + rest, payload.body)
        return True

    def _post(self, connection: Any, session: Session, extra: list[tuple[str, str]]) -> bool:
        transport = session.transport
        assert isinstance(transport, PollingTransport)
        length = connection.content_length
        if transport.receiving or length > min(self._limit, LONGEST):
            return False
        transport.receiving = True
        try:
            body = connection.rfile.read(length)
            if len(body) < length:
                raise OSError("the body ended early")
            transport.receive(body)
            transport.wait_until_ready()
        except OSError:
            transport.peer_vanished()
            self._refused(connection, session, extra)
        except ProtocolError:
            self._refused(connection, session, extra)
        else:
            self._send(connection, _OK + _lines(extra), b"ok")
        finally:
            transport.receiving = False
        return True

    # Answers.

    def _send(self, connection: Any, head: bytes, body: bytes) -> None:
        now = int(time.time())
        if self._date[0] != now:
            self._date = now, f"Date: {format_date_time(now)}\r\n\r\n".encode()
        connection.send(head + self._date[1] + body)

    def _compressed(
        self,
        connection: Any,
        session: Session,
        payload: Payload,
        extra: list[tuple[str, str]],
    ) -> None:
        """The answer to a poll, compressed if the client likes that."""
        response = PollResponse(session, None, None)

        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            response.fill(Body(payload.body, payload.content_type))
            response.compress_for(Request(environ), payload.body)
            return response.answer(environ, start_response)

        self._go_round(connection, response, extra, answer)

    def _refused(self, connection: Any, session: Session, extra: list[tuple[str, str]]) -> None:
        response = PostResponse(session, self._limit)

        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            return refuse(response, environ, start_response)

        self._go_round(connection, response, extra, answer)

    @staticmethod
    def _go_round(
        connection: Any, response: PayloadResponse, extra: list[tuple[str, str]], answer: Any
    ) -> None:
        """Answer in the way of WSGI after all."""
        for name, value in extra:
            response.headers.add(name, value)
        connection.answer_by(answer)


def _lines(headers: list[tuple[str, str]]) -> bytes:
    return "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1")


def leads_there(application: Any, registry: Registry, endpoint: Endpoint) -> bool:
    """Would each request for the endpoint come to its view, and nobody notice if it did not?

    Middleware around the application, tweens, subscribers to requests, factories of requests and
    roots, policies, derivers of views and other routes could all tell the difference.

    :param application: what the HTTP server calls
    """
    if type(application) is not Router or application.registry is not registry:
        return False
    utilities = (IRootFactory, IRequestFactory, IExecutionPolicy, IViewMapperFactory)
    if any(registry.queryUtility(utility) is not None for utility in utilities):
        return False
    events = map(implementedBy, (NewRequest, BeforeTraversal, ContextFound, NewResponse))
    if any(registry.adapters.subscriptions((event,), None) for event in events):
        return False
    if registry.adapters.lookup((implementedBy(DefaultRootFactory),), ITraverser) is not None:
        return False
    tweens = registry.queryUtility(ITweens)
    if tweens.explicit or [name for name, _ in tweens.implicit()] != [EXCVIEW]:
        return False
    if set(registry.getUtility(IViewDerivers).names) != _usual_derivers():
        return False
    if registry.settings.get("debug_routematch"):
        return False
    return bool(_first_route(registry, endpoint) == route_name(endpoint.name))


def _first_route(registry: Registry, endpoint: Endpoint) -> str | None:
    """The route that a request for the endpoint takes."""
    for route in registry.getUtility(IRoutesMapper).routelist:
        if route.match(endpoint.path) is not None:
            name: str = route.name
            return name
    return None


@cache
def _usual_derivers() -> set[str]:
    """The derivers of an application that adds none."""
    return set(Configurator().registry.getUtility(IViewDerivers).names)
