"""A WSGI application whose answers are not the ones it returns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pyramid_sio.engine.peer import ENVIRON_KEY

Environ = dict[str, Any]


def answer(
    environ: Environ, start_response: Callable[..., Any], discarded: list[tuple[str, str]]
) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    yield b""
    yield json.dumps({"closed": environ["test.closed"], "discarded": discarded}).encode()


class Returned:
    """What the application returns, and notices when it is let go of."""

    def __init__(self, environ: Environ) -> None:
        self._environ = environ

    def __iter__(self) -> Iterator[bytes]:
        yield b"nobody gets to see this"

    def close(self) -> None:
        self._environ["test.closed"] = True


def returns(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    environ[ENVIRON_KEY].answer = answer
    start_response("500 Oh", [("Content-Length", "23"), ("Set-Cookie", "a=b")])
    return Returned(environ)


def generates(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [])
    environ[ENVIRON_KEY].answer = answer
    yield b"nobody gets to see this"


def starts_nothing(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    environ[ENVIRON_KEY].answer = answer
    return ()


def comes_too_late(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "8")])
    yield b"half"
    environ[ENVIRON_KEY].answer = answer
    yield b"half"


def fails(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    environ[ENVIRON_KEY].answer = answer
    raise RuntimeError("after all")


APPS = {app.__name__: app for app in (returns, generates, starts_nothing, comes_too_late, fails)}


def main(global_config: dict[str, str], **settings: Any) -> Callable[..., Iterable[bytes]]:
    def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["test.closed"] = False
        return APPS[environ["PATH_INFO"][1:]](environ, start_response)

    return app
