"""docs/tour.rst, step by step in a real browser: its files written, its lines typed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page

from tests.documents.pages import text_of
from tests.support import PATIENCE, Program, Redis, free_port

_STEP = re.compile(r"^(?:\d+\. )?([A-Z].*)\n-+$", re.MULTILINE)
_BLOCK = re.compile(
    r"\.\. code-block:: (\w+)\n(?: {4}:caption: (\S+)\n)?\n((?: {4}.*\n|\n)+)", re.MULTILINE
)
_EXPECTED = re.compile(r"^(.*);  // (.*)$")
#: Each step's module, in the order of the page.
STEPS = ("hello", "door", "quiz", "rooms", "members", "news", "shop", "documents")


def blocks() -> list[tuple[str, str, str]]:
    """Language, name of the file, and text of each example."""
    found = _BLOCK.findall(text_of("tour.rst"))
    return [(language, name, textwrap.dedent(text)) for language, name, text in found]


def files() -> dict[str, str]:
    return {name: text for _, name, text in blocks() if name}


def typed(step: str) -> str:
    """What is typed into the console in a step: the first JavaScript behind its file."""
    found = blocks()
    number = next(n for n, (_, name, _) in enumerate(found) if name == f"{step}.py")
    language, _, text = found[number + 1]
    assert language == "javascript"
    return text


def as_function(code: str) -> str:
    """The lines as a function that gives what each says, where something is said about it."""
    lines = []
    for line in code.strip().splitlines():
        match = _EXPECTED.match(line)
        lines.append(f"results.push(await ({match[1]}));" if match else line)
    body = "\n".join(lines).replace("const ", "var ")
    return f"async () => {{ const results = []; {body}\nreturn results; }}"


def follow(page: Page, step: str) -> None:
    code = typed(step)
    expected = [json.loads(found[2]) for found in map(_EXPECTED.match, code.splitlines()) if found]
    assert expected
    assert page.evaluate(as_function(code)) == expected


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tour")
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def env(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(folder)}


Start = Callable[..., str]


@pytest.fixture(scope="module")
def start(folder: Path, env: dict[str, str]) -> Iterator[Start]:
    """Serves one of the page's ini files; where."""
    running: list[Program] = []

    def serve(ini: str, *includes: str, **settings: str) -> str:
        port = free_port()
        text = (folder / ini).read_text().replace("6543", str(port))
        if includes:
            text = re.sub(r"(?<=pyramid\.includes = ).*", " ".join(includes), text)
        lines = "".join(f"sio.{name} = {value}\n" for name, value in settings.items())
        path = folder / f"running-{port}.ini"
        path.write_text(text.replace("[app:main]\n", f"[app:main]\n{lines}"))
        pserve = Path(sys.executable).with_name("pserve")
        program = Program([pserve, path], name=f"pserve {ini}", env=env)
        running.append(program)
        program.expect("Serving on")
        return f"http://127.0.0.1:{port}"

    yield serve
    for program in running:
        program.close()


def run(folder: Path, env: dict[str, str], *args: object) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(start: Start) -> str:
    return start("tour.ini", "pyramid_tm", "pyramid_sio", *STEPS)


NewPage = Callable[..., Page]


@pytest.mark.parametrize("step", STEPS)
def test_step(site: str, new_page: NewPage, step: str) -> None:
    page = new_page()
    page.goto(site)
    follow(page, step)


def test_each_step_stands_by_itself(folder: Path, env: dict[str, str]) -> None:
    code = (
        "import app, sys\n"
        "for step in sys.argv[1:]:\n"
        "    app.main({}, **{'pyramid.includes': f'pyramid_tm pyramid_sio {step}'})\n"
    )
    run(folder, env, "-c", code, *STEPS)


def test_the_tests_pass(folder: Path, env: dict[str, str]) -> None:
    said = run(folder, env, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_tour.py")
    assert "3 passed" in said


def test_what_is_there(folder: Path, env: dict[str, str]) -> None:
    said = run(folder, env, Path(sys.executable).with_name("psio"), "routes", "tour.ini")
    assert "Hello.on_hello (hello:" in said


@pytest.mark.parametrize("step", ["rooms", "news"])
def test_among_workers(start: Start, new_page: NewPage, step: str) -> None:
    page = new_page()
    page.goto(start("workers.ini"))
    follow(page, step)


def test_from_elsewhere(
    start: Start, new_page: NewPage, folder: Path, env: dict[str, str], shared_redis: Redis
) -> None:
    page = new_page()
    page.goto(start("workers.ini", redis_url=shared_redis.url))
    page.evaluate(
        """async () => {
            const socket = io("/news");
            await next(socket, "connect");
            window.heard = next(socket, "news");
        }"""
    )
    run(folder, env, "tell.py", shared_redis.url)
    assert page.evaluate("() => window.heard") == ["from elsewhere"]


@pytest.mark.parametrize(
    ("path", "opening"), [("?EIO=3&transport=polling", r'\d+:0\{"sid"'), ("1/", r"\w[\w-]+:\d+:")]
)
def test_old_clients_are_let_in(start: Start, path: str, opening: str) -> None:
    answer = requests.get(f"{start('old.ini')}/socket.io/{path}", timeout=PATIENCE)
    assert answer.status_code == 200
    assert re.match(opening, answer.text)


def test_no_step_is_left_out() -> None:
    found: dict[str, Any] = files()
    modules = {name[:-3] for name in found if name.endswith(".py")}
    assert modules == {"app", "test_tour", "tell", *STEPS}
    assert len(_STEP.findall(text_of("tour.rst"))) == 13
