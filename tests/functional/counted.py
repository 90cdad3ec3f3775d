"""A parser of an application's own: JSON, followed by its length. For tests only.

A packet is two messages, so its decoder has to remember the first.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.packets import Message, SocketPacket
from pyramid_sio.protocol.parsing import PacketEncoder, make_packet


class Encoder(PacketEncoder):
    """Text, and a binary message that says how long it was."""

    def __init__(self, default: Callable[[Any], Any] | None) -> None:
        self._default = default

    def encode(self, packet: SocketPacket) -> Message:
        text = json.dumps(list(packet), default=self._default).encode()
        return Message(text, [b"%d" % len(text)])


class Decoder:
    """The same in the other direction."""

    def __init__(self) -> None:
        self._text: str | None = None

    def add(self, chunk: str | bytes) -> SocketPacket | None:
        if isinstance(chunk, str):
            self._text = chunk
            return None
        text, self._text = self._text, None
        if text is None or int(chunk) != len(text):
            raise ProtocolError("a number that does not fit")
        type, namespace, data, id = json.loads(text)
        return make_packet(type, namespace, data, id)
