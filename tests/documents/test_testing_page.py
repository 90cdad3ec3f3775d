"""The tests in docs/testing.rst pass, run by a pytest of their own in an empty folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.documents.pages import blocks
from tests.support import PATIENCE


def test_examples_pass(tmp_path: Path) -> None:
    (tmp_path / "test_page.py").write_text(
        "\n\n".join(blocks("testing.rst", "python")), encoding="utf-8"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_page.py"]
    run = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=3 * PATIENCE, check=False
    )
    assert "6 passed" in run.stdout, run.stdout + run.stderr
