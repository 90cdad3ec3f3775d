from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from pyramid import testing
from pyramid.config import Configurator
from pyramid.interfaces import IRequestFactory
from pyramid.request import Request
from pyramid.threadlocal import get_current_registry, get_current_request, manager

from pyramid_sio.engine.dispatcher import Dispatcher, Lane
from pyramid_sio.plugin.context import Invoker
from tests.fakes import FakeHandshake
from tests.support import PATIENCE


class Socket:
    """As much of a client's instance as the invoker knows."""

    def __init__(self, invoker: Invoker, **definition: Any) -> None:
        self._invoker = invoker
        self.handshake = FakeHandshake(
            Request.blank("/socket.io/?EIO=4", headers={"Cookie": "who=ada"}).environ
        )
        self.matchdict: dict[str, str] = {"id": "7"}
        self.context: Any = None
        defaults = {"permission": None, "factory": None}
        self.nsp = SimpleNamespace(definition=SimpleNamespace(**{**defaults, **definition}))

    @property
    def request(self) -> Any:
        return self._invoker.request_of(self)  # type: ignore[arg-type]


class CountingFactory:
    """Makes requests and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, environ: dict[str, Any]) -> Request:
        self.count += 1
        return Request(environ)


@pytest.fixture
def config() -> Iterator[Configurator]:
    depth = len(manager.stack)
    yield testing.setUp(hook_zca=False)
    testing.tearDown(unhook_zca=False)
    assert len(manager.stack) <= depth


@pytest.fixture
def requests(config: Configurator) -> CountingFactory:
    factory = CountingFactory()
    config.registry.registerUtility(factory, IRequestFactory)
    return factory


@pytest.fixture
def invoker(config: Configurator) -> Invoker:
    return Invoker(config.registry)


@pytest.fixture
def socket(invoker: Invoker) -> Any:
    return Socket(invoker)


class TestRequest:
    def test_none_is_made_when_nobody_looks(
        self, invoker: Invoker, socket: Any, requests: CountingFactory
    ) -> None:
        for _ in range(10):
            assert invoker.invoke(socket, lambda a, b: a + b, (1, 2)) == 3
        assert requests.count == 0

    def test_one_however_often_somebody_looks(
        self, invoker: Invoker, socket: Any, requests: CountingFactory
    ) -> None:
        def handler() -> None:
            assert get_current_request() is socket.request
            assert get_current_request() is get_current_request()

        invoker.invoke(socket, handler, ())
        assert requests.count == 1
        invoker.invoke(socket, handler, ())
        assert requests.count == 2, "each event has its own"

    def test_looks_like_the_handshakes(self, invoker: Invoker, socket: Any, config: Any) -> None:
        def handler() -> Request:
            request: Request = socket.request
            assert request.registry is config.registry
            assert request.matchdict == {"id": "7"}
            assert request.matched_route is None
            assert request.params["EIO"] == "4"
            assert request.cookies["who"] == "ada"
            assert not hasattr(request, "context")
            return request

        assert invoker.invoke(socket, handler, ()).method == "GET"

    def test_has_the_context_of_its_namespace(self, invoker: Invoker, socket: Any) -> None:
        socket.context = object()
        assert invoker.invoke(socket, lambda: socket.request.context, ()) is socket.context

    def test_has_the_applications_methods_and_properties(
        self, invoker: Invoker, socket: Any, config: Configurator
    ) -> None:
        made: list[str] = []

        def user(request: Request) -> str:
            made.append(request.cookies["who"])
            return request.cookies["who"].title()  # type: ignore[no-any-return]

        config.add_request_method(user, reify=True)
        config.add_request_method(lambda request, text: text * 2, "twice")
        config.add_request_method(lambda request: len(made), "count", property=True)

        def handler() -> None:
            request = socket.request
            assert (request.user, request.user) == ("Ada", "Ada")
            assert request.count == 1
            assert request.twice("a") == "aa"

        invoker.invoke(socket, handler, ())
        assert made == ["ada"]

    def test_outside_of_handlers_too(
        self, invoker: Invoker, socket: Any, requests: CountingFactory
    ) -> None:
        assert socket.request.cookies["who"] == "ada"
        assert socket.request is not socket.request
        assert requests.count == 3


class TestCallbacks:
    def test_finished_ones_run_at_the_end(self, invoker: Invoker, socket: Any) -> None:
        log: list[Any] = []

        def handler() -> str:
            socket.request.add_finished_callback(lambda request: log.append(get_current_request()))
            log.append(get_current_request())
            return "result"

        assert invoker.invoke(socket, handler, ()) == "result"
        assert len(log) == 2
        assert log[0] is log[1], "the request is still the current one"

    def test_after_a_failure_too(self, invoker: Invoker, socket: Any) -> None:
        log: list[Any] = []

        def handler() -> None:
            socket.request.add_finished_callback(log.append)
            raise ValueError("mine")

        with pytest.raises(ValueError, match="mine"):
            invoker.invoke(socket, handler, ())
        assert len(log) == 1

    def test_one_that_fails_leaves_nothing_behind(self, invoker: Invoker, socket: Any) -> None:
        depth = len(manager.stack)

        def handler() -> None:
            socket.request.add_finished_callback(lambda request: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            invoker.invoke(socket, handler, ())
        assert len(manager.stack) == depth


class TestThreadLocals:
    def test_while_a_handler_runs(self, invoker: Invoker, socket: Any, config: Any) -> None:
        before = get_current_request()

        def handler() -> None:
            assert get_current_registry() is config.registry
            assert get_current_request().cookies["who"] == "ada"

        invoker.invoke(socket, handler, ())
        assert get_current_request() is before

    def test_nothing_else_is_there(self, invoker: Invoker, socket: Any) -> None:
        def handler() -> None:
            with pytest.raises(KeyError):
                manager.get()["other"]

        invoker.invoke(socket, handler, ())

    def test_one_inside_of_another(self, invoker: Invoker, socket: Any) -> None:
        """A handler whose event makes another client's hook run at once."""
        other = Socket(invoker)
        seen: list[Any] = []

        def outer() -> None:
            mine = get_current_request()
            invoker.invoke(other, inner, ())  # type: ignore[arg-type]
            assert get_current_request() is mine
            assert socket.request is mine
            seen.append(mine)

        def inner() -> None:
            seen.append(get_current_request())
            assert get_current_request() is other.request
            assert socket.request is not other.request

        invoker.invoke(socket, outer, ())
        assert seen[0] is not seen[1]

    def test_a_subrequest_in_a_handler(self, invoker: Invoker, socket: Any, config: Any) -> None:
        def handler() -> None:
            mine = get_current_request()
            other = testing.DummyRequest()
            manager.push({"registry": config.registry, "request": other})
            assert get_current_request() is other
            manager.pop()
            assert get_current_request() is mine

        invoker.invoke(socket, handler, ())


class TestInDispatchers:
    """Dispatcher greenlets keep what they have pushed; no event may see another's request."""

    class Owner:
        def cork(self) -> None: ...
        def uncork(self) -> None: ...
        def resume(self) -> None: ...

    def run(self, *jobs: Any) -> None:
        pool = Dispatcher()
        lane = Lane(self.Owner())
        for func, *args in jobs:
            pool.submit(lane, func, tuple(args))
        assert pool.wait_idle(PATIENCE)
        # In a process that is not patched the stack is everybody's.
        manager.stack[:] = [frame for frame in manager.stack if type(frame).__name__ != "Frame"]

    def test_each_event_has_its_own_request(
        self, invoker: Invoker, requests: CountingFactory
    ) -> None:
        sockets = [Socket(invoker) for _ in range(3)]
        seen: list[tuple[Any, Any]] = []

        def handler(socket: Any) -> None:
            seen.append((socket.request, get_current_request()))

        self.run(*((invoker.invoke, socket, handler, (socket,)) for socket in sockets * 2))
        assert len(seen) == 6
        assert all(mine is current for mine, current in seen)
        assert len({id(mine) for mine, _ in seen}) == requests.count == 6

    def test_in_between_there_is_none(self, invoker: Invoker, socket: Any) -> None:
        seen: list[Any] = []
        self.run(
            (invoker.invoke, socket, get_current_request, ()),
            (lambda: seen.append(get_current_request()),),
        )
        assert seen == [None]

    @pytest.mark.parametrize("error", [ValueError(), gevent.Timeout(1)])
    def test_after_a_failure(self, invoker: Invoker, socket: Any, error: BaseException) -> None:
        seen: list[Any] = []

        def fail() -> None:
            seen.append(get_current_request())
            raise error

        def handler() -> None:
            seen.append(get_current_request())

        handle = (invoker.invoke, socket, handler, ())
        self.run(handle, (invoker.invoke, socket, fail, ()), handle)
        assert len({id(request) for request in seen}) == 3

    def test_one_inside_of_another(self, invoker: Invoker, socket: Any) -> None:
        other = Socket(invoker)
        seen: list[Any] = []

        def outer() -> None:
            seen.append(get_current_request())
            invoker.invoke(other, lambda: seen.append(get_current_request()), ())  # type: ignore[arg-type]
            seen.append(get_current_request())

        self.run((invoker.invoke, socket, outer, ()))
        assert seen[0] is seen[2] is not seen[1]

    def test_callbacks_that_look_leave_nothing_for_the_next(
        self, invoker: Invoker, requests: CountingFactory
    ) -> None:
        one, two = Socket(invoker), Socket(invoker)
        seen: list[Any] = []

        def look(request: Any) -> None:
            seen.append(get_current_request() is request)

        def handler(socket: Any) -> None:
            socket.request.add_finished_callback(look)
            seen.append(get_current_request() is socket.request)

        self.run(*((invoker.invoke, socket, handler, (socket,)) for socket in (one, two)))
        assert seen == [True] * 4
        assert requests.count == 2

    def test_callbacks_that_fail(self, invoker: Invoker, socket: Any) -> None:
        seen: list[Any] = []

        def fail() -> None:
            socket.request.add_finished_callback(lambda request: 1 / 0)

        self.run(
            (invoker.invoke, socket, fail, ()),
            (lambda: seen.append(get_current_request()),),
        )
        assert seen == [None]


def test_a_time_out_of_gevent_is_an_error_like_others(invoker: Invoker, socket: Any) -> None:
    """``gevent.Timeout`` is no Exception, so that nobody below would stop it."""

    def handler() -> None:
        with gevent.Timeout(0.001):
            gevent.sleep(10)

    with pytest.raises(TimeoutError, match=r"0\.001 second"):
        invoker.invoke(socket, handler, ())
    assert get_current_request() is None


class Policy:
    """Ada may do what the context lists."""

    def identity(self, request: Any) -> Any:
        return {"name": request.cookies.get("who")}

    def authenticated_userid(self, request: Any) -> Any:
        return request.cookies.get("who")

    def permits(self, request: Any, context: Any, permission: str) -> Any:
        name = request.authenticated_userid
        return name == "ada"


def test_a_users_name_is_asked_of_the_policy(config: Configurator, invoker: Invoker) -> None:
    config.set_security_policy(Policy())
    assert invoker.user_of(Socket(invoker)) == "ada"  # type: ignore[arg-type]


def test_in_a_handler_its_own_request_answers(
    config: Configurator, invoker: Invoker, socket: Any, requests: CountingFactory
) -> None:
    config.set_security_policy(Policy())
    assert invoker.invoke(socket, lambda: invoker.user_of(socket), ()) == "ada"
    assert requests.count == 1
