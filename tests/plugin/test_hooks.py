"""``config.add_sio_request_hook``, without a server."""

from __future__ import annotations

from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationConflictError
from pyramid.request import Request
from pyramid.response import Response

calls: list[str] = []


def first(request: Request) -> None:
    calls.append("first")


def second(request: Request) -> Response | None:
    calls.append("second")
    return Response("enough", status=418) if "stop" in request.params else None


def third(request: Request) -> None:
    calls.append("third")


@pytest.fixture
def app() -> Any:
    calls.clear()
    config = Configurator(settings={"sio.cors_origins": "https://other.test"})
    config.include("pyramid_sio")
    config.add_sio_request_hook(first)
    config.add_sio_request_hook(f"{__name__}.second")
    config.add_sio_request_hook(third)
    return config.make_wsgi_app()


def ask(app: Any, query: str, method: str = "GET") -> Response:
    request = Request.blank(f"/socket.io/?{query}", method=method)
    request.headers["Origin"] = "https://other.test"
    return request.get_response(app)


def test_hooks_come_in_order_before_any_check(app: Any) -> None:
    response = ask(app, "EIO=4&transport=unknown")

    assert calls == ["first", "second", "third"]
    assert response.json == {"code": 0, "message": "Transport unknown"}


def test_one_that_answers_is_the_last(app: Any) -> None:
    response = ask(app, "EIO=4&transport=polling&stop")

    assert calls == ["first", "second"]
    assert (response.status_int, response.text) == (418, "enough")
    assert response.headers["Access-Control-Allow-Origin"] == "https://other.test"


def test_browsers_that_ask_in_advance_do_not_come_to_hooks(app: Any) -> None:
    assert ask(app, "EIO=4&transport=polling", "OPTIONS").status_int == 204
    assert calls == []


def test_the_same_hook_twice_is_a_conflict() -> None:
    config = Configurator()
    config.include("pyramid_sio")
    config.commit()
    config.add_sio_request_hook(first)
    config.add_sio_request_hook(first)

    with pytest.raises(ConfigurationConflictError):
        config.commit()


def test_hooks_can_be_looked_up(app: Any) -> None:
    entries = app.registry.introspector.get_category("socket.io request hooks")

    assert [entry["introspectable"]["hook"] for entry in entries] == [first, second, third]


@pytest.mark.parametrize(
    ("path", "slash", "status"),
    [
        ("/socket.io/", "true", 400),
        ("/socket.io", "true", 404),
        ("/socket.io/", "false", 400),
        ("/socket.io", "false", 400),
        ("/socket.iox", "false", 404),
    ],
)
def test_add_trailing_slash(path: str, slash: str, status: int) -> None:
    config = Configurator(settings={"sio.add_trailing_slash": slash})
    config.include("pyramid_sio")
    app = config.make_wsgi_app()

    assert Request.blank(path).get_response(app).status_int == status
