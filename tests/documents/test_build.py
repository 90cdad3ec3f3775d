"""The documentation can be made, and Sphinx has nothing to complain of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import PATIENCE, ROOT


@pytest.mark.timeout(300)
def test_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"]
    build = subprocess.run(
        [*command, "-d", tmp_path / "trees", ROOT / "docs", tmp_path / "html"],
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
        check=False,
    )
    assert build.returncode == 0, build.stderr
    assert (tmp_path / "html" / "tutorial.html").is_file()
