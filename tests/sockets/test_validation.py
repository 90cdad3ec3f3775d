"""What annotations of handlers do to what comes in."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict, no_type_check

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.errors import ArgumentError, ConnectRefused
from pyramid_sio.sockets.handlers import HandlerTable, on
from pyramid_sio.sockets.namespace import Namespace
from pyramid_sio.sockets.validation import LONGEST_TEXT, UNSAID, signature_of

if TYPE_CHECKING:
    from nowhere import Missing


class Colour(enum.Enum):
    RED = "red"


class Square(msgspec.Struct):
    x: int
    y: int = 0


@dataclass
class Point:
    x: float


class Options(TypedDict):
    fast: bool


class Tree(msgspec.Struct):
    children: list[Tree] = []


def passed_on(func: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(func)
    def wrapper(self: Any, *args: Any) -> Any:
        return func(self, *args)

    return wrapper


class Board(Namespace):
    class Inner(msgspec.Struct):
        deep: int

    def int(self) -> None:
        """Does not hide the type of that name."""

    def on_plain(self, first, second=1, *rest): ...

    def on_anything(self, first: Any, second: object, *rest: Any) -> None: ...

    def on_move(self, to: Square, speed: float = 1.0) -> int:
        return 1

    def on_rooms(self, first, *rooms: str) -> Missing: ...

    def on_inner(self, value: Inner, number: int = 0): ...

    @passed_on
    def on_wrapped(self, number: int) -> str:
        return str(number)

    @no_type_check
    def on_unchecked(self, value: Missing): ...

    @on("*")
    def rest(self, event: str, number: int): ...


TABLE = HandlerTable(Board)


def converted(event: str, *args: Any) -> list[Any]:
    """The arguments as the handler gets them."""
    handler = TABLE.find(event)
    assert handler is not None
    assert handler.arguments is not None
    data = [event, *args]
    handler.arguments.convert(data)
    assert data[0] == event
    return data[1:]


def single(type: Any) -> Callable[[Any], Any]:
    """Converts one argument of that type."""

    class Single(Namespace):
        def on_event(self, value): ...

    Single.on_event.__annotations__ = {"value": type}
    handler = HandlerTable(Single).find("event")
    assert handler is not None

    def convert(value: Any) -> Any:
        data = ["event", value]
        if handler.arguments is not None:
            handler.arguments.convert(data)
        return data[1]

    return convert


@pytest.mark.parametrize("event", ["plain", "anything", "unchecked"])
def test_who_says_nothing_pays_nothing(event: str) -> None:
    handler = TABLE.find(event)
    assert handler is not None
    assert handler.arguments is None


def test_arguments_become_what_the_annotation_says() -> None:
    assert converted("move", {"x": 1}, 2) == [Square(1), 2.0]
    assert converted("move", {"x": 1, "y": 2}) == [Square(1, 2)]
    assert converted("rooms", 7) == [7]
    assert converted("rooms", None, "a", "b") == [None, "a", "b"]
    assert converted("inner", {"deep": 1}) == [Board.Inner(1)]
    assert converted("wrapped", 5) == [5]
    assert converted("any name", 5) == [5]


@pytest.mark.parametrize(
    ("event", "args", "argument", "path"),
    [
        ("move", [{"x": "1"}], "to", "$.x"),
        ("move", [3], "to", "$"),
        ("move", [{}], "to", "$"),
        ("move", [{"x": 1}, "fast"], "speed", "$"),
        ("rooms", [0, "a", 1], "rooms", "$[1]"),
        ("wrapped", ["5"], "number", "$"),
        ("any name", ["5"], "number", "$"),
    ],
)
def test_what_does_not_fit_is_named(event: str, args: list[Any], argument: str, path: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        converted(event, *args)

    error = caught.value
    assert (error.event, error.argument, error.path) == (event, argument, path)
    assert error.answer == {"error": str(error), "argument": argument, "path": path}
    assert argument in str(error)
    assert "Expected" in str(error) or "missing" in str(error)


@pytest.mark.parametrize(
    ("type", "sent", "got"),
    [
        (bytes, b"\x00\xff", b"\x00\xff"),
        (bytearray, b"x", bytearray(b"x")),
        (float, 3, 3.0),
        (Point, {"x": 1, "unknown": 2}, Point(1.0)),
        (Options, {"fast": True}, {"fast": True}),
        (Literal[1, 2], 1, 1),
        (Colour, "red", Colour.RED),
        (tuple[int, str], [1, "a"], (1, "a")),
        (set[str], ["a", "a"], {"a"}),
        (dict[int, str], {"1": "a"}, {1: "a"}),
        (int | None, None, None),
        (datetime, "2020-01-02T00:00:00Z", datetime(2020, 1, 2, tzinfo=UTC)),
        (Annotated[int, msgspec.Meta(ge=1, le=5)], 5, 5),
        (list[object], [1, "a", None], [1, "a", None]),
        (Tree, {"children": [{"children": []}]}, Tree([Tree()])),
        ("Square", {"x": 1}, Square(1)),
    ],
)
def test_fitting(type: Any, sent: Any, got: Any) -> None:
    assert single(type)(sent) == got


@pytest.mark.parametrize(
    ("type", "sent", "path"),
    [
        (bytes, "eA==", "$"),
        (str, b"x", "$"),
        (int, "1", "$"),
        (int, True, "$"),
        (int, 1.5, "$"),
        (bool, 1, "$"),
        (Point, {"x": []}, "$.x"),
        (Options, {}, "$"),
        (Literal["a"], "b", "$"),
        (Colour, "blue", "$"),
        (tuple[int, str], [1], "$"),
        (dict[str, list[int]], {"a": [1, None]}, "$[...][1]"),
        (dict[int, str], {"a": "a"}, "$"),
        (Annotated[str, msgspec.Meta(max_length=3)], "four", "$"),
    ],
)
def test_misfit(type: Any, sent: Any, path: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        single(type)(sent)
    assert caught.value.path == path


def test_neither_log_nor_answer_repeats_what_was_sent_at_length() -> None:
    sent = "secret " * 1000
    with pytest.raises(ArgumentError) as caught:
        single(Colour)(sent)
    assert "secret" not in caught.value.complaint
    assert "'value' of event 'event'" in caught.value.complaint
    assert len(caught.value.answer["error"]) < LONGEST_TEXT + 100


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_whatever_comes_fits_or_is_refused(sent: Any) -> None:
    try:
        (square,) = converted("move", sent)
    except ArgumentError:
        return
    assert isinstance(square, Square)


class Refusing(Namespace):
    def on_connect(self, auth: Square | None) -> None: ...


def test_auth_is_checked_too() -> None:
    table = HandlerTable(Refusing)
    assert table.check_auth(None) is None
    assert table.check_auth({"x": 1}) == Square(1)
    with pytest.raises(ConnectRefused) as caught:
        table.check_auth({"x": "one"})
    assert caught.value.data == {"argument": "auth", "path": "$.x"}
    assert "Expected `int`, got `str`" in caught.value.message


def test_unannotated_auth_is_passed_on() -> None:
    class Lax(Namespace):
        def on_connect(self, auth): ...

    auth = {"x": object()}
    assert HandlerTable(Lax).check_auth(auth) is auth


@pytest.mark.parametrize(
    ("type", "said"),
    [
        ("Nowhere", "Nowhere"),
        ("Missing", "Missing"),
        ("][", "resolved"),
        (HandlerTable, "HandlerTable"),
        (list[complex], "complex"),
        (Callable[[], int], "Callable"),
        (Point | Options, "more than one dict-like type"),
    ],
)
def test_annotation_that_cannot_be_checked(type: Any, said: str) -> None:
    with pytest.raises(TypeError, match=r"Single\.on_event: ") as caught:
        single(type)
    assert said in str(caught.value)


def test_signature() -> None:
    move, rooms = TABLE.find("move"), TABLE.find("rooms")
    assert move is not None
    assert rooms is not None
    assert move.signature.returns is int
    assert [tuple(item) for item in move.signature.parameters] == [
        ("to", Square, True, False),
        ("speed", float, False, False),
    ]
    assert rooms.signature.returns is UNSAID
    assert [tuple(item) for item in rooms.signature.parameters] == [
        ("first", Any, True, False),
        ("rooms", str, False, True),
    ]


def test_signature_of_its_own() -> None:
    """A decorator that changes what a handler takes or answers can say so."""
    import inspect

    def other(self: Any, number: int) -> str: ...

    def wrapper(self: Any, *args: Any) -> Any: ...

    wrapper.__signature__ = inspect.signature(other, eval_str=True)  # type: ignore[attr-defined]
    signature = signature_of(Board, wrapper, 1)
    assert signature.returns is str
    assert signature.parameters[0].type is int
