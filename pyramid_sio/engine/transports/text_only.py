"""WebSockets of clients that cannot take binary frames, or say so (``forceBase64``).

Upstream: ``engine.server`` makes these where a request says ``b64=1``. Downstream: the socket.
"""

from __future__ import annotations

from pyramid_sio.engine.transports.websocket import WebSocketTransport
from pyramid_sio.protocol.packets import Message


class TextOnlyWebSocket(WebSocketTransport):
    """A WebSocket that carries attachments as text, in base64 and uncompressed."""

    __slots__ = ()

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        if not message.blobs:
            return super().send(message, volatile, compress)
        if volatile and self._queue is not None and not self._corked:
            return False
        return self._write(self._dialect.frame_as_text(message))
