"""Tickets: proof that a page of this application, in the same session, wants to connect.

Upstream: ``plugin.page`` puts one into a page, or a page fetches it; the client passes it in
its ``auth``. Downstream: ``plugin.context`` asks for it before anything else of a CONNECT.

A ticket names the moment until which it is good and is signed together with the CSRF token of
its session, so it is worth nothing in another. It is good for one connection, over all its
namespaces. What has been used is remembered in this process until it would be too old anyway.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyramid.csrf import get_csrf_token

if TYPE_CHECKING:
    from pyramid.request import Request

_NONCE_BYTES = 15
#: Longest ticket that is looked at.
LONGEST = 200


class Tickets:
    """The tickets of one endpoint.

    :param secret: what they are signed with; empty: made up
    :param lifetime: seconds for which each is good
    :param clock: seconds since 1970
    """

    def __init__(
        self, secret: str, lifetime: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._key = secret.encode() or secrets.token_bytes(32)
        self._lifetime = lifetime
        self._clock = clock
        #: Until when, and by which connection, each was used; the oldest first.
        self._used: dict[str, tuple[float, str]] = {}

    def __len__(self) -> int:
        return len(self._used)

    def issue(self, request: Request) -> str:
        """A new one for a request's session.

        :raises ConfigurationError: the application has no sessions
        """
        until = f"{self._clock() + self._lifetime:.0f}"
        body = f"{until}.{secrets.token_urlsafe(_NONCE_BYTES)}"
        return f"{body}.{self._sign(body, request)}"

    def check(self, request: Request, ticket: Any, connection: str) -> str | None:
        """Use a ticket; what is wrong with it, or None.

        :param request: made from the connection's opening request
        :param ticket: what the client has passed
        :param connection: its id; it may use the ticket again, in other namespaces
        """
        if not isinstance(ticket, str) or len(ticket) > LONGEST:
            return "there is none"
        body, _, signature = ticket.rpartition(".")
        # As bytes, because others than ASCII characters cannot be compared as text.
        if not hmac.compare_digest(signature.encode(), self._sign(body, request).encode()):
            return "it is of another session"
        now = self._clock()
        until = float(body.partition(".")[0])
        if until < now:
            return "it is too old"
        self._forget(now)
        _, user = self._used.setdefault(body, (until, connection))
        return None if user == connection else "it has been used"

    def _sign(self, body: str, request: Request) -> str:
        token = get_csrf_token(request)
        # Length and text of each, so that nothing can move from one to the other.
        message = f"{len(body)}.{body}.{token}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def _forget(self, now: float) -> None:
        """What is too old is refused in any case."""
        for body, (until, _) in list(self._used.items()):
            if until >= now:
                break
            del self._used[body]
