"""An application with a login, to be tested with the kit."""

from __future__ import annotations

from typing import Any

import gevent
from pyramid.authentication import AuthTktCookieHelper
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import remember
from pyramid.threadlocal import get_current_request

from pyramid_sio import ConnectRefused, Namespace


class Policy:
    """A user is who has logged in; anybody of them may chat."""

    def __init__(self) -> None:
        self._helper = AuthTktCookieHelper("secret", hashalg="sha512")

    def identity(self, request: Request) -> Any:
        found = self._helper.identify(request)
        return None if found is None else found["userid"]

    def authenticated_userid(self, request: Request) -> Any:
        return self.identity(request)

    def permits(self, request: Request, context: Any, permission: str) -> bool:
        return self.identity(request) is not None

    def remember(self, request: Request, userid: str, **kw: Any) -> Any:
        return self._helper.remember(request, userid, **kw)


class Chat(Namespace):
    left: list[str] = []  # noqa: RUF012 - of the class, so that tests see it

    def on_connect(self, auth: Any) -> None:
        if auth == {"room": "full"}:
            raise ConnectRefused("full", {"limit": 2})
        self.join("lobby")

    def on_message(self, text: str) -> str:
        self.to("lobby").emit("message", self.request.authenticated_userid, text)
        return "ok"

    def on_blob(self, data: bytes) -> bytes:
        return data[::-1]

    def on_ask(self, question: str) -> Any:
        return self.call("question", question)

    def on_slow(self) -> list[bool]:
        """Who is asked for must be this client, before and after others had their turn."""
        before = get_current_request() is self.request
        gevent.sleep(0.02)
        return [before, get_current_request() is self.request]

    def on_yield(self, times: int) -> int:
        self.session["turns"] = self.session.get("turns", 0) + 1
        for _ in range(times):
            gevent.sleep(0)
        return self.session["turns"]

    def on_kick(self) -> None:
        self.disconnect()

    def on_kick_wholly(self) -> None:
        self.disconnect(close=True)

    def on_transport(self) -> str:
        return self.socket.transport

    def on_fail(self) -> None:
        raise RuntimeError("failed on purpose")

    def on_disconnect(self, reason: str) -> None:
        self.left.append(str(reason))


class Open(Namespace):
    """For everybody."""


def login(request: Request) -> Response:
    response = Response("welcome")
    response.headers.extend(remember(request, request.params["name"]))
    return response


def news(request: Request) -> Response:
    request.sio.of("/chat").emit("news", request.params["text"])
    return Response("sent")


def make_app(**settings: Any) -> Any:
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        config.set_security_policy(Policy())
        config.add_route("login", "/login")
        config.add_view(login, route_name="login")
        config.add_route("news", "/news")
        config.add_view(news, route_name="news")
        config.add_sio_namespace("/chat", Chat, permission="chat")
        config.add_sio_namespace("/open", Open)
        return config.make_wsgi_app()
