"""Socket.IO protocol 5: packets as JSON text, followed by binary attachments.

Upstream: ``sockets.client`` and the adapters. Downstream: nothing; nothing here waits.

Source: Socket.IO protocol, revision 5, "Packet encoding". The limits are ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson

from pyramid_sio.errors import LimitExceeded, ProtocolError
from pyramid_sio.protocol.json_text import OPTIONS as _OPTIONS
from pyramid_sio.protocol.json_text import dump_json, load_mended
from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType

#: Names no event may have: clients and servers emit them by themselves.
RESERVED_EVENTS = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)

#: Attachments of one packet. Official clients since March 2026 accept no more either.
MAX_ATTACHMENTS = 10
#: Characters of a namespace. Every packet repeats it, and tables are keyed by it.
MAX_NAMESPACE = 512
#: Digits of an acknowledgement id: whatever has fifteen is an exact number in JavaScript too.
MAX_ID_DIGITS = 15

_CONNECT, _DISCONNECT, _EVENT = SocketType.CONNECT, SocketType.DISCONNECT, SocketType.EVENT
_ACK, _CONNECT_ERROR = SocketType.ACK, SocketType.CONNECT_ERROR
_TYPES = {
    "0": _CONNECT,
    "1": _DISCONNECT,
    "2": _EVENT,
    "3": _ACK,
    "4": _CONNECT_ERROR,
    "5": _EVENT,
    "6": _ACK,
}
_BINARY_DIGITS = "56"

# ASCII digits, because \d and int() know those of every script.
_HEADER = re.compile("([0-6])(?:([0-9]+)-)?(?:(/[^,]*),?)?([0-9]*)")
_USUAL = re.compile(
    rf"([23])(?:(/[^,]{{0,{MAX_NAMESPACE - 1}}}),)?([0-9]{{0,{MAX_ID_DIGITS}}})(\[.*)", re.DOTALL
)

# A NamedTuple's own constructor is a Python function; this is not.
_new_packet = tuple.__new__
_loads = orjson.loads
_dumps = orjson.dumps


def decode_header(text: str, *, max_attachments: int = MAX_ATTACHMENTS) -> tuple[SocketPacket, int]:
    """One packet, and how many binary messages must follow it.

    A packet with attachments is an EVENT or an ACK with placeholders: see :class:`Reassembly`.

    :param text: an Engine.IO message's text, without the Engine.IO digit
    :raises ProtocolError: it is no packet, or one with data its type may not have
    :raises LimitExceeded: too many attachments, too long a namespace or acknowledgement id
    """
    # Sound events and acknowledgements are nearly everything; spare them the general way.
    usual = _USUAL.match(text)
    if usual is None:
        return _decode_any(text, max_attachments)
    digit, namespace, digits, json = usual.groups()
    try:
        data = _loads(json)
    except orjson.JSONDecodeError as exc:
        data = _load_mended(json, exc)
    number = int(digits) if digits else None
    if digit == "3":
        return _new_packet(SocketPacket, (_ACK, namespace or "/", data, number)), 0
    if data:
        name = data[0]
        if type(name) is str and name not in RESERVED_EVENTS:
            return _new_packet(SocketPacket, (_EVENT, namespace or "/", data, number)), 0
    return _decode_any(text, max_attachments)


def _decode_any(text: str, max_attachments: int) -> tuple[SocketPacket, int]:
    """:func:`decode_header` for every type and namespace, and for what is wrong."""
    header = _HEADER.match(text)
    if header is None:
        raise ProtocolError("unknown Socket.IO packet type")
    digit, attachments, namespace, number = header.groups()
    kind = _TYPES[digit]
    count = 0
    if digit in _BINARY_DIGITS:
        count = _count_attachments(attachments, max_attachments)
    elif attachments is not None:
        raise ProtocolError(f"{kind.name} with an attachment count")
    if namespace is not None and len(namespace) > MAX_NAMESPACE:
        raise LimitExceeded(f"a namespace longer than {MAX_NAMESPACE} characters")
    if len(number) > MAX_ID_DIGITS:
        raise LimitExceeded(f"an acknowledgement id of more than {MAX_ID_DIGITS} digits")
    rest = text[header.end() :]
    if rest:
        try:
            data = _loads(rest)
        except orjson.JSONDecodeError as exc:
            data = _load_mended(rest, exc)
        if data is None:
            raise ProtocolError(f"{kind.name} with null for data")
    else:
        data = [] if kind is _ACK else None
    if not may_carry(kind, data):
        raise ProtocolError(f"{kind.name} with data it may not have")
    has_id = number and (kind is _EVENT or kind is _ACK)
    return SocketPacket(kind, namespace or "/", data, int(number) if has_id else None), count


def _load_mended(json: str, error: orjson.JSONDecodeError) -> Any:
    try:
        return load_mended(json, error)
    except orjson.JSONDecodeError as exc:
        raise ProtocolError(f"not JSON: {exc.msg}") from None


def _count_attachments(digits: str | None, limit: int) -> int:
    if digits is None:
        raise ProtocolError("a binary packet without an attachment count")
    # A count that long is too large without asking int(), which refuses some of them.
    count = int(digits) if len(digits) <= MAX_ID_DIGITS else limit + 1
    if count == 0:
        raise ProtocolError("a binary packet with no attachments")
    if count > limit:
        raise LimitExceeded(f"more than {limit} attachments in one packet")
    return count


def may_carry(kind: SocketType, data: Any) -> bool:
    """May a packet of this type have this data? None: it has none."""
    if kind is _EVENT:
        if type(data) is not list or not data:
            return False
        name = data[0]
        return type(name) in (int, float) or (type(name) is str and name not in RESERVED_EVENTS)
    if kind is _ACK:
        return type(data) is list
    if kind is _CONNECT:
        return data is None or type(data) is dict
    if kind is _CONNECT_ERROR:
        return type(data) in (str, dict)
    return data is None


class Reassembly:
    """Collects the attachments of one packet. Done with once it has returned the packet.

    :param packet: what :func:`decode_header` returned
    :param count: how many attachments are due, as it said
    :param max_bytes: how much they may be together
    :raises ProtocolError: a placeholder names an attachment that will not come
    """

    __slots__ = ("_blobs", "_count", "_max_bytes", "_packet", "_slots", "size")

    def __init__(self, packet: SocketPacket, count: int, *, max_bytes: int | None = None) -> None:
        self._packet = packet
        self._count = count
        self._max_bytes = max_bytes
        # Found at once, so that a bad packet is refused before anything is kept for it.
        self._slots = _find_placeholders(packet.data, count)
        self._blobs: list[bytes] = []
        #: Bytes collected so far.
        self.size = 0

    def add(self, blob: bytes) -> SocketPacket | None:
        """Take the next attachment; the whole packet, if it was the last.

        :raises LimitExceeded: they are larger than ``max_bytes``
        """
        self.size += len(blob)
        if self._max_bytes is not None and self.size > self._max_bytes:
            raise LimitExceeded(f"attachments of more than {self._max_bytes} bytes in one packet")
        self._blobs.append(blob)
        if len(self._blobs) < self._count:
            return None
        for container, key, number in self._slots:
            container[key] = self._blobs[number]
        return self._packet


def _find_placeholders(data: Any, count: int) -> list[tuple[Any, Any, int]]:
    """Where attachments belong: (container, its key or index, attachment's number).

    Not recursive: JSON may be nested deeper than Python may call.
    """
    slots: list[tuple[Any, Any, int]] = []
    pending = [data]
    while pending:
        container = pending.pop()
        items: Iterable[tuple[Any, Any]]
        items = container.items() if type(container) is dict else enumerate(container)
        for key, value in items:
            if type(value) is dict and value.get("_placeholder") is True:
                number = value.get("num")
                # type(), because True is an int
                if type(number) is not int or not 0 <= number < count:
                    raise ProtocolError("a placeholder for an attachment that does not exist")
                slots.append((container, key, number))
            elif type(value) is dict or type(value) is list:
                pending.append(value)
    return slots


class Encoder:
    """Packets to messages. Has no state of its own: one serves any number of threads.

    ``bytes``, ``bytearray`` and ``memoryview`` anywhere in the arguments of an event or an
    acknowledgement become attachments. Times are written as JavaScript's ``Date`` does, in UTC
    with milliseconds; a naive one says no zone, so a browser takes it as its own. Named
    tuples become arrays. Integers beyond 64 bits, lone surrogates and nesting beyond 254
    levels are refused by the JSON library.

    :param default: asked for every other object that JSON does not know, and first for times
        and named tuples; returns something to encode instead, or raises TypeError to decline.
        It may be asked twice for one object, if keys of a dictionary are no strings
    :param max_attachments: refuse to encode a packet with more. Official clients released
        since March 2026 drop the connection at more than ten, older ones know no limit
    """

    __slots__ = ("_default", "_max_attachments")

    def __init__(
        self,
        default: Callable[[Any], Any] | None = None,
        *,
        max_attachments: int | None = None,
    ) -> None:
        self._default = default
        self._max_attachments = max_attachments

    def encode_event(self, namespace: str, args: Sequence[Any], id: int | None = None) -> Message:
        """An EVENT.

        :param args: list or tuple: the event's name, then its arguments
        :param id: under which an acknowledgement is expected
        :raises TypeError: something in the arguments cannot be sent
        :raises ValueError: there are more attachments than ``max_attachments``
        """
        try:
            text = _dumps(args, None, _OPTIONS)
        except TypeError:
            return self._encode_rich(_EVENT, namespace, args, id)
        if namespace == "/":
            return Message(b"2" + text if id is None else b"2%d%b" % (id, text))
        return Message(_header("2", namespace, id) + text)

    def encode_ack(self, namespace: str, args: Sequence[Any], id: int) -> Message:
        """An ACK; like :meth:`encode_event`, with ``args`` the arguments alone."""
        try:
            text = _dumps(args, None, _OPTIONS)
        except TypeError:
            return self._encode_rich(_ACK, namespace, args, id)
        if namespace == "/":
            return Message(b"3%d%b" % (id, text))
        return Message(_header("3", namespace, id) + text)

    def encode(self, packet: SocketPacket) -> Message:
        """A packet of any type; a BINARY one is made where there are attachments, and only there.

        :raises TypeError: something in the data cannot be sent, such as binary in a CONNECT
        :raises ValueError: there are more attachments than ``max_attachments``
        """
        kind, namespace, data, number = packet
        if kind in _CARRIERS:
            return self._encode_rich(_CARRIERS[kind], namespace, data, number)
        header = _header(str(kind.value), namespace, None)
        if data is None:
            return Message(header)
        text, blobs = self._dump(data)
        if blobs:
            raise TypeError(f"binary data cannot be sent in a {kind.name} packet")
        return Message(header + text)

    def _encode_rich(
        self, kind: SocketType, namespace: str, data: Sequence[Any], id: int | None
    ) -> Message:
        """An EVENT or ACK with more than plain JSON in it."""
        text, blobs = self._dump(data)
        if not blobs:
            return Message(_header(str(kind.value), namespace, id) + text)
        if self._max_attachments is not None and len(blobs) > self._max_attachments:
            raise ValueError(
                f"{len(blobs)} attachments in one packet; at most {self._max_attachments} are"
                " allowed, because clients drop the connection at more"
            )
        digit = "5" if kind is _EVENT else "6"
        return Message(_header(f"{digit}{len(blobs)}-", namespace, id) + text, blobs)

    def _dump(self, data: Any) -> tuple[bytes, list[bytes]]:
        """JSON with placeholders, and what they stand for."""
        return dump_json(data, self._default, _placeholder)


def _placeholder(blob: bytes, blobs: list[bytes]) -> dict[str, Any]:
    blobs.append(blob)
    return {"_placeholder": True, "num": len(blobs) - 1}


_CARRIERS = {
    _EVENT: _EVENT,
    _ACK: _ACK,
    SocketType.BINARY_EVENT: _EVENT,
    SocketType.BINARY_ACK: _ACK,
}


def _header(prefix: str, namespace: str, id: int | None) -> bytes:
    where = "" if namespace == "/" else namespace + ","
    return f"{prefix}{where}{'' if id is None else id}".encode()
