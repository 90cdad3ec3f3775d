"""The programs in docs/migration.rst run, and do what the page says."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

import pyramid_sio
from pyramid_sio.compat import gevent_socketio
from tests.conftest import Serve
from tests.support import ROOT, Node, Program, free_port

TEXT = (ROOT / "docs" / "migration.rst").read_text(encoding="utf-8")
BLOCKS = [
    textwrap.dedent(block)
    for block in re.findall(r"\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)", TEXT)
]
#: A conversation of two, the second of the generation that is named.
TALK = "migration.js"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a program is to be written so that ``pserve`` finds it, as ``migrated``."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "migrated.py"


def test_there_are_three_programs() -> None:
    assert len(BLOCKS) == 3


@pytest.mark.parametrize("client", ["old", "new"])
def test_old_code_serves_both_generations(node: Node, tmp_path: Path, client: str) -> None:
    port = free_port()
    program = tmp_path / "chat.py"
    program.write_text(BLOCKS[0].replace("6543", str(port)), encoding="utf-8")
    with closing(Program([sys.executable, program], name="the migrated chat")) as server:
        server.expect("Serving on")
        node(TALK, f"http://127.0.0.1:{port}", client)


def test_old_and_new_side_by_side(serve: Serve, node: Node, module: Path) -> None:
    module.write_text(BLOCKS[1], encoding="utf-8")
    url = serve("migrated:main").url
    answers = json.loads(node("migration.js", url, "hello", "/chat", "/new"))
    assert answers == ["old you", "new you"]


def test_new_code_does_the_same(serve: Serve, node: Node, module: Path) -> None:
    module.write_text(BLOCKS[2], encoding="utf-8")
    node(TALK, serve("migrated:main", legacy="true").url, "old")


def test_names_that_are_given_exist() -> None:
    for name in ("ConnectRefused", "Emitter", "EventError", "Namespace", "on"):
        assert re.search(rf"\b{name}\b", TEXT)
        assert hasattr(pyramid_sio, name), name
    for name in ("as_namespace", "get_sio", "SocketIOServer", "socketio_manage"):
        assert re.search(rf"\b{name}\b", TEXT)
        assert name in gevent_socketio.__all__
