"""The sample's contracts, and the compiler that judges the types."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pyramid_sio.documents.contract import Contract, read_contract
from pyramid_sio.sockets.server import Definition
from tests.documents import sample
from tests.support import PATIENCE, ROOT, find_program

OPTIONS = {
    "lib": ["es2022", "dom"],
    "module": "esnext",
    "moduleResolution": "bundler",
    "noEmit": True,
    "paths": {"socket.io-client": [f"{ROOT}/node_modules/socket.io-client"]},
    # A program of its own may not do what types alone allow.
    "erasableSyntaxOnly": True,
    "skipLibCheck": True,
    "strict": True,
    "target": "es2022",
    "types": [],
}


@pytest.fixture(scope="session")
def contracts() -> list[Contract]:
    """Of the namespaces of the sample."""
    return [
        read_contract(definition)
        for definition in (
            Definition("/", sample.Main),
            Definition("/doc/{id}", sample.Document, match=lambda name, auth: {}),
            Definition("/game", sample.Game, "play"),
            Definition(r"/file/{name:\w+}", sample.File, match=lambda name, auth: {}),
        )
    ]


@pytest.fixture
def tsc(tmp_path: Path) -> Callable[..., str]:
    """The compiler: takes texts by file names, gives its complaints."""

    def compile(**files: str) -> str:
        for name, text in files.items():
            (tmp_path / f"{name}.ts").write_text(text, encoding="utf-8")
        config = {"compilerOptions": OPTIONS, "include": [f"{tmp_path}/*.ts"]}
        (tmp_path / "tsconfig.json").write_text(json.dumps(config), encoding="utf-8")
        compiler = ROOT / "node_modules" / "typescript" / "bin" / "tsc"
        done = subprocess.run(
            [find_program("node", "nodejs"), compiler, "--project", tmp_path],
            capture_output=True,
            text=True,
            timeout=PATIENCE * 3,
            check=False,
        )
        assert done.stderr == ""
        assert (done.returncode == 0) == (done.stdout == ""), done.stdout
        return done.stdout

    return compile


@pytest.fixture(scope="session")
def built_docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the documentation, made once; Sphinx has nothing to complain of."""
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"]
    build = subprocess.run(
        [*command, "-d", folder / "trees", ROOT / "docs", folder / "html"],
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
        check=False,
    )
    assert build.returncode == 0, build.stderr
    return folder / "html"
