"""The namespaces of ``tests/js/reference.js``, served by this package."""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator

from pyramid_sio import Namespace, on, sio_namespace


@sio_namespace("/")
@sio_namespace("/other")
class Echo(Namespace):
    """Gives back what it is told, in three ways."""

    def on_echo(self, *args: Any) -> tuple[Any, ...]:
        return args

    def on_reflect(self, *args: Any) -> None:
        self.emit("back", *args)

    @on("leave")
    def on_leave(self, close: Any = None, *args: Any) -> None:
        self.disconnect(close is True)


def main(global_config: object, **settings: Any) -> Any:
    """For ``[app:main]``."""
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        config.scan(__name__)
        return config.make_wsgi_app()
