"""An application with pyramid_debugtoolbar and the panel."""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator
from pyramid.response import Response

from pyramid_sio import ConnectRefused, Namespace


class Chat(Namespace):
    def on_connect(self, auth: Any) -> None:
        if auth == {"refuse": True}:
            raise ConnectRefused("not you")
        self.join("lobby")

    def on_say(self, text: str) -> str:
        self.emit("said", text, b"blob")
        return "ok"

    def on_fail(self) -> None:
        raise RuntimeError("failed on purpose")


def main(global_config: object, **settings: Any) -> Any:
    """For ``[app:main]``."""
    with Configurator(settings=settings) as config:
        config.include("pyramid_debugtoolbar")
        config.include("pyramid_sio")
        config.add_sio_namespace("/chat", Chat)
        config.add_route("page", "/")
        config.add_view(
            lambda request: Response("<html><body><h1>a page</h1></body></html>"),
            route_name="page",
        )
        return config.make_wsgi_app()
