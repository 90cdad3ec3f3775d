"""The application of this project that is measured: three events, and nothing that slows them.

``bench/bench.ini`` serves it; ``bench/peers`` holds the same for Node.js and python-socketio.
"""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator
from pyramid_sio import Namespace, sio_namespace


@sio_namespace("/")
class Load(Namespace):
    """What the load generator speaks to."""

    def on_echo(self, text: str) -> str:
        return text

    def on_broadcast(self, text: str) -> None:
        self.nsp.emit("message", text)

    def on_ask(self, text: str) -> int:
        return len(self.nsp.call("message", text))


def main(global_config: dict[str, str], **settings: Any) -> Any:
    """The WSGI application, for ``paste.app_factory``."""
    config = Configurator(settings=settings)
    config.include("pyramid_sio")
    config.scan(__name__)
    return config.make_wsgi_app()
