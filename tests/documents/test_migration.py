"""The programs in docs/migration.rst run, and do what the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

import pyramid_sio
from pyramid_sio.compat import gevent_socketio
from tests.conftest import Serve
from tests.functional.test_old_names import without_python_socketio
from tests.support import PATIENCE, ROOT, Node, Program, free_port

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


def test_there_are_so_many_programs() -> None:
    assert len(BLOCKS) == 6


@pytest.mark.parametrize("client", ["old", "new"])
def test_old_code_serves_both_generations(node: Node, tmp_path: Path, client: str) -> None:
    port = free_port()
    program = tmp_path / "chat.py"
    program.write_text(BLOCKS[0].replace("6543", str(port)), encoding="utf-8")
    with closing(Program([sys.executable, program], name="the migrated chat")) as server:
        server.expect("Serving on")
        node(TALK, f"http://127.0.0.1:{port}", client)


def test_old_imports(tmp_path: Path) -> None:
    """Where python-socketio is not installed they work, and elsewhere it is said why not."""
    folder = tmp_path / "packages"
    folder.mkdir()
    program = tmp_path / "program.py"
    program.write_text(f"{BLOCKS[1]}\nprint(BaseNamespace.__module__)", encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": without_python_socketio(folder)}

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *options, str(program)]
        return subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    assert run("-S").stdout == "pyramid_sio.compat.namespace\n"
    assert "import from pyramid_sio.compat.gevent_socketio instead" in run().stderr


DJANGO = """
from gevent import monkey; monkey.patch_all()
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from pyramid_sio.compat.gevent_socketio import SocketIOServer
settings.configure(
    ALLOWED_HOSTS=["*"], INSTALLED_APPS=["lounge"], ROOT_URLCONF="urls", SECRET_KEY="x",
    MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
)
SocketIOServer(("127.0.0.1", PORT), get_wsgi_application()).serve_forever()
"""


def test_django(tmp_path: Path, node: Node) -> None:
    port = free_port()
    files = {
        "lounge/__init__.py": "",
        "lounge/sockets.py": BLOCKS[2],
        "urls.py": BLOCKS[3],
        "program.py": DJANGO.replace("PORT", str(port)),
    }
    (tmp_path / "lounge").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with closing(Program([sys.executable, tmp_path / "program.py"], name="Django")) as server:
        server.expect("Serving on")
        answers = json.loads(node(TALK, f"http://127.0.0.1:{port}", "hello", "/chat"))
    assert answers == ["hello you"]


def test_old_and_new_side_by_side(serve: Serve, node: Node, module: Path) -> None:
    module.write_text(BLOCKS[4], encoding="utf-8")
    url = serve("migrated:main").url
    answers = json.loads(node("migration.js", url, "hello", "/chat", "/new"))
    assert answers == ["old you", "new you"]


def test_new_code_does_the_same(serve: Serve, node: Node, module: Path) -> None:
    module.write_text(BLOCKS[5], encoding="utf-8")
    node(TALK, serve("migrated:main", legacy="true").url, "old")


def test_names_that_are_given_exist() -> None:
    for name in ("ConnectRefused", "Emitter", "EventError", "Namespace", "on"):
        assert re.search(rf"\b{name}\b", TEXT)
        assert hasattr(pyramid_sio, name), name
    for name in ("as_namespace", "get_sio", "SocketIOServer", "socketio_manage"):
        assert re.search(rf"\b{name}\b", TEXT)
        assert name in gevent_socketio.__all__
