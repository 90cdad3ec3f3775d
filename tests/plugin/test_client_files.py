"""The served client, where it cannot be: how it is served is tested with a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyramid.request import Request

from pyramid_sio.plugin import client_files


@pytest.fixture(autouse=True)
def forget_what_was_loaded() -> Iterator[None]:
    client_files.client_version.cache_clear()
    yield
    client_files.client_version.cache_clear()


@pytest.mark.parametrize("missing", [frozenset(("VERSION",)), client_files.NAMES])
def test_missing_client(monkeypatch: pytest.MonkeyPatch, missing: frozenset[str]) -> None:
    monkeypatch.setattr(client_files, "_load", lambda name: None if name in missing else b"4.0.0")

    answer = client_files.client_file("socket.io.js", Request.blank("/socket.io/socket.io.js"))

    assert answer.status_int == 404
    assert answer.content_type == "text/plain"
    assert "npm" in answer.text
    assert "cache-control" not in answer.headers


def test_version_of_a_missing_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_files, "_load", lambda name: None)

    assert client_files.client_version() is None
