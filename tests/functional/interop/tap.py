"""What is said to Redis, by whomever, as bytes."""

from __future__ import annotations

import re
import socket
from types import TracebackType
from typing import NamedTuple, Self

import redis

from tests.support import PATIENCE, Redis

#: What servers say something with.
VERBS = (b"PUBLISH", b"SPUBLISH", b"XADD")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(rb"\\(x[0-9a-f]{2}|.)")
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


class Said(NamedTuple):
    """One message.

    :param where: the channel or the stream
    :param fields: the message alone, or the fields of an entry by name
    """

    verb: str
    where: str
    fields: dict[str, bytes]

    @property
    def data(self) -> bytes:
        return self.fields["data"]


class Tap:
    """Sees what is said while it is open, in the order in which Redis gets it."""

    def __init__(self, server: Redis) -> None:
        self._server = server
        self._socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self._lines = self._socket.makefile("rb")
        self._marks = 0
        self._socket.sendall(b"MONITOR\r\n")
        assert self._lines.readline() == b"+OK\r\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.close()
        self._socket.close()

    def said(self) -> list[Said]:
        """What has been said since this was asked last."""
        self._marks += 1
        mark = f"mark {id(self)} {self._marks}".encode()
        with redis.Redis.from_url(self._server.url) as direct:
            direct.echo(mark)
        found: list[Said] = []
        for line in iter(self._lines.readline, b""):
            verb, *args = map(_unescaped, _QUOTED.findall(line))
            if args == [mark]:
                return found
            if verb.upper() in VERBS:
                found.append(_said(verb.upper().decode(), args))
        raise AssertionError("Redis has gone")


def _unescaped(text: bytes) -> bytes:
    def replaced(match: re.Match[bytes]) -> bytes:
        code = match[1]
        if len(code) > 1:
            return bytes.fromhex(code[1:].decode())
        return _LETTERS.get(code, code)

    return _ESCAPED.sub(replaced, text)


def _said(verb: str, args: list[bytes]) -> Said:
    if verb != "XADD":
        return Said(verb, args[0].decode(), {"data": args[1]})
    flat = args[args.index(b"*") + 1 :]
    names = [name.decode() for name in flat[::2]]
    return Said(verb, args[0].decode(), dict(zip(names, flat[1::2], strict=True)))
