"""Pages of other sites: who may connect, as whom, and what browsers are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.attacks.site import Site
from tests.rawclient import Answer, Polling, WebSocket, request

OPEN_POLLING = "EIO=4&transport=polling"
ALLOWED = ("https://friend.example", "http://friend.example:8080")
BELOW = "https://*.friends.example"


@pytest.fixture(scope="module")
def shared_friendly_site(build_site: Callable[..., Site]) -> Site:
    return build_site(cors_origins=" ".join([*ALLOWED, BELOW]))


@pytest.fixture
def friendly_site(shared_friendly_site: Site, watch: Callable[[Site], Site]) -> Site:
    """A server that lets pages of some other origins connect, watched."""
    return watch(shared_friendly_site)


@pytest.fixture(scope="module")
def shared_public_site(build_site: Callable[..., Site]) -> Site:
    return build_site(cors_origins="*")


@pytest.fixture
def public_site(shared_public_site: Site, watch: Callable[[Site], Site]) -> Site:
    """A server that lets pages of any origin connect, watched."""
    return watch(shared_public_site)


def open_by(site: Site, transport: str, headers: Mapping[str, str]) -> Answer:
    """Try to open a session; the answer."""
    if transport == "polling":
        return request(site.server, "GET", OPEN_POLLING, headers=headers)
    with WebSocket(site.server, headers=headers) as client:
        return client.answer


def own_origin(site: Site) -> str:
    return f"http://{site.server.host}:{site.server.port}"


def host(site: Site) -> str:
    return f"{site.server.host}:{site.server.port}"


FOREIGN = [
    "null",
    "",
    "http://evil.example",
    "https://evil.example",
    "http://{host}.evil.example",
    "http://evil.example.{host}",
    "http://evil{host}",
    "http://{host}1",
    "http://{host}0",
    "http://{name}",
    "http://{name}:1",
    "http://{name}:80",
    "http://user@{host}",
    "http://{host}@evil.example",
    "http://evil.example/{host}",
    "http://evil.example#{host}",
    "http://evil.example?{host}",
    "http://{host}/",
    "http://{host}/path",
    "http://{host} http://evil.example",
    "http://evil.example, http://{host}",
    "ws://{host}",
    "ftp://{host}",
    "file://",
    "{host}",
    "//{host}",
    "http:{host}",
    "http:///{host}",
    "http://[::1]:{port}",
    "http://localhost:{port}",
    "http://0x7f000001:{port}",
    "http://{host}\u00e9",
    "*",
]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("pattern", FOREIGN)
def test_page_of_another_origin_is_refused(site: Site, transport: str, pattern: str) -> None:
    origin = pattern.format(host=host(site), name=site.server.host, port=site.server.port)
    before = site.sessions
    answer = open_by(site, transport, {"Host": host(site), "Origin": origin})
    assert answer.status == (403 if transport == "polling" else 400)
    assert "Forbidden" in answer.text
    assert "access-control-allow-origin" not in answer.headers
    assert site.sessions <= before


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(
    ("own_host", "origin"),
    [
        ("{host}", "http://{host}"),
        ("{host}", "HTTP://{host}"),
        ("app.example", "http://app.example"),
        ("app.example", "http://app.example:80"),
        ("app.example:80", "http://app.example"),
        ("App.Example", "http://aPP.eXample"),
        # Through a proxy that ends TLS and passes the Host header on.
        ("app.example", "https://app.example"),
        ("app.example", "https://app.example:443"),
        ("app.example:443", "https://app.example"),
        ("app.example:8443", "https://app.example:8443"),
        ("[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_own_page_may_connect(site: Site, transport: str, own_host: str, origin: str) -> None:
    headers = {"Host": own_host.format(host=host(site)), "Origin": origin.format(host=host(site))}
    assert open_by(site, transport, headers).status == (200 if transport == "polling" else 101)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_program_without_an_origin_may_connect(site: Site, transport: str) -> None:
    assert open_by(site, transport, {}).status == (200 if transport == "polling" else 101)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_cookie_does_not_open_the_door(site: Site, transport: str) -> None:
    headers = {"Origin": "http://evil.example", "Cookie": "user=alice"}
    assert open_by(site, transport, headers).status == (403 if transport == "polling" else 400)


def test_session_of_an_own_page_is_closed_to_foreign_ones(site: Site) -> None:
    """Even one that has got hold of the session's id."""
    polling = Polling(site.server, {"Host": host(site), "Origin": own_origin(site)})
    polling.enter()
    evil = {"Host": host(site), "Origin": "http://evil.example"}
    assert request(site.server, "GET", polling.query, headers=evil).status == 403
    posted = request(site.server, "POST", polling.query, body=b'42["echo"]', headers=evil)
    assert posted.status == 403
    with WebSocket(site.server, sid=polling.sid, headers=evil) as candidate:
        assert candidate.answer.status == 400
    assert polling.ask("echo", 1) == [1]


def test_log_says_which_origin_and_what_to_do(site: Site) -> None:
    def attack() -> None:
        open_by(site, "polling", {"Origin": "http://evil.example"})

    line = site.provoke(attack, "request refused: Forbidden", "http://evil.example")
    assert "sio.cors_origins" in line


def test_preflight_is_no_question_without_other_origins(site: Site) -> None:
    answer = request(
        site.server,
        "OPTIONS",
        OPEN_POLLING,
        headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert answer.status == 400
    assert not any(name.startswith("access-control") for name in answer.headers)


# Origins that are listed.


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(
    "origin",
    [
        *ALLOWED,
        "https://FRIEND.example",
        "https://friend.example:443",
        "https://one.friends.example",
        "https://one.of-the.friends.example",
    ],
)
def test_listed_origin_may_connect_with_credentials(
    friendly_site: Site, transport: str, origin: str
) -> None:
    answer = open_by(friendly_site, transport, {"Origin": origin, "Cookie": "user=alice"})
    assert answer.status == (200 if transport == "polling" else 101)
    if transport == "polling":
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://friend.example",
        "https://friend.example:8080",
        "https://friend.example.evil.example",
        "https://evilfriend.example",
        "https://friend.example@evil.example",
        "https://friend.example.",
        "https://sub.friend.example",
        "https://friend.example/",
        "https://friend.exampl",
        "https://friends.example",
        "https://.friends.example",
        "https://evilfriends.example",
        "https://evil.example/.friends.example",
        "https://evil.example@x.friends.example",
        "https://x.friends.example:8443",
        "https://x.friends.example.evil.example",
        "http://x.friends.example",
        BELOW,
        "null",
        "*",
    ],
)
def test_look_alike_of_a_listed_origin_is_refused(
    friendly_site: Site, transport: str, origin: str
) -> None:
    answer = open_by(friendly_site, transport, {"Origin": origin})
    assert answer.status == (403 if transport == "polling" else 400)
    assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_preflight_of_a_foreign_page_allows_nothing(friendly_site: Site, origin: str) -> None:
    answer = request(
        friendly_site.server,
        "OPTIONS",
        OPEN_POLLING,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-a",
        },
    )
    assert answer.status == 204
    assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-credentials" not in answer.headers


def test_preflight_of_a_listed_page(friendly_site: Site) -> None:
    answer = request(
        friendly_site.server,
        "OPTIONS",
        "nothing=known",
        headers={"Origin": ALLOWED[0], "Access-Control-Request-Headers": "x-a, x-b"},
    )
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == ALLOWED[0]
    assert answer.headers["access-control-allow-headers"] == "x-a, x-b"
    assert "POST" in answer.headers["access-control-allow-methods"]


def test_errors_can_be_read_by_listed_pages(friendly_site: Site) -> None:
    answer = request(
        friendly_site.server, "GET", f"{OPEN_POLLING}&sid=nobody", headers={"Origin": ALLOWED[0]}
    )
    assert answer.status == 400
    assert answer.headers["access-control-allow-origin"] == ALLOWED[0]


# Any origin.


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://friend.example"])
def test_any_origin_never_comes_with_credentials(public_site: Site, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = request(public_site.server, method, OPEN_POLLING, headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(
    ("origin", "identity"),
    [
        ("http://evil.example", "nobody"),
        ("null", "nobody"),
        ("http://{host}", "alice"),
        (None, "alice"),
    ],
)
def test_foreign_page_is_nobody_whatever_cookies_come_along(
    public_site: Site, transport: str, origin: str | None, identity: str
) -> None:
    """Browsers send cookies along with any WebSocket; only own pages may act on them."""
    headers = {"Host": host(public_site), "Cookie": "user=alice"}
    if origin is not None:
        headers["Origin"] = origin.format(host=host(public_site))
    if transport == "polling":
        polling = Polling(public_site.server, headers)
        polling.enter()
        assert polling.ask("whoami") == [identity]
    else:
        with WebSocket(public_site.server, headers=headers) as client:
            client.enter()
            assert client.ask("whoami") == [identity]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_listed_page_is_who_its_cookie_says(friendly_site: Site, transport: str) -> None:
    headers = {"Origin": ALLOWED[0], "Cookie": "user=alice"}
    if transport == "polling":
        polling = Polling(friendly_site.server, headers)
        polling.enter()
        assert polling.ask("whoami") == ["alice"]
    else:
        with WebSocket(friendly_site.server, headers=headers) as client:
            client.enter()
            assert client.ask("whoami") == ["alice"]
