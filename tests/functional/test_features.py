"""What a server does with its clients, seen by the official JavaScript client.

What the client does stands in ``tests/js/scenarios/features.js``.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable

import pytest

from tests.functional.scenarios import Scenarios
from tests.support import PATIENCE, Server

APP = "tests.functional.features_app:main"
TRANSPORTS = ("polling", "websocket", "upgrade")

ON_EVERY_TRANSPORT = (
    "asking_many",
    "asking_one",
    "bulk",
    "chains",
    "disconnecting_one_namespace",
    "filters",
    "gates",
    "patterns",
    "request_hooks",
)

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


@pytest.fixture(scope="module")
def site(serve_shared: Callable[..., Server]) -> Server:
    return serve_shared(
        APP,
        cookie="io; SameSite=None; Secure; Max-Age=60",
        cors_origins="https://*.example.com",
        add_trailing_slash=False,
    )


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("scenario", ON_EVERY_TRANSPORT)
def test_on_every_transport(
    scenarios: Scenarios, site: Server, scenario: str, transport: str
) -> None:
    scenarios(f"features.{scenario}", site.url, transport=transport)


def test_namespaces_of_patterns_vanish(scenarios: Scenarios, site: Server) -> None:
    scenarios("features.patterns_vanish", site.url, transport="websocket")


@pytest.mark.parametrize("path", ["/socket.io/", "/socket.io"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_slash_at_the_end_is_not_needed(
    scenarios: Scenarios, site: Server, transport: str, path: str
) -> None:
    scenarios("features.path", site.url, transport=transport, path=path)


def ask(
    site: Server, query: str, headers: dict[str, str] | None = None
) -> tuple[int, list[tuple[str, str]], bytes]:
    connection = http.client.HTTPConnection(site.host, site.port, timeout=PATIENCE)
    try:
        connection.request("GET", f"/socket.io/?EIO=4&{query}", headers=headers or {})
        response = connection.getresponse()
        body = b"" if response.status == 101 else response.read()
        return response.status, response.getheaders(), body
    finally:
        connection.close()


def cookies(headers: list[tuple[str, str]]) -> list[str]:
    return [value for name, value in headers if name.lower() == "set-cookie"]


def test_headers_of_hooks_go_out_beside_those_of_the_server(site: Server) -> None:
    status, headers, body = ask(site, "transport=polling")
    opening = json.loads(body[1:])

    assert status == 200
    assert sorted(cookies(headers)) == [
        "first=1",
        f"io={opening['sid']}; Max-Age=60; Path=/; HttpOnly; SameSite=None; Secure",
        "second=2",
    ]
    _, later, _ = ask(site, "transport=polling&sid=unknown")
    assert cookies(later) == ["first=1", "second=2"]


def test_headers_of_hooks_go_out_with_an_upgrade(site: Server) -> None:
    status, headers, _ = ask(site, "transport=websocket", UPGRADE)

    assert status == 101
    assert cookies(headers) == ["first=1", "second=2"]


@pytest.mark.parametrize("headers", [{}, UPGRADE], ids=["polling", "upgrade"])
def test_a_hook_answers_before_anything_else_is_looked_at(
    site: Server, headers: dict[str, str]
) -> None:
    status, _, body = ask(site, "transport=none&token=wrong", headers)

    assert (status, body) == (401, b"not with this token")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://a.example.com", 200),
        ("https://a.b.example.com", 200),
        ("https://example.com", 403),
        ("http://a.example.com", 403),
        ("https://a.example.com.evil.test", 403),
        ("https://evil.test/.example.com", 403),
    ],
)
def test_origins_below_a_host(site: Server, origin: str, status: int) -> None:
    found, headers, _ = ask(site, "transport=polling", {"Origin": origin})

    assert found == status
    allowed = [value for name, value in headers if name == "Access-Control-Allow-Origin"]
    assert allowed == ([origin] if status == 200 else [])
