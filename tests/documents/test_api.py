"""docs/api.rst has all that is public, and all of that says what it is for.

Looked up in what Sphinx has made of the page, so that a name that is only listed does not count.
"""

from __future__ import annotations

import importlib
import inspect
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyramid.config import Configurator
from sphinx.pycode import ModuleAnalyzer

import pyramid_sio
from pyramid_sio import Emitter, Namespace, events, interfaces, testing
from pyramid_sio.adapters.remote import RemoteSocket
from pyramid_sio.compat import gevent_socketio
from pyramid_sio.emitter import EmitterNamespace
from pyramid_sio.http.server import HttpServer
from pyramid_sio.plugin.derivers import DeriverInfo
from pyramid_sio.sockets.broadcast import Broadcast
from pyramid_sio.sockets.connection import Connection
from pyramid_sio.sockets.nsp import Nsp
from pyramid_sio.sockets.server import SioServer

pytestmark = pytest.mark.timeout(300)
PAGE = "api.html#"
#: How a member says that it is none of an application's business.
PRIVATE = "Not for applications"
#: What applications get to see without importing it.
HANDED_OUT = (
    Broadcast,
    Connection,
    DeriverInfo,
    EmitterNamespace,
    Nsp,
    RemoteSocket,
    SioServer,
)
MODULES = (pyramid_sio, testing, gevent_socketio)


@pytest.fixture(scope="module")
def described(built_docs: Path) -> set[str]:
    """The names that the page describes."""
    data = (built_docs / "objects.inv").read_bytes()
    packed = data.split(b"\n", 4)[4]
    names = set()
    for line in zlib.decompress(packed).decode().splitlines():
        name, role, _, uri, _ = line.split(None, 4)
        if role.startswith("py:") and uri.startswith(PAGE):
            names.add(name)
    return names


def classes() -> Iterator[tuple[str, type]]:
    """Public classes, and where they are public."""
    for module in MODULES:
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isclass(found):
                yield f"{module.__name__}.{name}", found
    for cls in HANDED_OUT:
        yield f"{cls.__module__}.{cls.__qualname__}", cls


def comments(cls: type) -> dict[str, str]:
    """What ``#:`` says about the attributes of a class."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("pyramid_sio") and base is not HttpServer:
            analyzer = ModuleAnalyzer.for_module(base.__module__)
            for (owner, name), lines in analyzer.find_attr_docs().items():
                if owner == base.__qualname__:
                    found[name] = " ".join(lines)
    return found


def members(cls: type) -> Iterator[tuple[str, str]]:
    """The members of a class that this package has given it: names, and what is said of them."""
    said = comments(cls)
    for name in sorted({*dir(cls), *said}):
        if name.startswith("_"):
            continue
        owner = next((base for base in cls.__mro__ if name in vars(base)), cls)
        if not owner.__module__.startswith("pyramid_sio") or owner is HttpServer:
            continue
        member = inspect.getattr_static(cls, name, None)
        plain = getattr(member, "__func__", member)
        is_code = inspect.isfunction(plain) or isinstance(plain, property)
        yield name, (inspect.getdoc(plain) or "" if is_code else said.get(name, ""))


def fields(cls: type) -> set[str]:
    """What the docstring of a class says of its fields or members."""
    text = inspect.getdoc(cls) or ""
    found = set(re.findall(r"^:(?:param|ivar) (\w+):", text, re.MULTILINE))
    return found | set(getattr(cls, "_fields", ())) | set(getattr(cls, "__members__", ()))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_names_that_are_exported(module: Any, described: set[str]) -> None:
    missing = {name for name in module.__all__ if f"{module.__name__}.{name}" not in described}
    assert not missing
    assert not {name for name in module.__all__ if not inspect.getdoc(getattr(module, name))}


def test_what_can_be_subscribed_to_is_exported() -> None:
    found = {
        name
        for name, cls in vars(events).items()
        if inspect.isclass(cls) and cls.__module__ == events.__name__
    }
    assert found
    assert found <= set(pyramid_sio.__all__)


def test_directives_and_methods_of_requests(described: set[str]) -> None:
    config = Configurator()
    config.include("pyramid_sio")
    config.commit()
    directives = {
        directive
        for name, (directive, _) in config.registry._directives.items()
        if name.startswith("add_sio_")
    }
    methods = {
        intr["introspectable"]["callable"]
        for intr in config.registry.introspector.get_category("request extensions")
        if inspect.isfunction(intr["introspectable"]["callable"])
    }
    assert len(directives) == 5
    assert len(methods) == 3
    for function in directives | methods:
        assert f"{function.__module__}.{function.__qualname__}" in described
        assert function.__doc__


def test_classes_that_are_handed_out(described: set[str]) -> None:
    for cls in HANDED_OUT:
        assert f"{cls.__module__}.{cls.__qualname__}" in described
        assert cls.__doc__


def test_seams(described: set[str]) -> None:
    found = [cls for cls in vars(interfaces).values() if inspect.isclass(cls)]
    seams = [cls for cls in found if cls.__module__.startswith(interfaces.__name__)]
    assert len(seams) > 15
    for cls in seams:
        assert f"{cls.__module__}.{cls.__qualname__}" in described
        assert cls.__doc__


@pytest.mark.parametrize(("path", "cls"), list(classes()), ids=lambda value: str(value))
def test_members(path: str, cls: type, described: set[str]) -> None:
    bases = [f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__]
    paths = {path, *bases, *(f"pyramid_sio.{base.__name__}" for base in cls.__mro__)}
    missing, silent = [], []
    for name, text in members(cls):
        if PRIVATE in " ".join(text.split()) or name in fields(cls):
            continue
        if not text:
            silent.append(name)
        if not any(f"{one}.{name}" in described for one in paths):
            missing.append(name)
    assert (missing, silent) == ([], [])


def test_the_test_sees_what_is_missing() -> None:
    class Careless(Namespace):
        def silent(self) -> None: ...

        def said(self) -> None:
            """Something."""

        def own(self) -> None:
            """Not for
            applications."""

    Careless.__module__ = importlib.import_module("pyramid_sio.sockets.namespace").__name__
    found = dict(members(Careless))
    assert (found["silent"], found["said"]) == ("", "Something.")
    assert PRIVATE in " ".join(found["own"].split())
    assert found["sid"].startswith("This client's public id")
    assert {name for name, _ in members(Emitter)} >= {"of", "emit", "from_url"}
