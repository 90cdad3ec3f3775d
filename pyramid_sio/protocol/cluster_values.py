"""Values on their way between servers: JSON and MessagePack as the JavaScript adapters mean them.

Upstream: the codecs of the cluster. Downstream: nothing; nothing here waits.

Source: what ``notepack.io`` 3, ``@msgpack/msgpack`` 2 and ``JSON.stringify`` write and read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import orjson

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.json_text import load_mended, to_json

#: Asked for objects that neither JSON nor MessagePack knows; TypeError: it does not either.
Default = Callable[[Any], Any]

_BINARY = (bytes, bytearray, memoryview)
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
#: The extension of older versions of the JavaScript library.
_SCRIPT = 0
_UNDEFINED_SIZE, _DATE_SIZE = 1, 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class _HasBinary(Exception):
    """JSON cannot say this."""


class ValueEncoder:
    """Values to bytes. Has no state of its own: one serves any number of threads.

    :param default: asked for objects of the application's own
    """

    __slots__ = ("_default", "_library")

    def __init__(self, default: Default | None = None) -> None:
        self._default = default
        self._library = msgspec.msgpack.Encoder(enc_hook=self._unknown)

    def msgpack(self, value: Any) -> bytes:
        """MessagePack; an aware datetime becomes a timestamp, a naive one its ISO text.

        :raises TypeError: it cannot be expressed
        """
        try:
            return self._library.encode(value)
        except (OverflowError, UnicodeEncodeError, RecursionError, ValueError) as exc:
            raise TypeError(f"cannot be sent: {exc}") from None

    def json(self, value: Any) -> bytes | None:
        """JSON with times as JavaScript writes them; None if there is binary data in it.

        :raises TypeError: it cannot be expressed
        """
        try:
            return orjson.dumps(value, self._to_json, _OPTIONS)
        except TypeError as exc:
            cause = exc.__cause__
            if isinstance(cause, _HasBinary):
                return None
            if cause is None or isinstance(cause, TypeError):
                raise TypeError(f"cannot be sent: {exc}") from None
            raise cause from None

    def either(self, value: Any) -> bytes:
        """JSON, or MessagePack where there is binary data. :raises TypeError: neither can do it"""
        text = self.json(value)
        return self.msgpack(value) if text is None else text

    def _to_json(self, value: Any) -> Any:
        if isinstance(value, _BINARY):
            raise _HasBinary
        if self._default is not None:
            try:
                return self._default(value)
            except TypeError:
                pass
        return to_json(value)

    def _unknown(self, value: Any) -> Any:
        for base in (str, int, float):
            # Of a class of the application's own; its value is what is meant.
            if isinstance(value, base):
                return base(value)
        if self._default is None:
            raise TypeError(f"cannot send an object of type {type(value).__qualname__}")
        return self._default(value)


def load_json(data: bytes | memoryview) -> Any:
    """:raises ProtocolError: it is no JSON"""
    try:
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as exc:
            return load_mended(bytes(data).decode("utf-8", "replace"), exc)
    except orjson.JSONDecodeError as exc:
        raise ProtocolError(f"not JSON: {exc.msg}") from None


def load_msgpack(data: bytes | memoryview | msgspec.Raw) -> Any:
    """A value; a timestamp is an aware datetime. :raises ProtocolError: it is none"""
    return _checked(_MSGPACK.decode, data)


def load_as(decode: Callable[[Any], Any], data: Any) -> Any:
    """What a decoder of ``msgspec`` with a type makes of it.

    :raises ProtocolError: it does not fit
    """
    return _checked(decode, data)


def _checked(decode: Callable[[Any], Any], data: Any) -> Any:
    try:
        return decode(data)
    except (msgspec.MsgspecError, RecursionError, TypeError, ValueError) as exc:
        # TypeError: a map with keys that no dictionary can have.
        raise ProtocolError(f"cannot be read: {exc}") from None


def from_extension(code: int, data: memoryview) -> Any:
    """An extension, as the JavaScript libraries read it."""
    content = bytes(data)
    if code != _SCRIPT:
        return [code, content]
    if len(content) == _UNDEFINED_SIZE:
        return None
    if len(content) != _DATE_SIZE:
        return content
    try:
        return _EPOCH + int.from_bytes(content, "big", signed=True) * _MILLISECOND
    except OverflowError:
        return None


def timestamp_text(seconds: float) -> str:
    """A moment as ``Date.prototype.toString`` writes it, in UTC.

    :param seconds: since 1970
    """
    moment = _EPOCH + timedelta(seconds=seconds)
    return moment.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")


_MSGPACK = msgspec.msgpack.Decoder(ext_hook=from_extension)
