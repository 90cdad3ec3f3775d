"""Names that a namespace class cannot have for itself; it is told when it is declared."""

from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio import Namespace, on
from pyramid_sio.sockets.handlers import HandlerTable
from pyramid_sio.sockets.naming import FOR_APPLICATIONS, check_names


@pytest.mark.parametrize("name", ["join", "leave", "call", "rooms", "ask", "on_connect"])
def test_a_handler_does_not_hide_what_the_base_class_has(name: str) -> None:
    cls = type("Chat", (Namespace,), {name: on("event")(lambda self: None)})

    with pytest.raises(TypeError, match=rf"Chat\.{name} handles an event, .*on_{name}"):
        HandlerTable(cls)


@pytest.mark.parametrize("name", ["ask", "place", "submit", "_leave", "pid", "codec"])
@pytest.mark.parametrize("value", [lambda self: None, property(lambda self: 1), "text"])
def test_nothing_replaces_what_this_package_needs(name: str, value: Any) -> None:
    cls = type("Game", (Namespace,), {name: value})

    with pytest.raises(TypeError, match=rf"Game\.{name}: .* choose another"):
        HandlerTable(cls)


def test_a_class_beside_the_base_class_is_looked_at_too() -> None:
    class Board:
        def place(self, piece: str) -> None: ...

    with pytest.raises(TypeError, match=r"Game\.place"):
        HandlerTable(type("Game", (Board, Namespace), {}))
    # Behind it, it replaces nothing.
    HandlerTable(type("Game", (Namespace, Board), {}))


def test_an_inherited_handler_cannot_be_called_so_either() -> None:
    class Base:
        @on("leave")
        def leave(self) -> None: ...

    with pytest.raises(TypeError, match=r"Child\.leave handles an event"):
        HandlerTable(type("Child", (Base, Namespace), {}))


def test_what_applications_call_may_be_wrapped() -> None:
    class Counting(Namespace):
        sent = 0

        def emit(self, event: str, *args: Any, **options: Any) -> None:
            self.sent += 1
            super().emit(event, *args, **options)

    check_names(Counting, ())


def test_each_name_for_applications_exists() -> None:
    assert [name for name in FOR_APPLICATIONS if not hasattr(Namespace, name)] == []
