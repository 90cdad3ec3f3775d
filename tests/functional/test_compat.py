"""Namespaces written for gevent-socketio, in views of every framework, with real clients."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.functional.scenarios import Scenarios
from tests.functional.wire import ask
from tests.support import Server

APP = "tests.functional.compat_app:main"
#: What ``request`` a view of each framework hands on.
REQUESTS = {
    "wsgi": "builtins",
    "pyramid": "pyramid",
    "including": "pyramid",
    "flask": "flask",
    "django": "django",
}
SCENARIOS = (
    "events_and_acks",
    "rooms_and_broadcasts",
    "faults",
    "access",
    "refusals",
    "goodbye",
    "news",
)

each_framework = pytest.mark.parametrize("framework", list(REQUESTS))


@pytest.fixture(scope="session")
def serve_framework(serve_shared: Callable[..., Server]) -> Callable[[str], Server]:
    """One server for each framework, started when it is needed."""
    running: dict[str, Server] = {}

    def get(framework: str) -> Server:
        if framework not in running:
            running[framework] = serve_shared(APP, settings={"framework": framework})
        return running[framework]

    return get


@each_framework
@pytest.mark.parametrize("transport", ["polling", "websocket", "upgrade"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_old_namespaces_serve_clients_of_today(
    serve_framework: Callable[[str], Server],
    scenarios: Scenarios,
    framework: str,
    transport: str,
    scenario: str,
) -> None:
    url = serve_framework(framework).url
    request = REQUESTS[framework]
    scenarios(f"compat.{scenario}", url, transport=transport, request=request)


@pytest.mark.parametrize("framework", [name for name in REQUESTS if name != "including"])
def test_cookies_of_the_view_go_out_and_its_text_does_not(
    serve_framework: Callable[[str], Server], framework: str
) -> None:
    answer = ask(serve_framework(framework), query="EIO=4&transport=polling")
    assert answer.text.startswith('0{"sid":')
    assert answer.headers["set-cookie"] == "seen=yes"


@each_framework
def test_what_is_no_request_of_socket_io_is_told_so(
    serve_framework: Callable[[str], Server], framework: str
) -> None:
    answer = ask(serve_framework(framework), query="EIO=4&transport=pigeon")
    assert (answer.status, answer.json["message"]) == (400, "Transport unknown")
