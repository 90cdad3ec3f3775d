"""Clients hear of rows of a real database when they have been committed, and of no others.

What the clients do stands in ``tests/js/scenarios/transactions.js``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.scenarios import Scenarios
from tests.support import Server

ROUNDS = 5


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows") / "rows.sqlite"


@pytest.fixture(scope="module")
def site(serve_shared: Callable[..., Server], database: Path) -> Server:
    return serve_shared("tests.functional.rows_app:main", settings={"database": database})


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_nobody_hears_of_a_row_that_was_rolled_back(
    scenarios: Scenarios, site: Server, database: Path, transport: str
) -> None:
    result = scenarios(
        "transactions.nobody_hears_of_what_was_rolled_back",
        site.url,
        transport=transport,
        rounds=ROUNDS,
    )

    assert result["heard"] == ROUNDS * 6
    said = result["said"]
    assert said["event fail"] == said["event conflict"] == {"error": "rolled back"}
    assert said["view fail"] == said["view conflict"] == "rolled back"
    assert said["event retry"].endswith("event retry")
    assert said["view retry"] == "written"
    with sqlite3.connect(database) as connection:
        texts = [text for (text,) in connection.execute("select text from rows")]
    assert len([text for text in texts if "doom" in text or "inner" in text]) == 0
