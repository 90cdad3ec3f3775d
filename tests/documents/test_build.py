"""The documentation can be made, and Sphinx has nothing to complain of."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.timeout(300)
def test_without_a_warning(built_docs: Path) -> None:
    assert (built_docs / "tutorial.html").is_file()
