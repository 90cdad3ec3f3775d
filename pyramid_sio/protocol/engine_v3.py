"""Engine.IO revision 3, of Socket.IO 1 and 2: packets, and the two kinds of payloads.

Upstream: ``engine.session`` and its transports, by :data:`DIALECT`. Downstream: nothing; all
functions are pure.

Source: Engine.IO protocol, revision 3, "Encoding"; what clients of Socket.IO 1 make of it was
taken from them.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Sequence

from pyramid_sio.errors import LimitExceeded, ProtocolError
from pyramid_sio.protocol.connection import ClientPings
from pyramid_sio.protocol.dialect import OCTET_STREAM, Body, Dialect
from pyramid_sio.protocol.engine_v4 import MAX_PACKETS, decode_base64, encode_open
from pyramid_sio.protocol.frames import BINARY, frame_header, message_frame, text_frame
from pyramid_sio.protocol.packets import EnginePacket, EngineType, Message

#: Digits of a packet's length. No limit on the size of a POST needs more.
MAX_DIGITS = 10

#: The type of a message where packets are binary: a number, not a digit.
BLOB_PREFIX = b"\x04"
_IS_TEXT, _IS_BINARY, _END_OF_LENGTH = 0x00, 0x01, 0xFF

_TYPES = {str(kind.value): kind for kind in EngineType}
_BY_NUMBER = dict(enumerate(EngineType))
_NOTHING = EnginePacket(EngineType.NOOP)
#: A whole length, or one that is too long already. ASCII digits: int() knows others too.
_LENGTH = re.compile(f"([0-9]{{1,{MAX_DIGITS}}}):")


# To the client.


def encode_payload(items: Sequence[Message | bytes], binary: bool) -> Body:
    """The answer to a poll: messages, and packets that are ready as they are.

    :param binary: can the client take it as bytes? It is, if there is anything binary in it
    """
    if binary and any(isinstance(item, Message) and item.blobs for item in items):
        return Body(b"".join(map(_encode_binary, items)), OCTET_STREAM)
    return Body(b"".join(map(_encode_text, items)))


def _encode_text(item: Message | bytes) -> bytes:
    """Each packet with its length before it; made once for all receivers of a message."""
    if not isinstance(item, Message):
        return _with_length(item)
    polled = item.polled
    if polled is None:
        polled = item.polled = (b"".join(map(_with_length, _packets(item))),)
    return polled[0]


def _packets(message: Message) -> Iterator[bytes]:
    """Its text, then each blob in base64, both with the type before them."""
    if message.text is not None:
        yield b"4" + message.text
    for blob in message.blobs:
        yield b"b4" + b2a_base64(blob, newline=False)


def _with_length(packet: bytes) -> bytes:
    # JavaScript's length: what lies beyond the first plane counts two.
    length = len(packet) if packet.isascii() else len(packet.decode().encode("utf-16-le")) // 2
    return b"%d:%b" % (length, packet)


def _encode_binary(item: Message | bytes) -> bytes:
    if not isinstance(item, Message):
        return _with_header(_IS_TEXT, item)
    blobs = b"".join(_with_header(_IS_BINARY, BLOB_PREFIX + blob) for blob in item.blobs)
    return blobs if item.text is None else _with_header(_IS_TEXT, b"4" + item.text) + blobs


def _with_header(kind: int, packet: bytes) -> bytes:
    digits = map(int, str(len(packet)))
    return bytes((kind, *digits, _END_OF_LENGTH)) + packet


def frame(message: Message) -> bytes:
    """All WebSocket frames of a message, as one piece, made once and kept in the message."""
    if not message.blobs:
        return message_frame(message)
    if message.frame is None:
        frames = b"" if message.text is None else text_frame(b"4" + message.text)
        for blob in message.blobs:
            frames += frame_header(BINARY, len(blob) + 1) + BLOB_PREFIX + blob
        message.frame = frames
    return message.frame


def frame_as_text(message: Message) -> bytes:
    """The same for a client that cannot take binary frames; not kept."""
    return b"".join(map(text_frame, _packets(message)))


# From the client.


def decode_text(text: str) -> EnginePacket:
    """One packet: a WebSocket text frame, or a part of a payload.

    :raises ProtocolError: an empty packet, or an unknown type
    """
    kind = _TYPES.get(text[:1])
    if kind is not None:
        return EnginePacket(kind, text[1:])
    if text[:1] == "b" and (kind := _TYPES.get(text[1:2])) is not None:
        return EnginePacket(kind, decode_base64(text[2:]))
    raise ProtocolError("unknown Engine.IO packet type" if text else "empty Engine.IO packet")


def decode_binary(data: bytes) -> EnginePacket:
    """One packet as bytes: its type is a number.

    :raises ProtocolError: an empty packet, or an unknown type
    """
    kind = _BY_NUMBER.get(data[0]) if data else None
    if kind is None:
        raise ProtocolError("unknown type of a binary Engine.IO packet")
    return EnginePacket(kind, data[1:])


def decode_payload(
    body: bytes,
    binary: bool = False,
    *,
    max_packets: int = MAX_PACKETS,
) -> Iterator[EnginePacket]:
    """Yield the packets of a POST body, as far as they are good.

    Clients of Socket.IO 1 encode text twice. Nothing else tells them from those of Socket.IO 2,
    so text that can have been encoded twice is taken to be.

    :param binary: its content type says that it is bytes
    :param max_packets: how many packets are accepted
    :raises ProtocolError: at a bad packet
    :raises LimitExceeded: at the packet that is one too many
    """
    if not body:
        raise ProtocolError("empty payload")
    packets = _decode_bytes(body) if binary else _decode_characters(body)
    for count, packet in enumerate(packets):
        if count == max_packets:
            raise LimitExceeded(f"more than {max_packets} packets in one payload")
        yield packet


def _decode_characters(body: bytes) -> Iterator[EnginePacket]:
    """``<length>:<packet>``, again and again; an empty packet means nothing."""
    text = body.decode("utf-8", "replace")
    cut, end = _in_units(text)
    # All of it, or none: one character that cannot be such a byte speaks for the others.
    is_double = _undouble(text) is not text
    position = 0
    while position < end:
        match = _LENGTH.match(cut(position, position + MAX_DIGITS + 1))
        if match is None:
            raise ProtocolError("a packet without its length")
        start = position + match.end()
        position = start + int(match[1])
        if position > end:
            raise ProtocolError("a payload that ends before its last packet")
        packet = cut(start, position)
        if packet:
            yield decode_text(_undouble(packet) if is_double else packet)
        else:
            yield _NOTHING


def _in_units(text: str) -> tuple[Callable[[int, int], str], int]:
    """What cuts a piece out of a text, and the text's length, both by JavaScript's counting."""
    if text.isascii() or max(text) <= "\uffff":
        return lambda start, stop: text[start:stop], len(text)
    units = text.encode("utf-16-le")
    return (
        lambda start, stop: units[2 * start : 2 * stop].decode("utf-16-le", "replace"),
        len(units) // 2,
    )


def _undouble(text: str) -> str:
    """Text that was UTF-8 once already, as characters up to U+00FF; other text as it is."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _decode_bytes(body: bytes) -> Iterator[EnginePacket]:
    """``<0 or 1><digits as numbers><255><packet>``, again and again."""
    position = 0
    while position < len(body):
        kind = body[position]
        # The end of the length is looked for where it can be, and not to the end of the body.
        end = body.find(_END_OF_LENGTH, position, position + MAX_DIGITS + 2)
        digits = body[position + 1 : end]
        if kind > _IS_BINARY or end < 0 or not digits or max(digits) > 9:
            raise ProtocolError("a binary payload with a packet that has no length")
        position = end + 1 + int("".join(map(str, digits)))
        if position > len(body):
            raise ProtocolError("a payload that ends before its last packet")
        packet = body[end + 1 : position]
        if kind == _IS_BINARY:
            yield decode_binary(packet)
        else:
            yield decode_text(packet.decode("utf-8", "replace"))


DIALECT = Dialect(
    revision=3,
    connection=ClientPings,
    encode_open=encode_open,
    decode_text=decode_text,
    decode_binary=decode_binary,
    frame=frame,
    frame_as_text=frame_as_text,
    text_prefix=b"4",
    blob_prefix=BLOB_PREFIX,
    encode_payload=encode_payload,
    decode_payload=decode_payload,
    reads_binary=True,
)
