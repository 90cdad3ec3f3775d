"""docs/tutorial.rst, followed from an empty folder: its files written, its commands run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import socketio
from playwright.sync_api import Page, expect

from tests.support import PATIENCE, ROOT, Program, free_port
from tests.test_packaging import MADE

#: Longest that a command may take, in seconds: one of them installs packages.
LONGEST = 300

_BLOCK = re.compile(
    r"\.\. code-block:: (\w+)\n(?: {4}:caption: (\S+)\n)?\n((?: {4}.*\n|\n)+)", re.MULTILINE
)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with this package, as pip finds it elsewhere once it is released."""
    folder = tmp_path_factory.mktemp("wheels")
    ignore = shutil.ignore_patterns(*MADE, "_build", "build", "dist", "node_modules", ".cache")
    checkout = shutil.copytree(ROOT, folder / "checkout", ignore=ignore)
    hook = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", hook], cwd=checkout, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Iterator[str]:
    """The page followed to its last command; where its server listens."""
    folder = tmp_path_factory.mktemp("tutorial")
    port = free_port()
    env = {**os.environ, "PIP_FIND_LINKS": str(wheels), "PIP_PRE": "0"}
    text = (ROOT / "docs" / "tutorial.rst").read_text(encoding="utf-8")
    for language, caption, indented in _BLOCK.findall(text):
        block = textwrap.dedent(indented)
        if caption:
            path = folder / caption
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.replace("6543", str(port)), encoding="utf-8")
            continue
        assert language == "shell"
        for line in block.split("\n"):
            if line.startswith("cd "):
                folder = folder / line.removeprefix("cd ")
            elif line.startswith("env/bin/pserve"):
                args = [str(folder / line.split()[0]), str(folder / line.split()[1])]
                with closing(Program(args, name=line)) as program:
                    program.expect("Serving on")
                    yield f"http://127.0.0.1:{port}/"
            elif line:
                ended = subprocess.run(
                    line.replace("python3", sys.executable),
                    shell=True,
                    cwd=folder,
                    env=env,
                    capture_output=True,
                    text=True,
                    timeout=LONGEST,
                    check=False,
                )
                assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"
                if line.startswith("env/bin/psio"):
                    assert "Book.on_write" in ended.stdout


def enter(page: Page, site: str, name: str, password: str) -> Page:
    page.goto(site)
    page.get_by_placeholder("name").fill(name)
    page.get_by_placeholder("password").fill(password)
    page.get_by_role("button").click()
    return page


@pytest.mark.timeout(2 * LONGEST)
def test_two_people_write(site: str, new_page: Callable[..., Page]) -> None:
    ann = enter(new_page(), site, "ann", "secret")
    bob = enter(new_page(), site, "bob", "secret too")
    for page in (ann, bob):
        page.wait_for_function("socket.connected")

    ann.locator("#text").fill("<b>good morning</b>")
    ann.get_by_role("button").click()
    for page in (ann, bob):
        expect(page.locator("#lines li")).to_have_text(["ann: <b>good morning</b>"])

    bob.locator("#text").fill("x" * 201)
    bob.get_by_role("button").click()
    expect(bob.locator("#error")).to_have_text("a line has 200 characters at most")
    bob.locator("#text").fill("hello")
    bob.get_by_role("button").click()
    lines = ["ann: <b>good morning</b>", "bob: hello"]
    expect(ann.locator("#lines li")).to_have_text(lines)
    # The database has what people saw, and nothing else.
    ann.reload()
    expect(ann.locator("#lines li")).to_have_text(lines)


def test_strangers_are_refused(site: str, new_page: Callable[..., Page]) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError):
        socketio.Client(reconnection=False).connect(
            site, namespaces=["/book"], wait_timeout=PATIENCE
        )
    page = enter(new_page(), site, "eve", "first")
    page.wait_for_function("socket.connected")
    other = enter(new_page(), site, "eve", "guessed")
    expect(other.locator("p")).to_have_text("That is not the password of eve.")
