"""Socket.IO protocol 5 in MessagePack: a packet is one binary message, binary data inline.

Upstream: ``sockets.parsed`` and the adapters. Downstream: nothing; nothing here waits.

Source: the packets of ``socket.io-msgpack-parser`` 3, whose library writes ``undefined``,
dates and JavaScript's buffers as extension type 0. The limits are ours.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec.msgpack import Ext

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType
from pyramid_sio.protocol.parsing import PacketEncoder, make_packet

_CARRIERS = {SocketType.BINARY_EVENT: SocketType.EVENT, SocketType.BINARY_ACK: SocketType.ACK}

#: The extension of the JavaScript library: one byte is ``undefined``, eight are a date.
_SCRIPT = 0
_UNDEFINED_SIZE, _DATE_SIZE = 1, 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
#: How MessagePack's own times begin, by their length; clients do not know them.
_TIMES = (b"\xd6\xff", b"\xd7\xff", b"\xc7\x0c\xff")
_NATIVE = (bytes, bytearray, memoryview, datetime)
_LEAVES = (*_NATIVE, Ext, str, int, float, type(None))


class Decoder:
    """Messages to packets. One for each connection, although it keeps nothing."""

    __slots__ = ()

    def add(self, chunk: str | bytes) -> SocketPacket:
        """The packet of one message. :raises ProtocolError: there is none in it"""
        if isinstance(chunk, str):
            raise ProtocolError("text, where packets are MessagePack")
        return decode_packet(chunk)


def decode_packet(message: bytes) -> SocketPacket:
    """The packet a message contains. Keys it does not know are ignored.

    A JavaScript date becomes an aware datetime, ``undefined`` None, a buffer bytes.

    :raises ProtocolError: it is no packet, or one with data its type may not have
    :raises LimitExceeded: too long a namespace or acknowledgement id
    """
    if _MAP.search(message, 1) is not None:
        _check_keys(message)
    try:
        packet = msgspec.msgpack.decode(
            message, ext_hook=lambda code, data: _extension(code, bytes(data), message)
        )
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise ProtocolError(f"not MessagePack: {exc}") from None
    if type(packet) is not dict:
        raise ProtocolError("MessagePack, but no map")
    get = packet.get
    return make_packet(get("type"), get("nsp"), get("data"), get("id"))


def _extension(code: int, data: bytes, message: bytes) -> Any:
    """What an extension stands for; those nobody knows stay as they are."""
    if code != _SCRIPT:
        return Ext(code, data)
    if len(data) not in (_UNDEFINED_SIZE, _DATE_SIZE):
        return data
    # A buffer of that size differs in its header only, which the library does not tell.
    headers = (b"\xd4", b"\xc7\x01") if len(data) == _UNDEFINED_SIZE else (b"\xd7", b"\xc7\x08")
    special, buffer = (header + b"\x00" + data in message for header in headers)
    if buffer and not special:
        return data
    if len(data) == _UNDEFINED_SIZE:
        return None
    try:
        return _EPOCH + int.from_bytes(data, "big", signed=True) * _MILLISECOND
    except OverflowError:
        # JavaScript has dates that Python has not, and one that is none.
        return None


class Encoder(PacketEncoder):
    """Packets to messages. Has no state of its own: one serves any number of threads.

    Binary data stays where it is in the arguments. An aware datetime becomes a JavaScript
    date, a naive one its ISO text, as every other time. Integers beyond 64 bits and lone
    surrogates are refused.

    :param default: asked for every object that MessagePack does not know; returns something to
        encode instead, or raises TypeError
    """

    __slots__ = ("_default", "_library")

    def __init__(self, default: Callable[[Any], Any] | None = None) -> None:
        self._default = default
        self._library = msgspec.msgpack.Encoder(enc_hook=default)

    def encode(self, packet: SocketPacket) -> Message:
        """A packet of any type. :raises TypeError: something in the data cannot be sent"""
        kind, namespace, data, id = packet
        content: dict[str, Any] = {"type": _CARRIERS.get(kind, kind).value, "nsp": namespace}
        if data is not None:
            content["data"] = data
        if id is not None:
            content["id"] = id
        try:
            encoded = self._library.encode(content)
            # Looked for afterwards, because looking through all data before takes far longer.
            if any(mark in encoded for mark in _TIMES):
                encoded = self._library.encode(self._with_script_dates(content))
        except (OverflowError, UnicodeEncodeError, RecursionError) as exc:
            raise TypeError(f"cannot be sent: {exc}") from None
        return Message(None, (encoded,))

    def _with_script_dates(self, value: Any) -> Any:
        """The same data, with JavaScript dates for aware datetimes."""
        if isinstance(value, dict):
            return {key: self._with_script_dates(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._with_script_dates(item) for item in value]
        if isinstance(value, datetime) and value.tzinfo is not None:
            return Ext(_SCRIPT, struct.pack(">q", (value - _EPOCH) // _MILLISECOND))
        if isinstance(value, _LEAVES):
            return value
        # A dataclass, say, or what the application's hook knows.
        plain = msgspec.to_builtins(value, builtin_types=_NATIVE, enc_hook=self._default)
        return self._with_script_dates(plain)


# Keys that are no strings: their hashes are no secret, so whoever may choose them can make a
# dictionary of a megabyte take minutes. The library takes any, so they are looked for first.

_MAP = re.compile(rb"[\x80-\x8f\xde\xdf]")
#: Bytes of a value with a fixed size, its first byte included.
_SIZES = {
    **dict.fromkeys((*range(0x80), 0xC0, 0xC2, 0xC3, *range(0xE0, 0x100)), 1),
    **{first: 1 + first - 0xA0 for first in range(0xA0, 0xC0)},
    **dict(zip(range(0xCA, 0xD4), (5, 9, 2, 3, 5, 9, 2, 3, 5, 9), strict=True)),
    **dict(zip(range(0xD4, 0xD9), (3, 4, 6, 10, 18), strict=True)),
}
#: For bytes, extensions and long texts: bytes of the length, bytes of what else precedes them.
_LENGTHS = {
    **{0xC4 + power: (1 << power, 0) for power in range(3)},
    **{0xC7 + power: (1 << power, 1) for power in range(3)},
    **{0xD9 + power: (1 << power, 0) for power in range(3)},
}
#: For containers: bytes of the count; 0: it is in the first byte.
_COUNTS = {
    **dict.fromkeys(range(0x80, 0xA0), 0),
    **dict(zip(range(0xDC, 0xE0), (2, 4, 2, 4), strict=True)),
}
_MAPS = frozenset((*range(0x80, 0x90), 0xDE, 0xDF))
_TEXTS = frozenset((*range(0xA0, 0xC0), 0xD9, 0xDA, 0xDB))


def _check_keys(message: bytes) -> None:
    """:raises ProtocolError: a map has a key that is no string

    What is malformed is left to the library.
    """
    #: What is still due of each open container, and whether that is a map.
    open_: list[tuple[int, bool]] = []
    due, is_map = 1, False
    at, end = 0, len(message)
    while at < end:
        while due == 0:
            if not open_:
                return
            due, is_map = open_.pop()
        first = message[at]
        if is_map and due % 2 == 0 and first not in _TEXTS:
            raise ProtocolError("a map with a key that is no string")
        due -= 1
        width = _COUNTS.get(first)
        if width is None:
            at += _size(message, at, first)
            continue
        open_.append((due, is_map))
        is_map = first in _MAPS
        due = int.from_bytes(message[at + 1 : at + 1 + width], "big") if width else first & 0x0F
        due *= 2 if is_map else 1
        at += 1 + width


def _size(message: bytes, at: int, first: int) -> int:
    """Bytes of a value that is no container."""
    if first in _LENGTHS:
        width, extra = _LENGTHS[first]
        return 1 + width + extra + int.from_bytes(message[at + 1 : at + 1 + width], "big")
    # 0xC1 is nothing at all; the library says so.
    return _SIZES.get(first, 1)
