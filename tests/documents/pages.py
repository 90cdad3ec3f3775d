"""Examples, as the pages of the documentation show them."""

from __future__ import annotations

import re
import textwrap

from tests.support import ROOT


def text_of(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """The examples of a page in a language."""
    pattern = rf"\.\. code-block:: {language}\n\n((?: {{4}}.*\n|\n)+)"
    return [textwrap.dedent(found) for found in re.findall(pattern, text_of(page))]
