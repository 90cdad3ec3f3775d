"""Requests of Socket.IO 0.9 clients at the view, without a network."""

from __future__ import annotations

from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.response import Response
from webtest import TestResponse

from pyramid_sio.plugin.converters import address, legacy_transports
from tests.plugin.conftest import NewSite, Site

FAR = "http://far.example"
OWN = "http://localhost/page"
#: What comes with a script that any page may have loaded.
UNKNOWN_PAGES: tuple[dict[str, str], ...] = (
    {},
    {"Referer": "nonsense"},
    {"Referer": "http://evil.example/page"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Origin": "null", "Referer": OWN},
)


@pytest.fixture
def site(new_site: NewSite) -> Site:
    return new_site(legacy="true", cors_origins=FAR)


def ask(site: Site, path: str = "", method: str = "GET", **headers: str) -> TestResponse:
    """A request below ``/socket.io/1``; any status is fine."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"/socket.io/1{path}"
    return site.web.request(url, method=method, headers=named, expect_errors=True)


def shake(site: Site, path: str = "/", **headers: str) -> str:
    answer = ask(site, path, **headers)
    assert answer.status_int == 200, answer
    return answer.text.removeprefix('io.j[0]("').split(":")[0]


def cookies_of(site: Site, sid: str) -> str | None:
    """The cookies that handlers of a session see."""
    ask(site, f"/xhr-polling/{sid}")
    session = site.endpoint.engine.sessions[sid]
    cookie: str | None = session.handshake.headers.get("cookie")
    return cookie


class TestHandshake:
    def test_offers_what_this_server_can_do(self, site: Site) -> None:
        """WSGI alone cannot give connections away, nor answer without end."""
        assert ask(site).text.endswith(":45:45:xhr-polling,jsonp-polling")

    def test_of_transports_that_are_enabled(self, new_site: NewSite) -> None:
        site = new_site(legacy="true", legacy_transports="jsonp-polling, websocket")
        assert ask(site).text.endswith(":45:45:jsonp-polling")
        none = new_site(legacy="true", transports="websocket")
        assert (ask(none).status_int, ask(none).text) == (400, "Transport unknown")

    def test_times_follow_the_heartbeat(self, new_site: NewSite) -> None:
        site = new_site(legacy="true", ping_interval="3.5", ping_timeout="1")
        assert ask(site).text.split(":")[1:3] == ["5", "5"]

    def test_application_says_no(self, new_site: NewSite) -> None:
        site = new_site(legacy="true", allow_request=lambda request: "not today")
        assert (ask(site).status_int, ask(site).text) == (403, "not today")
        script = ask(site, "/?jsonp=2", Referer=OWN)
        assert (script.status_int, script.text) == (200, 'io.j[2](new Error("not today"));')

    def test_reason_cannot_break_out_of_the_script(self, new_site: NewSite) -> None:
        site = new_site(legacy="true", allow_request=lambda request: '</script>"\u2028')
        text = ask(site, "/?jsonp=2", Referer=OWN).text
        assert text == 'io.j[2](new Error("\\u003c/script>\\"\\u2028"));'

    def test_server_goes_down(self, site: Site) -> None:
        site.endpoint.engine.stopping = True
        assert ask(site).status_int == 503

    def test_cookie_for_load_balancers(self, new_site: NewSite) -> None:
        site = new_site(legacy="true", cookie="io")
        answer = ask(site)
        assert answer.headers["Set-Cookie"].startswith(f"io={answer.text.split(':')[0]};")

    def test_hooks_see_it(self, new_site: NewSite) -> None:
        def configure(config: Configurator) -> None:
            config.add_sio_request_hook(lambda request: Response("from a hook"))

        assert ask(new_site(configure, legacy="true")).text == "from a hook"

    def test_is_off_by_default(self, new_site: NewSite) -> None:
        answer = ask(new_site(), "/?t=1")
        assert (answer.status_int, answer.json["code"]) == (400, 5)
        assert "set sio.legacy = true on the server" in answer.json["message"]

    def test_belongs_to_the_endpoint_whatever_view_it_came_by(self, site: Site) -> None:
        sid = shake(site)
        assert site.endpoint.legacy_sessions.session_for(sid, "xhr-polling") is not None

    def test_requests_of_engine_io_may_have_any_path(self, new_site: NewSite) -> None:
        site = new_site()
        opened = site.web.get("/socket.io/1/?EIO=4&transport=polling")
        assert opened.text.startswith("0{")


class TestOrigins:
    def test_of_pages_that_may(self, site: Site) -> None:
        answer = ask(site, Origin=FAR)
        assert answer.headers["Access-Control-Allow-Origin"] == FAR
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"

    def test_named_even_if_any_may(self, new_site: NewSite) -> None:
        """The client asks with credentials; browsers refuse a star then."""
        site = new_site(legacy="true", cors_origins="*")
        answer = ask(site, Origin=FAR)
        assert answer.headers["Access-Control-Allow-Origin"] == FAR
        assert site.get(headers={"Origin": FAR}).headers["Access-Control-Allow-Origin"] == "*"

    def test_but_then_not_as_the_user(self, new_site: NewSite) -> None:
        site = new_site(legacy="true", cors_origins="*")
        assert cookies_of(site, shake(site, Origin=FAR, Cookie="a=b")) is None
        assert cookies_of(site, shake(site, Origin="http://localhost", Cookie="a=b")) == "a=b"

    @pytest.mark.parametrize("origin", ["localhost", "localhost:80"])
    def test_without_a_scheme(self, site: Site, origin: str) -> None:
        assert ask(site, Origin=origin).status_int == 200

    @pytest.mark.parametrize("origin", ["other", "null", "://localhost", "localhost.evil"])
    def test_that_may_not(self, site: Site, origin: str) -> None:
        assert ask(site, Origin=origin).status_int == 403

    @pytest.mark.parametrize(
        "headers",
        [
            {"Referer": OWN},
            {"Referer": f"{FAR}/page"},
            {"Origin": "localhost"},
            {"Sec_Fetch_Site": "same-origin"},
        ],
    )
    def test_of_scripts(self, site: Site, headers: dict[str, str]) -> None:
        sid = shake(site, "/?jsonp=0", Cookie="a=b", **headers)
        assert cookies_of(site, sid) == "a=b"

    @pytest.mark.parametrize("headers", UNKNOWN_PAGES)
    def test_of_scripts_that_may_not(self, site: Site, headers: dict[str, str]) -> None:
        """Any page can load a script with its user's cookies, and need not say so."""
        answer = ask(site, "/?jsonp=0", Cookie="a=b", **headers)
        assert answer.text == 'io.j[0](new Error("Forbidden"));'

    @pytest.mark.parametrize("headers", UNKNOWN_PAGES)
    def test_of_scripts_if_any_may_connect(
        self, new_site: NewSite, headers: dict[str, str]
    ) -> None:
        site = new_site(legacy="true", cors_origins="*")
        assert cookies_of(site, shake(site, "/?jsonp=0", Cookie="a=b", **headers)) is None

    def test_of_scripts_that_know_their_session(self, site: Site) -> None:
        """Programs that poll in this way say nothing of a page, for there is none."""
        sid = shake(site)
        assert ask(site, f"/jsonp-polling/{sid}").text == 'io.j[0]("1::");'
        answer = ask(site, f"/jsonp-polling/{sid}", Origin="http://evil.example")
        assert answer.text == 'io.j[0](new Error("Forbidden"));'


class TestTransports:
    def test_poll_is_compressed_when_that_is_worth_it(self, site: Site) -> None:
        sid = shake(site)
        assert ask(site, f"/xhr-polling/{sid}").text == "1::"
        body = ('4:::["' + "x" * 2000 + '"]').encode()
        site.web.post(f"/socket.io/1/xhr-polling/{sid}", body, content_type="text/plain")
        site.path = f"/socket.io/1/xhr-polling/{sid}"
        answer = site.raw(headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"

    def test_scripts_are_compressed_as_scripts(self, new_site: NewSite) -> None:
        site = new_site(legacy="true", http_compression="1")
        site.path = f"/socket.io/1/jsonp-polling/{shake(site)}"
        answer = site.raw(headers={"Accept-Encoding": "gzip"}, query={"i": "4"})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["X-XSS-Protection"] == "0"
        assert answer.decode_content() is None
        assert answer.body == b'io.j[4]("1::");'

    def test_not_without_a_connection_to_take_over(self, site: Site) -> None:
        for name in ("websocket", "htmlfile", "flashsocket", "xhr-multipart"):
            assert ask(site, f"/{name}/{shake(site)}").status_int == 400

    def test_preflight(self, site: Site) -> None:
        assert ask(site, method="OPTIONS", Origin=FAR).status_int == 204


class TestSettings:
    @pytest.mark.parametrize(
        ("text", "meant"),
        [
            ("false", None),
            ("", None),
            ("10843", ("127.0.0.1", 10843)),
            (10843, ("127.0.0.1", 10843)),
            ("0.0.0.0:843", ("0.0.0.0", 843)),
            ("[::1]:843", ("::1", 843)),
            (":843", ("127.0.0.1", 843)),
        ],
    )
    def test_address(self, text: Any, meant: Any) -> None:
        assert address(text) == meant

    @pytest.mark.parametrize("text", ["localhost", "host:", "host:x", "70000", "-1"])
    def test_no_address(self, text: str) -> None:
        with pytest.raises(ValueError, match="must be a port"):
            address(text)

    def test_transports(self) -> None:
        assert legacy_transports("jsonp-polling, websocket") == ("websocket", "jsonp-polling")
        assert legacy_transports(["htmlfile"]) == ("htmlfile",)

    @pytest.mark.parametrize("text", ["", "polling"])
    def test_no_transports(self, text: str) -> None:
        with pytest.raises(ValueError, match="transport"):
            legacy_transports(text)
