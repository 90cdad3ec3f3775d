"""An application whose users can be told apart, by a cookie that names them.

Views and handlers can *meet*: each goes on only when as many as are expected have come, so
that their greenlets interleave, round by round, in a way that nothing leaves to chance.
"""

from __future__ import annotations

from threading import Barrier
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.session import SignedCookieSessionFactory
from pyramid.threadlocal import get_current_registry, get_current_request, manager

from pyramid_sio import Namespace, on, sio_namespace
from tests.functional.app import PATIENCE, Noted, read_journal

#: What each user may do. There is nobody else.
PERMISSIONS = {"alice": {"enter", "write"}, "bob": {"enter"}, "eve": set()}


class Meetings:
    """Barriers by name; the first who comes says how many are expected."""

    def __init__(self) -> None:
        self._barriers: dict[str, Barrier] = {}

    def wait(self, name: str, parties: int) -> None:
        self._barriers.setdefault(name, Barrier(parties)).wait(PATIENCE)


meetings = Meetings()


def current_user() -> str | None:
    """Who Pyramid thinks is there, in this greenlet at this moment."""
    user: str | None = get_current_request().authenticated_userid
    return user


def meet(name: str, parties: int, rounds: int) -> list[str | None]:
    """Who one is, in each round of a meeting."""
    seen = []
    for _ in range(rounds):
        seen.append(current_user())
        meetings.wait(name, parties)
        seen.append(current_user())
    return seen


class CookiePolicy:
    """Users are who their cookie says. For tests."""

    def identity(self, request: Request) -> str | None:
        user = request.cookies.get("user")
        return user if user in PERMISSIONS else None

    def authenticated_userid(self, request: Request) -> str | None:
        return self.identity(request)

    def permits(self, request: Request, context: Any, permission: str) -> bool:
        if getattr(context, "closed", False):
            return False
        return permission in PERMISSIONS.get(self.identity(request) or "", ())


class Place:
    """What the permissions of ``/members`` are about."""

    def __init__(self, request: Request) -> None:
        self.found_by = request.authenticated_userid
        self.closed = "closed" in request.params


@sio_namespace("/")
class Main(Noted):
    """Everybody may come in."""

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        super().on_connect(auth)
        self.user_on_connect = current_user()

    def on_disconnect(self, reason: Any) -> None:
        self.note("gone", current_user(), self.request.authenticated_userid)

    def on_meet(self, name: str, parties: int, rounds: int) -> list[str | None]:
        return meet(name, parties, rounds)

    def on_meet_spawned(self, name: str, parties: int, rounds: int) -> None:
        self.spawn(lambda: self.emit("met", meet(name, parties, rounds)))

    def on_meet_answered(self, name: str, parties: int, rounds: int) -> None:
        self.emit("ready?", callback=lambda: self.emit("met", meet(name, parties, rounds)))

    def on_facts(self) -> dict[str, Any]:
        request = self.request
        current = get_current_request()
        return {
            "same request": request is self.request is current,
            "same registry": request.registry is get_current_registry(),
            "setting": request.registry.settings["a.setting"],
            "user": request.authenticated_userid,
            "user on connect": self.user_on_connect,
            "shout": request.shout,
            "method": request.method,
            "query": request.params.get("color"),
            "header": request.headers.get("X-Color"),
            "address": request.remote_addr,
            "route": request.route_path("visit"),
            "session": dict(request.session),
            "sio": request.sio.of("/") is self.nsp,
            "body": request.body.decode(),
        }

    def on_depth(self) -> int:
        return len(manager.stack)

    def on_finish(self) -> bool:
        """Callbacks of its request run when the handler has ended."""
        self.finished: list[str | None] = []
        self.request.add_finished_callback(lambda request: self.finished.append(current_user()))
        return bool(self.finished)

    def on_finished(self) -> list[str | None]:
        return self.finished

    def on_requests_differ(self) -> bool:
        previous, self.previous = getattr(self, "previous", None), self.request
        return previous is not self.request


@sio_namespace("/members", permission="enter", factory=Place)
class Members(Noted):
    """Only who may."""

    def on_context(self) -> list[Any]:
        return [self.context.found_by, self.request.context is self.context]

    @on("write", permission="write")
    def write(self, text: str) -> str:
        return f"{current_user()} writes {text}"

    def on_error(self, event: str | int, exc: Exception) -> None:
        self.note("error", event, str(exc), current_user())


class Imperative(Namespace):
    """Added without a decorator."""

    def on_user(self) -> str | None:
        return current_user()


def visit(request: Request) -> dict[str, int]:
    """Counts this user's visits in the session."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return {"visits": request.session["visits"]}


def meet_in_a_view(request: Request) -> list[str | None]:
    params = request.params
    seen = meet(params["name"], int(params["parties"]), int(params["rounds"]))
    assert request is get_current_request()
    return seen


def main(global_config: object, **settings: Any) -> Any:
    """For ``[app:main]``."""
    with Configurator(settings=settings) as config:
        config.set_security_policy(CookiePolicy())
        config.set_session_factory(SignedCookieSessionFactory("a secret"))
        config.add_request_method(lambda request: f"{request.authenticated_userid}!", "shout", True)
        config.include("pyramid_sio")
        config.scan(__name__)
        config.add_sio_namespace("/imperative", Imperative)
        for name, path, view in (
            ("journal", "/journal/{key}", read_journal),
            ("meet", "/meet", meet_in_a_view),
            ("visit", "/visit", visit),
        ):
            config.add_route(name, path)
            config.add_view(view, route_name=name, renderer="json")
        return config.make_wsgi_app()
