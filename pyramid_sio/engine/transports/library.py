"""The ``websockets`` library, for the frames the fast path leaves to it.

Upstream: ``engine.transports.websocket``, which makes one when the first such frame comes,
or at once when compression was agreed on. Downstream: the library's Sans-I/O protocol.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import Protocol, Side, State

from pyramid_sio.errors import DisconnectReason, ProtocolError
from pyramid_sio.protocol.frames import InvalidText
from pyramid_sio.protocol.packets import Message

if TYPE_CHECKING:
    from websockets.extensions import Extension

    from pyramid_sio.protocol.dialect import Dialect

# The library logs each frame at DEBUG; a logger of ours keeps that apart.
logger = logging.getLogger("pyramid_sio.engine.websockets")

#: Messages below this many bytes are sent uncompressed: it would hardly make them shorter.
COMPRESS_FROM = 1024


class WebSocketViolation(ProtocolError):
    """The client broke RFC 6455; the library has queued a close frame that says how."""

    reason = DisconnectReason.TRANSPORT_ERROR


class PeerClosed(Exception):
    """The client sent a close frame; the answer is queued."""


class Library:
    """The library's state for one connection. Pure: bytes in, messages and bytes out.

    :param max_size: longest message accepted, in bytes, after decompression
    :param extensions: what the opening handshake agreed on
    """

    __slots__ = ("_fragments", "_protocol")

    def __init__(self, max_size: int, extensions: list[Extension]) -> None:
        self._protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=max_size, logger=logger)
        self._protocol.extensions = extensions
        self._fragments: tuple[Opcode, bytearray] | None = None

    @property
    def compresses(self) -> bool:
        return bool(self._protocol.extensions)

    def receive(self, data: bytes) -> Iterator[str | bytes]:
        """Feed one frame; yields a message if it completes one.

        :meth:`to_send` must be sent afterwards, also if this raises.

        :raises PeerClosed: the client says goodbye
        :raises WebSocketViolation: what it sent breaks the protocol, or a limit
        :raises InvalidText: a text that is not UTF-8
        """
        protocol = self._protocol
        protocol.receive_data(data)
        for frame in protocol.events_received():
            if isinstance(frame, Frame) and frame.opcode in DATA_OPCODES:
                yield from self._collect(frame)
        if protocol.close_rcvd is not None:
            raise PeerClosed
        if protocol.close_sent is not None:
            close = protocol.close_sent
            raise WebSocketViolation(f"close code {close.code}: {close.reason}")

    def _collect(self, frame: Frame) -> Iterator[str | bytes]:
        """Put fragments together; the library has checked their order and total size."""
        if frame.opcode is not Opcode.CONT:
            self._fragments = (frame.opcode, bytearray(frame.data))
        elif self._fragments is not None:
            self._fragments[1].extend(frame.data)
        if frame.fin and self._fragments is not None:
            (opcode, data), self._fragments = self._fragments, None
            if opcode is Opcode.BINARY:
                yield bytes(data)
                return
            try:
                yield data.decode()
            except UnicodeDecodeError as exc:
                raise InvalidText("text message is not UTF-8") from exc

    def to_send(self) -> bytes:
        """What the library wants to have sent: pongs, close frames, what was compressed."""
        return b"".join(self._protocol.data_to_send())

    def compressed(self, message: Message, dialect: Dialect) -> bytes:
        """All frames of a message, compressed if that is worth it."""
        if message.size < COMPRESS_FROM:
            return dialect.frame(message)
        if message.text is not None:
            self._protocol.send_text(dialect.text_prefix + message.text)
        for blob in message.blobs:
            self._protocol.send_binary(dialect.blob_prefix + blob)
        return self.to_send()
