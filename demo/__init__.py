"""A chat and a live chart: what a Pyramid application with pyramid_sio looks like.

Started by ``pserve development.ini``. The page is ``index.html`` with ``static/``, the chat is
``chat.py`` over the plain data of ``rooms.py``, the chart is ``load.py``. Where there is a Redis,
``shared.py`` keeps that data there, and several processes are one chat: ``production.ini``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import FileResponse, Response
from pyramid.router import Router

from demo.chat import tell_rooms
from demo.load import Monitor
from demo.rooms import House
from pyramid_sio import get_sio

PAGE = Path(__file__).with_name("index.html")

#: Nothing but this server's own files, and no script or style inside the page.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def main(global_config: dict[str, str], **settings: Any) -> Router:
    """The application; nothing is started before somebody connects."""
    # For demo.pycon2013, whose page has the client of that year.
    with Configurator(settings={"sio.legacy": "true", **settings}) as config:
        registry = config.registry
        # First of all, because it says best what is missing.
        config.include("pyramid_sio")
        house = make_house(registry)
        monitor = Monitor(
            house, push=lambda sample: get_sio(registry).of("/load").local.emit("sample", sample)
        )
        config.include("demo.pycon2013")
        config.add_request_method(lambda request: house, "house", property=True)
        config.add_request_method(lambda request: monitor, "monitor", property=True)
        config.add_route("page", "/")
        config.add_view(page, route_name="page", request_method="GET")
        config.add_static_view("static", "demo:static", cache_max_age=60)
        # A demo of its own; and what needs a package that not everybody has.
        config.scan("demo", ignore=["demo.members", "demo.shared"])
        return config.make_wsgi_app()


def make_house(registry: Registry) -> House:
    """In memory, or in the Redis that joins the processes."""
    url = registry.settings.get("sio.redis_url")
    if not url:
        return House()
    from demo.shared import SharedHouse

    house = SharedHouse(url)
    house.on_lost = lambda entries: tell_rooms(get_sio(registry).of("/chat"), house, entries)
    return house


def page(request: Request) -> Response:
    """The page: a file, like everything it refers to."""
    response = FileResponse(PAGE, request=request)
    response.cache_control = "no-cache"
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
