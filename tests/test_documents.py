"""What the documents say is so: the example of the README runs, no setting is forgotten."""

from __future__ import annotations

import re
import socket
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Page

from pyramid_sio.plugin.settings import SETTINGS
from pyramid_sio.serve import OPTIONS
from tests.support import ROOT, Program, free_port, wait_until


def readme_example() -> str:
    """The program in README.rst."""
    text = (ROOT / "README.rst").read_text(encoding="utf-8")
    (block,) = re.findall(r"\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)", text)
    return textwrap.dedent(block)


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def test_readme_example_is_a_chat(tmp_path: Path, new_page: Callable[..., Page]) -> None:
    port = free_port()
    program = tmp_path / "chat.py"
    program.write_text(readme_example().replace("6543", str(port)), encoding="utf-8")
    with closing(Program([sys.executable, program], name="the README's chat")) as server:
        wait_until(lambda: accepts(port) or not server.is_running, what="the example to serve")
        pages = [new_page(), new_page()]
        for page in pages:
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_function("socket.connected")

        pages[0].locator("#text").press_sequentially("good morning")
        pages[0].press("#text", "Enter")

        for page in pages:
            page.get_by_text("good morning").wait_for()


def test_development_ini_names_every_setting_with_its_default() -> None:
    text = (ROOT / "development.ini").read_text(encoding="utf-8")
    said = dict(re.findall(r"^# sio\.(\w+) =[ ]?(.*)$", text, re.MULTILINE))

    assert said == {setting.name: setting.default for setting in SETTINGS}


def test_server_page_names_every_option() -> None:
    text = (ROOT / "docs" / "server.rst").read_text(encoding="utf-8")
    headings = re.findall(r"^``\w+``(?:, ``\w+``)*$", text, re.MULTILINE)

    assert set(re.findall(r"\w+", " ".join(headings))) == OPTIONS
