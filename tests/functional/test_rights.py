"""Who may be where, and what becomes of those who may not any more: the official client.

What it does stands in ``tests/js/scenarios/rights.js``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.functional.scenarios import Scenarios
from tests.support import Redis, Server

APP = "tests.functional.rights_app:main"


@pytest.fixture(scope="module")
def banned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rights") / "banned"


@pytest.fixture(scope="module")
def site(serve_shared: Callable[..., Server], banned: Path) -> Server:
    return serve_shared(APP, settings={"banned": banned})


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("scenario", ["stranger", "revoked", "room"])
def test_rights(scenarios: Scenarios, site: Server, scenario: str, transport: str) -> None:
    scenarios(f"rights.{scenario}", site.url, transport=transport)


def test_rights_are_looked_at_by_the_clock(
    scenarios: Scenarios, serve: Serve, banned: Path
) -> None:
    site = serve(APP, settings={"banned": banned}, reauth_interval=0.3)
    scenarios("rights.by_clock", site.url, transport="websocket")


def test_rights_revoked_at_another_server(
    scenarios: Scenarios, serve: Serve, banned: Path, redis_server: Redis
) -> None:
    sites = [serve(APP, settings={"banned": banned}, redis_url=redis_server.url) for _ in range(2)]
    for scenario in ("revoked", "room"):
        scenarios(f"rights.{scenario}", sites[0].url, transport="websocket", elsewhere=sites[1].url)
