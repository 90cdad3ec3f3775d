"""An application with a handler that lets nobody else run; served by ``pserve``."""

from __future__ import annotations

import time
from typing import Any

from pyramid.config import Configurator
from pyramid.router import Router

from pyramid_sio import Namespace


class Main(Namespace):
    def on_compute(self, seconds: float) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass
        return "done"


def main(global_config: dict[str, str], **settings: Any) -> Router:
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        config.add_sio_namespace("/", Main)
        return config.make_wsgi_app()
