"""Pyramid's own commands on an application with Socket.IO: they work, and start nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import PATIENCE

INI = """\
[app:main]
use = call:tests.functional.test_scripts_of_pyramid:main
sio.redis_url = redis://127.0.0.1:1/0
[pshell]
setup = pyramid_sio.scripts.shell.setup
[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
handlers =
"""


def main(global_config: object, **settings: object) -> object:
    """The test application; says at the end of the process what runs in it."""
    import atexit
    import threading

    from tests.functional import app

    made = app.main(global_config, **settings)

    def tell() -> None:
        threads = sorted(thread.name for thread in threading.enumerate())
        from gevent._hub_local import get_hub_if_exists

        print(f"threads: {threads}; loop: {get_hub_if_exists()}", file=sys.stderr)

    atexit.register(tell)
    return made


def run(folder: Path, command: str, *args: str, given: str = "") -> str:
    """Run a command of Pyramid; what it printed."""
    ini = folder / "app.ini"
    ini.write_text(INI, encoding="utf-8")
    ended = subprocess.run(
        [Path(sys.executable).with_name(command), ini, *args],
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "threads: ['MainThread']; loop: None" in ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    ("command", "args", "said"),
    [
        ("proutes", (), "/socket.io/*subpath"),
        ("pviews", ("/socket.io/",), "pyramid_sio.plugin.views"),
        ("ptweens", (), "excview_tween_factory"),
        ("prequest", ("/page/socket.io.js",), "<!doctype html>"),
        ("prequest", ("/socket.io/socket.io.min.js",), "Socket.IO v4"),
        ("prequest", ("/socket.io/?EIO=9",), ""),
    ],
)
def test_command(tmp_path: Path, command: str, args: tuple[str, ...], said: str) -> None:
    assert said in run(tmp_path, command, *args)


def test_pshell_knows_sio(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        "pshell",
        "--python-shell=python",
        given="print('main is', sio.of('/').name, sio is request.sio)\n",
    )
    assert "main is / True" in said
