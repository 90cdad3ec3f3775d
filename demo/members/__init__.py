"""A board for members: what logging in, permissions and losing them look like.

Started by ``pserve members.ini``. ``people.py`` knows who there is and who may what, ``board.py``
is the namespace, ``views.py`` the two pages.
"""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator
from pyramid.router import Router
from pyramid.session import SignedCookieSessionFactory

from demo.members.people import People, Policy
from demo.members.pins import Pins


def main(global_config: dict[str, str], **settings: Any) -> Router:
    """The application; its people and pins are in memory, and gone when it ends."""
    secret = settings.pop("members.secret")
    settings["sio.ticket_secret"] = secret
    # A page that wants to connect brings a ticket, which it has from this application.
    settings.setdefault("sio.require_ticket", "true")
    with Configurator(settings=settings) as config:
        people, pins = People(), Pins()
        config.set_session_factory(
            SignedCookieSessionFactory(secret, httponly=True, samesite="Lax")
        )
        config.set_security_policy(Policy(people))
        config.set_default_csrf_options(require_csrf=True)
        config.include("pyramid_sio")
        config.add_request_method(lambda request: people, "people", property=True)
        config.add_request_method(lambda request: pins, "pins", property=True)
        config.add_route("board", "/")
        config.add_route("login", "/login")
        config.add_route("logout", "/logout")
        config.add_static_view("static/members", "demo.members:static", cache_max_age=60)
        config.add_static_view("static", "demo:static", cache_max_age=60)
        config.scan("demo.members")
        return config.make_wsgi_app()
