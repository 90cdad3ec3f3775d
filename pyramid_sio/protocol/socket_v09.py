"""Socket.IO 0.9: packets as text, to and from the packets that all generations share.

Upstream: ``sockets.legacy`` and the adapters. Downstream: nothing; nothing here waits.

Source: Socket.IO protocol, revision 1, "Encoding". The limits are ours.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import orjson

from pyramid_sio.errors import BadRequest, LimitExceeded, ProtocolError
from pyramid_sio.protocol.json_text import dump_json, load_mended
from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType
from pyramid_sio.protocol.request import parse_query
from pyramid_sio.protocol.socket_v5 import MAX_ID_DIGITS, MAX_NAMESPACE, RESERVED_EVENTS


class LegacyType(IntEnum):
    """Packet types of 0.9; the value is the digit on the wire."""

    DISCONNECT = 0
    CONNECT = 1
    HEARTBEAT = 2
    MESSAGE = 3
    JSON = 4
    EVENT = 5
    ACK = 6
    ERROR = 7
    NOOP = 8


_TYPES = {str(kind.value): kind for kind in LegacyType}


class Incoming(NamedTuple):
    """One packet of a client.

    :param type: what it was on the wire
    :param packet: what it means for a namespace; None: nothing
    :param confirm: the id that is to be acknowledged at once, without arguments; or None
    """

    type: LegacyType
    packet: SocketPacket | None
    confirm: int | None = None


#: The event that messages are: what all later generations made of them.
MESSAGE_EVENT = "message"
#: Ends the whole connection; the client stays away.
DISCONNECT = b"0::"
#: The client is to come back with a new handshake: it is not known, or not any more.
UNKNOWN_CLIENT = b"7:::1+0"
#: Keeps a connection alive.
HEARTBEAT = b"2::"
#: Ends a poll that nothing was sent to.
NOOP = b"8::"
#: Why something failed, by its number on the wire.
REASONS = ("transport not supported", "client not handshaken", "unauthorized")
#: What to do about it.
ADVICES = ("reconnect",)
#: Why a client is not let in.
_UNAUTHORIZED = b"2"

_PACKET = re.compile(r"([0-8]):([0-9]*)(\+?):([^:]*)(?::(.*))?", re.DOTALL)
_ACKED = re.compile(r"([0-9]+)(?:\+(.*))?", re.DOTALL)
_ERROR = re.compile(r"([0-9]?)(?:\+([0-9]))?")

#: How the characters that end a line for JavaScript, beside the two of ASCII, begin in UTF-8.
_LINE_ENDS = b"\xe2\x80"

_CONNECT, _DISCONNECT, _EVENT = SocketType.CONNECT, SocketType.DISCONNECT, SocketType.EVENT
_ACK, _CONNECT_ERROR = SocketType.ACK, SocketType.CONNECT_ERROR
_EVENTS = (_EVENT, SocketType.BINARY_EVENT)
_ACKS = (_ACK, SocketType.BINARY_ACK)


def decode(text: str) -> Incoming:
    """One packet.

    A message is an event named ``message``; so is a JSON message, whose data need not be text.

    :raises ProtocolError: it is no packet
    :raises LimitExceeded: too long an endpoint or acknowledgement id
    """
    match = _PACKET.fullmatch(text)
    if match is None:
        raise ProtocolError("no Socket.IO 0.9 packet")
    digit, digits, plus, endpoint, data = match.groups("")
    kind = _TYPES[digit]
    id = _read_id(digits) if digits else None
    read = _ARGUMENTS.get(digit)
    if read is None:
        return Incoming(kind, _read_other(kind, endpoint, data))
    namespace = _read_namespace(endpoint) if endpoint else "/"
    if plus:
        return Incoming(kind, SocketPacket(_EVENT, namespace, read(data), id))
    return Incoming(kind, SocketPacket(_EVENT, namespace, read(data)), id)


def _read_other(kind: LegacyType, endpoint: str, data: str) -> SocketPacket | None:
    """What is no event."""
    if kind is LegacyType.CONNECT:
        return _read_connect(endpoint, data)
    namespace = _read_namespace(endpoint)
    if kind is LegacyType.DISCONNECT:
        return SocketPacket(_DISCONNECT, namespace)
    if kind is LegacyType.ACK:
        return _read_ack(namespace, data)
    if kind is LegacyType.ERROR:
        return SocketPacket(_CONNECT_ERROR, namespace, _read_error(data))
    return None


def _read_id(digits: str) -> int:
    if len(digits) > MAX_ID_DIGITS:
        raise LimitExceeded(f"an acknowledgement id of more than {MAX_ID_DIGITS} digits")
    return int(digits)


def _read_namespace(endpoint: str) -> str:
    if len(endpoint) > MAX_NAMESPACE:
        raise LimitExceeded(f"an endpoint longer than {MAX_NAMESPACE} characters")
    if endpoint and not endpoint.startswith("/"):
        raise ProtocolError("an endpoint without a slash")
    return endpoint or "/"


def _read_connect(endpoint: str, data: str) -> SocketPacket:
    """A CONNECT; its query, wherever it stands, is what later generations call ``auth``."""
    name, _, query = endpoint.partition("?")
    query = query or data.removeprefix("?")
    namespace = _read_namespace(name)
    if not query:
        return SocketPacket(_CONNECT, namespace)
    try:
        return SocketPacket(_CONNECT, namespace, parse_query(query))
    except BadRequest as error:
        raise LimitExceeded(error.detail) from None


def _loads(text: str) -> Any:
    try:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as exc:
            return load_mended(text, exc)
    except orjson.JSONDecodeError as exc:
        raise ProtocolError(f"not JSON: {exc.msg}") from None


def _read_event(data: str) -> list[Any]:
    event = _loads(data)
    if type(event) is not dict:
        raise ProtocolError("an event that is no object")
    name, args = event.get("name"), event.get("args")
    if type(name) is not str or name in RESERVED_EVENTS:
        raise ProtocolError("an event without a name it may have")
    if args is None:
        return [name]
    if type(args) is not list:
        raise ProtocolError("an event whose arguments are no list")
    return [name, *args]


#: How the arguments are read of what is an event for a namespace.
_ARGUMENTS: dict[str, Callable[[str], list[Any]]] = {
    "3": lambda data: [MESSAGE_EVENT, data],
    "4": lambda data: [MESSAGE_EVENT, _loads(data)],
    "5": _read_event,
}


def _read_ack(namespace: str, data: str) -> SocketPacket:
    match = _ACKED.fullmatch(data)
    if match is None:
        raise ProtocolError("an acknowledgement without an id")
    args = _loads(match[2]) if match[2] else []
    if type(args) is not list:
        raise ProtocolError("an acknowledgement whose arguments are no list")
    return SocketPacket(_ACK, namespace, args, _read_id(match[1]))


def _read_error(data: str) -> dict[str, str]:
    """What a client says went wrong: in words, empty where there are none."""
    match = _ERROR.fullmatch(data)
    if match is None:
        raise ProtocolError("an error without a reason that there is")
    reason, advice = match.groups("")
    return {"reason": _word(REASONS, reason), "advice": _word(ADVICES, advice)}


def _word(words: Sequence[str], digit: str) -> str:
    return words[int(digit)] if digit and int(digit) < len(words) else ""


class Encoder:
    """Packets to messages. Has no state of its own: one serves any number of threads.

    This generation has no binary data: it is sent as a string, in base64. All else is written
    as :class:`pyramid_sio.protocol.socket_v5.Encoder` does it.

    :param default: as for the same
    """

    __slots__ = ("_default",)

    def __init__(self, default: Callable[[Any], Any] | None = None) -> None:
        self._default = default

    def encode_event(self, namespace: str, args: Sequence[Any], id: int | None = None) -> Message:
        """An EVENT; one that is a message, with one argument and without an id, as that.

        :param args: list or tuple: the event's name, then its arguments
        :param id: under which an acknowledgement is expected, with arguments
        :raises TypeError: something in the arguments cannot be sent
        """
        name, *rest = args
        where = _where(namespace)
        if name == MESSAGE_EVENT and len(rest) == 1 and id is None:
            (value,) = rest
            if type(value) is not str:
                return Message(b"4::%b:%b" % (where, self._dump(value)))
            return Message(b"3::%b%b" % (where, b":" + _utf8(value) if value else b""))
        event = {"name": name, "args": rest} if rest else {"name": name}
        wanted = b"" if id is None else b"%d+" % id
        return Message(b"5:%b:%b:%b" % (wanted, where, self._dump(event)))

    def encode_ack(self, namespace: str, args: Sequence[Any], id: int) -> Message:
        """An ACK; like :meth:`encode_event`, with ``args`` the arguments alone."""
        rest = b"+" + self._dump(args) if args else b""
        return Message(b"6::%b:%d%b" % (_where(namespace), id, rest))

    def encode(self, packet: SocketPacket) -> Message:
        """A packet of any type. A CONNECT's payload and a refusal's text have no place in it.

        :raises TypeError: something in the data cannot be sent
        """
        kind, namespace, data, id = packet
        if kind in _EVENTS:
            return self.encode_event(namespace, data, id)
        if kind in _ACKS:
            if id is None:
                raise TypeError("an ACK without an id cannot be sent")
            return self.encode_ack(namespace, data, id)
        where = _where(namespace)
        if kind is _CONNECT:
            return Message(b"1::" + where)
        if kind is _DISCONNECT:
            return Message(b"0::" + where)
        return Message(b"7::%b:%b" % (where, _UNAUTHORIZED))

    def _dump(self, data: Any) -> bytes:
        text = dump_json(data, self._default, _base64)[0]
        if _LINE_ENDS in text:
            # The JavaScript client reads an acknowledgement up to the end of its line.
            text = text.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
        return text


def _where(namespace: str) -> bytes:
    return b"" if namespace == "/" else namespace.encode()


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        raise TypeError(f"cannot be sent: {exc}") from None


def _base64(blob: bytes, blobs: list[bytes]) -> str:
    return b64encode(blob).decode()
