"""Python values as JSON text, as all JSON codecs of this package write it; and what it takes to
read what others write.

Upstream: ``socket_v5``, ``socket_v09`` and ``cluster_values``. Downstream: orjson.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

import orjson

#: For values without binary data, hooks or times: orjson alone.
OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME

_BINARY = (bytes, bytearray, memoryview)
_TIMES = (date, time)  # a datetime is a date
_KNOWN = (*_TIMES, tuple)
_dumps = orjson.dumps

#: An escaped character of two halves, or (without the second group) a half by itself. In front of
#: it stand escaped backslashes only, or it would be none.
_HALVES = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u"
    r"(?:([dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|[dD][89a-fA-F][0-9a-fA-F]{2})"
)
#: How many of both are looked at: who sends more of them is not worth the time.
_MAX_HALVES = 10_000

#: What stands in the text for binary data; gets the list where it may put that aside.
Replace = Callable[[bytes, list[bytes]], Any]


def dump_json(
    data: Any, default: Callable[[Any], Any] | None, replace: Replace
) -> tuple[bytes, list[bytes]]:
    """JSON, and what ``replace`` has put aside of it.

    Times are written as JavaScript's ``Date`` does; named tuples become arrays.

    :param default: asked for every object that JSON does not know, and first for times and
        named tuples; returns something to encode instead, or raises TypeError to decline
    :param replace: called with each piece of binary data
    :raises TypeError: something cannot be sent
    """
    blobs: list[bytes] = []

    def convert(value: Any) -> Any:
        # Belongs to this call alone, because the application's hook may itself emit.
        if isinstance(value, _BINARY):
            return replace(bytes(value), blobs)
        if default is not None:
            try:
                return default(value)
            except TypeError:
                if not isinstance(value, _KNOWN):
                    raise
        return to_json(value)

    try:
        return _dumps(data, convert, OPTIONS), blobs
    except TypeError as exc:
        if exc.__cause__ is not None:
            raise _reveal(exc) from exc.__cause__
    # Perhaps a key that is no string. Taking those costs the others half their speed.
    blobs.clear()
    try:
        return _dumps(data, convert, OPTIONS | orjson.OPT_NON_STR_KEYS), blobs
    except TypeError as exc:
        raise _reveal(exc) from exc.__cause__


def load_mended(text: str, error: orjson.JSONDecodeError) -> Any:
    """A value from JSON that orjson has refused, if that is for half a character.

    JavaScript cuts texts within characters beyond the first plane, and writes a half as an escape.
    It becomes U+FFFD, as everywhere else on a text's way out of a browser.

    :param error: what orjson has raised
    :raises orjson.JSONDecodeError: it is no JSON all the same
    """
    mended = _HALVES.sub(_mend, text, count=_MAX_HALVES)
    if mended == text:
        raise error
    return orjson.loads(mended)


def _mend(match: re.Match[str]) -> str:
    return match[0] if match[2] else match[1] + "\\ufffd"


def to_json(value: Any) -> Any:
    """What JSON gets for a time or a tuple with a type of its own."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return value.isoformat(timespec="milliseconds")
        return value.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    if isinstance(value, _TIMES):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"cannot send an object of type {type(value).__qualname__}")


def _reveal(exc: TypeError) -> BaseException:
    """The error to raise for orjson's, which hides whatever the hook raised, even an exit."""
    cause = exc.__cause__
    if cause is None or isinstance(cause, TypeError):
        return TypeError(f"cannot be sent: {exc}")
    return cause
