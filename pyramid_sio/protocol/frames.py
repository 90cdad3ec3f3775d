"""WebSocket framing (RFC 6455), the part that every message goes through.

Upstream: ``engine.transports.websocket`` hands in what the socket gave.
Downstream: the same transport gets texts, blobs, and the frames that want the library.

This is no second WebSocket implementation. It finds where frames begin and end, decodes
whole, final, uncompressed data frames, and leaves everything else (fragments, control
frames, compression, whatever is wrong) to ``websockets``, frame by frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from websockets.speedups import apply_mask

from pyramid_sio.errors import DisconnectReason, LimitExceeded, ProtocolError
from pyramid_sio.protocol.packets import Message

FIN = 0x80
MASKED = 0x80
RESERVED_BITS = 0x70
OPCODE_BITS = 0x0F
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL_TEXT = FIN | TEXT
FINAL_BINARY = FIN | BINARY
#: Data frames; their payload counts towards the limit of a message.
DATA_OPCODES = frozenset((CONTINUATION, TEXT, BINARY))

#: Fragments of one message. No client needs nearly as many, and each costs as much as a message.
MAX_FRAGMENTS = 65536

#: Headers of unmasked, final text frames whose payload is below 126 bytes, each with the
#: Engine.IO digit for "message" behind it; the index is the length with that digit.
_SHORT_MESSAGE = tuple(bytes((FINAL_TEXT, length)) + b"4" for length in range(126))


class LibraryFrame(NamedTuple):
    """Bytes for the WebSocket library: one frame, or the start of one it must refuse."""

    data: bytes


class InvalidText(ProtocolError):
    """A text frame that is not UTF-8: close code 1007."""

    reason = DisconnectReason.TRANSPORT_ERROR
    close_code = 1007


class MessageTooLarge(LimitExceeded):
    """Fragments of one message, together too many or too long: close code 1009."""

    close_code = 1009


def frame_header(opcode: int, length: int) -> bytes:
    """The header of a final, unmasked frame: section 5.2 of RFC 6455."""
    if length < 126:
        return bytes((FIN | opcode, length))
    if length < 65536:
        return bytes((FIN | opcode, 126)) + length.to_bytes(2, "big")
    return bytes((FIN | opcode, 127)) + length.to_bytes(8, "big")


def text_frame(payload: bytes) -> bytes:
    """One text frame; ``payload`` is UTF-8."""
    return frame_header(TEXT, len(payload)) + payload


def message_frame(message: Message) -> bytes:
    """All frames of a message, as one piece, made once and kept in the message.

    Text and attachments are one unit: nothing may be sent between them.
    """
    frame = message.frame
    if frame is None:
        text = message.text
        if text is None:
            frame = b""
        elif len(text) < 125:
            frame = _SHORT_MESSAGE[len(text) + 1] + text
        else:
            frame = frame_header(TEXT, len(text) + 1) + b"4" + text
        for blob in message.blobs:
            frame += frame_header(BINARY, len(blob)) + blob
        message.frame = frame
    return frame


#: Payloads of a client's close frame that need no look: none, "normal" and "going away".
_ORDINARY_GOODBYES = frozenset((b"", (1000).to_bytes(2, "big"), (1001).to_bytes(2, "big")))


def answer_to_goodbye(frame: bytes) -> bytes | None:
    """The answer to an ordinary close frame; None: it is another frame, or no ordinary one.

    Every connection ends with one, so it is worth not asking the library.

    :param frame: one whole frame, or the start of one that breaks the rules
    """
    if frame[0] != FIN | CLOSE or len(frame) > 8 or not frame[1] & MASKED:
        return None
    payload = apply_mask(frame[6:], frame[2:6])
    return frame_header(CLOSE, len(payload)) + payload if payload in _ORDINARY_GOODBYES else None


class FrameReader:
    """Cuts a client's byte stream into messages.

    :param max_size: longest message accepted, in bytes; what is longer goes to the library
        as soon as its header is there, which then refuses it, so it is never collected
    """

    __slots__ = (
        "_collected",
        "_fragments",
        "_needed",
        "_pending",
        "_short",
        "in_fragments",
        "max_size",
    )

    def __init__(self, max_size: int) -> None:
        self.max_size = max_size
        #: True while a fragmented message is being received; only then may a continuation come.
        self.in_fragments = False
        #: How many fragments of it have come, and how long they were together.
        self._fragments = 0
        self._collected = 0
        self._pending: bytearray | None = None
        self._needed = 0
        #: Frames below this length need no closer look.
        self._short = min(126, max_size + 1)

    def feed(self, data: bytes) -> Iterator[str | bytes | LibraryFrame]:
        """Yield what ``data`` completes: text as str, binary as bytes, the rest raw.

        Must be exhausted before the next call, unless the connection is given up.

        :raises InvalidText: a text that is not UTF-8
        :raises MessageTooLarge: fragments beyond the limits
        """
        if self._pending is not None:
            self._pending += data
            if len(self._pending) < self._needed:
                return
            data = bytes(self._pending)
            self._pending = None
        position = 0
        end = len(data)
        short = self._short
        while end - position >= 2:
            first = data[position]
            length = data[position + 1] - MASKED
            if 0 <= length < short and (first == FINAL_TEXT or first == FINAL_BINARY):
                start = position + 6
            else:
                start, length = self._measure(data, position)
                if start < 0:
                    yield LibraryFrame(data[position:])
                    return
            stop = start + length
            if stop > end or start > end:
                self._needed = stop - position
                break
            if not self.in_fragments and (first == FINAL_TEXT or first == FINAL_BINARY):
                payload = apply_mask(data[start:stop], data[start - 4 : start])
                if first == FINAL_TEXT:
                    try:
                        yield payload.decode()
                    except UnicodeDecodeError as exc:
                        raise InvalidText("text message is not UTF-8") from exc
                else:
                    yield payload
            else:
                if first & OPCODE_BITS in DATA_OPCODES:
                    self._count_fragment(first, length)
                yield LibraryFrame(data[position:stop])
            position = stop
        else:
            self._needed = 2
        if position < end:
            self._pending = bytearray(data[position:]) if position else bytearray(data)

    def forget(self) -> None:
        """Give up what has been received of a frame: the connection is over."""
        self._pending = None

    def _count_fragment(self, first: int, length: int) -> None:
        """:raises MessageTooLarge: it is one too many"""
        self.in_fragments = not first & FIN
        if not self.in_fragments:
            self._fragments = self._collected = 0
            return
        self._fragments += 1
        self._collected += length
        if self._fragments > MAX_FRAGMENTS:
            raise MessageTooLarge(f"more than {MAX_FRAGMENTS} fragments in one message")

    def _measure(self, data: bytes, position: int) -> tuple[int, int]:
        """Where the payload starts and how long it is; -1 where the library must refuse it.

        With a header that has not arrived whole, the start lies behind the end of ``data``.

        :raises MessageTooLarge: a fragment that makes its message too long
        """
        first, second = data[position], data[position + 1]
        if not second & MASKED:
            return -1, 0
        length = second & 0x7F
        start = position + 6
        if length == 126:
            start = position + 8
            if len(data) < start:
                return start, 0
            length = int.from_bytes(data[position + 2 : position + 4], "big")
        elif length == 127:
            start = position + 14
            if len(data) < start:
                return start, 0
            length = int.from_bytes(data[position + 2 : position + 10], "big")
        if length > self.max_size or (first & OPCODE_BITS >= CLOSE and length > 125):
            return -1, 0
        if first & OPCODE_BITS == CONTINUATION and self._collected + length > self.max_size:
            raise MessageTooLarge(f"fragments of more than {self.max_size} bytes in one message")
        return start, length
