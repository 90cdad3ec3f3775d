"""An application that tells what it hears of Redis."""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator
from pyramid.router import Router

from pyramid_sio import Namespace, SioAdapterDown, SioAdapterUp, sio_namespace


@sio_namespace("/")
class Echo(Namespace):
    def on_say(self, text: str) -> str:
        self.nsp.emit("said", text)
        return text


def main(global_config: dict[str, str], **settings: Any) -> Router:
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        config.scan("tests.functional.adapter_app")
        for event in (SioAdapterUp, SioAdapterDown):
            config.add_subscriber(lambda event: print(f"EVENT {event}"), event)
        return config.make_wsgi_app()
