"""Annotated handlers, called by the official client."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Serve
from tests.functional.scenarios import Scenarios
from tests.support import Server

APP = "tests.functional.typed_app:main"


@pytest.fixture(scope="module")
def typed_server(serve_shared: Callable[..., Server]) -> Server:
    return serve_shared(APP)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("name", ["fitting", "misfits", "auth"])
def test_typed(scenarios: Scenarios, typed_server: Server, name: str, transport: str) -> None:
    scenarios(f"typed.{name}", typed_server.url, transport=transport)


def test_nothing_of_what_was_sent_is_logged(scenarios: Scenarios, serve: Serve) -> None:
    server = serve(APP)
    scenarios("typed.secret", server.url, transport="websocket")

    server.expect("argument 'kind' of event 'upload' does not fit at $")
    assert "a secret kind" not in server.output
