"""Whose word about a request counts."""

from __future__ import annotations

from typing import Any

import pytest
from pyramid.config import Configurator

from pyramid_sio.plugin.converters import networks
from pyramid_sio.plugin.proxies import LONGEST_CHAIN, Proxies
from tests.plugin.conftest import NewSite, Site

SAID = {
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "shop.example",
    "HTTP_X_FORWARDED_FOR": "203.0.113.9",
}


def believed(trusted: str, peer: str, **said: str) -> dict[str, Any]:
    environ = {"REMOTE_ADDR": peer, "HTTP_HOST": "inner:80", "wsgi.url_scheme": "http"}
    environ |= {f"HTTP_X_FORWARDED_{key.upper()}": value for key, value in said.items()}
    Proxies(networks(trusted)).believe(environ)
    return environ


@pytest.mark.parametrize(
    ("trusted", "peer", "counts"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("10.0.0.0/8, ::1", "10.1.2.3", True),
        ("10.0.0.0/8 ::1", "::1", True),
        ("127.0.0.1", "::ffff:127.0.0.1", True),
        ("unix", "", True),
        ("", "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.2", False),
        ("127.0.0.1", "", False),
        ("unix", "127.0.0.1", False),
        ("127.0.0.1", "nonsense", False),
    ],
)
def test_only_of_those_that_are_trusted(trusted: str, peer: str, counts: bool) -> None:
    environ = believed(trusted, peer, proto="https", host="shop.example", **{"for": "203.0.113.9"})
    assert (environ["wsgi.url_scheme"] == "https") is counts
    assert (environ["HTTP_HOST"] == "shop.example") is counts
    assert (environ["REMOTE_ADDR"] == "203.0.113.9") is counts


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 127.0.0.1", "203.0.113.9"),
        ("forged, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, forged", "127.0.0.1"),
        ("", "127.0.0.1"),
        (",".join(["127.0.0.1"] * (LONGEST_CHAIN + 5)), "127.0.0.1"),
    ],
)
def test_the_client_is_the_last_that_is_no_proxy(chain: str, address: str) -> None:
    assert believed("127.0.0.1", "127.0.0.1", **{"for": chain})["REMOTE_ADDR"] == address


@pytest.mark.parametrize(
    ("proto", "scheme"), [("HTTPS", "https"), ("gopher", "http"), ("", "http")]
)
def test_schemes(proto: str, scheme: str) -> None:
    assert believed("127.0.0.1", "127.0.0.1", proto=proto)["wsgi.url_scheme"] == scheme


def test_what_was_said_before_it_does_not_count() -> None:
    environ = believed("127.0.0.1", "127.0.0.1", host="evil.example, shop.example")
    assert environ["HTTP_HOST"] == "shop.example"


@pytest.mark.parametrize("value", ["127.0.0.1/8", "everybody", "1.2.3"])
def test_what_is_no_network(value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        networks(value)


class TestOrigins:
    def ask(self, site: Site, origin: str, peer: str = "10.0.0.1") -> int:
        headers = {key[5:].replace("_", "-"): value for key, value in SAID.items()}
        environ = {"REMOTE_ADDR": peer}
        answer = site.get(headers={"Origin": origin, **headers}, extra_environ=environ)
        return int(answer.status_int)

    def test_behind_a_proxy_its_own_is_the_one_outside(self, new_site: NewSite) -> None:
        site = new_site(trusted_proxies="10.0.0.0/8")
        assert self.ask(site, "https://shop.example") == 200
        assert self.ask(site, "http://shop.example") == 403
        assert self.ask(site, "http://localhost") == 403
        assert self.ask(site, "https://shop.example", peer="192.0.2.1") == 403

    def test_the_log_names_both_origins_and_the_setting(
        self, new_site: NewSite, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert self.ask(new_site(), "https://shop.example") == 403
        assert "'https://shop.example'" in caplog.text
        assert "'http://localhost" in caplog.text
        assert "if 10.0.0.1 is your proxy, sio.trusted_proxies lets its X-Forwarded" in caplog.text

    def test_the_log_gives_no_such_hint_of_a_trusted_one(
        self, new_site: NewSite, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert self.ask(new_site(trusted_proxies="10.0.0.1"), "https://evil.example") == 403
        assert "'https://shop.example'" in caplog.text
        assert "trusted_proxies" not in caplog.text

    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            ("https://friend.example", 200),
            ("https://friend.example:8443", 403),
            ("https://other.example:8443", 200),
            ("https://a.b.family.example", 200),
            ("https://family.example.evil.test", 403),
            ("http://friend.example", 200),
            ("ftp://friend.example", 403),
        ],
    )
    def test_pyramids_trusted_origins_count(self, origin: str, status: int) -> None:
        trusted = "friend.example other.example:8443 .family.example"
        config = Configurator(settings={"pyramid.csrf_trusted_origins": trusted})
        config.include("pyramid_sio")
        site = Site(config.make_wsgi_app())
        answer = site.get(headers={"Origin": origin})
        assert answer.status_int == status
        if status == 200:
            assert answer.headers["Access-Control-Allow-Origin"] == origin
        site.end()
