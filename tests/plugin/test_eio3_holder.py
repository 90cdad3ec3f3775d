"""Polling sessions of Socket.IO 1 and 2, and who may go on with them."""

from __future__ import annotations

import json
import re

import pytest
from webtest import TestApp, TestResponse

from pyramid_sio.plugin.eio3_holder import COOKIE, SETTLING
from tests.fakes import FakeClock
from tests.plugin.conftest import NewSite, Site

OPENING = "/socket.io/?EIO=3&transport=polling"
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}
PROGRAM = {"User-Agent": "node-XMLHttpRequest"}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def site(new_site: NewSite, clock: FakeClock) -> Site:
    site = new_site(allow_eio3="true")
    site.endpoint.engine.clock = clock
    return site


class Visitor:
    """Something that keeps cookies, as WebTest does."""

    def __init__(self, site: Site, headers: dict[str, str] = BROWSER) -> None:
        self.web = TestApp(site.app)
        self.headers = headers
        self.set_cookie: str | None = None

    def open(self, **headers: str) -> str:
        answer = self.web.get(OPENING, headers={**self.headers, **headers})
        self.set_cookie = answer.headers.get("Set-Cookie")
        sid: str = json.loads(answer.text[answer.text.index("{") :])["sid"]
        return sid

    def poll(self, sid: str) -> int:
        return self._status(self.web.get(f"{OPENING}&sid={sid}", **self._options))

    def post(self, sid: str) -> int:
        # A ping leaves something to poll for.
        return self._status(self.web.post(f"{OPENING}&sid={sid}", b"1:2", **self._options))

    @property
    def _options(self) -> dict[str, object]:
        return {"headers": self.headers, "expect_errors": True}

    @staticmethod
    def _status(answer: TestResponse) -> int:
        if answer.status_int == 400:
            assert answer.json == {"code": 1, "message": "Session ID unknown"}
        return int(answer.status_int)


def test_nobody_else_goes_on_with_the_session_of_a_browser(site: Site, clock: FakeClock) -> None:
    owner = Visitor(site)
    sid = owner.open()
    assert re.fullmatch(
        COOKIE + r"=[\w-]{20}; Path=/; HttpOnly; SameSite=Lax", owner.set_cookie or ""
    )
    clock.advance(SETTLING)
    assert owner.post(sid) == 200

    for headers in (BROWSER, PROGRAM):
        other = Visitor(site, headers)
        other.open()
        assert (other.poll(sid), other.post(sid)) == (400, 400)

    assert owner.poll(sid) == 200
    assert site.endpoint.engine.sessions[sid].is_open


def test_browser_has_one_cookie_for_all_its_sessions(site: Site) -> None:
    visitor = Visitor(site)
    first, second = visitor.open(), visitor.open()
    assert visitor.set_cookie is None
    assert Visitor(site).post(second) == 400, "it has proven itself by opening it"
    assert (visitor.post(first), visitor.post(second)) == (200, 200)


def test_two_connections_opened_at_once(site: Site, clock: FakeClock) -> None:
    """The second answer brings another cookie, which then counts for both."""
    visitor = Visitor(site)
    first = visitor.open()
    assert visitor.post(first) == 200
    visitor.web.reset()
    second = visitor.open()
    for _ in range(3):
        assert (visitor.post(first), visitor.post(second)) == (200, 200)
        assert (visitor.poll(first), visitor.poll(second)) == (200, 200)
        clock.advance(SETTLING)
    assert Visitor(site).post(second) == 400


def test_browser_that_keeps_no_cookies_goes_on(site: Site) -> None:
    visitor = Visitor(site)
    sid = visitor.open()
    visitor.web.reset()
    assert (visitor.post(sid), visitor.poll(sid)) == (200, 200)


@pytest.mark.parametrize("value", ["x", "é" * 20, "a" * 21, '"; Path=/'])
def test_cookie_that_is_none_of_ours(site: Site, value: str) -> None:
    visitor = Visitor(site)
    visitor.open(Cookie=f"{COOKIE}={value}".encode().decode("latin-1"))
    assert visitor.set_cookie is not None
    assert f"={value};" not in visitor.set_cookie


def test_over_tls(site: Site) -> None:
    answer = site.web.get(OPENING, headers=BROWSER, extra_environ={"wsgi.url_scheme": "https"})
    assert answer.headers["Set-Cookie"].endswith("; SameSite=Lax; Secure")


@pytest.mark.parametrize("headers", [PROGRAM, {}])
def test_programs_get_none(site: Site, headers: dict[str, str]) -> None:
    visitor = Visitor(site, headers)
    sid = visitor.open()
    assert visitor.set_cookie is None
    assert Visitor(site).post(sid) == 200


def test_nobody_gets_one_where_ids_are_hidden(new_site: NewSite) -> None:
    visitor = Visitor(new_site(allow_eio3="true", hide_eio3_ids="true"))
    visitor.open()
    assert visitor.set_cookie is None


def test_clients_of_today_get_none(site: Site) -> None:
    answer = site.web.get("/socket.io/?EIO=4&transport=polling", headers=BROWSER)
    assert "Set-Cookie" not in answer.headers


def test_beside_the_cookie_for_load_balancers(new_site: NewSite) -> None:
    answer = new_site(allow_eio3="true", cookie="io").web.get(OPENING, headers=BROWSER)
    names = [value.partition("=")[0] for value in answer.headers.getall("Set-Cookie")]
    assert names == ["io", COOKIE]
