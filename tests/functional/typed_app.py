"""Namespaces whose handlers say what they take."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

import msgspec
from pyramid.config import Configurator

from pyramid_sio import Namespace, sio_namespace


class Square(msgspec.Struct):
    x: Annotated[int, msgspec.Meta(ge=0, le=7)]
    y: Annotated[int, msgspec.Meta(ge=0, le=7)]


class Login(TypedDict):
    name: str


@sio_namespace("/")
class Board(Namespace):
    def on_connect(self, auth: Login | None) -> None:
        self.errors: list[Any] = []

    def on_error(self, event: str | int, exc: Exception) -> None:
        self.errors.append([event, type(exc).__name__, getattr(exc, "argument", None)])

    def on_move(self, to: Square, speed: float = 1.0) -> str:
        assert isinstance(to, Square)
        assert isinstance(speed, float)
        return f"to {to.x},{to.y} at {speed}"

    def on_upload(self, data: bytes, kind: Literal["png", "gif"] = "png") -> list[Any]:
        return [type(data).__name__, len(data), kind]

    def on_sum(self, *numbers: int) -> int:
        return sum(numbers)

    def on_anything(self, value, *more):
        return [value, *more]

    def on_errors(self) -> list[Any]:
        return self.errors


def main(global_config: object, **settings: Any) -> Any:
    """For ``[app:main]``."""
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        config.scan(__name__)
        return config.make_wsgi_app()
