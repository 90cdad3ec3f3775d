from __future__ import annotations

import io
from pathlib import Path

import pytest

from pyramid_sio.scripts.psio import main
from tests.scripts.test_psio import write_ini


def test_prompt_knows_sio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "sio.of('/game').name\nrequest.sio is sio\nregistry is app.registry\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))

    assert main(["psio", "shell", str(write_ini(tmp_path, "tests.documents.sample:main"))]) == 0

    printed = capsys.readouterr()
    assert "'/game'" in printed.out
    assert printed.out.count("True") == 2
    assert "sio.of('/chat').emit('news', 'hello')" in printed.err


def test_application_without_socket_io(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["psio", "shell", str(write_ini(tmp_path, "tests.scripts.test_psio:bare"))]) == 1
    assert "does not include pyramid_sio" in capsys.readouterr().err
