"""What a benchmark run needs before it starts: tools, packages, the load generator.

Everything that is built lands in ``bench/build`` and ``bench/node_modules``; everything that
is fetched is fixed by ``package-lock.json`` or ``requirements.txt``.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"
GENERATOR = BUILD / "sioload"


class CannotRun(Exception):
    """Something is missing; the message says how to get it."""


def prepare_generator() -> Path:
    """Compile the load generator if it is not newer than its source; its path."""
    source = HERE / "sioload.c"
    if not (GENERATOR.exists() and GENERATOR.stat().st_mtime > source.stat().st_mtime):
        compiler = _tool("cc", "a C compiler (Debian: apt-get install gcc libc6-dev)")
        BUILD.mkdir(exist_ok=True)
        _run(compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(GENERATOR), str(source))
    return GENERATOR


def prepare_node() -> None:
    """Install the Node.js server's packages unless they match the lock file already."""
    _tool("node", "Node.js 18 or newer (Debian: apt-get install nodejs npm)")
    npm = _tool("npm", "npm (Debian: apt-get install npm)")
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    if not (installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime):
        _run(npm, "ci", "--silent")


def prepare_python() -> None:
    """Install python-socketio and its WebSocket into this interpreter unless they are there."""
    if not all(importlib.util.find_spec(name) for name in ("socketio", "geventwebsocket")):
        if sys.prefix == sys.base_prefix:
            raise CannotRun("outside a virtual environment: pip install -r bench/requirements.txt")
        _run(sys.executable, "-m", "pip", "install", "--quiet", "-r", "requirements.txt")


def _tool(name: str, what: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CannotRun(f"{name} is missing: install {what}")
    return found


def _run(*command: str) -> None:
    try:
        subprocess.run(command, cwd=HERE, check=True)
    except subprocess.CalledProcessError as error:
        raise CannotRun(f"failed: {Path(command[0]).name} {' '.join(command[1:3])} ...") from error
