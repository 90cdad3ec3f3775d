"""Claims in a folder that several processes have."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from pyramid_sio.errors import AdapterError
from pyramid_sio.workers.claims import FolderClaims


def claim(folder: Path) -> list[bool]:
    claims = FolderClaims(folder, 600)
    return [claims.claim(f"{number}") for number in range(200)]


def test_the_first_one_gets_it(tmp_path: Path) -> None:
    one, two = FolderClaims(tmp_path / "x", 600), FolderClaims(tmp_path / "x", 600)
    assert [one.claim("a"), two.claim("a"), one.claim("a"), two.claim("b")] == [
        True,
        False,
        False,
        True,
    ]


def test_one_of_many_processes_gets_each(tmp_path: Path) -> None:
    with get_context("spawn").Pool(2) as pool:
        won = pool.map(claim, [tmp_path / "x"] * 4)
    assert [sum(column) for column in zip(*won, strict=True)] == [1] * 200


def test_is_kept_for_its_time_only(tmp_path: Path) -> None:
    FolderClaims(tmp_path, 600).claim("old")
    FolderClaims(tmp_path, 600).claim("young")
    secret = FolderClaims(tmp_path, 600).secret()
    for name in ("old", "secret"):
        os.utime(tmp_path / name, (time.time() - 602,) * 2)

    # Another worker, whose time it is to look.
    assert FolderClaims(tmp_path, 600).claim("new")

    assert {path.name for path in tmp_path.iterdir()} == {"young", "new", "secret"}
    assert FolderClaims(tmp_path, 600).secret() == secret


def test_is_looked_through_now_and_then_only(tmp_path: Path) -> None:
    claims = FolderClaims(tmp_path, 600)
    claims.claim("first")
    os.utime(tmp_path / "first", (time.time() - 602,) * 2)
    claims.claim("second")
    assert (tmp_path / "first").exists()


def test_a_folder_that_is_gone_keeps_nothing(tmp_path: Path) -> None:
    claims = FolderClaims(tmp_path / "gone" / "x", 600)
    with pytest.raises(AdapterError, match="cannot write"):
        claims.claim("a")


def test_all_have_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: FolderClaims(tmp_path / "x", 600).secret(), range(50)))
    assert len(set(made)) == 1
    assert len(made[0]) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
