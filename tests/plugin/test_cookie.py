"""The cookie for load balancers."""

from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.plugin.cookie import parse_cookie


@pytest.mark.parametrize("value", ["false", "no", "off", "none", "", False, " False "])
def test_none(value: Any) -> None:
    assert parse_cookie(value) is None


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("true", "io=SID; Path=/; HttpOnly; SameSite=Lax"),
        (True, "io=SID; Path=/; HttpOnly; SameSite=Lax"),
        ("route-1", "route-1=SID; Path=/; HttpOnly; SameSite=Lax"),
        ("io; samesite=strict; path=/app", "io=SID; Path=/app; HttpOnly; SameSite=Strict"),
        (
            "io;Domain=example.com;  Max-Age=60;",
            "io=SID; Max-Age=60; Domain=example.com; Path=/; HttpOnly; SameSite=Lax",
        ),
        ("io; httponly", "io=SID; Path=/; HttpOnly; SameSite=Lax"),
    ],
)
def test_attributes_as_browsers_want_them(value: Any, header: str) -> None:
    cookie = parse_cookie(value)

    assert cookie is not None
    assert cookie.header("SID", over_tls=False) == header
    assert cookie.header("SID", over_tls=True) == f"{header}; Secure"


def test_secure_can_be_asked_for_behind_a_proxy() -> None:
    cookie = parse_cookie("true; SameSite=None; Secure; Partitioned")

    assert cookie is not None
    expected = "io=SID; Path=/; HttpOnly; Partitioned; SameSite=None; Secure"
    assert cookie.header("SID", over_tls=False) == expected
    assert cookie.header("SID", over_tls=True) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("two words", "cookie's name"),
        ("kékszakállú", "cookie's name"),
        ("a=b", "cookie's name"),
        ("; Path=/", "cookie's name"),
        ("io; Colour=red", "none of"),
        ("io; Secure=yes", "no value"),
        ("io; Path", "cannot be written"),
        ("io; Path=/a b", "cannot be written"),
        ("io; Max-Age=soon", "cannot be written"),
        ("io; Domain=a\r\nSet-Cookie: b", "cannot be written"),
        ("io; SameSite=sometimes", "Lax, Strict or None"),
        ("io; SameSite=None", "without Secure"),
        ("io; Partitioned", "without Secure"),
    ],
)
def test_mistakes_are_named(value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_cookie(value)
