"""Which browser a polling session of Socket.IO 1 or 2 belongs to.

Upstream: ``plugin.views``, when such a session is opened, and for each request that names it.

The public id of these clients is the session's id, because they compute it from that. Others may
know it, and could poll and post in the client's name. A cookie that only the browser knows keeps
them out. Programs keep no cookies, nor do browsers for pages of other sites: where the cookie never
came back, a session is anybody's who knows its id, as it was with the servers of their time.
"""

from __future__ import annotations

import re
import secrets
from hmac import compare_digest
from typing import TYPE_CHECKING

from pyramid_sio.engine.transports.polling import PollingTransport
from pyramid_sio.errors import UnknownSession

if TYPE_CHECKING:
    from pyramid.request import Request

    from pyramid_sio.engine.session import Session

COOKIE = "sio_holder"
#: Seconds after which a browser has made up its mind which cookie it keeps: a page that opens two
#: connections at once, the first time, is given two of them.
SETTLING = 5.0
#: Random bytes in it: 120 bits, 20 characters.
SECRET_BYTES = 15
_SECRET = re.compile(r"[\w-]{20}", re.ASCII)
#: What the name of every browser begins with. Other clients that keep cookies may do so for polling
#: alone, and could not change to a WebSocket.
_BROWSER = "Mozilla/"


class Holder:
    """The browser that has opened a session.

    :param secret: what its cookie says
    :param settled: when it will have kept that cookie, if it says so, by the engine's clock; None:
        it does already
    """

    __slots__ = ("_proven", "_secret", "_settled")

    def __init__(self, secret: str, settled: float | None) -> None:
        self._secret = secret
        self._settled = settled or 0.0
        self._proven = settled is None

    def check(self, secret: str, now: float) -> None:
        """A request names the session.

        :param secret: what the request's cookie says
        :raises UnknownSession: it is not from that browser
        """
        if compare_digest(secret, self._secret):
            self._proven = self._proven or now >= self._settled
        elif self._proven:
            raise UnknownSession(detail="a session that another browser has opened")


def bind(session: Session, request: Request, *, secure: bool) -> str | None:
    """A polling session has been opened: it belongs to the browser that has done so, if it is one.

    :param secure: did the request come over TLS?
    :returns: the value of a ``Set-Cookie``; None: the browser needs none
    """
    transport = session.transport
    if not isinstance(transport, PollingTransport):
        return None
    if not request.environ.get("HTTP_USER_AGENT", "").startswith(_BROWSER):
        return None
    secret = _secret_of(request)
    if secret:
        transport.holder = Holder(secret, None)
        return None
    secret = secrets.token_urlsafe(SECRET_BYTES)
    transport.holder = Holder(secret, session.engine.clock() + SETTLING)
    attributes = "; Secure" if secure else ""
    return f"{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Lax{attributes}"


def check(session: Session, request: Request) -> None:
    """A request names a session. :raises UnknownSession: it is not from that session's browser"""
    transport = session.transport
    if isinstance(transport, PollingTransport) and transport.holder is not None:
        transport.holder.check(_secret_of(request), session.engine.clock())


def _secret_of(request: Request) -> str:
    """What a request's cookie says; empty: nothing that this server has written."""
    secret = request.cookies.get(COOKIE, "")
    return secret if _SECRET.fullmatch(secret) else ""
