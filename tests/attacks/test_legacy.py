"""What a hostile peer can say in the words of Socket.IO 0.9."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from tests.attacks.site import MARK, Site
from tests.functional.legacy_wire import UNKNOWN, JsonpPolling, Polling, WebSocket, shake_hands
from tests.functional.wire import ask
from tests.rawclient import text_frame

ECHO = '5:9+::{"name":"echo","args":["still here"]}'
ECHOED = '6:::9+["still here"]'
NAMES = "websocket flashsocket htmlfile xhr-multipart xhr-polling jsonp-polling"


@pytest.fixture(scope="session")
def shared_legacy_site(build_site: Callable[..., Site]) -> Site:
    return build_site(legacy="true", legacy_transports=NAMES)


@pytest.fixture
def site(shared_legacy_site: Site, watch: Callable[[Site], Site]) -> Site:
    return watch(shared_legacy_site)


@pytest.fixture(scope="session")
def shared_brief_site(build_site: Callable[..., Site]) -> Site:
    return build_site(legacy="true", ping_interval=1, ping_timeout=2.5)


@pytest.fixture
def brief_site(shared_brief_site: Site, watch: Callable[[Site], Site]) -> Site:
    """One that waits for nobody."""
    return watch(shared_brief_site)


def polling(site: Site) -> Polling:
    client = Polling(site.server)
    assert client.receive() == "1::"
    return client


def is_served(client: Polling | WebSocket) -> bool:
    """Is an event answered, whatever else comes before the answer?"""
    client.send(ECHO)
    while (packet := client.receive()) not in (ECHOED, UNKNOWN):
        pass
    return packet == ECHOED


@pytest.mark.parametrize(
    "body",
    [
        "\ufffd0\ufffd" * 70_000,
        "\ufffd1\ufffd😀x" * 1000,
        "\ufffd" * 300_000,
        "\ufffd" + "9" * 900_000,
        "\ufffd9999999999\ufffd" + MARK,
        "\ufffd3\ufffd" + "2::" * 10_000,
    ],
    ids=["many", "halves", "marks", "digits", "huge", "too short"],
)
def test_lengths(site: Site, body: str) -> None:
    client = polling(site)
    assert client.post(body.encode()).status in (400, 413)
    assert client.poll() == [UNKNOWN]


def test_log_names_the_rule(site: Site) -> None:
    site.provoke(
        lambda: polling(site).post(f"\ufffd9\ufffd{MARK}".encode()) and None,
        "protocol violation",
        "a packet without its length",
    )


def test_form_of_nested_lengths(site: Site) -> None:
    client = JsonpPolling(site.server)
    assert client.receive() == "1::"
    assert client.post_form(b"d=%22" + b"%EF%BF%BD0%EF%BF%BD" * 40_000 + b"%22").status in (
        200,
        400,
    )
    assert client.post_form(b"d=" + b"[" * 300_000).status in (200, 400)
    assert client.poll() == [UNKNOWN]


def test_many_packets_that_mean_nothing(site: Site) -> None:
    client = polling(site)
    client.send(*[f"5:::{MARK}"] * 20_000)
    assert is_served(client)


def test_heartbeats_without_end(site: Site) -> None:
    with closing(WebSocket(site.server)) as client:
        assert client.receive() == "1::"
        for _ in range(10):
            client.raw.socket.sendall(text_frame("2::") * 10_000)
        assert is_served(client)


def test_heartbeats_by_post(site: Site) -> None:
    client = polling(site)
    client.send(*["2::"] * 60_000)
    assert is_served(client)


def test_namespaces_without_end(site: Site) -> None:
    client = polling(site)
    client.send(*(f"1::/n{number}" for number in range(5000)))
    client.send(*(f"3::/m{number}:x" for number in range(5000)))
    assert is_served(client)


def test_acknowledgements_nobody_asked_for(site: Site) -> None:
    client = polling(site)
    client.send(*(f'6:::{number}+["{MARK}"]' for number in range(20_000)))
    assert is_served(client)


def test_polls_that_break_off(site: Site) -> None:
    client = polling(site)
    for _ in range(200):
        client.begin_poll().abandon()
    assert is_served(client)
    client.send("0::")


def test_guessed_ids(site: Site) -> None:
    before = site.sessions
    for guess in ("x", "A" * 20, "%00", "..", "A" * 5000, "websocket:1"):
        for name in ("xhr-polling", "jsonp-polling", "htmlfile", "xhr-multipart"):
            path = f"/socket.io/1/{name}/{guess}"
            assert ask(site.server, path=path).status in (200, 400, 404)
            assert ask(site.server, "POST", path=path, body=b"3:::x").status in (200, 400, 404)
        gone = ask(site.server, path=f"/socket.io/1//{guess}/", query="disconnect")
        assert gone.status in (200, 400, 404)
    assert site.sessions == before


def test_handshakes_that_nothing_follows(brief_site: Site) -> None:
    for _ in range(2000):
        shake_hands(brief_site.server, "x=" + "y" * 1000)
    brief_site.bound = 24
    brief_site.wait_sessions(0)


def test_client_that_never_polls(brief_site: Site) -> None:
    clients = [polling(brief_site) for _ in range(20)]
    brief_site.wait_sessions(0)
    assert clients[0].poll() == [UNKNOWN]


@pytest.mark.parametrize("slot", ["alert(1)//", "1);alert(1", "0x10", "1e3"])
def test_script_injection(site: Site, slot: str) -> None:
    sid = shake_hands(site.server)
    for path, query in (
        ("/socket.io/1/", f"jsonp={slot}"),
        (f"/socket.io/1/jsonp-polling/{sid}", f"i={slot}"),
    ):
        answer = ask(site.server, path=path, query=query)
        assert slot not in answer.text
        assert "javascript" not in answer.headers["content-type"]
