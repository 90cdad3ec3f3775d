from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.admin.describe import MAX_ENTRIES, describe, presentable
from tests.sockets.conftest import Site


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [1, 2.5, None, True, "x"]}, {"a": [1, 2.5, None, True, "x"]}),
        ({1: (2,)}, {"1": [2]}),
        (b"secret", "<bytes>"),
        (object(), "<object>"),
        (2**64, "<int>"),
        ([[[[[[[1]]]]]]], [[[[[["<list>"]]]]]]),
        (list(range(MAX_ENTRIES + 5)), list(range(MAX_ENTRIES))),
    ],
)
def test_presentable(value: Any, shown: Any) -> None:
    assert presentable(value) == shown


def test_secrets_are_left_out() -> None:
    site = Site()
    site.define()
    session, socket = site.connect('0{"token":"sesame"}')
    session.handshake.headers = {"cookie": "a=1", "authorization": "b", "user-agent": "c"}

    shown = describe(socket)

    assert shown["handshake"]["headers"] == {"user-agent": "c"}
    assert "sesame" not in str(shown)
    assert shown["clientId"] == session.id[:12]


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({}, "192.0.2.7"),
        ({"x-forwarded-for": "198.51.100.1"}, "198.51.100.1"),
        ({"x-forwarded-for": "198.51.100.1", "cf-connecting-ip": "203.0.113.1"}, "203.0.113.1"),
    ],
)
def test_address(headers: dict[str, str], address: str) -> None:
    site = Site()
    site.define()
    session, socket = site.connect()
    session.handshake.headers = headers
    assert describe(socket)["handshake"]["address"] == address
