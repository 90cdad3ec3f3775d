"""Socket.IO protocol 4 and 3, of Socket.IO 1 and 2: what differs from protocol 5.

Upstream: ``sockets.generations``. Downstream: ``protocol.socket_v5``, which does the rest.

Source: Socket.IO protocol, revisions 4 and 3, "Packet encoding".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pyramid_sio.protocol import socket_v5
from pyramid_sio.protocol.packets import Message, SocketPacket

#: Protocol 3 has no type for an acknowledgement with attachments: all of them have a count.
_COUNTED_ACK = re.compile("3([0-9]+)-")
_NOT_ASCII = re.compile(rb"[^\x00-\x7f]+")


def decode_header(
    text: str, *, max_attachments: int = socket_v5.MAX_ATTACHMENTS
) -> tuple[SocketPacket, int]:
    """One packet, and how many binary messages must follow it.

    As :func:`pyramid_sio.protocol.socket_v5.decode_header`, which see for what it raises.
    """
    counted = _COUNTED_ACK.match(text) if text.startswith("3") else None
    if counted is not None:
        attachments = counted[1].strip("0")
        text = f"6{text[1:]}" if attachments else f"3{text[counted.end() :]}"
    return socket_v5.decode_header(text, max_attachments=max_attachments)


class Encoder(socket_v5.Encoder):
    """Packets to messages, whose JSON is ASCII.

    Clients of Socket.IO 1 decode polled text twice. Of ASCII that leaves what it was.
    """

    __slots__ = ()

    def encode_event(self, namespace: str, args: Sequence[Any], id: int | None = None) -> Message:
        return _to_ascii(super().encode_event(namespace, args, id), namespace)

    def encode_ack(self, namespace: str, args: Sequence[Any], id: int) -> Message:
        return _to_ascii(super().encode_ack(namespace, args, id), namespace)

    def encode(self, packet: SocketPacket) -> Message:
        return _to_ascii(super().encode(packet), packet.namespace)


def _to_ascii(message: Message, namespace: str) -> Message:
    """Escape what is not ASCII in the JSON of a message; the namespace is no JSON."""
    text = message.text
    assert text is not None
    if not text.isascii():
        begin = 0 if namespace.isascii() else text.index(b",") + 1
        message.text = text[:begin] + _NOT_ASCII.sub(_escape, text[begin:])
    return message


def _escape(match: re.Match[bytes]) -> bytes:
    digits = match[0].decode().encode("utf-16-be").hex()
    return b"".join(b"\\u%b" % digits[at : at + 4].encode() for at in range(0, len(digits), 4))
