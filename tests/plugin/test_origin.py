from __future__ import annotations

import pytest
from pyramid.request import Request

from pyramid_sio.errors import BadRequest, ForbiddenRequest
from pyramid_sio.plugin.origin import OriginPolicy


def request(origin: str | None, base: str = "http://app.example") -> Request:
    headers = {} if origin is None else {"Origin": origin}
    return Request.blank("/socket.io/", base_url=base, headers=headers)


def permits(policy: OriginPolicy, origin: str | None, base: str = "http://app.example") -> bool:
    try:
        policy.check(request(origin, base))
    except ForbiddenRequest:
        return False
    return True


class TestOwn:
    """Pages of the application itself may always connect."""

    @pytest.mark.parametrize(
        ("base", "origin"),
        [
            ("http://app.example", "http://app.example"),
            ("http://app.example", "http://APP.example"),
            ("http://app.example", "http://app.example:80"),
            ("http://app.example:8080", "http://app.example:8080"),
            ("https://app.example", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("http://[::1]:6543", "http://[::1]:6543"),
            # A proxy ends TLS in front of us.
            ("http://app.example", "https://app.example"),
            ("http://app.example:80", "https://app.example"),
            ("http://app.example:8443", "https://app.example:8443"),
        ],
    )
    def test_permitted(self, base: str, origin: str) -> None:
        assert permits(OriginPolicy(()), origin, base)

    @pytest.mark.parametrize(
        ("base", "origin"),
        [
            ("http://app.example", "http://evil.example"),
            ("http://app.example", "http://app.example:8080"),
            ("http://app.example", "http://app.example.evil"),
            ("http://app.example", "http://evil.app.example"),
            ("http://app.example", "http://app.example@evil"),
            ("http://app.example:8080", "http://app.example"),
            ("http://app.example", "ftp://app.example"),
            ("http://app.example", "app.example"),
            ("http://app.example", "null"),
            ("http://app.example", ""),
            # A page in the clear may have been changed on its way.
            ("https://app.example", "http://app.example"),
        ],
    )
    def test_refused(self, base: str, origin: str) -> None:
        policy = OriginPolicy(())
        assert not permits(policy, origin, base)
        assert not policy.trusts(request(origin, base))

    def test_programs_say_no_origin(self) -> None:
        for policy in (OriginPolicy(()), OriginPolicy(("*",)), OriginPolicy(("http://a",))):
            assert permits(policy, None)
            assert policy.trusts(request(None))

    def test_the_log_is_told_what_to_do(self) -> None:
        with pytest.raises(ForbiddenRequest) as caught:
            OriginPolicy(()).check(request("http://evil.example"))
        assert "http://evil.example" in caught.value.detail
        assert "sio.cors_origins" in caught.value.detail
        assert "evil" not in caught.value.message

    @pytest.mark.parametrize("char", ["\0", "\x01", "\x1f", "\x7f", "\r", "\n"])
    def test_control_characters(self, char: str) -> None:
        asked = request(None)
        asked.environ["HTTP_ORIGIN"] = f"http://app.example{char}"
        for policy in (OriginPolicy(()), OriginPolicy(("*",))):
            with pytest.raises(BadRequest):
                policy.check(asked)


class TestListed:
    POLICY = OriginPolicy(("https://page.example", "http://other.example:8080"))

    @pytest.mark.parametrize(
        ("origin", "permitted"),
        [
            ("https://page.example", True),
            ("https://PAGE.example", True),
            ("https://page.example:443", True),
            ("http://other.example:8080", True),
            ("http://app.example", True),
            ("http://page.example", False),
            ("https://page.example:8443", False),
            ("http://other.example", False),
            ("https://page.example.evil", False),
            ("https://sub.page.example", False),
        ],
    )
    def test_exactly_those(self, origin: str, permitted: bool) -> None:
        assert permits(self.POLICY, origin) is permitted
        assert self.POLICY.trusts(request(origin)) is permitted
        allowed = ("Access-Control-Allow-Origin", origin) in self.POLICY.headers(request(origin))
        assert allowed is permitted

    def test_the_default_port_may_be_written_down(self) -> None:
        policy = OriginPolicy(("https://page.example:443", "http://other.example:80"))
        assert permits(policy, "https://page.example")
        assert permits(policy, "http://other.example")

    def test_caches_are_told(self) -> None:
        for origin in ("https://page.example", "https://evil.example", None):
            assert ("Vary", "Origin") in self.POLICY.headers(request(origin))


class TestAnyHostBelow:
    POLICY = OriginPolicy(("https://*.page.example",))

    @pytest.mark.parametrize(
        ("origin", "permitted"),
        [
            ("https://a.page.example", True),
            ("https://a.b.page.example", True),
            ("https://a.page.example:443", True),
            ("https://page.example", False),
            ("http://a.page.example", False),
            ("https://a.page.example:8443", False),
            ("https://apage.example", False),
            ("https://a.page.example.evil", False),
            ("https://evil/a.page.example", False),
            ("https://evil:80.page.example", False),
            ("https://a.pageXexample", False),
        ],
    )
    def test_those(self, origin: str, permitted: bool) -> None:
        assert permits(self.POLICY, origin) is permitted


class TestAny:
    POLICY = OriginPolicy(("*",))

    def test_everybody_may_connect_but_not_as_somebody(self) -> None:
        asked = request("https://evil.example")
        self.POLICY.check(asked)
        assert not self.POLICY.trusts(asked)
        assert self.POLICY.trusts(request("http://app.example"))
        assert self.POLICY.headers(asked) == [("Access-Control-Allow-Origin", "*")]

    def test_a_listed_one_is_trusted_all_the_same(self) -> None:
        policy = OriginPolicy(("*", "https://page.example"))
        assert policy.trusts(request("https://page.example"))


def test_nothing_is_said_where_no_other_page_may_connect() -> None:
    policy = OriginPolicy(())
    assert not policy.cross_origin
    assert policy.headers(request("http://app.example")) == []


def test_preflight() -> None:
    asked = Request.blank("/", headers={"Access-Control-Request-Headers": "x-a, x-b"})
    headers = dict(OriginPolicy(("*",)).preflight_headers(asked))
    assert headers == {
        "Access-Control-Allow-Methods": "GET,POST",
        "Access-Control-Max-Age": "600",
        "Access-Control-Allow-Headers": "x-a, x-b",
        "Vary": "Access-Control-Request-Headers",
    }
    assert "Vary" not in dict(OriginPolicy(("*",)).preflight_headers(Request.blank("/")))
