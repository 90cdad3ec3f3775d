"""What the hostile peers talk to; served by ``pserve``.

Everything that came is counted or written down by the name a client gives in ``auth``, and
can be asked for over plain HTTP, beside the connections under attack.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import gevent
from gevent.event import Event
from pyramid.config import Configurator
from pyramid.request import Request

from pyramid_sio import DisconnectReason, Namespace, on, sio_namespace
from pyramid_sio.interfaces import IEndpoint

#: What happened to clients, by the name they gave.
journal: dict[str, list[Any]] = defaultdict(list)
#: Handlers named for it wait here.
gate = Event()


class Noted(Namespace):
    """Writes down what happens to clients that gave their name."""

    @property
    def name(self) -> str:
        return str((self.auth or {}).get("name", ""))

    def note(self, *entry: Any) -> None:
        if self.name:
            journal[self.name].append(entry)

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        self.note("connect")

    def on_disconnect(self, reason: DisconnectReason) -> None:
        self.note("disconnect", reason)

    def on_error(self, event: str | int, exc: Exception) -> None:
        self.note("error", event, type(exc).__name__)

    def on_echo(self, *args: Any) -> tuple[Any, ...]:
        return args


@sio_namespace("/")
class Main(Noted):
    """Events of all kinds."""

    #: What a client could reach if names of events were names of attributes.
    secret = "not an event"

    def on_size(self, *args: Any) -> list[int]:
        return [len(arg) for arg in args]

    def on_pair(self, first: Any, second: Any = None) -> list[Any]:
        return [first, second]

    def on_fail(self, text: str) -> None:
        raise RuntimeError(text)

    def on_whoami(self) -> str:
        return self.request.authenticated_userid or "nobody"

    def on_note(self, *entry: Any) -> None:
        self.note(*entry)

    def on_slow(self, index: int, _filling: str = "") -> None:
        gate.wait()
        self.note(index)

    def on_enter(self, room: str) -> list[str]:
        self.join(room)
        return sorted(self.rooms - {self.sid})

    def on_tell(self, room: str, text: str) -> str:
        self.to(room).emit("told", text)
        return "told"

    def on_flood(self, room: str, number: int, size: int, volatile: bool = False) -> str:
        """Emit ``number`` blobs of ``size`` bytes each, in between of other events."""
        chain = self.nsp.to(room)
        for _ in range(number):
            (chain.volatile if volatile else chain).emit("blob", b"x" * size)
            gevent.sleep(0)
        return "flooded"

    def on_leave_me(self) -> None:
        self.disconnect()


@sio_namespace("/catch")
class CatchAll(Noted):
    """Takes whatever comes."""

    @on("*")
    def anything(self, event: str | int, *args: Any) -> list[Any]:
        return [event, *args]


@sio_namespace("/door")
class Door(Noted):
    """Lets clients in once the gate is open."""

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        self.note("knock")
        gate.wait()
        self.note("connect")

    def on_note(self, *entry: Any) -> None:
        self.note(*entry)


class CookiePolicy:
    """Who the cookie ``user`` says: as good as a session's cookie for these tests."""

    def identity(self, request: Request) -> str | None:
        user: str | None = request.cookies.get("user")
        return user

    authenticated_userid = identity

    def permits(self, request: Request, context: Any, permission: str) -> bool:
        return True

    def remember(self, request: Request, userid: str, **kw: Any) -> list[Any]:
        return []

    def forget(self, request: Request, **kw: Any) -> list[Any]:
        return []


def read_journal(request: Request) -> list[Any]:
    return journal[request.matchdict["name"]]


def turn_gate(request: Request) -> str:
    if request.matchdict["state"] == "open":
        gate.set()
    else:
        gate.clear()
    return "turned"


def count_sessions(request: Request) -> int:
    return len(request.registry.getUtility(IEndpoint).engine.sessions)


def main(global_config: object, **settings: Any) -> Any:
    """For ``[app:main]``."""
    with Configurator(settings=settings) as config:
        config.set_security_policy(CookiePolicy())
        config.include("pyramid_sio")
        config.scan(__name__)
        for name, path, view in (
            ("journal", "/journal/{name}", read_journal),
            ("gate", "/gate/{state}", turn_gate),
            ("sessions", "/sessions", count_sessions),
        ):
            config.add_route(name, path)
            config.add_view(view, route_name=name, renderer="json")
        return config.make_wsgi_app()
