"""The demo under other servers than ours: two people in Chromium talk to each other."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.demo.guest import Guest
from tests.support import ROOT, Program, free_port


@pytest.fixture
def ini(tmp_path: Path) -> tuple[Path, int]:
    """``development.ini`` with another port."""
    port = free_port()
    text = (ROOT / "development.ini").read_text(encoding="utf-8")
    path = tmp_path / "development.ini"
    path.write_text(text.replace("port = 6543", f"port = {port}"), encoding="utf-8")
    return path, port


def command(name: str, *args: object) -> list[str]:
    return [str(Path(sys.executable).with_name(name)), *map(str, args)]


@pytest.fixture
def served(ini: tuple[Path, int], request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the demo is, served by a program."""
    path, port = ini
    if request.param == "waitress":
        args = command("pserve", path, "--server-name", "waitress")
    else:
        bind = f"127.0.0.1:{port}"
        args = command("gunicorn", "--paste", path, "--bind", bind, "-k", request.param)
    with closing(Program(args, name=request.param)) as program:
        ready = "Serving on" if request.param == "waitress" else "Booting worker"
        program.expect(ready)
        yield f"http://127.0.0.1:{port}/"


@pytest.mark.parametrize(
    ("served", "transport"),
    [
        ("waitress", "Polling"),
        ("pyramid_sio.gunicorn.Worker", "WebSocket"),
        ("gevent", "WebSocket"),
    ],
    indirect=["served"],
)
def test_two_people_talk(served: str, transport: str, new_page: Callable[..., Page]) -> None:
    ada, grace = (Guest(new_page(reduced_motion="reduce"), served) for _ in range(2))
    ada.enter("Ada")
    grace.enter("Grace")
    for guest in (ada, grace):
        expect(guest("#link-text")).to_have_text(re.compile(rf"^{transport} · \d+ ms$"))
    ada.say("hello")
    grace.sees("hello")
    grace.say("hello yourself")
    ada.sees("hello", "hello yourself")
    ada.has_people("Ada", "Grace")
    grace.page.close()
    ada.has_people("Ada")
    assert ada.faults == []
