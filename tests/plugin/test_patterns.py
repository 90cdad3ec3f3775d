"""How the path of a namespace can be written."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pyramid.exceptions import ConfigurationError

from pyramid_sio.plugin.patterns import parse_path


def by_owner(name: str, auth: Any) -> Any:
    return auth


@pytest.mark.parametrize("path", ["/", "/chat", "chat", "", "/with space", "/é", "/a.b-c"])
def test_a_name_is_just_a_name(path: str) -> None:
    assert parse_path(path) == (path, None)


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("/doc/{id}", "/doc/7", {"id": "7"}),
        ("/doc/{id}", "/doc/7/8", None),
        ("/doc/{id}", "/doc/", None),
        ("/doc/{id}", "/DOC/7", None),
        ("doc/{id}", "/doc/7", {"id": "7"}),
        (r"/doc/{id:\d+}", "/doc/12", {"id": "12"}),
        (r"/doc/{id:\d+}", "/doc/x", None),
        ("/{a}/{b}", "/one/two", {"a": "one", "b": "two"}),
        ("/file/*path", "/file/a/b", {"path": ("a", "b")}),
        ("/file/*path", "/elsewhere/a", None),
    ],
)
def test_route_patterns(path: str, name: str, expected: Any) -> None:
    title, match = parse_path(path)

    assert title == path
    assert match is not None
    assert match(name, None) == expected


@pytest.mark.parametrize(
    ("regex", "name", "expected"),
    [
        (r"/team-(?P<number>\d+)", "/team-12", {"number": "12"}),
        (r"/team-(?P<number>\d+)", "/team-12/more", None),
        (r"/team-(?P<number>\d+)", "/a/team-12", None),
        (r"/(?i:team)-\d", "/TEAM-1", {}),
        (r"/t(?P<rest>x)?", "/t", {"rest": None}),
    ],
)
def test_a_regex_matches_whole_names(regex: str, name: str, expected: Any) -> None:
    title, match = parse_path(re.compile(regex))

    assert title == regex
    assert match is not None
    assert match(name, None) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(True, {}), ({"a": 1}, {"a": 1}), ({}, {}), (None, None), (False, None), ("yes", {})],
)
def test_a_function_answers_with_parts_or_just_yes(answer: Any, expected: Any) -> None:
    title, match = parse_path(by_owner)

    assert title == f"{__name__}.by_owner"
    assert match is not None
    assert match("/x", answer) == expected


@pytest.mark.parametrize("path", ["/a,b", "/a?b=1", None, 7, b"/bytes"])
def test_what_no_client_could_ask_for_is_refused(path: Any) -> None:
    with pytest.raises(ConfigurationError, match="no namespace's name"):
        parse_path(path)
