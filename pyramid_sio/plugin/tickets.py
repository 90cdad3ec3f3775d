"""Tickets: proof that a page of this application, in the same session, wants to connect.

Upstream: ``plugin.page`` puts one into a page, or a page fetches it; the client passes it in
its ``auth``. Downstream: ``plugin.context`` asks for it before anything else of a CONNECT.

A ticket names the moment until which it is good and is signed together with the CSRF token of
its session, so it is worth nothing in another. It is good for one connection, over all its
namespaces. What has been used is remembered in this process until it would be too old anyway;
where clients may come to other processes as well, a ticket is claimed from all of them first.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from pyramid.csrf import get_csrf_token
from pyramid.exceptions import ConfigurationError

from pyramid_sio.errors import AdapterError
from pyramid_sio.plugin.rooms import MEMORY
from pyramid_sio.workers.claims import FolderClaims
from pyramid_sio.workers.member import current

if TYPE_CHECKING:
    from pyramid.request import Request

    from pyramid_sio.adapters.redis_link import RedisLink

_NONCE_BYTES = 15
#: Longest ticket that is looked at.
LONGEST = 200
USED = "it has been used"


class IClaims(Protocol):
    """Tells of names which process came first. Any greenlet or thread of a handler may call."""

    def claim(self, name: str) -> bool:
        """Was nobody faster? May wait.

        :raises AdapterError: that cannot be found out now
        """


class Alone:
    """There is no other process."""

    def claim(self, name: str) -> bool:
        return True


class Tickets:
    """The tickets of one endpoint.

    :param secret: what they are signed with; empty: made up
    :param lifetime: seconds for which each is good
    :param claims: who was first, of all processes
    :param clock: seconds since 1970
    """

    def __init__(
        self,
        secret: bytes,
        lifetime: float,
        *,
        claims: IClaims | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = secret or secrets.token_bytes(32)
        self._lifetime = lifetime
        self._claims = claims or Alone()
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
        :raises AdapterError: it is good, but whether another process has seen it cannot be known
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
        # Here first, and in one step: while others are asked, somebody may bring it again.
        own = (until, connection)
        known = self._used.setdefault(body, own)
        if known is not own:
            return None if known[1] == connection else USED
        return self._claim(body, until)

    def _claim(self, body: str, until: float) -> str | None:
        try:
            first = self._claims.claim(body)
        except AdapterError:
            # It may be tried again.
            self._used.pop(body, None)
            raise
        if not first:
            # Nobody's here, not even for another namespace.
            self._used[body] = (until, "")
        return None if first else USED

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
            self._used.pop(body, None)


def find_tickets(values: Mapping[str, Any], link: RedisLink | None) -> Tickets | None:
    """Tickets as the settings ask for them; None: nobody needs one.

    :param values: the settings
    :param link: the process's way to Redis
    :raises ConfigurationError: other servers are to know the tickets, and don't know the secret
    """
    if not values["require_ticket"]:
        return None
    lifetime, secret = values["ticket_lifetime"], values["ticket_secret"].encode()
    member = current()
    claims: IClaims = Alone()
    if link is not None and values["adapter"] != MEMORY:
        if not secret:
            raise ConfigurationError(
                "sio.require_ticket among servers that share a Redis needs a sio.ticket_secret, "
                "the same for all: one signs a ticket, and another one is asked to believe it"
            )
        from pyramid_sio.adapters.redis_claims import RedisClaims

        claims = RedisClaims(link, f"{values['redis_prefix']}:ticket:", lifetime)
    elif member is not None:
        # Applications of one process have paths of their own.
        name = values["path"].strip("/").replace("/", "-")
        claims = folder = FolderClaims(member.directory / f"tickets-{name}", lifetime)
        secret = secret or folder.secret()
    return Tickets(secret, lifetime, claims=claims)
