"""Requests of Socket.IO 0.9 clients: below ``/socket.io/1/``.

Upstream: ``plugin.views``, which knows them by their path. Downstream: ``engine.legacy``, and
``plugin.legacy_responses`` for what waits.

Source: Socket.IO protocol, revision 1, "Handshake", and what its clients send beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyramid.response import Response

from pyramid_sio.engine.peer import ENVIRON_KEY
from pyramid_sio.engine.transports.legacy import HtmlFile
from pyramid_sio.errors import BadRequest, RequestRefused, UnknownTransport
from pyramid_sio.plugin.handshake import Handshake
from pyramid_sio.plugin.legacy_responses import (
    DraftResponse,
    LegacyPollResponse,
    LegacyPostResponse,
    LegacyUpgradeResponse,
    StreamResponse,
    no_session,
    script,
    text,
)
from pyramid_sio.plugin.responses import close_connection
from pyramid_sio.protocol.engine_v09 import (
    REVISION,
    SOCKETS,
    LegacyRequest,
    Wish,
    encode_script,
    encode_script_error,
    parse_path,
)

if TYPE_CHECKING:
    from pyramid.request import Request

    from pyramid_sio.plugin.endpoint import Endpoint

#: What a server can do that does not let connections be taken over.
_ANYWHERE = ("xhr-polling", "jsonp-polling")


class LegacyView:
    """Answers for one endpoint.

    :param ask_application: raises ForbiddenRequest for a handshake that it does not want
    :param accept_upgrade: the headers that answer a WebSocket handshake; raises BadRequest
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        ask_application: Callable[[Request], None],
        accept_upgrade: Callable[[dict[str, Any]], list[tuple[str, str]]],
    ) -> None:
        self._endpoint = endpoint
        self._sessions = endpoint.legacy_sessions
        self._perform = endpoint.engine.perform
        self._ask_application = ask_application
        self._accept_upgrade = accept_upgrade

    @staticmethod
    def recognises(segments: tuple[str, ...]) -> bool:
        """Does a path below the endpoint belong to this generation?"""
        return segments[:1] == (REVISION,)

    def __call__(self, request: Request, segments: tuple[str, ...], upgrade: bool) -> Response:
        slot = None
        try:
            asked = parse_path(
                segments,
                request.environ.get("QUERY_STRING", ""),
                transports=self._transports(request),
            )
            slot = asked.slot
            if asked.wish is Wish.DISCONNECT:
                self._perform(self._sessions.leave, asked.sid)
                return text("")
            _complete_origin(request)
            opens = asked.wish is Wish.HANDSHAKE
            # Later on a page has to know the session's id, which it got from the handshake.
            self._endpoint.origins.check(request, script=opens and slot is not None)
            if opens:
                return self._shake_hands(asked, request)
            return self._carry(asked, request, upgrade)
        except RequestRefused as refusal:
            address = request.environ.get("REMOTE_ADDR", "")
            rule = f"request refused: {type(refusal).message}"
            self._perform(self._endpoint.engine.complaints.add, rule, address, refusal.detail)
            return self._refusal(refusal, request, slot, upgrade)

    def _transports(self, request: Request) -> tuple[str, ...]:
        """Those that are enabled, and that this server can do."""
        enabled = self._endpoint.engine.settings.transports
        return tuple(
            name
            for name in self._endpoint.legacy_transports
            if ("websocket" if name in SOCKETS else "polling") in enabled
            and (ENVIRON_KEY in request.environ or name in _ANYWHERE)
        )

    def _refusal(
        self, refusal: RequestRefused, request: Request, slot: int | None, upgrade: bool
    ) -> Response:
        if slot is not None:
            # Browsers show a page nothing of a script that failed.
            return script(encode_script_error(slot, refusal.message.encode()))
        # One that is forbidden does not come again; others do.
        status = 503 if self._endpoint.engine.stopping else refusal.status
        response = text(refusal.message, status)
        if upgrade:
            close_connection(response, request.environ)
        return response

    def _shake_hands(self, asked: LegacyRequest, request: Request) -> Response:
        endpoint = self._endpoint
        if request.method not in ("GET", "POST"):
            raise BadRequest(detail=f"{request.method} as a handshake")
        self._ask_application(request)
        trusted = endpoint.origins.trusts(request, script=asked.slot is not None)
        handshake = Handshake(request.environ, anonymous=not trusted)
        peer = request.environ.get(ENVIRON_KEY)
        if peer is not None:
            peer.engines.add(endpoint.engine)
        transports = self._transports(request)
        if not transports:
            raise UnknownTransport(detail="no transport of 0.9 is enabled")
        answer = self._perform(self._sessions.shake_hands, handshake, transports)
        if asked.slot is not None:
            response = script(encode_script(asked.slot, answer.encode()))
        else:
            response = text(answer)
        if endpoint.cookie is not None:
            sid = answer.partition(":")[0]
            cookie = endpoint.cookie.header(sid, over_tls=handshake.secure)
            response.headers.add("Set-Cookie", cookie)
        return response

    def _carry(self, asked: LegacyRequest, request: Request, upgrade: bool) -> Response:
        """A request of a transport."""
        if asked.transport in SOCKETS:
            return self._upgrade(asked, request, upgrade)
        if upgrade:
            raise BadRequest(detail=f"an upgrade on {asked.transport}")
        engine = self._endpoint.engine
        if request.method == "POST":
            session = self._perform(self._sessions.find, asked.sid)
            if session is None or session.transport_name != asked.transport:
                # Its next poll says that it is unknown.
                return text("1")
            return LegacyPostResponse(session, engine.settings.max_http_buffer_size)
        if request.method != "GET":
            raise BadRequest(detail=f"{request.method} on a session")
        session = self._perform(self._sessions.session_for, asked.sid, asked.transport)
        if session is None:
            return no_session(asked.transport, asked.slot)
        transport = session.transport
        if isinstance(transport, HtmlFile):
            return StreamResponse(transport)
        threshold = self._endpoint.http_compression
        return LegacyPollResponse(session, request, threshold, slot=asked.slot)

    def _upgrade(self, asked: LegacyRequest, request: Request, upgrade: bool) -> Response:
        if not upgrade:
            raise BadRequest(detail=f"{asked.transport} without an upgrade")
        if "HTTP_SEC_WEBSOCKET_KEY1" in request.environ:
            return DraftResponse(self._sessions, asked, request)
        head = self._accept_upgrade(request.environ)
        return LegacyUpgradeResponse(self._sessions, asked, head)


def _complete_origin(request: Request) -> None:
    """The JavaScript client in Node.js names the server itself as its page, without a scheme."""
    environ: dict[str, Any] = request.environ
    origin = environ.get("HTTP_ORIGIN")
    if origin and origin != "null" and "://" not in origin:
        environ["HTTP_ORIGIN"] = f"{request.scheme}://{origin}"
