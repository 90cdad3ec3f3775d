"""The pages: the board, and the door."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import Any

from pyramid.csrf import get_csrf_token
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import forget, remember
from pyramid.view import view_config

_FOLDER = Path(__file__).parent
#: Nothing but this server's own files, and no script or style inside the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def _page(request: Request, file: str, **words: Any) -> Response:
    """A page; words are escaped unless they are elements already."""
    template = Template((_FOLDER / file).read_text(encoding="utf-8"))
    texts = {
        key: value if hasattr(value, "__html__") else escape(str(value))
        for key, value in words.items()
    }
    text = template.substitute(
        texts,
        csrf=escape(get_csrf_token(request)),
        script=request.sio_script_tag(),
        options=request.sio_options_tag(),
    )
    response = Response(text)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.cache_control = "no-store"
    return response


@view_config(route_name="board", request_method="GET")
def board(request: Request) -> Response:
    person = request.identity
    if person is None:
        return HTTPSeeOther(request.route_path("login"))
    return _page(request, "board.html", name=person.name, role=person.role)


@view_config(route_name="login", request_method="GET")
def door(request: Request) -> Response:
    return _page(request, "login.html", error="", name="")


@view_config(route_name="login", request_method="POST")
def login(request: Request) -> Response:
    name, password = request.POST.get("name", ""), request.POST.get("password", "")
    person = request.people.login(name, password)
    if person is None:
        response = _page(
            request, "login.html", error="Nobody may enter with that name and password.", name=name
        )
        response.status_int = 403
        return response
    # A session that was there before does not become one of somebody.
    request.session.invalidate()
    return HTTPSeeOther(request.route_path("board"), headers=remember(request, person.name))


@view_config(route_name="logout", request_method="POST")
def logout(request: Request) -> Response:
    return HTTPSeeOther(request.route_path("login"), headers=forget(request))
