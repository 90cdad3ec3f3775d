"""The wheel and the sdist, built from a copy of the checkout: what is in them, who needs npm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT

BUNDLES = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js")
LEGACY_FILES = {"socket.io-0.9.js", "socket.io-0.9.min.js", "README-0.9.md", "VERSION-0.9"}
CLIENT_FILES = {*BUNDLES, *(f"{name}.map" for name in BUNDLES), "LICENSE", "VERSION", *LEGACY_FILES}
MADE = (
    "*.egg-info",
    ".*_cache",
    ".cache",
    ".coverage*",
    ".git",
    ".hypothesis",
    ".venv*",
    "__pycache__",
)
CLIENT = Path("pyramid_sio", "client")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout as it was cloned: without anything that make made."""
    ignore = shutil.ignore_patterns(*MADE, "_build", "build", "client", "dist", "node_modules")
    return Path(shutil.copytree(ROOT, tmp_path / "checkout", ignore=ignore))


@pytest.fixture
def with_client(checkout: Path) -> Path:
    """The same after ``tools/fetch_client.py``."""
    shutil.copytree(ROOT / CLIENT, checkout / CLIENT)
    return checkout


def build(
    what: str, project: Path, into: Path, *, path: str = ""
) -> subprocess.CompletedProcess[str]:
    """Call the build hook ``build_<what>`` as pip does; ``path`` is where programs are found."""
    into.mkdir(exist_ok=True)
    hook = f"from setuptools import build_meta; build_meta.build_{what}({str(into)!r})"
    return subprocess.run(
        [sys.executable, "-c", hook],
        cwd=project,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def built(what: str, project: Path, into: Path, *, path: str = "") -> Path:
    """The one file that a build which has to succeed leaves."""
    result = build(what, project, into, path=path)
    assert result.returncode == 0, result.stdout + result.stderr
    (file,) = into.iterdir()
    return file


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def read(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name).decode()


def test_wheel_holds_package_types_and_client(with_client: Path, tmp_path: Path) -> None:
    wheel = built("wheel", with_client, tmp_path / "out")

    names = names_in(wheel)
    sources = {str(path.relative_to(ROOT)) for path in ROOT.glob("pyramid_sio/**/*.py")}
    assert sources <= names
    assert "pyramid_sio/py.typed" in names
    client = {name.rpartition("/")[2] for name in names if name.startswith(f"{CLIENT}/")}
    assert client == CLIENT_FILES
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"pyramid_sio"}


def test_client_in_wheel_is_the_one_the_lock_file_names(with_client: Path, tmp_path: Path) -> None:
    wheel = built("wheel", with_client, tmp_path / "out")

    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    version = lock["packages"]["node_modules/socket.io-client"]["version"]
    assert read(wheel, f"{CLIENT}/VERSION").strip() == version
    assert f"Socket.IO v{version}" in read(wheel, f"{CLIENT}/socket.io.js")
    legacy = lock["packages"]["node_modules/socket.io-client-0.9"]["version"]
    assert read(wheel, f"{CLIENT}/VERSION-0.9").strip() == legacy
    assert f"build:{legacy}" in read(wheel, f"{CLIENT}/socket.io-0.9.js")
    assert "Permission is hereby granted" in read(wheel, f"{CLIENT}/README-0.9.md")


def test_wheel_names_server_and_licence(with_client: Path, tmp_path: Path) -> None:
    wheel = built("wheel", with_client, tmp_path / "out")

    (entry_points,) = (name for name in names_in(wheel) if name.endswith("entry_points.txt"))
    assert "main = pyramid_sio.serve:server_factory" in read(wheel, entry_points)
    assert "psio = pyramid_sio.scripts.psio:main" in read(wheel, entry_points)
    (metadata,) = (name for name in names_in(wheel) if name.endswith("METADATA"))
    assert "License-Expression: MIT" in read(wheel, metadata)
    assert "Requires-Python: >=3.11" in read(wheel, metadata)


def test_wheel_build_without_client_fetches_it(checkout: Path, tmp_path: Path) -> None:
    wheel = built("wheel", checkout, tmp_path / "out", path=os.environ["PATH"])

    assert {f"{CLIENT}/{name}" for name in CLIENT_FILES} <= names_in(wheel)


def test_wheel_build_without_client_and_npm_says_what_is_missing(
    checkout: Path, tmp_path: Path
) -> None:
    result = build("wheel", checkout, tmp_path / "out")

    assert result.returncode != 0
    assert "npm is not there to fetch it" in result.stderr
    assert not any((tmp_path / "out").iterdir())


@pytest.mark.parametrize("name", ["VERSION", "VERSION-0.9"])
def test_client_of_another_version_is_not_taken(
    with_client: Path, tmp_path: Path, name: str
) -> None:
    (with_client / CLIENT / name).write_text("4.0.0\n", encoding="utf-8")

    assert build("wheel", with_client, tmp_path / "out").returncode != 0


def test_client_that_lacks_a_file_is_not_taken(with_client: Path, tmp_path: Path) -> None:
    (with_client / CLIENT / "socket.io.min.js.map").unlink()

    assert build("wheel", with_client, tmp_path / "out").returncode != 0


def test_editable_install_needs_no_npm_and_finds_the_demo(checkout: Path, tmp_path: Path) -> None:
    wheel = built("editable", checkout, tmp_path / "out")

    (path,) = (name for name in names_in(wheel) if name.endswith(".pth"))
    assert Path(read(wheel, path).strip()) == checkout
    assert (checkout / "demo" / "__init__.py").is_file()


def test_sdist_builds_a_wheel_without_npm(with_client: Path, tmp_path: Path) -> None:
    sdist = built("sdist", with_client, tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()

    for name in ("Makefile", "development.ini", "demo/__init__.py", "tests/conftest.py"):
        assert (source / name).is_file(), name
    wheel = built("wheel", source, tmp_path / "wheel")
    assert {f"{CLIENT}/{name}" for name in CLIENT_FILES} <= names_in(wheel)
