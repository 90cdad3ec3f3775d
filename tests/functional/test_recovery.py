"""Connection state recovery, with the official client on the other side."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.functional.scenarios import Scenarios
from tests.support import Server

APP = "tests.functional.returning:main"


@pytest.fixture(scope="module")
def keeping_server(serve_shared: Callable[..., Server]) -> Server:
    """A server whose clients may come back."""
    return serve_shared(APP, recovery=True)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(
    "scenario",
    [
        "handler_still_runs",
        "left_on_purpose",
        "lost_on_the_way",
        "missed_binary",
        "missed_in_order",
        "never_got_anything",
        "nothing_was_missed",
        "server_has_not_noticed",
        "strings_at_the_end",
    ],
)
def test_on_each_transport(
    scenarios: Scenarios, keeping_server: Server, scenario: str, transport: str
) -> None:
    scenarios(f"recovery.{scenario}", keeping_server.url, transport=transport)


@pytest.mark.parametrize(
    "scenario",
    [
        "checked_again",
        "from_a_pattern",
        "greeted_the_first_time",
        "made_up",
        "one_of_many",
        "several_namespaces",
        "what_on_connect_says_comes_after",
    ],
)
def test_once(scenarios: Scenarios, keeping_server: Server, scenario: str) -> None:
    scenarios(f"recovery.{scenario}", keeping_server.url, transport="websocket")


@pytest.mark.parametrize("scenario", ["missed_binary", "missed_in_order"])
def test_with_another_parser(
    scenarios: Scenarios, serve_shared: Callable[..., Server], scenario: str
) -> None:
    server = serve_shared(APP, recovery=True, parser="msgpack")

    scenarios(
        f"recovery.{scenario}",
        server.url,
        transport="websocket",
        parser="socket.io-msgpack-parser",
    )


@pytest.mark.parametrize(
    ("settings", "flood", "pause"),
    [
        ({"recovery": False}, 0, 0),
        ({"recovery": True, "recovery_seconds": 0.2}, 0, 300),
        ({"recovery": True, "recovery_buffer_size": 10_000}, 5, 0),
    ],
    ids=["not enabled", "too late", "too much"],
)
def test_not_recovered(
    scenarios: Scenarios,
    serve_shared: Callable[..., Server],
    settings: dict[str, object],
    flood: int,
    pause: int,
) -> None:
    server = serve_shared(APP, **settings)

    scenarios("recovery.not_recovered", server.url, transport="websocket", flood=flood, pause=pause)
