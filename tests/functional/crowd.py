"""An application where it matters who a client is and how much it sends; served by ``pserve``.

Who asks is whom the header ``X-User`` names.
"""

from __future__ import annotations

from typing import Any

import gevent
from pyramid.config import Configurator
from pyramid.request import Request

from pyramid_sio import Namespace, get_sio, on, sio_namespace
from tests.functional.app import Noted, journal, read_journal


class HeaderPolicy:
    """Believes what it reads."""

    def identity(self, request: Request) -> str | None:
        user: str | None = request.headers.get("X-User")
        return user

    authenticated_userid = identity

    def permits(self, request: Request, context: object, permission: str) -> bool:
        return True

    def remember(self, request: Request, userid: str, **kw: object) -> list[Any]:
        return []

    def forget(self, request: Request, **kw: object) -> list[Any]:
        return []


@sio_namespace("/")
class Lounge(Noted):
    """People come and go."""

    def on_enter(self, *rooms: str) -> None:
        self.join(*rooms)

    def on_exit(self, *rooms: str) -> None:
        self.leave(*rooms)

    def on_who(self, room: str | None = None) -> list[Any]:
        return self.presence(room)

    def on_watch(self, room: str | None = None) -> list[Any]:
        return self.watch_presence(room)

    def on_unwatch(self, room: str | None = None) -> None:
        self.unwatch_presence(room)

    def on_call_me(self, name: str) -> None:
        self.user = name

    def on_kick(self, room: str, how: str) -> None:
        everybody = self.nsp.to(room)
        if how == "leave":
            everybody.leave(room)
        else:
            everybody.disconnect(close=how == "close")

    @on("bring", rate="60/m burst 50")
    def bring(self, sid: str, room: str) -> None:
        self.nsp.to(sid).join(room)

    @on("seldom", rate="1/m burst 2")
    def seldom(self) -> str:
        return "done"

    def on_ask_me(self, count: int) -> list[Any]:
        return [self.call("question", number, timeout=10) for number in range(count)]

    def on_block(self, key: str) -> str:
        """Runs until ``/release/{key}`` is asked for."""
        self.note("blocked")
        journal.wait(key, 1)
        return "released"


@sio_namespace("/other")
class Other(Namespace):
    """Has rooms of its own."""

    def on_who(self) -> list[Any]:
        return self.presence()


def who(request: Request) -> list[Any]:
    """The same for a page."""
    return list(request.sio.presence(request.params["room"]))


def release(request: Request) -> bool:
    journal.add(request.matchdict["key"], "released")
    return True


def note_presence(nsp: Any, room: str | None, user: Any, joined: bool) -> None:
    """Writes down who comes to the room ``observed`` and goes; slowly, as hooks may."""
    gevent.sleep(0.001)
    journal.add("observed", room, user, joined)


def main(global_config: object, **settings: Any) -> Any:
    """For ``[app:main]``."""
    with Configurator(settings=settings) as config:
        config.set_security_policy(HeaderPolicy())
        config.include("pyramid_sio")
        config.scan(__name__)
        for name, path, view in (
            ("journal", "/journal/{key}", read_journal),
            ("who", "/who", who),
            ("release", "/release/{key}", release),
        ):
            config.add_route(name, path)
            config.add_view(view, route_name=name, renderer="json")
        app = config.make_wsgi_app()
    get_sio(app.registry).of("/").watch_presence(note_presence, "observed")
    return app
