"""Environments of their own for peers that cannot share the tests': old ones, with old needs."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

CACHE = ROOT / ".cache" / "venvs"
#: Seconds for installing what is not cached yet.
INSTALLATION = 300


def python_with(*requirements: str) -> Path:
    """A Python that has these packages, and nothing of this project.

    Made once, kept in ``.cache`` and shared by test runs at the same time.

    :param requirements: pinned, dependencies included: ``six==1.17.0``
    """
    name = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:16]
    venv = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / "complete").exists():
            shutil.rmtree(venv, ignore_errors=True)
            _run(sys.executable, "-m", "venv", venv)
            pip = (venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps")
            _run(*pip, *requirements)
            (venv / "complete").touch()
    return venv / "bin" / "python"


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=INSTALLATION,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"{command[0]} ended with {done.returncode}:\n{done.stdout}")
