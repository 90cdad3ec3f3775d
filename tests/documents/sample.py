"""An application whose namespaces have one event of each kind."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import msgspec
from pyramid.config import Configurator

from pyramid_sio import Namespace, on, sio_namespace


class Square(msgspec.Struct):
    """A field of the board. */"""

    x: Annotated[int, msgspec.Meta(ge=0, le=7, description="From the left.")]
    y: int = 0


class Colour(enum.Enum):
    BLACK = "black"
    WHITE = "white"


class Pawn(msgspec.Struct, tag=True):
    at: Square


class Queen(msgspec.Struct, tag=True):
    at: Square
    moves: int
    #: Names that mean something in a schema.
    properties: tuple[bool, bytes] = (False, b"")
    discriminator: tuple[()] = ()


class Verdict(TypedDict, total=False):
    legal: bool
    reason: str | None


class Score(TypedDict):
    points: dict[str, int]


@dataclass
class Player:
    """Somebody who plays.

    Only the server makes one.
    """

    name: str
    colour: Colour
    rating: int = 0


class Pair(NamedTuple):
    first: int
    second: int


@sio_namespace("/game", permission="play")
class Game(Namespace):
    """A game of chess.

    Two can play it.

    :param nothing: is not told
    """

    class ServerToClient:
        """What the server sends."""

        def moved(self, player: Player, piece: Pawn | Queen) -> None:
            """A piece has moved."""

        def ask(self, question: str, choices: list[str]) -> str: ...

        @on("time left")
        def time_left(self, seconds: float, *more: float): ...

        def picture(self, data: bytes, kind: Literal["png", "gif"] = "png") -> None: ...

        def _private(self) -> None: ...

    def on_move(self, to: Square, speed: float = 1.0) -> Verdict: ...

    def on_upload(self, data: bytes) -> None: ...

    def on_rooms(self, first: str, *rooms: str) -> list[str]: ...

    def on_pair(self) -> tuple[int, str]: ...

    def on_many(self) -> tuple[int, ...]: ...

    def on_maybe(self, default: dict[str, Any] | None) -> str | None: ...

    def on_either(self) -> Verdict | Score | None: ...

    def on_named(self, switch: int) -> Pair: ...

    def on_place(self, piece: Pawn | Queen) -> None: ...

    def on_plain(self, anything): ...

    def on_spread(self, *anything): ...

    @on("draw offer", permission="draw")
    def draw_offer(self, colour: Colour, at: tuple[int, int], of: object = None) -> bool: ...


@sio_namespace("/")
class Main(Namespace):
    @on("*")
    def anything(self, event: str, *args: Any) -> Any:
        """Whatever it is."""


@sio_namespace("/doc/{id}")
class Document(Game):
    class ServerToClient:
        def ask(self, question: bool) -> None:
            """Asks differently."""


@sio_namespace(r"/file/{name:\w+}")
class File(Namespace):
    pass


def main(global_config: object, **settings: Any) -> Any:
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        config.scan(__name__)
        return config.make_wsgi_app()
