"""``psio asyncapi``, ``psio routes``, ``psio typescript``: what is declared, for people and tools.

Upstream: ``scripts.psio``. Downstream: the introspector of the application, ``documents``.
"""

from __future__ import annotations

import argparse
import inspect
import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from pyramid_sio.documents.asyncapi import to_asyncapi
from pyramid_sio.documents.contract import Contract, read_contract
from pyramid_sio.documents.typescript import to_typescript
from pyramid_sio.interfaces import IEndpoint
from pyramid_sio.plugin.directives import CATEGORY
from pyramid_sio.plugin.security import GuardedDefinition

Out = Callable[[str], None]


class CannotDescribe(Exception):
    """There is nothing to say; the message says why."""


def add_output_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", "-o", type=Path, help="write to this file, not to the screen")


def add_asyncapi_options(parser: argparse.ArgumentParser) -> None:
    add_output_option(parser)
    parser.add_argument("--title", help="what the document calls the application")
    parser.add_argument("--api-version", help="the version of its events")


def asyncapi(env: dict[str, Any], args: argparse.Namespace, out: Out) -> int:
    """Print the AsyncAPI document."""
    package = env["registry"].package_name
    document = to_asyncapi(
        _contracts(env),
        title=args.title or package,
        version=args.api_version or _version_of(package),
    )
    _write(json.dumps(document, indent=2, ensure_ascii=False), args.output, out)
    return 0


def typescript(env: dict[str, Any], args: argparse.Namespace, out: Out) -> int:
    """Print the types for TypeScript."""
    _write(to_typescript(_contracts(env)).rstrip("\n"), args.output, out)
    return 0


def routes(env: dict[str, Any], args: argparse.Namespace, out: Out) -> int:
    """Print a table of all events."""
    rows = [("Namespace", "Event", "Permission", "Handler")]
    for definition in _definitions(env):
        cls = definition.cls
        which = ", ".join(predicate.text() for predicate in definition.predicates)
        path = f"{definition.path} ({which})" if which else str(definition.path)
        rows.append((path, "", definition.permission or "", _place(cls)))
        for handler in definition.table:
            rows.append(("", str(handler.event), handler.permission or "", _place(handler.func)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ("-" * widths[0], "-" * widths[1], "-" * widths[2], "-" * widths[3]))
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        out("  ".join(cells).rstrip())
    return 0


def _definitions(env: dict[str, Any]) -> list[GuardedDefinition]:
    registry = env["registry"]
    if registry.queryUtility(IEndpoint) is None:
        raise CannotDescribe("this application does not include pyramid_sio")
    category = registry.introspector.get_category(CATEGORY) or ()
    found = [item["introspectable"]["definition"] for item in category]
    if not found:
        raise CannotDescribe("this application declares no namespace")
    return sorted(found, key=lambda definition: (str(definition.path), definition.order))


def _contracts(env: dict[str, Any]) -> list[Contract]:
    try:
        return [read_contract(definition) for definition in _definitions(env)]
    except TypeError as exc:
        raise CannotDescribe(str(exc)) from exc


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "0.0.0"


def _place(thing: Any) -> str:
    """Where a class or a function is written, and its name."""
    plain = inspect.unwrap(thing)
    try:
        line = inspect.getsourcelines(plain)[1]
    except (OSError, TypeError):
        return str(plain.__qualname__)
    return f"{plain.__qualname__} ({plain.__module__}:{line})"


def _write(text: str, output: Path | None, out: Out) -> None:
    if output is None:
        out(text)
    else:
        output.write_text(text + "\n", encoding="utf-8")
