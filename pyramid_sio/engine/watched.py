"""Sessions that tell somebody what they do. Used only where somebody wants to know.

Upstream: ``engine.server`` makes these instead of plain sessions when told to.
Downstream: an ``IEngineWatcher``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyramid_sio.engine.session import Session
from pyramid_sio.errors import DisconnectReason
from pyramid_sio.protocol.connection import State

if TYPE_CHECKING:
    from pyramid_sio.engine.transports.websocket import WebSocketTransport
    from pyramid_sio.interfaces import IEngineWatcher, ITransport
    from pyramid_sio.protocol.packets import EnginePacket, Message


class WatchedSession(Session):
    """A session with a watcher; :func:`watched_by` makes the class."""

    __slots__ = ()

    watcher: IEngineWatcher

    def open(self, transport: ITransport) -> None:
        super().open(transport)
        self.watcher.opened(self)

    def receive_text(self, text: str) -> None:
        # What is no message comes by receive_packet.
        if text.startswith("4") and len(text) > 1:
            self.watcher.received((len(text) if text.isascii() else len(text.encode())) - 1)
        super().receive_text(text)

    def receive_packet(self, packet: EnginePacket) -> None:
        data = packet.data
        if data:
            self.watcher.received(len(data.encode()) if isinstance(data, str) else len(data))
        super().receive_packet(packet)

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        if super().send(message, volatile, compress):
            packets = len(message.blobs) + (message.text is not None)
            self.watcher.sent(packets, message.size)
            return True
        if self.connection.state is State.OPEN:
            self.watcher.dropped()
        return False

    def complete_upgrade(self, transport: WebSocketTransport) -> None:
        super().complete_upgrade(transport)
        self.watcher.upgraded(self)

    def close(self, reason: DisconnectReason = DisconnectReason.FORCED_CLOSE) -> None:
        was_open = self.connection.state is State.OPEN
        super().close(reason)
        if was_open:
            self.watcher.closed(self, reason)

    def end(self, reason: DisconnectReason) -> None:
        was_open = self.connection.state is State.OPEN
        super().end(reason)
        if was_open:
            self.watcher.closed(self, reason)


def watched_by(watcher: IEngineWatcher) -> type[WatchedSession]:
    """A class of sessions that tell ``watcher``."""
    return type("WatchedSession", (WatchedSession,), {"__slots__": (), "watcher": watcher})
