"""The list of what Node's server has speaks of names that exist; examples can be included."""

from __future__ import annotations

import re
import sys
import textwrap
from types import ModuleType

import pytest
from pyramid.config import Configurator

from pyramid_sio import Namespace, get_sio
from pyramid_sio.adapters import memory, memory_recovery
from pyramid_sio.interfaces import IAdapter, IRecoveringAdapter
from pyramid_sio.plugin.settings import SETTINGS
from pyramid_sio.sockets.broadcast import Broadcast
from pyramid_sio.sockets.nsp import Nsp
from pyramid_sio.sockets.server import SioServer
from tests.support import ROOT

PARITY = (ROOT / "docs" / "parity.rst").read_text(encoding="utf-8")
CLASSES = {
    cls.__name__: cls
    for cls in (Namespace, Broadcast, Nsp, SioServer, IAdapter, IRecoveringAdapter)
}
ROWS = [line.strip() for line in PARITY.splitlines() if re.match(r"   \S+.*\|", line)]


def test_each_row_has_an_answer() -> None:
    numbered = [row.split("|") for row in ROWS if row[0].isdecimal()]
    others = [row.split("|") for row in ROWS if row.startswith(("`", "event", "constr", "the "))]

    assert [int(number) for number, _, _ in numbered] == list(range(1, 81))
    assert all(re.match("yes|no|other", here) for _, _, here in numbered)
    assert len(others) > 80
    for name, answer, here in others:
        assert answer in ("yes", "no", "other"), name
        assert here, name


def test_settings_exist() -> None:
    known = {f"sio.{setting.name}" for setting in SETTINGS}
    named = set(re.findall(r"``(sio\.[a-z_]+)``", PARITY))

    assert named
    assert named <= known


def test_methods_exist() -> None:
    named = re.findall(r"``(\w+)\.(\w+)``", PARITY)
    checked = [(name, member) for name, member in named if name in CLASSES]

    assert len(checked) > 80
    for name, member in checked:
        cls = CLASSES[name]
        slots = {slot for base in cls.__mro__ for slot in getattr(base, "__slots__", ())}
        assert hasattr(cls, member) or member in slots, f"{name}.{member}"


def test_adapters_exist() -> None:
    for module, name in ((memory, "MemoryAdapter"), (memory_recovery, "RecoveringAdapter")):
        assert f"{module.__name__}.{name}" in PARITY
        assert hasattr(module, name)


def examples() -> list[str]:
    text = (ROOT / "docs" / "middleware.rst").read_text(encoding="utf-8")
    blocks = re.findall(r"\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)", text)
    return [textwrap.dedent(block) for block in blocks]


@pytest.mark.parametrize(
    ("number", "names"),
    [(0, ["/game"]), (1, ["/paid"]), (2, ["/doc/{id}", r"/team-(?P<number>\d+)"])],
)
def test_examples_can_be_included(
    monkeypatch: pytest.MonkeyPatch, number: int, names: list[str]
) -> None:
    module = ModuleType(f"an_example_of_middleware_{number}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(examples()[number], "middleware.rst", "exec"), vars(module))  # noqa: S102 - ours

    with Configurator(package=module) as config:
        if hasattr(module, "includeme"):
            module.includeme(config)
        else:
            config.include("pyramid_sio")
            config.scan(module)
    assert [nsp.name for nsp in get_sio(config.registry)] == names
    if number == 1:
        assert len(get_sio(config.registry).of("/paid").middlewares) == 1
