"""Which pages may connect, and what browsers are told about it.

Upstream: ``plugin.views``, for every request. One rule for polling and WebSocket alike,
because a browser applies none of its own to a WebSocket.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pyramid.util import is_same_domain

from pyramid_sio.errors import BadRequest, ForbiddenRequest

if TYPE_CHECKING:
    from pyramid.request import Request

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class OriginPolicy:
    """The application's own origin, and those it lists.

    :param allowed: origins in lower case, ``https://*.example.com`` for all hosts below one, or
        ``*`` for any, without credentials
    :param trusted: hosts, as Pyramid's ``csrf_trusted_origins``: with their port if it is not
        that of https; one that begins with a dot stands for all below it
    :param hint: what the log says besides of a request that is refused
    """

    def __init__(
        self,
        allowed: Sequence[str],
        trusted: Sequence[str] = (),
        *,
        hint: Callable[[Request], str] = lambda request: "",
    ) -> None:
        self._hint = hint
        self._trusted = [host.lower() for host in trusted]
        self._any = "*" in allowed
        origins = [_without_port(origin) for origin in allowed]
        self._allowed = frozenset(origin for origin in origins if "*" not in origin)
        self._below = tuple(_pattern(origin) for origin in origins if "*." in origin)

    @property
    def cross_origin(self) -> bool:
        """May pages of other sites connect at all?"""
        return bool(self._any or self._allowed or self._below or self._trusted)

    def check(self, request: Request, *, script: bool = False) -> None:
        """Refuse a page that may not connect. Programs send no origin; they may.

        :param script: the answer is loaded as a script, which a page of any origin may do
            without saying who it is: then it must be known
        :raises ForbiddenRequest: its origin is another and is not listed
        :raises BadRequest: its origin contains control characters
        """
        origin = _page_of(request) if script else request.environ.get("HTTP_ORIGIN")
        if origin is None:
            return
        if any((ord(char) < 32 and char != "\t") or ord(char) == 127 for char in origin):
            raise BadRequest(detail="control characters in Origin")
        if not self._permits(origin, request):
            raise ForbiddenRequest(
                detail=f"page's origin is {origin!r}, this application's {request.host_url!r}; "
                "add it to sio.cors_origins if it may connect" + self._hint(request)
            )

    def trusts(self, request: Request, *, script: bool = False) -> bool:
        """May the request act as the user whom its cookies name?

        Not if only ``*`` lets it in: browsers send cookies along with a WebSocket, whatever page
        opens it.
        """
        origin = _page_of(request) if script else request.environ.get("HTTP_ORIGIN")
        return origin is None or self._knows(origin, request)

    def headers(self, request: Request, *, by_name: bool = False) -> list[tuple[str, str]]:
        """What any answer tells the browser.

        :param by_name: name the page's origin even if any may connect: it asks with credentials
        """
        if not self.cross_origin:
            return []
        if self._any and not by_name:
            return [("Access-Control-Allow-Origin", "*")]
        origin = request.headers.get("Origin")
        if origin is None or not self._permits(origin, request):
            return [("Vary", "Origin")]
        return [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Allow-Credentials", "true"),
            ("Vary", "Origin"),
        ]

    def preflight_headers(self, request: Request) -> list[tuple[str, str]]:
        """What the answer to a browser's question in advance tells it besides."""
        headers = [("Access-Control-Allow-Methods", "GET,POST"), ("Access-Control-Max-Age", "600")]
        wanted = request.headers.get("Access-Control-Request-Headers")
        if wanted:
            headers.append(("Access-Control-Allow-Headers", wanted))
            headers.append(("Vary", "Access-Control-Request-Headers"))
        return headers

    def _permits(self, origin: str, request: Request) -> bool:
        return self._any or self._knows(origin, request)

    def _knows(self, origin: str, request: Request) -> bool:
        origin = _without_port(origin.lower())
        return (
            origin in self._allowed
            or any(pattern.fullmatch(origin) for pattern in self._below)
            or _is_own(origin, request)
            or self._is_trusted(origin, request)
        )

    def _is_trusted(self, origin: str, request: Request) -> bool:
        """Pyramid asks for origins over https only; in the clear, as the application is, counts."""
        scheme, _, host = origin.partition("://")
        if scheme not in ("https", request.scheme):
            return False
        return any(is_same_domain(host, trusted) for trusted in self._trusted)


def _pattern(origin: str) -> re.Pattern[str]:
    """What the origins of all hosts below one look like."""
    before, _, after = origin.partition("*")
    return re.compile(f"{re.escape(before)}[a-z0-9.-]+{re.escape(after)}")


def _without_port(origin: str) -> str:
    """An origin without the port its scheme has anyway."""
    scheme = origin.partition(":")[0]
    return origin.removesuffix(_DEFAULT_PORTS.get(scheme, ":"))


def _is_own(origin: str, request: Request) -> bool:
    """Is it the origin of the application's own pages?

    A page over https that reaches us over http has come through a proxy that ends TLS:
    browsers do not let it connect in the clear. So its scheme may differ, to that side.
    """
    scheme, _, host = origin.partition("://")
    own_scheme = request.scheme
    if scheme != own_scheme and (scheme, own_scheme) != ("https", "http"):
        return False
    own_host = request.host.lower()
    for known in {scheme, own_scheme}:
        own_host = own_host.removesuffix(_DEFAULT_PORTS.get(known, ":"))
    return bool(host == own_host)


def _page_of(request: Request) -> str:
    """The origin of the page that loads a script; ``null`` if that is not known for sure."""
    environ = request.environ
    if "HTTP_ORIGIN" in environ:
        return str(environ["HTTP_ORIGIN"])
    if environ.get("HTTP_SEC_FETCH_SITE") == "same-origin":
        return str(request.host_url)
    scheme, colon, rest = environ.get("HTTP_REFERER", "").partition("://")
    return f"{scheme}://{rest.partition('/')[0]}" if colon else "null"
