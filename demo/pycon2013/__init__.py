"""The chat of a talk at PyCon 2013, as it would have been written then, over this server.

Its page uses the client of that year. Its namespace, ``chat.py``, is written against the API of
gevent-socketio. Its rooms are those of the demo around it, so that both pages talk to each other.
"""

from __future__ import annotations

from pathlib import Path

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import FileResponse, Response

from demo.pycon2013.news import NAMESPACE
from pyramid_sio.compat.gevent_socketio import as_namespace

PAGE = Path(__file__).with_name("index.html")


def includeme(config: Configurator) -> None:
    """Add the page and its namespace."""
    # By its name: it knows the demo's chat, which tells it what is said.
    chat = config.maybe_dotted("demo.pycon2013.chat.Chat")
    config.add_sio_namespace(NAMESPACE, as_namespace(chat))
    config.add_route("pycon2013", "/pycon2013/")
    config.add_view(page, route_name="pycon2013", request_method="GET")
    config.add_static_view("pycon2013/static", "demo.pycon2013:static", cache_max_age=60)


def page(request: Request) -> Response:
    """The page: a file."""
    response = FileResponse(PAGE, request=request)
    response.cache_control = "no-cache"
    return response
