"""An application whose clients lose their connection and come back; served by ``pserve``."""

from __future__ import annotations

from typing import Any

import gevent
from pyramid.config import Configurator

from pyramid_sio import ConnectRefused, Namespace, get_sio, sio_namespace
from tests.functional.app import Noted, emit, read_journal


class Returning(Noted):
    """Somebody whose rooms and session should survive."""

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        self.note("connect", self.recovered)
        self.session["visits"] = self.session.get("visits", 0) + 1

    def on_about(self) -> dict[str, Any]:
        return {
            "recovered": self.recovered,
            "rooms": sorted(self.rooms - {self.sid}),
            "session": self.session,
            "sid": self.sid,
        }

    def on_enter(self, *rooms: str) -> None:
        self.join(*rooms)

    def on_exit(self, *rooms: str) -> None:
        self.leave(*rooms)

    def on_pass(self, room: str, event: str, *args: Any) -> None:
        self.to(room).emit(event, *args)

    def on_reflect(self, event: str, *args: Any) -> None:
        self.emit(event, *args)

    def on_reflect_if_ready(self, event: str, *args: Any) -> None:
        self.volatile.emit(event, *args)

    def on_nap(self, seconds: float) -> None:
        self.note("nap")
        gevent.sleep(seconds)
        self.session["rested"] = True

    def on_quit(self, close: bool) -> None:
        self.disconnect(close)


@sio_namespace("/")
class Main(Returning):
    """The usual one."""


@sio_namespace("/doc/{id}")
class Document(Returning):
    """One that came from a pattern."""


@sio_namespace("/once")
class Once(Returning):
    """Lets nobody in again."""

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        super().on_connect(auth)
        if self.session["visits"] > 1:
            raise ConnectRefused("only once")


def greet(socket: Namespace) -> None:
    """A middleware that speaks."""
    socket.emit("greeting", "from a middleware")


@sio_namespace("/greeted")
class Greeted(Returning):
    """One with a middleware."""


def main(global_config: object, **settings: Any) -> Any:
    """For ``[app:main]``."""
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        config.scan(__name__)
        for name, path, view in (
            ("journal", "/journal/{key}", read_journal),
            ("emit", "/emit", emit),
        ):
            config.add_route(name, path)
            config.add_view(view, route_name=name, renderer="json")
        app = config.make_wsgi_app()
    get_sio(app.registry).of("/greeted").use(greet)
    return app
