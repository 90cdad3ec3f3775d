from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import greenlet
import pytest
from gevent.local import local
from pyramid import testing
from pyramid.config import Configurator
from pyramid.threadlocal import get_current_registry, manager

from pyramid_sio import Namespace
from pyramid_sio import testing as testing_kit
from pyramid_sio.testing import ConnectionRefused, SioTestApp, TestClient, VirtualClock
from pyramid_sio.testing import stacks as module
from pyramid_sio.testing.stacks import Stacks
from tests.testing.sample import Chat, make_app

MakeApp = Callable[..., SioTestApp]


@pytest.fixture(autouse=True)
def nobody_has_left() -> None:
    Chat.left.clear()


@pytest.fixture
def app(sio_test_app: MakeApp) -> SioTestApp:
    return sio_test_app(make_app())


@pytest.fixture
def timed_app(sio_test_app: MakeApp, sio_clock: VirtualClock) -> SioTestApp:
    return sio_test_app(make_app(), clock=sio_clock)


def enter(app: SioTestApp, name: str = "ann", **options: Any) -> TestClient:
    """Log in, and connect with the cookie."""
    app.post("/login", {"name": name})
    return app.connect("/chat", **options)


# Connecting.


def test_a_stranger_is_refused(app: SioTestApp) -> None:
    with pytest.raises(ConnectionRefused, match="Forbidden") as caught:
        app.connect("/chat")
    assert caught.value.status is None


def test_the_cookies_of_a_login_go_along(app: SioTestApp) -> None:
    ann = enter(app, "ann")
    bob = enter(app, "bob")
    assert bob.call("message", "hello") == "ok"
    assert ann.expect("message") == ("bob", "hello")
    bob.expect_nothing("message")


def test_refused_with_data(app: SioTestApp) -> None:
    with pytest.raises(ConnectionRefused) as caught:
        enter(app, auth={"room": "full"})
    assert (caught.value.message, caught.value.data) == ("full", {"limit": 2})


def test_a_namespace_without_its_slash(app: SioTestApp) -> None:
    assert app.connect("open").path == "/open"


def test_a_namespace_that_is_not_there(app: SioTestApp) -> None:
    with pytest.raises(ConnectionRefused, match="Invalid namespace"):
        app.connect("/nowhere")


def test_a_foreign_origin_is_refused_as_over_http(app: SioTestApp) -> None:
    with pytest.raises(ConnectionRefused) as caught:
        app.connect("/open", headers={"Origin": "https://evil.example"})
    assert caught.value.status in (400, 403)


def test_a_transport_by_name(app: SioTestApp) -> None:
    assert enter(app).call("transport") == "websocket"
    assert enter(app, transport="polling").call("transport") == "polling"


def test_two_namespaces_on_one_connection(app: SioTestApp) -> None:
    chat = enter(app)
    other = chat.connect("/open")
    chat.disconnect()
    assert other.connected
    other.disconnect(close=True)
    assert (chat.reason, other.reason) == ("io client disconnect",) * 2


def test_only_applications_of_pyramid() -> None:
    with pytest.raises(TypeError, match="is no application of Pyramid"):
        SioTestApp(lambda environ, start_response: [])


def test_only_applications_that_have_socket_io() -> None:
    with pytest.raises(LookupError, match="does not include pyramid_sio"):
        SioTestApp(Configurator().make_wsgi_app())


class Game(Namespace):
    def on_connect(self, auth: Any) -> None:
        self.emit("where", self.request.path, self.request.script_name)

    def on_disconnect(self, reason: str) -> None:
        Chat.left.append(f"game: {reason}")


def make_site(config: Configurator) -> None:
    config.include("pyramid_sio")
    config.add_sio_namespace("/game", Chat)
    config.add_sio_endpoint("games", "/games.io/", ping_interval=5, ping_timeout=5)
    config.add_sio_namespace("/game", Game, endpoint="games")


@pytest.fixture
def mounted_app(sio_test_app: MakeApp, sio_clock: VirtualClock) -> SioTestApp:
    config = Configurator()
    config.include(make_site, route_prefix="/api")
    return sio_test_app(config.make_wsgi_app(), clock=sio_clock)


def test_below_a_route_prefix_and_at_another_endpoint(mounted_app: SioTestApp) -> None:
    assert mounted_app.connect("/game").call("transport") == "websocket"
    client = mounted_app.connect("/game", endpoint="games")
    assert client.expect("where") == ("/api/games.io/", "")
    with pytest.raises(LookupError, match=r"no Socket\.IO endpoint 'other'"):
        mounted_app.connect("/game", endpoint="other")


def test_below_a_script_name(mounted_app: SioTestApp) -> None:
    mounted_app.extra_environ["SCRIPT_NAME"] = "/shop"
    client = mounted_app.connect("/game", endpoint="games")
    assert client.expect("where") == ("/shop/api/games.io/", "/shop")


def test_the_clock_moves_all_endpoints(mounted_app: SioTestApp, sio_clock: VirtualClock) -> None:
    chat, game = mounted_app.connect("/game"), mounted_app.connect("/game", endpoint="games")
    for client in (chat, game):
        client.answers_pings = False
    sio_clock.advance(11)
    assert (chat.reason, game.reason) == (None, "transport close")
    sio_clock.advance(36)
    assert chat.reason == "transport close"
    assert Chat.left == ["game: ping timeout", "ping timeout"]


def test_closing_ends_all_endpoints(mounted_app: SioTestApp) -> None:
    mounted_app.connect("/game", endpoint="games")
    mounted_app.close()
    assert Chat.left == ["game: server shutting down"]


def test_middleware_is_looked_through() -> None:
    class Middleware:
        def __init__(self, app: Any) -> None:
            self.app = app

        def __call__(self, environ: Any, start_response: Any) -> Any:
            return self.app(environ, start_response)

    with SioTestApp(Middleware(make_app())) as app:
        assert app.connect("/open").connected


# Events.


def test_expect_takes_the_first_of_that_name(app: SioTestApp) -> None:
    ann, bob = enter(app), enter(app, "bob")
    for text in ("one", "two"):
        bob.call("message", text)
    app.post("/news", {"text": "late"})
    assert ann.expect("news") == ("late",)
    assert [came.args[1] for came in ann.received] == ["one", "two"]
    assert ann.expect("message") == ("bob", "one")


def test_expect_says_what_came_instead(app: SioTestApp) -> None:
    ann = enter(app)
    app.post("/news", {"text": "x"})
    with pytest.raises(AssertionError, match=r"no 'message' in 0.01 s; what came: .*news"):
        ann.expect("message", timeout=0.01)


def test_expect_nothing(app: SioTestApp) -> None:
    ann = enter(app)
    app.post("/news", {"text": "x"})
    ann.expect_nothing("message")
    with pytest.raises(AssertionError, match="expected nothing, got"):
        ann.expect_nothing()


def test_binary_both_ways(app: SioTestApp) -> None:
    assert enter(app).call("blob", b"abc") == b"cba"


def test_msgpack(sio_test_app: MakeApp) -> None:
    app = sio_test_app(make_app(**{"sio.parser": "msgpack"}))
    assert enter(app).call("blob", b"abc") == b"cba"


def test_a_parser_of_the_application(sio_test_app: MakeApp) -> None:
    app = sio_test_app(make_app(**{"sio.parser": "tests.functional.counted"}))
    assert enter(app).call("message", "hello") == "ok"


def test_the_server_asks(app: SioTestApp) -> None:
    ann = enter(app)
    ann.on("question", lambda text: text.upper())
    assert ann.call("ask", "why") == "WHY"
    assert ann.expect("question") == ("why",)


def test_no_acknowledgement_in_time(app: SioTestApp) -> None:
    with pytest.raises(AssertionError, match=r"no acknowledgement of 'fail' in 0.02 s"):
        enter(app).call("fail", timeout=0.02)


def test_nothing_is_sent_after_the_end(app: SioTestApp) -> None:
    ann = enter(app)
    ann.disconnect()
    with pytest.raises(AssertionError, match="not connected"):
        ann.emit("message", "x")


def test_an_event_that_wants_no_answer(app: SioTestApp) -> None:
    ann = enter(app)
    heard: list[str] = []
    ann.on("news", heard.append)
    app.post("/news", {"text": "late"})
    assert ann.expect("news") == ("late",)
    app.settle()
    assert heard == ["late"]


def test_many_at_once(app: SioTestApp) -> None:
    clients = [enter(app) for _ in range(5)]
    for client in clients:
        for _ in range(5):
            client.emit("yield", 5)
    app.settle()
    assert all(client.call("yield", 0) == 6 for client in clients)


# The end.


def test_leaving_twice(app: SioTestApp) -> None:
    ann = enter(app)
    assert repr(ann) == f"<TestClient /chat {ann.sid}>"
    ann.disconnect()
    ann.disconnect()
    assert Chat.left == ["client namespace disconnect"]


def test_leaving(app: SioTestApp) -> None:
    ann = enter(app)
    ann.disconnect()
    assert (ann.reason, Chat.left) == ("io client disconnect", ["client namespace disconnect"])


@pytest.mark.parametrize("event", ["kick", "kick_wholly"])
def test_sent_away(app: SioTestApp, event: str) -> None:
    ann = enter(app)
    ann.emit(event)
    assert ann.expect_disconnect() == "io server disconnect"


def test_still_connected(app: SioTestApp) -> None:
    with pytest.raises(AssertionError, match="still connected"):
        enter(app).expect_disconnect(timeout=0.01)


def test_close_ends_all(app: SioTestApp) -> None:
    ann = enter(app)
    app.close()
    app.close()
    assert (ann.reason, Chat.left) == ("transport close", ["server shutting down"])


# Pyramid's thread-locals.


def test_each_handler_has_its_own_current_request(app: SioTestApp) -> None:
    ann, bob = enter(app), enter(app, "bob")
    ann.emit("slow")
    assert bob.call("slow") == [True, True]
    assert ann.call("slow") == [True, True]


def test_the_stack_of_the_test_is_left_alone(sio_test_app: MakeApp) -> None:
    config = testing.setUp()
    try:
        depth = len(manager.stack)
        enter(sio_test_app(make_app())).call("message", "x")
        assert get_current_registry() is config.registry
        assert len(manager.stack) == depth
    finally:
        testing.tearDown()


class TestStacks:
    def test_of_two_applications_at_once(self) -> None:
        before = greenlet.gettrace()
        with SioTestApp(make_app()), SioTestApp(make_app()):
            assert greenlet.gettrace() is not before
        assert greenlet.gettrace() is before

    def test_where_greenlets_have_their_own_nothing_is_done(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Patched(local):
            """As Pyramid's is, in a process that is patched."""

        monkeypatch.setattr(module, "ThreadLocalManager", Patched)
        before = greenlet.gettrace()
        stacks = Stacks()
        stacks.begin()
        assert greenlet.gettrace() is before
        stacks.end()

    def test_who_traced_before_goes_on(self) -> None:
        seen: list[str] = []
        before = greenlet.settrace(lambda event, args: seen.append(event))
        try:
            stacks = Stacks()
            stacks.begin()
            gevent.spawn(seen.append, "ran").join()
            stacks.end()
        finally:
            greenlet.settrace(before)
        assert seen.index("switch") < seen.index("ran")


def test_public_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        testing_kit.Nothing  # noqa: B018


# Time.


def test_heartbeats_by_a_virtual_clock(timed_app: SioTestApp, sio_clock: VirtualClock) -> None:
    ann = enter(timed_app)
    assert ann.answers_pings
    sio_clock.advance(3600)
    assert ann.call("transport") == "websocket"
    ann.answers_pings = False
    sio_clock.advance(19)
    assert ann.connected
    sio_clock.advance(27)
    assert (ann.reason, Chat.left) == ("transport close", ["ping timeout"])


def test_time_outs_of_acknowledgements(timed_app: SioTestApp, sio_clock: VirtualClock) -> None:
    ann = enter(timed_app)
    ann.emit("ask", "anybody?")
    ann.expect("question")
    (socket,) = timed_app.sio.of("/chat").fetch()
    assert len(socket._acks) == 1
    sio_clock.advance(61)
    assert len(socket._acks) == 0


# Faults.


def test_a_connection_that_is_cut(app: SioTestApp) -> None:
    ann = enter(app)
    ann.network.cut()
    ann.network.cut()
    assert ann.expect_disconnect() == "transport close"
    app.settle()
    assert Chat.left == ["transport close"]


def test_packets_that_are_lost(timed_app: SioTestApp, sio_clock: VirtualClock) -> None:
    ann, bob = enter(timed_app), enter(timed_app, "bob")
    ann.network.drop("in")
    bob.call("message", "lost")
    ann.network.heal()
    bob.call("message", "found")
    assert ann.expect("message") == ("bob", "found")
    ann.network.drop()
    sio_clock.advance(46)
    assert Chat.left == ["ping timeout"]
    assert bob.connected


def test_packets_that_take_their_time(timed_app: SioTestApp, sio_clock: VirtualClock) -> None:
    ann, bob = enter(timed_app), enter(timed_app, "bob")
    ann.network.delay(2, "in")
    bob.call("message", "first")
    ann.network.heal()
    bob.call("message", "second")
    ann.expect_nothing()
    sio_clock.advance(2.5)
    assert [came.args[1] for came in ann.received] == ["first", "second"]


def test_what_is_under_way_when_the_cable_breaks_is_lost(
    timed_app: SioTestApp, sio_clock: VirtualClock
) -> None:
    ann = enter(timed_app)
    ann.network.delay(1, "out")
    ann.emit("kick")
    ann.network.cut()
    sio_clock.advance(2)
    assert Chat.left == ["transport close"]


def test_directions_are_named(app: SioTestApp) -> None:
    with pytest.raises(ValueError, match="there are 'in' and 'out'"):
        enter(app).network.drop("up")


def test_what_breaks_the_protocol_ends_the_connection(app: SioTestApp) -> None:
    ann = enter(app)
    wire = ann._connection.wire
    wire.send_out(wire._session.receive_text, "9")
    assert ann.expect_disconnect() == "transport close"
