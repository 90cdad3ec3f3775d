"""What ``make test`` says on a system that lacks something, and that it says it in one line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder that stands for a system's programs, with just enough for a shell script."""
    for name, body in {"id": "echo 1000", "python": "exit 0", "npm": "exit 0"}.items():
        add(tmp_path, name, body)
    for name in ("sh", "sed"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def add(programs: Path, name: str, body: str = "exit 0") -> None:
    """Make a program; ``body`` is what it does."""
    (programs / name).write_text(f"#!/bin/sh\n{body}\n")
    (programs / name).chmod(0o755)


def check(programs: Path) -> tuple[int, str]:
    """Run the check; its exit status and all it printed."""
    result = subprocess.run(
        [str(programs / "sh"), str(ROOT / "tools" / "system_packages.sh"), "python"],
        env={"PATH": str(programs)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=20,
        check=False,
    )
    return result.returncode, result.stdout


def test_nothing_is_said_when_nothing_is_missing(programs: Path) -> None:
    add(programs, "redis-server")
    add(programs, "chromium")

    assert check(programs) == (0, "")


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", "sudo apt-get install -y redis-server chromium\n"),
        ("brew", "brew install redis chromium\n"),
        ("dnf", "sudo dnf install -y redis chromium\n"),
    ],
)
def test_one_line_says_what_to_run(programs: Path, manager: str, command: str) -> None:
    add(programs, manager, "exit 9")

    status, output = check(programs)

    assert status == 1
    assert output.endswith(f": {command}")
    assert output.count("\n") == 1


def test_unknown_system_is_told_what_is_missing(programs: Path) -> None:
    add(programs, "google-chrome")

    status, output = check(programs)

    assert status == 1
    assert output.endswith("with its package manager: redis-server\n")


def test_root_on_debian_installs_after_fetching_lists(programs: Path) -> None:
    add(programs, "id", "echo 0")
    log = programs / "log"
    # Fails like apt-get without lists of packages, until they have been fetched.
    fetched = programs / "fetched"
    add(
        programs,
        "apt-get",
        f'echo "$*" >> {log}\ncase "$*" in *update) : > {fetched};; *) [ -e {fetched} ];; esac',
    )

    status, output = check(programs)

    assert status == 0
    assert output == "Installing redis-server chromium\n"
    calls = log.read_text().splitlines()
    assert ["install" in call for call in calls] == [True, False, True]
    assert " redis-server chromium " in calls[0]
