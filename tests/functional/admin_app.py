"""The test application, and a namespace that keeps something for each client."""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator

from pyramid_sio import Namespace, sio_namespace


@sio_namespace("/counter")
class Counter(Namespace):
    """Counts; what it keeps is no JSON altogether."""

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        self.session.update(count=0, what=b"bytes are not shown")

    def on_add(self, number: int) -> int:
        self.session["count"] += number
        return int(self.session["count"])


def main(global_config: object, **settings: Any) -> Any:
    """For ``[app:main]``."""
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        config.scan("tests.functional.app")
        config.scan(__name__)
        return config.make_wsgi_app()
