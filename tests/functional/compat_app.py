"""Namespaces written for gevent-socketio, served by a view of each framework.

``main`` makes one: ``framework = wsgi``, ``pyramid``, ``django`` or ``flask``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import gevent

from pyramid_sio import ConnectRefused
from pyramid_sio.compat.gevent_socketio import (
    BaseNamespace,
    BroadcastMixin,
    RoomsMixin,
    as_namespace,
    get_sio,
    socketio_manage,
)

WsgiApp = Callable[..., Iterable[bytes]]


class Counted:
    """A mixin of an application's own."""

    session: dict[str, Any]

    def initialize(self) -> None:
        self.session.setdefault("initialized", []).append("Counted")


class Chat(BaseNamespace, RoomsMixin, BroadcastMixin, Counted):
    """What people did with gevent-socketio."""

    def initialize(self) -> None:
        self.session.setdefault("initialized", []).append("Chat")
        self.nick = "nobody"

    def recv_connect(self) -> None:
        self.emit("welcome", self.ns_name, self.session["initialized"])
        self.broadcast_event_not_me("came")

    def recv_disconnect(self) -> None:
        self.broadcast_event("left", self.nick)
        self.disconnect(silent=True)

    def recv_message(self, data: str) -> Any:
        self.send(f"heard {data}")
        return "heard"

    def recv_json(self, data: Any) -> Any:
        self.send({"json": data}, json=True)
        return {"heard": data}

    def on_nick(self, nick: str) -> list[Any]:
        self.nick = nick
        self.session["nick"] = nick
        return ["nick", nick]

    def on_join(self, room: str) -> tuple[str, list[str]]:
        self.join(room)
        return "joined", sorted(self.session["rooms"])

    def on_leave(self, room: str) -> None:
        self.leave(room)

    def on_say(self, room: str, text: str) -> None:
        self.emit_to_room(room, "said", self.nick, text)

    def on_user_message(self, packet: dict[str, Any]) -> dict[str, Any]:
        return {key: packet[key] for key in ("type", "name", "args", "endpoint", "ack")}

    def on_shout(self, text: str) -> None:
        self.broadcast_event("shouted", text)

    def on_ask(self, question: str) -> None:
        self.emit("question", question, callback=self._answered)

    def _answered(self, *answer: Any) -> None:
        self.emit("answered", *answer)

    def on_fail(self) -> None:
        raise RuntimeError("as asked")

    def on_later(self, text: str) -> None:
        def send() -> None:
            gevent.sleep(0.01)
            self.emit("later", text)

        self.spawn(send)

    def on_bye(self) -> None:
        self.disconnect()

    def on_request(self) -> Any:
        return type(self.request).__module__.partition(".")[0]

    def on_neighbours(self) -> list[str]:
        return sorted(self.socket.active_ns)


class Guarded(BaseNamespace):
    """Opens itself to who knows the word."""

    def get_initial_acl(self) -> list[str]:
        return ["recv_connect", "on_open"]

    def recv_connect(self) -> None:
        if "refuse" in self.environ["QUERY_STRING"]:
            raise ConnectRefused("not you")

    def on_open(self, word: str) -> bool:
        if word == "sesame":
            self.lift_acl_restrictions()
        return self.is_method_allowed("on_treasure")

    def on_treasure(self) -> str:
        return "gold"


class Mine(Chat):
    """The same as a namespace of Pyramid's."""


NAMESPACES: dict[str, type[BaseNamespace]] = {"": Chat, "/chat": Chat, "/guarded": Guarded}


def news(text: str) -> None:
    """Something outside of all namespaces has something to say."""
    get_sio().of("/chat").emit("news", text)


def wsgi(resource: str = "socket.io", **settings: Any) -> WsgiApp:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(f"/{resource}/"):
            socketio_manage(environ, NAMESPACES, request=environ)
        elif environ["PATH_INFO"] == "/news":
            news("from a page")
        start_response("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "seen=yes")])
        return [b"not for clients of Socket.IO"]

    return app


def pyramid(returns_answer: str = "no", **settings: Any) -> WsgiApp:
    from pyramid.config import Configurator
    from pyramid.response import Response

    def socket_io(request: Any) -> Response:
        answer = socketio_manage(request.environ, NAMESPACES, request=request)
        if returns_answer == "yes":
            return answer
        return Response("", headers={"Set-Cookie": "seen=yes"})

    def page(request: Any) -> Response:
        get_sio(request.registry).of("/chat").emit("news", "from a page")
        return Response("")

    with Configurator(settings=settings) as config:
        config.add_route("socket_io", "socket.io/*remaining")
        config.add_view(socket_io, route_name="socket_io")
        config.add_route("news", "/news")
        config.add_view(page, route_name="news")
        app: WsgiApp = config.make_wsgi_app()
    return app


def including(**settings: Any) -> WsgiApp:
    """An application of Pyramid's that has moved over, but for its namespaces."""
    from pyramid.config import Configurator
    from pyramid.response import Response

    def page(request: Any) -> Response:
        request.sio.of("/chat").emit("news", "from a page")
        return Response("", headers={"Set-Cookie": "seen=yes"})

    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        for path, cls in NAMESPACES.items():
            config.add_sio_namespace(path, as_namespace(cls))
        config.add_route("news", "/news")
        config.add_view(page, route_name="news")
        app: WsgiApp = config.make_wsgi_app()
    return app


def flask(**settings: Any) -> WsgiApp:
    from flask import Flask, Response, request

    app = Flask(__name__)

    @app.route("/socket.io/", methods=["GET", "POST"])
    @app.route("/socket.io/<path:remaining>", methods=["GET", "POST"])
    # For Werkzeug a request that becomes a WebSocket is of another kind.
    @app.route("/socket.io/", websocket=True)
    @app.route("/socket.io/<path:remaining>", websocket=True)
    def socket_io(remaining: str = "") -> Response:
        socketio_manage(request.environ, NAMESPACES, request=request._get_current_object())
        return Response("", headers={"Set-Cookie": "seen=yes"})

    @app.route("/news")
    def page() -> str:
        news("from a page")
        return ""

    return app


def django(**settings: Any) -> WsgiApp:
    from django.conf import settings as django_settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.urls import re_path
    from django.views.decorators.csrf import csrf_exempt

    @csrf_exempt
    def socket_io(request: Any) -> HttpResponse:
        socketio_manage(request.environ, NAMESPACES, request=request)
        return HttpResponse("", headers={"Set-Cookie": "seen=yes"})

    def page(request: Any) -> HttpResponse:
        news("from a page")
        return HttpResponse("")

    class Urls:
        urlpatterns = (re_path(r"^socket\.io", socket_io), re_path("^news$", page))

    django_settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
        ROOT_URLCONF=Urls,
        SECRET_KEY="x",
    )
    return WSGIHandler()


FRAMEWORKS = {made.__name__: made for made in (wsgi, pyramid, including, flask, django)}


def main(global_config: dict[str, str], framework: str, **settings: Any) -> WsgiApp:
    return FRAMEWORKS[framework](**settings)
