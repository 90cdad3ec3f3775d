"""The example in docs/typed.rst does what is said about it."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from pyramid_sio.documents.contract import read_contract
from pyramid_sio.documents.typescript import to_typescript
from pyramid_sio.errors import ArgumentError
from pyramid_sio.sockets.server import Definition
from tests.support import ROOT

NAME = "example_of_docs_typed"


def block(language: str) -> str:
    """The page's one example in a language."""
    text = (ROOT / "docs" / "typed.rst").read_text(encoding="utf-8")
    pattern = rf"\.\. code-block:: {language}\n\n((?: {{4}}.*\n|\n)+)"
    (found,) = re.findall(pattern, text)
    return textwrap.dedent(found)


@pytest.fixture
def definition() -> Iterator[Definition]:
    """The example's namespace, in a module of its own."""
    module = ModuleType(NAME)
    sys.modules[NAME] = module
    exec(block("python"), module.__dict__)  # noqa: S102 - from this checkout
    yield Definition("/game", module.__dict__["Game"])
    del sys.modules[NAME]


def test_example_refuses_as_shown(definition: Definition) -> None:
    handler = definition.table.find("move")
    assert handler is not None
    assert handler.arguments is not None
    sent: list[Any] = ["move", {"x": "1", "y": 2}]
    with pytest.raises(ArgumentError) as caught:
        handler.arguments.convert(sent)
    assert caught.value.answer == json.loads(block("json"))


def test_page_compiles(definition: Definition, tsc: Callable[..., str]) -> None:
    events = to_typescript([read_contract(definition)])
    assert tsc(events=events, page=block("typescript")) == ""
