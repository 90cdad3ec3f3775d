"""An application that steers clients from the server: chains, middleware, patterns, hooks."""

from __future__ import annotations

import re
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from pyramid_sio import (
    AckTimeout,
    ConnectRefused,
    EventError,
    Namespace,
    SioNamespaceCreated,
    get_sio,
    sio_namespace,
)
from tests.functional.app import select

created: list[str] = []
requests: dict[str, list[str]] = {}


def facts(socket: Namespace) -> dict[str, Any]:
    """What a fetched connection tells of itself."""
    return {
        "sid": socket.sid,
        "rooms": sorted(socket.rooms - {socket.sid}),
        "data": socket.session,
        "query": socket.handshake.query.get("who"),
    }


class Steered(Namespace):
    """Lets a client say what the server is to do."""

    def start(self, where: str) -> Any:
        starts = {"socket": self, "nsp": self.nsp, "server": self.request.sio}
        return starts[where] if where in starts else self.request.sio.of(where)

    def on_connect(self, auth: Any) -> None:
        self.session["name"] = (auth or {}).get("name")

    def on_enter(self, *rooms: str) -> None:
        self.join(*rooms)

    def on_emit(self, where: str, words: dict[str, Any], event: str, *args: Any) -> None:
        select(self.start(where), words).emit(event, *args)

    def on_call(self, where: str, words: dict[str, Any], event: str, *args: Any) -> dict[str, Any]:
        try:
            return {"answer": select(self.start(where), words).call(event, *args)}
        except AckTimeout as exc:
            return {"error": str(exc), "answer": exc.responses}

    def on_callback(self, where: str, words: dict[str, Any], event: str) -> None:
        def tell(*answer: Any) -> None:
            told = [str(part) if isinstance(part, AckTimeout) else part for part in answer]
            self.emit("called back", *told)

        select(self.start(where), words).emit(event, callback=tell)

    def on_fetch(self, where: str, words: dict[str, Any]) -> list[dict[str, Any]]:
        return [facts(socket) for socket in select(self.start(where), words).fetch()]

    def on_do(self, where: str, words: dict[str, Any], verb: str, *args: Any) -> None:
        getattr(select(self.start(where), words), verb)(*args)

    def on_farewell(self, where: str, words: dict[str, Any], close: bool) -> None:
        chain = select(self.start(where), words)
        chain.emit("farewell")
        chain.disconnect(close)

    def on_others(self) -> list[Any]:
        self.nsp.server_side_emit("refresh", 1)
        answers: list[Any] = self.request.sio.server_side_call("refresh", timeout=1)
        return answers


@sio_namespace("/")
class Main(Steered):
    """Chains, bulk verbs, questions."""


@sio_namespace("/filtered")
class Filtered(Steered):
    """Sees, changes and refuses what one client sends and gets."""

    def on_connect(self, auth: Any) -> None:
        super().on_connect(auth)
        self.heard: list[Any] = []
        self.said: list[Any] = []
        self.on_any(self.hear)
        self.on_any_outgoing(self.say)
        self.use(self.judge)

    def hear(self, *data: Any) -> None:
        self.heard.append(data)

    def say(self, *data: Any) -> None:
        self.said.append(data)

    def judge(self, data: list[Any]) -> bool | None:
        if data[0] == "forbidden":
            raise EventError("not for you")
        if data[0] == "shouted":
            data[:] = ["spoken", data[1].lower()]
        return data[0] != "swallowed"

    def on_spoken(self, text: str) -> str:
        self.emit("echo", text, b"\x01")
        self.nsp.to(self.sid).emit("to room", text)
        return text

    def on_swallowed(self) -> str:
        raise AssertionError("this was to be dropped")

    def on_report(self) -> dict[str, Any]:
        return {"heard": [data[0] for data in self.heard], "said": self.said}


@sio_namespace("/gated")
class Gated(Steered):
    """Has middleware before it; see :func:`main`."""


@sio_namespace("/doc/{id}")
class Document(Steered):
    """One namespace for each document."""

    def on_where(self) -> dict[str, Any]:
        return {"name": self.nsp.name, "matchdict": dict(self.matchdict)}

    def on_living(self) -> dict[str, Any]:
        names = sorted(nsp.name for nsp in self.request.sio.namespaces())
        return {"living": names, "created": created}


@sio_namespace(re.compile(r"/team-(?P<number>\d+)"))
class Team(Document):
    """The same by a regex."""


def allowed(name: str, auth: Any) -> Any:
    """For a family of namespaces that the client's auth opens."""
    return {"owner": auth["owner"]} if auth and name == f"/of-{auth.get('owner')}" else None


@sio_namespace(allowed)
class Owned(Document):
    """The same by a function."""


def first_gate(socket: Namespace) -> None:
    if socket.connected or socket.sid in socket.nsp.sockets:
        raise AssertionError("nobody is in before middleware has run")
    socket.session["gates"] = ["first"]


def second_gate(socket: Namespace) -> None:
    socket.session["gates"].append("second")
    if not socket.auth or socket.auth.get("ticket") != 1:
        raise ConnectRefused("no ticket", {"price": 5})


def note_request(request: Request) -> None:
    """Keep what each client's requests were, by the key in their query."""
    kind = "upgrade" if "HTTP_UPGRADE" in request.environ else request.method
    requests.setdefault(request.params.get("key", ""), []).append(kind)

    def add_header(request: Request, response: Response) -> None:
        response.headers.add("Set-Cookie", "first=1")
        response.headers.add("Set-Cookie", "second=2")

    request.add_response_callback(add_header)


def turn_away(request: Request) -> Response | None:
    if request.params.get("token") == "wrong":
        return Response("not with this token", status=401)
    return None


def main(global_config: object, **settings: Any) -> Any:
    """For ``[app:main]``."""
    created.clear()
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        config.scan(__name__)
        config.add_sio_request_hook(note_request)
        config.add_sio_request_hook(f"{__name__}.turn_away")
        config.add_subscriber(lambda event: created.append(event.nsp.name), SioNamespaceCreated)
        config.commit()
        gated = get_sio(config.registry).of("gated")
        gated.use(first_gate)
        gated.use(second_gate)
        config.add_route("requests", "/requests/{key}")
        config.add_view(
            lambda request: requests.get(request.matchdict["key"], []),
            route_name="requests",
            renderer="json",
        )
        return config.make_wsgi_app()
