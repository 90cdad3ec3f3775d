"""Presence and flood protection, with the official JavaScript client on the other side."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.functional.scenarios import Scenarios
from tests.support import Server, wait_until

CROWD = "tests.functional.crowd:main"
MSGPACK = "socket.io-msgpack-parser"
TRANSPORTS = ("polling", "websocket")


@pytest.fixture(scope="module")
def crowd(serve_shared: Callable[..., Server]) -> Server:
    """One that soon notices who is gone, and limits only what its handlers say."""
    return serve_shared(CROWD, ping_interval=0.3, ping_timeout=2)


@pytest.fixture(scope="module")
def strict(serve_shared: Callable[..., Server]) -> Server:
    """One that allows a connection five events, and then three more before it ends it."""
    return serve_shared(CROWD, rate_limit="1/m burst 5", rate_limit_refusals="1/m burst 3")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "scenario",
    [
        "two_tabs",
        "out_by_disconnect",
        "out_by_exit",
        "out_by_close",
        "out_by_cut",
        "out_by_freeze",
        "out_by_kick_leave",
        "out_by_kick_disconnect",
        "out_by_kick_close",
        "out_while_a_handler_runs",
        "whole_namespace",
        "changes_of_name",
    ],
)
def test_presence(scenarios: Scenarios, crowd: Server, scenario: str, transport: str) -> None:
    scenarios(f"presence.{scenario}", crowd.url, transport=transport)


@pytest.mark.parametrize("scenario", ["asked_for_no_more", "python_hook"])
def test_presence_once(scenarios: Scenarios, crowd: Server, scenario: str) -> None:
    scenarios(f"presence.{scenario}", crowd.url, transport="websocket")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("scenario", ["connection", "binary", "acknowledgements_are_free", "flood"])
def test_limit_of_a_connection(
    scenarios: Scenarios, strict: Server, scenario: str, transport: str
) -> None:
    scenarios(f"limits.{scenario}", strict.url, transport=transport)


def test_the_log_names_the_limit(scenarios: Scenarios, strict: Server) -> None:
    scenarios("limits.flood", strict.url, transport="websocket")

    def logged() -> bool:
        return "rate-limited by connection [127.0.0.1 " in strict.output and (
            "more than 1/m burst 3 were refused" in strict.output
        )

    wait_until(logged, what="the two lines")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_limit_of_an_event(scenarios: Scenarios, crowd: Server, transport: str) -> None:
    scenarios("limits.event", crowd.url, transport=transport)


def test_limit_of_a_user(scenarios: Scenarios, serve_shared: Callable[..., Server]) -> None:
    generous = serve_shared(CROWD, rate_limit_user="1/m burst 5")
    scenarios("limits.user", generous.url, transport="websocket")


def test_through_another_parser(scenarios: Scenarios, serve_shared: Callable[..., Server]) -> None:
    server = serve_shared(CROWD, parser="msgpack", rate_limit="1/m burst 5")
    for scenario in ("connection", "binary", "acknowledgements_are_free"):
        scenarios(f"limits.{scenario}", server.url, transport="websocket", parser=MSGPACK)
