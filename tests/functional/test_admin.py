"""The admin namespace, with the official JavaScript client in the place of the UI."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import bcrypt
import pytest

from tests.conftest import Serve
from tests.functional.scenarios import Scenarios
from tests.support import Server

APP = "tests.functional.admin_app:main"
CREDENTIALS = {"username": "ada", "password": "open sesame"}
SERVER_ID = "the one and only"


def settings(**more: object) -> dict[str, object]:
    """``sio.*`` settings of a server with an admin, whose password costs little to check."""
    hashed = bcrypt.hashpw(CREDENTIALS["password"].encode(), bcrypt.gensalt(4)).decode()
    said = {
        "admin": True,
        "admin_username": CREDENTIALS["username"],
        "admin_password": hashed,
        "admin_server_id": SERVER_ID,
    }
    return {**said, **more}


@pytest.fixture(scope="session")
def watched_server(serve_shared: Callable[..., Server]) -> Server:
    return serve_shared(APP, **settings())


@pytest.fixture
def run(scenarios: Scenarios) -> Callable[..., Any]:
    """Runs a scenario of ``admin.js``."""

    def start(name: str, server: Server, **options: object) -> Any:
        return scenarios(f"admin.{name}", server.url, credentials=CREDENTIALS, **options)

    return partial(start)


@pytest.mark.parametrize("transport", ["polling", "websocket", "upgrade"])
@pytest.mark.parametrize("scenario", ["logs_in", "sees_what_on_connect_does", "steers", "watches"])
def test_on_every_transport(
    run: Callable[..., Any], watched_server: Server, scenario: str, transport: str
) -> None:
    run(scenario, watched_server, transport=transport)


@pytest.mark.parametrize("scenario", ["commands_that_do_not_fit", "describes", "sees_data"])
def test_once(run: Callable[..., Any], watched_server: Server, scenario: str) -> None:
    run(scenario, watched_server, transport="websocket")


def test_upgrade_is_seen(run: Callable[..., Any], watched_server: Server) -> None:
    run("sees_upgrade", watched_server, transport="upgrade")


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_statistics(run: Callable[..., Any], watched_server: Server, transport: str) -> None:
    run(
        "counts",
        watched_server,
        transport=transport,
        goodbye="transport close",
        serverId=SERVER_ID,
    )


def test_wrong_credentials(run: Callable[..., Any], serve: Serve) -> None:
    server = serve(APP, **settings())

    run("refuses", server, transport="websocket")

    assert "guess" not in server.output


def test_production_and_readonly(run: Callable[..., Any], serve: Serve) -> None:
    server = serve(APP, **settings(admin_mode="production", admin_readonly=True))

    run("only_looks_at_statistics", server, transport="websocket")


def test_password_is_not_in_the_log(run: Callable[..., Any], watched_server: Server) -> None:
    run("logs_in", watched_server, transport="websocket")

    assert CREDENTIALS["password"] not in watched_server.output
