"""Socket.IO 0.9 below its packets: URLs, the handshake's answer, payloads, script answers.

Upstream: ``plugin.legacy``, which gets the requests, and ``engine.transports.legacy``.
Downstream: nothing; all functions are pure.

Source: Socket.IO protocol, revision 1, "Transport", and what its JavaScript client sends. That
generation has no Engine.IO: its packets lie directly on the transports.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from enum import Enum
from math import ceil
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import orjson

from pyramid_sio.errors import BadRequest, LimitExceeded, ProtocolError, UnknownTransport
from pyramid_sio.protocol.connection import Connection
from pyramid_sio.protocol.dialect import Body, Dialect
from pyramid_sio.protocol.frames import text_frame
from pyramid_sio.protocol.packets import EnginePacket, EngineType, Message
from pyramid_sio.protocol.request import parse_query

#: The first segment of every path: the protocol's revision.
REVISION = "1"
#: All transports there are, in the order in which a client should try them.
TRANSPORTS = (
    "websocket",
    "flashsocket",
    "htmlfile",
    "xhr-multipart",
    "xhr-polling",
    "jsonp-polling",
)
#: Those that become a WebSocket.
SOCKETS = frozenset(("websocket", "flashsocket"))

#: Around the length that stands before each packet of a payload.
MARK = "\ufffd"
#: Packets accepted in one payload.
MAX_PACKETS = 65536
#: Fields of a form; there is one.
MAX_FORM_FIELDS = 10
#: Bytes of a form whose escapes are undone at once.
_PIECE = 16384
#: Digits of a packet's length; more would be longer than any request may be.
_LENGTH = re.compile(f"{MARK}([0-9]{{1,10}}){MARK}")
_SLOT = re.compile("[0-9]{1,10}")

#: What a script does not contain raw: what could begin a tag, and what is not ASCII, but for marks,
#: because Python clients undo escapes only within packets.
_UNSAFE = re.compile("[<\x7f-\ufffc\ufffe-\U0010ffff]")

#: A page that hands what it is told to whoever opened it; some browsers show nothing of a page
#: before they have 256 bytes of it.
PREAMBLE = (
    b"<html><body><script>var _ = function (packet) { parent.s._(packet, document); };</script>"
).ljust(256)

#: Between the packets of a response that has many parts.
BOUNDARY = "socketio"

SCRIPT = "text/javascript; charset=UTF-8"
#: What a heartbeat counts as, and what anything else does that shows that a client is there.
SIGN_OF_LIFE = EnginePacket(EngineType.PONG)
_NOOP = EnginePacket(EngineType.NOOP)
#: What a client is taken to have said that leaves by a request of its own.
GOODBYE_OF_CLIENT = EnginePacket(EngineType.MESSAGE, "0::")


class Wish(Enum):
    """What a request wants."""

    HANDSHAKE = "handshake"
    TRANSPORT = "transport"
    DISCONNECT = "disconnect"


class LegacyRequest(NamedTuple):
    """One request, understood as far as that needs no session.

    :param transport: an enabled transport's name, or "" if none belongs to the wish
    :param sid: the session it names, or ""
    :param slot: the number of the callback that a script calls; None: the answer is no script
    """

    wish: Wish
    transport: str = ""
    sid: str = ""
    slot: int | None = None


def parse_path(
    segments: Sequence[str], query_string: str, *, transports: Collection[str]
) -> LegacyRequest:
    """Tell what is asked, from the path below the endpoint.

    Clients of 0.9.9 and later leave with two slashes for want of a transport, which some proxies
    make one, and those of 0.9.7 and 0.9.8 name the session alone.

    :param segments: the parts between slashes, without empty ones; the first is ``1``
    :param query_string: raw
    :param transports: the enabled ones
    :raises UnknownTransport: it is none, or not enabled
    :raises BadRequest: the path is longer than any, or a script is to call something odd
    """
    query = parse_query(query_string)
    _, *rest = segments
    if not rest:
        digits = query.get("jsonp", "")
        return LegacyRequest(Wish.HANDSHAKE, slot=int(digits) if _SLOT.fullmatch(digits) else None)
    if len(rest) > 2:
        raise BadRequest(detail="a path of more than three parts")
    if len(rest) == 1 and rest[0] not in TRANSPORTS:
        return LegacyRequest(Wish.DISCONNECT, sid=rest[0])
    if len(rest) == 2 and "disconnect" in query:
        return LegacyRequest(Wish.DISCONNECT, sid=rest[1])
    transport = rest[0]
    if transport not in transports:
        raise UnknownTransport(detail=f"0.9 transport {transport[:40]!r}")
    if len(rest) == 1:
        raise BadRequest(detail=f"{transport} without a session id")
    slot = None
    if transport == "jsonp-polling":
        digits = query.get("i", "0")
        if not _SLOT.fullmatch(digits):
            raise BadRequest(detail=f"i={digits[:40]!r} is no callback's number")
        slot = int(digits)
    return LegacyRequest(Wish.TRANSPORT, transport, rest[1], slot)


def encode_handshake(sid: str, *, heartbeat: float, close: float, transports: Sequence[str]) -> str:
    """The answer to a handshake.

    Whole seconds, and never none: the JavaScript client takes an empty field for no time at all.

    :param heartbeat: seconds without any packet after which the client gives the connection up
    :param close: the same for polling
    :param transports: those it may use, best first
    """
    return f"{sid}:{ceil(heartbeat)}:{ceil(close)}:{','.join(transports)}"


def join_payload(packets: Sequence[bytes]) -> bytes:
    """The body of a poll's response: one packet as it is, several each behind its length."""
    if len(packets) == 1:
        return packets[0]
    return b"".join(f"{MARK}{length_of(packet)}{MARK}".encode() + packet for packet in packets)


def length_of(packet: bytes) -> int:
    """The length of a UTF-8 text as JavaScript counts it: in UTF-16 units."""
    if packet.isascii():
        return len(packet)
    return len(packet.decode().encode("utf-16-le")) // 2


def decode_payload(text: str, *, max_packets: int = MAX_PACKETS) -> list[str]:
    """The packets of a POST body, after whatever the transport puts around it.

    Lengths count UTF-16 units. A body whose lengths fit code points only is taken too, because
    that is what Python clients have sent.

    :raises ProtocolError: no lengths fit
    :raises LimitExceeded: there are more than ``max_packets``
    """
    if not text.startswith(MARK):
        return [text] if text else []
    if max(text) <= "\uffff":
        return _cut(text, max_packets)
    units = text.encode("utf-16-le", "surrogatepass")
    try:
        return _cut_units(text, units, max_packets)
    except LimitExceeded:
        raise
    except ProtocolError as error:
        try:
            return _cut(text, max_packets)
        except ProtocolError:
            raise error from None


def _cut(text: str, max_packets: int) -> list[str]:
    """Packets whose lengths are in characters of ``text``."""
    packets: list[str] = []
    position = 0
    while position < len(text):
        header = _LENGTH.match(text, position)
        start, stop = _measure(header, len(packets), max_packets)
        if stop > len(text):
            raise ProtocolError("a packet ends before its length says")
        packets.append(text[start:stop])
        position = stop
    return packets


def _cut_units(text: str, units: bytes, max_packets: int) -> list[str]:
    """Packets whose lengths are in UTF-16 units."""
    packets: list[str] = []
    position = 0
    while position < len(units):
        # No header is longer than this.
        head = units[position : position + 24].decode("utf-16-le", "replace")
        start, stop = _measure(_LENGTH.match(head), len(packets), max_packets)
        start, stop = position + 2 * start, position + 2 * stop
        if stop > len(units):
            raise ProtocolError("a packet ends before its length says")
        try:
            packets.append(units[start:stop].decode("utf-16-le"))
        except UnicodeDecodeError:
            raise ProtocolError("a length ends within a character") from None
        position = stop
    return packets


def _measure(header: re.Match[str] | None, count: int, max_packets: int) -> tuple[int, int]:
    """Where the packet behind a header begins and ends."""
    if header is None:
        raise ProtocolError("a packet without its length")
    if count == max_packets:
        raise LimitExceeded(f"more than {max_packets} packets in one payload")
    start = header.end()
    return start, start + int(header[1])


# Answers that are scripts, or pages.


def script_string(text: bytes) -> bytes:
    """UTF-8 text as a JavaScript string that is harmless in any script and any page."""
    return _UNSAFE.sub(_escape, orjson.dumps(text.decode()).decode()).encode()


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def encode_script(slot: int, text: bytes) -> bytes:
    """A script that hands ``text`` to the client's callback of that number."""
    return b"io.j[%d](%b);" % (slot, script_string(text))


def encode_script_error(slot: int, text: bytes) -> bytes:
    """The same for a handshake that was refused: browsers tell a page nothing else of it."""
    return b"io.j[%d](new Error(%b));" % (slot, script_string(text))


def decode_form(body: bytes) -> str:
    """The payload in a form that a script has posted: a JSON string in the field ``d``.

    :raises ProtocolError: there is no such field, or it is something else
    """
    payload = None
    for field in body.split(b"&", MAX_FORM_FIELDS):
        if field.startswith(b"d="):
            with suppress(ValueError):
                payload = orjson.loads(_unquote(field[2:].replace(b"+", b" ")))
    if type(payload) is not str:
        raise ProtocolError("a form without a JSON string in the field d")
    return payload


def _unquote(data: bytes) -> bytes:
    """Undo escapes, piece by piece: at once it takes sixty times as much memory."""
    result = bytearray()
    start = 0
    while start < len(data):
        stop = start + _PIECE
        # Not within an escape.
        escape = data.find(b"%", max(stop - 2, start), stop)
        if escape > start:
            stop = escape
        result += unquote_to_bytes(data[start:stop])
        start = stop
    return bytes(result)


def encode_page_part(packet: bytes) -> bytes:
    """One packet as a part of the page that ``htmlfile`` never ends."""
    return b"<script>_(%b);</script>" % script_string(packet).replace(b"/", b"\\/")


def encode_part(packet: bytes) -> bytes:
    """One packet as a part of the response that ``xhr-multipart`` never ends."""
    head = f"Content-Type: text/plain; charset=UTF-8\r\nContent-Length: {len(packet)}"
    return f"{head}\r\n\r\n".encode() + packet + f"\r\n--{BOUNDARY}\r\n".encode()


# Packets on their transports, as sessions want to know them.


def decode_text(text: str) -> EnginePacket:
    """One packet: what it is for the connection; all else is for Socket.IO to judge."""
    if text.startswith("2:"):
        return SIGN_OF_LIFE
    if text.startswith("8:"):
        return _NOOP
    return EnginePacket(EngineType.MESSAGE, text)


def decode_binary(data: bytes) -> EnginePacket:
    """:raises ProtocolError: there is no binary in this generation"""
    raise ProtocolError("binary from a Socket.IO 0.9 client")


def frame(message: Message) -> bytes:
    """A message as a WebSocket frame, made once and kept in the message."""
    if message.frame is None:
        message.frame = text_frame(message.text or b"")
    return message.frame


def packets_of(items: Sequence[Message | bytes]) -> list[bytes]:
    """Messages, and packets that are ready as they are, as they are sent."""
    return [(item.text or b"") if isinstance(item, Message) else item for item in items]


def encode_body(items: Sequence[Message | bytes], binary: bool) -> Body:
    """The answer to a poll."""
    return Body(join_payload(packets_of(items)))


def decode_body(body: bytes, binary: bool) -> Iterator[EnginePacket]:
    """The packets of a POST. Bytes that are not UTF-8 become U+FFFD.

    :raises ProtocolError: their lengths do not fit
    """
    return map(decode_text, decode_payload(body.decode("utf-8", "replace")))


def _no_opening(**about: object) -> bytes:
    return b""


DIALECT = Dialect(
    revision=1,
    connection=Connection,
    encode_open=_no_opening,
    decode_text=decode_text,
    decode_binary=decode_binary,
    frame=frame,
    frame_as_text=frame,
    text_prefix=b"",
    blob_prefix=b"",
    encode_payload=encode_body,
    decode_payload=decode_body,
    reads_binary=False,
)
