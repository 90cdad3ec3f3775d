"""The pages on Pyramid's own means: their examples run, the tests they name are there."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from pyramid.config import Configurator

from pyramid_sio import get_sio
from tests.documents.pages import blocks, text_of
from tests.plugin.conftest import Client, NewSite, Site, new_site
from tests.plugin.people import CookiePolicy
from tests.support import ROOT

__all__ = ["new_site"]
NAME = "example_of_docs_pyramid"
Visit = Callable[..., Client]


@pytest.fixture
def example(new_site: NewSite) -> Iterator[Callable[[str], Site]]:
    """An application that includes the first example of a page."""

    def make(page: str) -> Site:
        module = ModuleType(NAME)
        sys.modules[NAME] = module
        exec(blocks(page, "python")[0], module.__dict__)  # noqa: S102 - from this checkout

        def configure(config: Configurator) -> None:
            config.set_security_policy(CookiePolicy())
            module.__dict__["includeme"](config)

        return new_site(configure, namespace=None)

    yield make
    sys.modules.pop(NAME, None)


def visit(site: Site, namespace: str, who: str = "ada", **options: Any) -> Client:
    client = site.open(headers={"Cookie": f"who={who}"}, **options)
    client.post(f"40{namespace},")
    return client


def test_auth(example: Callable[[str], Site]) -> None:
    site = example("auth.rst")
    ada, bob = visit(site, "/desk"), visit(site, "/desk", "bob")
    refusal = json.loads(blocks("auth.rst", "json")[0])
    assert ada.ask("write", "x", namespace="/desk") == "ada wrote x"
    assert bob.ask("write", "x", namespace="/desk") == refusal
    assert bob.ask("enter", "ada", namespace="/desk") == refusal
    assert bob.ask("enter", "bob", namespace="/desk") == []
    assert site.open().join("40/desk,") == '44/desk,{"message":"Forbidden"}'

    module = ModuleType("ban")
    exec(blocks("auth.rst", "python")[1], module.__dict__)  # noqa: S102 - from this checkout

    class Request:
        params = {"name": "ada"}  # noqa: RUF012
        sio = get_sio(site.registry)

    module.__dict__["ban"](Request)
    assert ada.ask("write", "x", namespace="/desk") == "ada wrote x", "who may stay stays"


def test_transactions(example: Callable[[str], Site]) -> None:
    site = example("transactions.rst")
    client = visit(site, "/shop")
    assert client.ask("order", "lamp", namespace="/shop") == "lamp is yours"
    client.post('42/shop,["order","moon"]')
    assert client.ask("look", namespace="/shop") == ["lamp", "moon"]
    assert client.heard[1:] == [
        '42/shop,["trying","lamp"]',
        '42/shop,["ordered","lamp"]',
        '42/shop,["trying","moon"]',
    ]


def test_subscribers(example: Callable[[str], Site], capsys: pytest.CaptureFixture[str]) -> None:
    client = visit(example("subscribers.rst"), "/shop")
    answer = json.loads(blocks("subscribers.rst", "json")[0])
    assert client.ask("order", "moon", namespace="/shop") == answer
    client.ask("order", "moon", namespace="/shop")
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["/shop has a visitor", "order failed: SoldOut"]


def test_configuration(example: Callable[[str], Site], capsys: pytest.CaptureFixture[str]) -> None:
    site = example("configuration.rst")
    german = visit(site, "/door", query={"language": "de"})
    assert german.ask("knock", namespace="/door") == "Herein!"
    stranger = site.open()
    stranger.join("40/door,")
    assert stranger.ask("knock", namespace="/door") == "Come in!"
    german.post('42/door,["key"]')
    assert stranger.poll() == ['42/door,["opened","ada"]']
    assert capsys.readouterr().out == "/door knock 0 s\n"
    assert get_sio(site.registry, "games") is not get_sio(site.registry)


def names_in(path: str) -> set[str]:
    """The tests of a file: of functions, classes and methods."""
    found = set()
    for node in ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
            found |= {f"{node.name}::{item.name}" for item in node.body if hasattr(item, "name")}
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return found


def test_named_tests_exist() -> None:
    named = re.findall(r"``((?:\w+/)*test_\w+\.py)(?:::([\w:]+))?``", text_of("pyramid.rst"))
    assert len(named) > 100
    for path, name in named:
        assert not name or name in names_in(path), f"{path}::{name}"
        assert names_in(path), path
    rows = re.split(r"^   \* - ", text_of("pyramid.rst"), flags=re.MULTILINE)[1:]
    assert len(rows) > 60
    without = [row.splitlines()[0] for row in rows if "``" not in row.partition("     - ")[2]]
    # The two heads.
    assert without == ["Expectation", "Elsewhere"]
