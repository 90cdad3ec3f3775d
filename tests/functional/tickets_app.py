"""An application whose clients need a ticket; served by ``pserve``, several times over."""

from __future__ import annotations

from pyramid.config import Configurator
from pyramid.router import Router
from pyramid.session import SignedCookieSessionFactory

from pyramid_sio import Namespace


class Main(Namespace):
    """Anybody who has a ticket."""


def main(global_config: dict[str, str], **settings: str) -> Router:
    with Configurator(settings={"sio.require_ticket": "true", **settings}) as config:
        config.set_session_factory(SignedCookieSessionFactory("secret"))
        config.include("pyramid_sio")
        config.add_sio_namespace("/", Main)
        config.add_sio_namespace("/other", Main)
        return config.make_wsgi_app()
