"""The list of what is tested together with Node.js names tests that are there, for each adapter."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import NamedTuple

import pytest

from tests.documents.pages import text_of
from tests.support import PATIENCE, ROOT

ADAPTERS = ("classic", "sharded", "streams")
FILES = (
    "tests/functional/interop",
    "tests/functional/test_cluster_failures.py",
    "tests/functional/test_cluster_recovery.py",
)


class Row(NamedTuple):
    """:param adapters: those it is said to be tested with"""

    number: int
    adapters: set[str]
    tests: list[str]


def rows() -> list[Row]:
    found = []
    for line in re.findall(r"^   (\d+ \|.+)$", text_of("interop.rst"), re.MULTILINE):
        number, _, *marks, tests = (cell.strip() for cell in line.split("|"))
        assert all(mark in ("yes", "–") for mark in marks), line
        adapters = {name for name, mark in zip(ADAPTERS, marks, strict=True) if mark == "yes"}
        found.append(Row(int(number), adapters, re.findall(r"``(\w+)``", tests)))
    return found


@pytest.fixture(scope="module")
def collected() -> dict[str, set[str]]:
    """The tests that there are, and with which adapters each is run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *FILES], cwd=ROOT, capture_output=True, text=True, timeout=3 * PATIENCE
    )
    found: dict[str, set[str]] = {}
    for name, params in re.findall(r"::(test_\w+)(?:\[(.+)\])?$", done.stdout, re.MULTILINE):
        words = set(params.split("-"))
        found.setdefault(name, set()).update(words.intersection(ADAPTERS))
    assert found, done.stdout + done.stderr
    return found


def test_the_list_is_whole() -> None:
    assert [row.number for row in rows()] == list(range(1, 56))
    assert all(row.adapters and row.tests for row in rows())


def test_named_tests_exist_for_the_adapters(collected: dict[str, set[str]]) -> None:
    for row in rows():
        assert [name for name in row.tests if name not in collected] == [], row.number
        # Those that are for one adapter, or for all at once, have none in their parameters.
        if all(collected[name] for name in row.tests):
            run = set().union(*(collected[name] for name in row.tests))
            assert row.adapters <= run, row.number


def test_other_named_tests_exist(collected: dict[str, set[str]]) -> None:
    named = set(re.findall(r"``(test_\w+)``", text_of("interop.rst")))
    assert named <= collected.keys()
