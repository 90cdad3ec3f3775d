"""What clients are told about errors: exception views decide."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from traceback import extract_tb
from typing import Any, ClassVar

import pytest
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPForbidden, HTTPFound, HTTPNotFound, HTTPServiceUnavailable
from pyramid.response import Response

from pyramid_sio import ConnectRefused, on
from pyramid_sio.errors import EventError
from pyramid_sio.sockets.namespace import Namespace
from tests.plugin.conftest import Client, NewSite


class SoldOutError(Exception):
    def __init__(self, left: int) -> None:
        super().__init__("sold out")
        self.left = left


ERRORS: dict[str, Exception] = {
    "forbidden": HTTPForbidden(),
    "detailed": HTTPForbidden("not on Sundays"),
    "missing": HTTPNotFound(),
    "moved": HTTPFound("/login"),
    "down": HTTPServiceUnavailable("back at noon"),
    "sold out": SoldOutError(3),
    "own": EventError("as it is"),
    "bug": ZeroDivisionError("a detail"),
}


class Shop(Namespace):
    seen: ClassVar[list[Any]] = []

    @on("fail")
    def fail(self, kind: str) -> None:
        raise ERRORS[kind]

    def on_connect(self, auth: Any) -> None:
        if auth:
            raise ConnectRefused("as it is") if auth["kind"] == "own" else ERRORS[auth["kind"]]

    def on_error(self, event: Any, exc: Exception) -> None:
        self.seen.append(exc)

    def on_ping(self) -> str:
        return "pong"


def enter(new_site: NewSite, configure: Any = lambda config: None) -> Client:
    client = new_site(configure, namespace=Shop).open()
    client.join()
    return client


def refused(new_site: NewSite, kind: str, configure: Any = lambda config: None) -> Any:
    client = new_site(configure, namespace=Shop).open()
    return json.loads(client.join("40" + json.dumps({"kind": kind}))[2:])


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("forbidden", {"error": "Forbidden"}),
        ("detailed", {"error": "not on Sundays"}),
        ("missing", {"error": "Not Found"}),
        ("moved", {"error": "Found"}),
        ("own", {"error": "as it is"}),
        ("down", {"error": "back at noon"}),
    ],
)
def test_http_exceptions_are_answers_by_themselves(
    new_site: NewSite, kind: str, answer: Any
) -> None:
    client = enter(new_site)
    assert client.ask("fail", kind) == answer
    assert Shop.seen.pop() is ERRORS[kind]


@pytest.mark.parametrize(
    ("kind", "message"), [("forbidden", "Forbidden"), ("detailed", "not on Sundays")]
)
def test_they_refuse_connects(new_site: NewSite, kind: str, message: str) -> None:
    assert refused(new_site, kind) == {"message": message}


def test_what_no_view_is_for_gets_no_answer_and_the_log_a_traceback(
    new_site: NewSite, caplog: pytest.LogCaptureFixture
) -> None:
    client = enter(new_site)
    client.post('4299["fail","bug"]')
    assert client.ask("ping") == "pong"
    assert client.heard == []
    assert "ZeroDivisionError: a detail" in caplog.text
    assert refused(new_site, "bug") == {"message": "Internal server error"}


def in_json(exc: SoldOutError, request: Any) -> Any:
    return {"error": "sold out", "left": exc.left, "by": request.method}


def in_text(exc: SoldOutError, request: Any) -> Response:
    return Response("none left", content_type="text/plain")


def in_html(exc: SoldOutError, request: Any) -> Response:
    return Response("<h1>Sorry</h1>", status=409)


def to_login(exc: HTTPForbidden, request: Any) -> HTTPFound:
    response = Response(status=302)
    response.location = "/login"
    return response


class TestExceptionViews:
    @pytest.mark.parametrize(
        ("view", "options", "answer"),
        [
            (
                in_json,
                {"renderer": "json"},
                {"error": "sold out", "left": 3, "by": "GET"},
            ),
            (in_text, {}, {"error": "none left"}),
            (in_html, {}, {"error": "Conflict"}),
        ],
    )
    def test_shape_the_answer(
        self, new_site: NewSite, view: Any, options: Any, answer: Any
    ) -> None:
        def configure(config: Configurator) -> None:
            config.add_exception_view(view, context=SoldOutError, **options)

        assert enter(new_site, configure).ask("fail", "sold out") == answer
        refusal = refused(new_site, "sold out", configure)
        assert refusal["message"] == answer["error"]
        assert refusal.get("data") == (answer if "left" in answer else None)

    def test_a_forbidden_view_that_leads_to_the_login(self, new_site: NewSite) -> None:
        client = enter(new_site, lambda config: config.add_forbidden_view(to_login))
        answer = {"error": "Forbidden", "location": "/login"}
        assert client.ask("fail", "forbidden") == answer

    def test_of_the_route_are_for_clients_alone(self, new_site: NewSite) -> None:
        def configure(config: Configurator) -> None:
            config.add_exception_view(in_html, context=SoldOutError)
            config.add_exception_view(
                in_json, context=SoldOutError, route_name="pyramid_sio", renderer="json"
            )

        assert enter(new_site, configure).ask("fail", "sold out")["left"] == 3

    def test_for_everything_do_not_get_what_this_package_raises(self, new_site: NewSite) -> None:
        def configure(config: Configurator) -> None:
            config.add_exception_view(in_html, context=Exception)

        client = enter(new_site, configure)
        assert client.ask("fail", "own") == {"error": "as it is"}
        assert client.ask("fail", "bug") == {"error": "Conflict"}
        assert refused(new_site, "own", configure) == {"message": "as it is"}

    def test_that_fail_are_what_is_logged(
        self, new_site: NewSite, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(exc: Exception, request: Any) -> Any:
            raise LookupError("in the view")

        client = enter(
            new_site, lambda config: config.add_exception_view(broken, context=SoldOutError)
        )
        client.post('4299["fail","sold out"]')
        assert client.ask("ping") == "pong"
        assert "LookupError: in the view" in caplog.text

    def test_of_faults_are_logged_with_their_cause(
        self, new_site: NewSite, caplog: pytest.LogCaptureFixture
    ) -> None:
        def page(exc: Exception, request: Any) -> Response:
            return Response("<h1>Oh</h1>", status=500)

        def configure(config: Configurator) -> None:
            config.add_exception_view(page, context=Exception)

        caplog.set_level(logging.WARNING)
        client = enter(new_site, configure)
        assert client.ask("fail", "bug") == {"error": "Internal Server Error"}
        assert "ZeroDivisionError: a detail" in caplog.text
        caplog.clear()
        assert refused(new_site, "bug", configure) == {"message": "Internal Server Error"}
        assert "ZeroDivisionError: a detail" in caplog.text

    def test_with_json_that_is_none(self, new_site: NewSite) -> None:
        def broken(exc: Exception, request: Any) -> Response:
            return Response(b"{", content_type="application/json", status=418)

        client = enter(
            new_site, lambda config: config.add_exception_view(broken, context=SoldOutError)
        )
        assert client.ask("fail", "sold out") == {"error": "I'm a teapot"}


def test_the_log_shows_where_an_error_came_from(
    new_site: NewSite, caplog: pytest.LogCaptureFixture
) -> None:
    client = enter(new_site)
    client.post('42["fail","bug"]')
    assert client.ask("ping") == "pong"
    (record,) = [one for one in caplog.records if one.exc_info]
    assert record.exc_info is not None
    files = [Path(entry.filename).name for entry in extract_tb(record.exc_info[2])]
    assert files[-1] == Path(__file__).name
    assert "answers.py" not in files
