"""How the path of a namespace can be written: a name, a pattern, a regex, a function.

Upstream: ``plugin.directives``. Downstream: ``sockets.dynamic`` asks the result about names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pyramid.exceptions import ConfigurationError
from pyramid.urldispatch import Route

from pyramid_sio.sockets.dynamic import Match

Path = str | re.Pattern[str] | Callable[[str, Any], Any]


def parse_path(path: Path) -> tuple[str, Match | None]:
    """A title for a path, and what tells its names; None if it is just one name.

    - ``'/chat'``: that name
    - ``'/doc/{id}'``, ``'/doc/{id:\\d+}'``, ``'/file/*path'``: a pattern as for Pyramid's
      routes; what it matches is the namespace's ``matchdict``
    - a compiled regex, which must match the whole name; its named groups are the ``matchdict``
    - a function of a name and the client's ``auth``: a true answer accepts, one that is a dict
      is the ``matchdict``

    :raises ConfigurationError: it is none of these
    """
    if isinstance(path, re.Pattern):
        return path.pattern, _regex_match(path)
    if callable(path):
        return f"{path.__module__}.{path.__qualname__}", _function_match(path)
    if not isinstance(path, str) or "," in path or "?" in path:
        raise ConfigurationError(f"{path!r} is no namespace's name: one is like '/chat'")
    if "{" in path or "*" in path:
        return path, _route_match(path)
    return path, None


def _route_match(pattern: str) -> Match:
    route = Route(pattern, pattern)

    def match(name: str, auth: Any) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = route.match(name)
        return found

    return match


def _regex_match(regex: re.Pattern[str]) -> Match:
    def match(name: str, auth: Any) -> Mapping[str, Any] | None:
        found = regex.fullmatch(name)
        return None if found is None else found.groupdict()

    return match


def _function_match(function: Callable[[str, Any], Any]) -> Match:
    def match(name: str, auth: Any) -> Mapping[str, Any] | None:
        answer = function(name, auth)
        if isinstance(answer, Mapping):
            return answer
        return {} if answer else None

    return match
