"""The shape of the package: which room may know which, and how long things may be."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import PATIENCE, ROOT

PACKAGE = "pyramid_sio"
MODULE_LINES = 400
FUNCTION_LINES = 60
NESTING = 4


class Room(NamedTuple):
    """What the modules of a room may import.

    :param own: rooms of this package, beside the room itself
    :param foreign: distributions' top-level modules
    :param stdlib: None for all of it
    """

    own: frozenset[str]
    foreign: frozenset[str] = frozenset()
    stdlib: frozenset[str] | None = None


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: What of the standard library neither waits nor looks at a clock, nor is random.
PURE = names(
    "abc array base64 binascii bisect collections contextlib copy dataclasses datetime decimal enum"
    " functools hashlib heapq html io itertools json math operator re string struct typing"
    " urllib.parse uuid zlib"
)
GEVENT = "gevent greenlet"
BELOW_PLUGIN = "protocol engine sockets adapters admin metrics errors interfaces events workers"

ROOMS = {
    "errors": Room(names(""), stdlib=PURE),
    "interfaces": Room(names("protocol errors"), names("zope")),
    "protocol": Room(names("errors"), names("orjson msgspec websockets"), PURE),
    "loopcalls": Room(names(""), names("gevent")),
    "engine": Room(names("loopcalls protocol errors interfaces"), names(f"{GEVENT} websockets")),
    "sockets": Room(names("protocol errors interfaces"), names("msgspec")),
    "adapters": Room(
        names("loopcalls sockets protocol errors interfaces"),
        names(f"{GEVENT} redis hiredis msgspec orjson"),
    ),
    "admin": Room(names("sockets protocol errors interfaces"), names("bcrypt")),
    "metrics": Room(names("interfaces errors"), names("prometheus_client")),
    "events": Room(names("errors interfaces"), names("zope")),
    "plugin": Room(
        names(BELOW_PLUGIN),
        names(f"{GEVENT} pyramid venusian webob websockets zope msgspec prometheus_client"),
    ),
    "compat": Room(
        names(f"{BELOW_PLUGIN} plugin serve http gunicorn"),
        names(f"{GEVENT} django pyramid venusian webob zope"),
    ),
    "emitter": Room(names(f"{BELOW_PLUGIN} plugin"), names("plaster pyramid")),
    # Nothing of Pyramid: these are imported before the standard library has been patched.
    "http": Room(names("engine errors"), names(f"{GEVENT} httptools")),
    "workers": Room(names("loopcalls engine errors adapters http"), names(f"{GEVENT} zmq")),
    "serve": Room(names("http engine workers errors"), names(GEVENT)),
    "debugtoolbar": Room(
        names("plugin errors events"), names("markupsafe pyramid pyramid_debugtoolbar zope")
    ),
    "gunicorn": Room(names("serve http engine workers errors"), names(f"{GEVENT} gunicorn")),
    "documents": Room(names("sockets errors"), names("msgspec")),
    "scripts": Room(
        names(f"{BELOW_PLUGIN} emitter documents plugin compat serve http"),
        names(f"{GEVENT} plaster pyramid redis websockets"),
    ),
    "testing": Room(
        names(f"{BELOW_PLUGIN} plugin serve http"),
        names(f"{GEVENT} pyramid pytest webtest websockets"),
    ),
    # Names the public parts of every room, for who asks, and imports none by itself.
    "__init__": Room(names(f"{BELOW_PLUGIN} emitter plugin serve testing"), names("pyramid")),
}


class Import(NamedTuple):
    """One imported module.

    :param name: dotted; for ``from a import b`` both ``a`` and ``a.b`` are listed
    :param line: where
    :param when: ``load`` with the module, ``call`` of a function, or for ``types`` only
    """

    name: str
    line: int
    when: str


class Module(NamedTuple):
    name: str
    path: Path
    tree: ast.Module

    @property
    def room(self) -> str:
        _, _, rest = self.name.partition(".")
        return rest.partition(".")[0] or "__init__"


def read_modules() -> list[Module]:
    modules = []
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules.append(Module(name, path, ast.parse(path.read_text())))
    return modules


MODULES = read_modules()
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)


def imports_of(node: ast.AST, when: str = "load") -> Iterator[Import]:
    """Every import in ``node``, and when it happens."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, when)
        elif isinstance(child, ast.ImportFrom):
            source = "." * child.level + (child.module or "")
            yield Import(source, child.lineno, when)
            for alias in child.names:
                yield Import(f"{source}.{alias.name}", child.lineno, when)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from imports_of(child, "call" if when == "load" else when)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for branch, then in ((child.body, "types"), (child.orelse, when)):
                yield from imports_of(ast.Module(branch, []), then)
        else:
            yield from imports_of(child, when)


def strangers(module: Module) -> list[str]:
    """What the module imports although its room may not."""
    room = ROOMS[module.room]
    found = []
    for name, line, _ in imports_of(module.tree):
        top, _, rest = name.partition(".")
        if top == PACKAGE:
            target = rest.partition(".")[0] or "__init__"
            # ``from pyramid_sio import x``: the name itself decides
            allowed = target in room.own or target in (module.room, "__init__")
        elif top in sys.stdlib_module_names:
            allowed = room.stdlib is None or not room.stdlib.isdisjoint(prefixes(name))
            # the parent of ``urllib.parse`` goes with it
            allowed = allowed or any(pure.startswith(f"{name}.") for pure in room.stdlib or ())
        else:
            allowed = top in room.foreign
        if not allowed and top != "__future__":
            found.append(f"{module.path.name}:{line} imports {name}")
    return found


def prefixes(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts) + 1)}


def functions_of(
    tree: ast.AST,
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def nesting(node: ast.AST) -> int:
    """How deep blocks lie in each other below ``node``; ``elif`` is no deeper than ``if``."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        inner = 0 if isinstance(child, SCOPES) else nesting(child)
        deepest = max(deepest, inner + (isinstance(child, BLOCKS) and not is_elif))
    return deepest


def test_every_room_is_known() -> None:
    assert len(MODULES) > 10
    assert {module.room for module in MODULES} <= set(ROOMS)


@each_module
def test_knows_only_rooms_it_may_know(module: Module) -> None:
    assert strangers(module) == []


@each_module
def test_imports_are_absolute_and_of_public_names(module: Module) -> None:
    for name, line, _ in imports_of(module.tree):
        assert not name.startswith("."), f"line {line}"
        if name.startswith(f"{PACKAGE}."):
            private = [part for part in name.split(".") if part[0] == "_" and part[:2] != "__"]
            assert private == [], f"line {line}"


def test_no_cycles() -> None:
    known = {module.name for module in MODULES}
    graph = {
        module.name: {
            name
            for name, _, when in imports_of(module.tree)
            if when == "load" and name in known and name != module.name
        }
        for module in MODULES
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as exc:
        pytest.fail(" -> ".join(exc.args[1]))
    assert set(order) == known


@each_module
def test_budgets(module: Module) -> None:
    length = len(module.path.read_text().splitlines())
    assert length <= MODULE_LINES
    for function in functions_of(module.tree):
        assert function.end_lineno is not None
        where = f"{function.name}, line {function.lineno}"
        assert function.end_lineno - function.lineno < FUNCTION_LINES, where
        assert nesting(function) <= NESTING, where


def loaded_by(code: str) -> set[str]:
    """The modules a fresh interpreter has loaded after running ``code``."""
    environ = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_entry_point_loads_nothing_that_must_be_patched_first() -> None:
    loaded = loaded_by("import pyramid_sio, pyramid_sio.serve")
    assert {"pyramid_sio", "pyramid_sio.serve"} <= loaded
    early = {f"pyramid.{name}" for name in ("config", "request", "view", "paster", "threadlocal")}
    assert loaded & (early | {"asyncio"}) == set()


def test_codecs_load_nothing_that_waits() -> None:
    codecs = sorted(module.name for module in MODULES if module.room == "protocol")
    loaded = loaded_by(f"import {', '.join(codecs)}")
    assert loaded.issuperset(codecs)
    rooms = {f"{PACKAGE}.{room}" for room in ("engine", "sockets", "adapters", "plugin", "serve")}
    assert loaded & (rooms | {"gevent", "greenlet", "pyramid", "asyncio"}) == set()


class TestTheseChecks:
    """They find what they look for."""

    def module(self, source: str, name: str = "pyramid_sio.protocol.x") -> Module:
        return Module(name, Path("x.py"), ast.parse(source))

    @pytest.mark.parametrize(
        "source",
        [
            "import gevent",
            "import time",
            "from logging import getLogger",
            "import urllib.request",
            "from urllib import request",
            "import pyramid.config",
            "from pyramid_sio import engine",
            "from pyramid_sio.engine.session import Session",
            "import pyramid_sio.sockets",
            "from . import packets",
            "def f():\n    import socket",
            "if TYPE_CHECKING:\n    from pyramid_sio.plugin import views",
            "class A:\n    try:\n        import random\n    finally:\n        pass",
        ],
    )
    def test_stranger_is_found(self, source: str) -> None:
        assert strangers(self.module(source)) != []

    @pytest.mark.parametrize(
        "source",
        [
            "from __future__ import annotations",
            "import orjson, re",
            "from collections.abc import Sequence",
            "from urllib.parse import parse_qsl",
            "from pyramid_sio.errors import ProtocolError",
            "from pyramid_sio.protocol import packets",
            "from pyramid_sio import errors",
        ],
    )
    def test_friend_is_let_in(self, source: str) -> None:
        assert strangers(self.module(source)) == []

    def test_when(self) -> None:
        source = "import a\nif typing.TYPE_CHECKING:\n    import b\nelse:\n    import c\n"
        source += "def f():\n    import d\n    if TYPE_CHECKING:\n        import e\n"
        found = {name: when for name, _, when in imports_of(ast.parse(source))}
        assert found == {"a": "load", "b": "types", "c": "load", "d": "call", "e": "types"}

    @pytest.mark.parametrize(
        ("source", "depth"),
        [
            ("pass", 0),
            ("if a:\n  pass\nelif b:\n  pass\nelif c:\n  pass\nelse:\n  pass", 1),
            ("if a:\n  pass\nelse:\n  if b:\n    pass\n  pass", 2),
            ("for a in b:\n  with c:\n    while d:\n      try:\n        pass\n      finally: e", 4),
            ("try:\n  pass\nexcept A:\n  if b:\n    pass", 2),
            ("if a:\n  def f():\n    if b:\n      pass", 1),
        ],
    )
    def test_nesting(self, source: str, depth: int) -> None:
        assert nesting(ast.parse(source)) == depth
