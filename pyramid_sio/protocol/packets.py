"""The packets all codecs share.

Upstream: every codec in this folder. Downstream: ``engine`` and ``sockets``.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple


class EngineType(IntEnum):
    """Engine.IO packet types; the value is the digit on the wire."""

    OPEN = 0
    CLOSE = 1
    PING = 2
    PONG = 3
    MESSAGE = 4
    UPGRADE = 5
    NOOP = 6


class EnginePacket(NamedTuple):
    """One Engine.IO packet; ``data`` is bytes for a binary message only."""

    type: EngineType
    data: str | bytes = ""


class SocketType(IntEnum):
    """Socket.IO packet types; the value is the digit on the wire."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


class SocketPacket(NamedTuple):
    """One Socket.IO packet.

    A decoded packet is never of a BINARY type: with its attachments in place it is an
    EVENT or an ACK again.

    :param namespace: ``"/"`` or ``"/name"``
    :param data: EVENT: ``[name, *arguments]``; ACK: ``[*arguments]``; CONNECT and
        CONNECT_ERROR: the payload, or None
    :param id: the acknowledgement id, or None
    """

    type: SocketType
    namespace: str = "/"
    data: Any = None
    id: int | None = None


class Message:
    """One Socket.IO packet, encoded: an indivisible unit of sending.

    The same object goes to every receiver of a broadcast, so what is derived from it
    (``frame``, ``polled``) is made once and kept.

    :param text: the UTF-8 text, without the Engine.IO type digit; None when the parser
        produces binary only
    :param blobs: the binary messages that follow it, in order
    """

    __slots__ = ("blobs", "frame", "packet", "polled", "text")

    def __init__(self, text: bytes | None, blobs: Sequence[bytes] = ()) -> None:
        self.text = text
        self.blobs = blobs
        #: What was encoded, where somebody may want to look at it on its way.
        self.packet: SocketPacket | None = None
        #: WebSocket bytes, unmasked and uncompressed, by whoever sends it first there.
        self.frame: bytes | None = None
        #: The packets of a polling payload, by whoever sends it first there.
        self.polled: tuple[bytes, ...] | None = None

    @property
    def size(self) -> int:
        """What it counts for in a bounded queue, in bytes."""
        return len(self.text or b"") + sum(map(len, self.blobs))
