"""What goes into a page so that it connects: the client's script, its options, a ticket.

Upstream: templates and views, by methods of the request.
"""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from pyramid.response import Response

from pyramid_sio.interfaces import IEndpoint
from pyramid_sio.plugin.client_files import client_version
from pyramid_sio.plugin.names import route_name

if TYPE_CHECKING:
    from pyramid.request import Request

#: What a page fetches, below the endpoint's path, for a new ticket.
TICKET = "ticket"
_UNSAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


class Html(str):
    """Text that template engines need not escape."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def sio_script_tag(request: Request, *, endpoint: str = "") -> Html:
    """``request.sio_script_tag()``: the element that loads the browser client.

    :param endpoint: the name of ``config.add_sio_endpoint``
    :raises LookupError: there is no such endpoint, or it serves no client: ``sio.serve_client``
    """
    found = _endpoint(request, endpoint)
    if not found.serve_client:
        raise LookupError("sio.serve_client is false: the browser client is not served")
    query = {"v": client_version() or "0"}
    path = request.route_path(route_name(endpoint), subpath=("socket.io.min.js",), _query=query)
    return Html(f'<script src="{escape(path)}"></script>')


def sio_options(request: Request, *, endpoint: str = "") -> dict[str, Any]:
    """``request.sio_options()``: what a page has to pass to ``io(...)``.

    Its ``path``, which knows where the application is mounted; and if tickets are wanted, an
    ``auth`` with one. That is good for one connection; to connect again, fetch another.

    :param endpoint: the name of ``config.add_sio_endpoint``
    :raises LookupError: there is no such endpoint
    """
    found = _endpoint(request, endpoint)
    options: dict[str, Any] = {"path": request.route_path(route_name(endpoint), subpath=())}
    if found.tickets is not None:
        options["auth"] = {"ticket": found.tickets.issue(request)}
    return options


def sio_options_tag(request: Request, *, id: str = "sio-options", endpoint: str = "") -> Html:
    """``request.sio_options_tag()``: the same as an element for a page, which runs nothing.

    ``io(JSON.parse(document.getElementById('sio-options').textContent))`` connects.

    :param id: of the element
    :param endpoint: the name of ``config.add_sio_endpoint``
    """
    text = json.dumps(sio_options(request, endpoint=endpoint)).translate(_UNSAFE)
    return Html(f'<script type="application/json" id="{escape(id)}">{text}</script>')


def ticket_response(request: Request, endpoint: Any) -> Response:
    """The answer to a page that fetches a ticket: ``{"ticket": ...}``."""
    response = Response(json_body={"ticket": endpoint.tickets.issue(request)})
    response.cache_control = "no-store"
    return response


def _endpoint(request: Request, name: str) -> Any:
    found = request.registry.queryUtility(IEndpoint, name=name)
    if found is None:
        raise LookupError(f"this application has no Socket.IO endpoint {name!r}")
    return found
