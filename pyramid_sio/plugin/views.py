"""The view behind the endpoint's route: tells requests apart and picks the answer.

Upstream: Pyramid's router, for every request below ``sio.path``.
Downstream: ``plugin.responses``, ``plugin.client_files``.

Source: Engine.IO protocol, revision 4; the order of the checks decides which error is told.
"""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from pyramid.response import Response
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request as UpgradeRequest
from websockets.server import ServerProtocol
from websockets.utils import accept_key

from pyramid_sio.engine.guest import find_guest
from pyramid_sio.engine.peer import ENVIRON_KEY
from pyramid_sio.errors import (
    BadRequest,
    DisconnectReason,
    ForbiddenRequest,
    RequestRefused,
    UnsupportedVersion,
    http_answer,
)
from pyramid_sio.plugin import client_files, eio3_holder, page
from pyramid_sio.plugin.handshake import Handshake
from pyramid_sio.plugin.legacy import LegacyView
from pyramid_sio.plugin.responses import (
    PayloadResponse,
    PollResponse,
    PostResponse,
    UpgradeResponse,
    close_connection,
)
from pyramid_sio.plugin.server_check import check_server
from pyramid_sio.plugin.short_way import ShortWay
from pyramid_sio.protocol.dialect import OCTET_STREAM
from pyramid_sio.protocol.request import EngineRequest, parse_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyramid.request import Request
    from websockets.typing import Subprotocol

    from pyramid_sio.engine.session import Session
    from pyramid_sio.plugin.endpoint import Endpoint

_EXTENSIONS = "Sec-WebSocket-Extensions"
_PROTOCOL = "Sec-WebSocket-Protocol"
#: What a client is told that is not served, and the log.
_OLD = (
    "paths below /1/ are asked for by Socket.IO clients older than 1.0; set sio.legacy = true on "
    "the server, or use a Socket.IO client of version 3 or 4"
)
#: The usual WebSocket handshake: its headers Connection, Upgrade and Sec-WebSocket-Version.
_USUAL = ("upgrade", "websocket", "13")
#: Sixteen bytes in base64.
_KEY = re.compile("[A-Za-z0-9+/]{21}[AQgw]==")
_ACCEPTED = (("Upgrade", "websocket"), ("Connection", "Upgrade"))
_library_logger = logging.getLogger("pyramid_sio.engine.websockets")

# Windows of 4 KiB instead of 32, so that compression costs a connection about 20 KiB.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
)


class EndpointView:
    """The view of one endpoint; called by Pyramid with ``(context, request)``."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._short_way = ShortWay(endpoint)
        # Only checks handshakes, one at a time; the state of a connection is elsewhere.
        factories = [_DEFLATE] if endpoint.per_message_deflate else None
        self._library = ServerProtocol(
            extensions=factories, select_subprotocol=_first, logger=_library_logger
        )
        self._legacy: LegacyView | None = None
        self._client_files = client_files.served_files(
            legacy=endpoint.legacy,
            legacy_client=endpoint.legacy_client,
            flash=endpoint.flash_swf,
            cross_origin=endpoint.origins.cross_origin,
        )
        if endpoint.legacy:
            self._legacy = LegacyView(
                endpoint,
                ask_application=self._ask_application,
                accept_upgrade=partial(self._accept_upgrade, compress=False),
            )

    def __call__(self, context: Any, request: Request) -> Response:
        endpoint = self._endpoint
        if ENVIRON_KEY not in request.environ:
            find_guest(request.environ)
        if not endpoint.engine.has_thread:
            endpoint.find_thread(request.environ)
        endpoint.proxies.believe(request.environ)
        upgrade = request.environ.get("HTTP_UPGRADE", "").lower() == "websocket"
        try:
            response = self._answer(request, upgrade)
        except RequestRefused as refusal:
            address = request.environ.get("REMOTE_ADDR", "")
            # The class's message: the one that is told may be the application's own.
            rule = f"request refused: {type(refusal).message}"
            endpoint.engine.perform(endpoint.engine.complaints.add, rule, address, refusal.detail)
            response = self._refusal(refusal, request, upgrade)
        by_name = self._asks_with_credentials(request)
        for name, value in endpoint.origins.headers(request, by_name=by_name):
            response.headers.add(name, value)
        return response

    def _asks_with_credentials(self, request: Request) -> bool:
        """Do clients of this kind always? Browsers do not let them if just anybody may ask."""
        if self._legacy is not None and self._legacy.recognises(_segments(request)):
            return True
        # Told roughly: before its generation is known, a request may have been refused.
        query = request.environ.get("QUERY_STRING", "")
        return 3 in self._endpoint.revisions and "EIO=4" not in query

    @staticmethod
    def _refusal(refusal: RequestRefused, request: Request, upgrade: bool) -> Response:
        status, body = http_answer(refusal)
        if upgrade:
            # WebSocket clients don't read it, people with a network tab do.
            response = Response(body["message"], status=400, content_type="text/html")
            close_connection(response, request.environ)
            return response
        return Response(json_body=body, status=status)

    def _answer(self, request: Request, upgrade: bool) -> Response:
        endpoint = self._endpoint
        segments = _segments(request)
        name = "/".join(segments)
        if endpoint.serve_client and name in self._client_files:
            file = self._client_files[name]
            if isinstance(file, str):
                return client_files.client_file(file, request)
            return client_files.flash_file(file)
        if name == page.TICKET and endpoint.tickets is not None:
            endpoint.origins.check(request)
            return page.ticket_response(request, endpoint)
        if request.method == "OPTIONS" and endpoint.origins.cross_origin:
            return self._preflight(request)
        for hook in endpoint.request_hooks:
            answer = hook(request)
            if answer is not None:
                if upgrade:
                    close_connection(answer, request.environ)
                return answer
        check_server(request.environ)
        if LegacyView.recognises(segments):
            if self._legacy is not None:
                return self._legacy(request, segments, upgrade)
            if "EIO=" not in request.environ.get("QUERY_STRING", ""):
                raise UnsupportedVersion(f"{UnsupportedVersion.message}: {_OLD}", detail=_OLD)
        asked = parse_request(
            method=request.method,
            query_string=request.environ.get("QUERY_STRING", ""),
            upgrade=upgrade,
            transports=self._transports(request),
            revisions=endpoint.revisions,
        )
        endpoint.origins.check(request, script=asked.jsonp is not None)
        if asked.sid is None:
            self._ask_application(request)
            return self._open(asked, request)
        return self._continue(asked, request)

    def _transports(self, request: Request) -> tuple[str, ...]:
        """The enabled transports that this server can do: a WebSocket needs the connection."""
        transports = self._endpoint.engine.settings.transports
        if ENVIRON_KEY in request.environ:
            return transports
        return tuple(name for name in transports if name == "polling")

    def _preflight(self, request: Request) -> Response:
        response = Response(status=204)
        response.headers.extend(self._endpoint.origins.preflight_headers(request))
        return response

    def _ask_application(self, request: Request) -> None:
        """:raises ForbiddenRequest: ``sio.allow_request`` says no"""
        ask = self._endpoint.allow_request
        if ask is not None:
            answer = ask(request)
            if isinstance(answer, str):
                raise ForbiddenRequest(answer, detail="refused by sio.allow_request")
            if not answer:
                raise ForbiddenRequest(detail="refused by sio.allow_request")

    def _open(self, asked: EngineRequest, request: Request) -> Response:
        endpoint = self._endpoint
        engine = endpoint.engine
        if engine.stopping:
            raise BadRequest(detail="the server is shutting down")
        trusted = endpoint.origins.trusts(request, script=asked.jsonp is not None)
        handshake = Handshake(request.environ, anonymous=not trusted)
        if asked.transport == "websocket":
            return self._upgrade(request, asked, handshake)
        peer = request.environ.get(ENVIRON_KEY)
        if peer is not None:
            peer.engines.add(engine)
            self._short_way.offer(peer, request.registry)
        session, body = engine.perform(
            engine.open_polling, handshake, asked, upgradable=peer is not None
        )
        response = PayloadResponse(body)
        if endpoint.unpatched:
            # psio doctor looks for it.
            response.headers["X-Pyramid-Sio"] = "unpatched"
        if self._endpoint.cookie is not None:
            cookie = self._endpoint.cookie.header(session.id, over_tls=handshake.secure)
            response.headers.add("Set-Cookie", cookie)
        if self._shows_secrets(session):
            set_cookie = eio3_holder.bind(session, request, secure=handshake.secure)
            if set_cookie is not None:
                response.headers.add("Set-Cookie", set_cookie)
        return response

    def _shows_secrets(self, session: Session) -> bool:
        """Is the id of a session what others know its client by?"""
        return session.revision == 3 and not self._endpoint.hides_eio3_ids

    def _continue(self, asked: EngineRequest, request: Request) -> Response:
        endpoint = self._endpoint
        session = endpoint.engine.perform(endpoint.engine.find, asked)
        if self._shows_secrets(session):
            eio3_holder.check(session, request)
        if asked.upgrade:
            if asked.transport != "websocket":
                raise BadRequest(detail="an upgrade with transport=polling")
            return self._upgrade(request, asked, None, session=session)
        if asked.transport == "websocket":
            raise BadRequest(detail="a session on a WebSocket takes no other requests")
        if request.method == "GET":
            return PollResponse(session, request, endpoint.http_compression)
        if request.method == "POST":
            binary = request.environ.get("CONTENT_TYPE") == OCTET_STREAM
            if binary and not session.dialect.reads_binary:
                endpoint.engine.perform(session.end, DisconnectReason.TRANSPORT_ERROR)
                raise BadRequest(detail=f"revision {session.revision} has no binary payloads")
            return PostResponse(session, endpoint.engine.settings.max_http_buffer_size)
        raise BadRequest(detail=f"{request.method} on a session")

    def _upgrade(
        self,
        request: Request,
        asked: EngineRequest,
        handshake: Handshake | None,
        *,
        session: Session | None = None,
    ) -> UpgradeResponse:
        """The answer to a WebSocket handshake, which takes the connection over.

        :raises BadRequest: it is none
        """
        head = self._accept_upgrade(request.environ)
        return UpgradeResponse(
            self._endpoint.engine,
            asked,
            handshake,
            session=session,
            head=head,
            extensions=self._library.extensions,
        )

    def _accept_upgrade(
        self, environ: dict[str, Any], *, compress: bool = True
    ) -> list[tuple[str, str]]:
        """Check a WebSocket handshake; the headers of its answer.

        :param compress: False: agree to no extension
        :raises BadRequest: it is none
        """
        key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "")
        asked = (
            environ.get("HTTP_CONNECTION", "").lower(),
            environ.get("HTTP_UPGRADE", "").lower(),
            environ.get("HTTP_SEC_WEBSOCKET_VERSION"),
        )
        # An empty one is what a proxy makes of none.
        protocols = environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "").strip()
        special = protocols or self._endpoint.per_message_deflate
        if asked == _USUAL and _KEY.fullmatch(key) and not special:
            # What nearly all ask for; the library, which reads whatever is allowed, takes longer.
            return [*_ACCEPTED, ("Sec-WebSocket-Accept", accept_key(key))]
        headers = Headers()
        for name, key in (
            ("Connection", "HTTP_CONNECTION"),
            ("Upgrade", "HTTP_UPGRADE"),
            ("Sec-WebSocket-Key", "HTTP_SEC_WEBSOCKET_KEY"),
            ("Sec-WebSocket-Version", "HTTP_SEC_WEBSOCKET_VERSION"),
            (_EXTENSIONS, "HTTP_SEC_WEBSOCKET_EXTENSIONS"),
        ):
            if key in environ and (compress or name != _EXTENSIONS):
                headers[name] = environ[key]
        if protocols:
            headers[_PROTOCOL] = protocols
        try:
            accept, extensions, protocol = self._library.process_request(
                UpgradeRequest(path="/", headers=headers)
            )
        except InvalidHandshake as exc:
            raise BadRequest(detail=str(exc)) from exc
        head = [*_ACCEPTED, ("Sec-WebSocket-Accept", accept)]
        if extensions is not None:
            head.append((_EXTENSIONS, extensions))
        if protocol is not None:
            head.append((_PROTOCOL, protocol))
        return head


def _first(library: ServerProtocol, protocols: Sequence[Subprotocol]) -> Subprotocol | None:
    """Which subprotocol is spoken: Socket.IO knows none, and a client that names some wants one."""
    return protocols[0] if protocols else None


def _segments(request: Request) -> tuple[str, ...]:
    """The path below the endpoint, without empty parts."""
    return tuple(request.matchdict.get("subpath", ()))
