from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.request import Request
from pyramid.threadlocal import get_current_registry, get_current_request, manager
from webtest import TestApp

from pyramid_sio.compat import manage
from pyramid_sio.compat.adapted import as_namespace
from pyramid_sio.compat.manage import (
    Answer,
    ManagedInvoker,
    Site,
    configure,
    get_sio,
    site_for,
    socketio_manage,
)
from pyramid_sio.compat.managed import Managed
from pyramid_sio.compat.namespace import BaseNamespace
from pyramid_sio.engine.peer import ENVIRON_KEY
from tests.compat.conftest import OldSite


class Chat(BaseNamespace):
    pass


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds what another one has set."""
    monkeypatch.setattr(manage, "_default", None)


def environ(path: str = "/socket.io/", query: str = "EIO=4&transport=polling") -> dict[str, Any]:
    made: dict[str, Any] = Request.blank(f"{path}?{query}").environ
    return made


class FakePeer:
    """The server's side of a connection."""

    def __init__(self) -> None:
        self.answer: Any = None
        self.engines: set[Any] = set()


class Started:
    """A ``start_response`` that remembers."""

    def __call__(self, status: str, headers: list[tuple[str, str]], exc: Any = None) -> None:
        self.status, self.headers = status, headers


class TestAnswer:
    def test_elsewhere_the_view_returns_it(self) -> None:
        asked, started = environ(), Started()
        answer = socketio_manage(asked, {"/chat": Chat})
        (body,) = answer(asked, started)
        assert body.startswith(b'0{"sid":')
        assert b'"upgrades":[]' in body
        assert started.status == "200 OK"

    def test_this_server_asks_for_it_whatever_the_view_returns(self) -> None:
        asked, started, peer = environ(), Started(), FakePeer()
        asked[ENVIRON_KEY] = peer
        socketio_manage(asked, {"/chat": Chat})
        headers = [("Set-Cookie", "a=b"), ("Content-Length", "5")]
        (body,) = peer.answer(asked, started, headers)
        assert b'"upgrades":["websocket"]' in body
        assert ("Set-Cookie", "a=b") in started.headers
        assert ("Content-Length", "5") not in started.headers
        assert ENVIRON_KEY not in asked

    def test_framework_that_asks_before_this_server_gets_nothing(self) -> None:
        asked, started, peer = environ(), Started(), FakePeer()
        asked[ENVIRON_KEY] = peer
        answer = socketio_manage(asked, {"/chat": Chat})
        assert peer.answer is answer
        assert b"".join(answer(asked, started)) == b""
        assert not manage.get_sio()._nsps["/chat"].sockets
        assert ENVIRON_KEY in asked

    def test_pyramid_takes_it_for_a_response(self) -> None:
        with Configurator() as config:
            config.add_route("socket_io", "/socket.io/*remaining")
            config.add_view(
                lambda request: socketio_manage(request.environ, {"": Chat}, request),
                route_name="socket_io",
            )
            app = TestApp(config.make_wsgi_app())
        answer = app.get("/socket.io/?EIO=4&transport=polling")
        assert answer.text.startswith('0{"sid":')

    @pytest.mark.parametrize(
        ("script_name", "path_info", "place"),
        [
            ("", "/socket.io/", ("", "/socket.io/")),
            ("", "/socket.io", ("", "/socket.io")),
            ("/app", "/socket.io/1/x", ("/app", "/socket.io/1/x")),
            ("/app/socket.io", "/1/x", ("/app", "/socket.io/1/x")),
            ("", "/a/b/socket.io/1//x/", ("/a/b", "/socket.io/1//x/")),
        ],
    )
    def test_is_found_wherever_the_view_is(
        self, script_name: str, path_info: str, place: tuple[str, str]
    ) -> None:
        asked = {**environ(), "SCRIPT_NAME": script_name, "PATH_INFO": path_info}
        answer = Answer(Site.from_settings({}), asked, Managed(asked, {}))
        assert (answer._environ["SCRIPT_NAME"], answer._environ["PATH_INFO"]) == place

    @pytest.mark.parametrize("path", ["/", "/socket.iox/", "/xsocket.io/", "/socket"])
    def test_request_for_something_else(self, path: str) -> None:
        with pytest.raises(ValueError, match=r"is not below /socket\.io/: say where clients"):
            socketio_manage(environ(path), {"": Chat})


class TestSite:
    def test_namespaces_are_declared_once(self) -> None:
        site = Site.from_settings({})
        site.declare(["", "/chat"])
        nsp = site.sio.of("/chat")
        site.declare(["/chat", "game"])
        assert site.sio.of("/chat") is nsp
        assert {nsp.name for nsp in site.sio} == {"/", "/chat", "/game"}

    def test_settings(self) -> None:
        site = Site.from_settings({"sio.path": "/a/b/", "other": "x"})
        assert site.resource == "a/b"
        with pytest.raises(ConfigurationError, match="unknown setting"):
            Site.from_settings({"sio.nothing": 1})

    def test_one_for_the_process(self) -> None:
        site = site_for(environ())
        assert site_for(environ()) is site
        assert get_sio() is site.sio

    def test_configured(self) -> None:
        site = configure({"sio.path": "/live/"})
        assert site_for(environ()) is site
        assert configure({}) is not site

    def test_configured_too_late(self) -> None:
        asked = environ()
        list(socketio_manage(asked, {"": Chat})(asked, Started()))
        with pytest.raises(RuntimeError, match="comes too late"):
            configure({})

    def test_of_the_server(self) -> None:
        site = Site.from_settings({})
        assert site_for({manage.SITE_KEY: site}) is site

    def test_one_for_each_application_of_pyramids(self) -> None:
        first, second = (
            Configurator(settings={"sio.ping_interval": seconds, "x": 1}) for seconds in (3, 4)
        )
        request = Request.blank("/")
        request.registry = first.registry
        site = site_for(request.environ, request)
        assert site.endpoint.engine.settings.ping_interval == 3
        assert get_sio(first.registry) is site.sio
        assert get_sio(second.registry) is not site.sio

    def test_application_that_includes_the_package_has_one_already(self) -> None:
        with Configurator() as config:
            config.include("pyramid_sio")
            config.add_sio_namespace("/new", as_namespace(Chat))
        request = Request.blank("/socket.io/")
        request.registry = config.registry
        assert get_sio(config.registry) is request.registry["pyramid_sio.compat"].sio
        socketio_manage(request.environ, {"/old": Chat}, request)
        assert {nsp.name for nsp in get_sio(config.registry)} == {"/new", "/old"}
        with pytest.raises(ValueError, match="/new is declared already, without"):
            socketio_manage(request.environ, {"/new": Chat}, request)


class FakeSocket:
    """A namespace's instance, as the invoker looks at it."""

    def __init__(self, request: Any, trusted: bool = True) -> None:
        managed = Managed({}, {}, request=request)
        managed.trusted = trusted
        self.handshake = type("Handshake", (), {"attached": managed})


class TestInvoker:
    @pytest.fixture
    def request_(self) -> Iterator[Request]:
        config = Configurator()
        request = Request.blank("/")
        request.registry = config.registry
        request.context = object()
        # Dispatchers of other tests have left theirs, as they may.
        before = list(manager.stack)
        yield request
        assert manager.stack == before

    def test_pyramids_request_is_the_current_one(self, request_: Request) -> None:
        def look() -> Any:
            return get_current_request(), get_current_registry()

        found = ManagedInvoker().invoke(FakeSocket(request_), look, ())
        assert found == (request_, request_.registry)

    def test_other_requests_are_left_alone(self) -> None:
        invoker = ManagedInvoker()
        assert invoker.invoke(FakeSocket("django's"), get_current_request, ()) is None
        assert invoker.request_of(FakeSocket("django's")) == "django's"

    def test_request_that_is_not_trusted(self, request_: Request) -> None:
        invoker = ManagedInvoker()
        socket = FakeSocket(request_, trusted=False)
        assert invoker.request_of(socket) is None
        assert invoker.user_of(socket) is None
        socket.handshake.attached = None
        assert invoker.request_of(socket) is None

    def test_time_out_is_an_ordinary_exception(self, request_: Request) -> None:
        def late() -> None:
            raise gevent.Timeout(1)

        for request in (request_, None):
            with pytest.raises(TimeoutError):
                ManagedInvoker().invoke(FakeSocket(request), late, ())

    def test_users_are_pyramids(self, request_: Request) -> None:
        invoker = ManagedInvoker()
        assert invoker.user_of(FakeSocket(request_)) is None
        assert invoker.user_of(FakeSocket("django's")) is None

    def test_events_have_no_more_around_them_than_hooks(self, request_: Request) -> None:
        enclosed = ManagedInvoker().enclose(FakeSocket(request_), get_current_request, ())
        assert enclosed is request_

    def test_nobody_is_asked_about_what_old_code_does_not_know(self) -> None:
        invoker, socket, error = ManagedInvoker(), FakeSocket(None), ValueError("x")
        invoker.admit(socket)
        invoker.check_rooms(socket, ["a"])
        invoker.tell(socket, "connected")
        assert invoker.shape(socket, error) is error


def test_requests_that_are_kept_hold_no_connection(serve_old: Any) -> None:
    site: OldSite = serve_old(Chat)
    session = site.open({ENVIRON_KEY: FakePeer()})
    session.receive("0/chat,")
    session.run()
    assert ENVIRON_KEY not in session.handshake.attached.socket.environ
