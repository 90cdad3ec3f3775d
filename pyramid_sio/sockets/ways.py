"""Where packets for one client go: held back before it is in, nowhere once it is gone.

Upstream: ``Namespace.out`` is one of these, or the session itself while the client is connected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyramid_sio.errors import DisconnectReason

if TYPE_CHECKING:
    from pyramid_sio.interfaces import ISession
    from pyramid_sio.protocol.packets import Message


class Held:
    """Stands in for the session until CONNECT has been sent, and keeps what is emitted.

    :param limit: bytes kept; a client for which there is more is disconnected
    """

    __slots__ = ("_limit", "_messages", "_released", "_session", "_size")

    def __init__(self, session: ISession, limit: int) -> None:
        self._session = session
        self._limit = limit
        self._size = 0
        self._messages: list[tuple[Message, bool]] = []
        self._released = False

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        if self._released:
            # By who has had it from before, and waited for the end of a transaction.
            return self._session.send(message, volatile, compress)
        if volatile:
            return False
        self._size += message.size
        if self._size > self._limit and self._messages:
            self._session.complain("too much was sent before on_connect ended", self._limit)
            self._session.close(DisconnectReason.SLOW_CLIENT)
            return False
        self._messages.append((message, compress))
        return True

    def release(self) -> None:
        """CONNECT has been sent: send what was kept."""
        self._released = True
        for message, compress in self._messages:
            self._session.send(message, False, compress)
        self._messages.clear()


class Gone:
    """Stands in for the session of a client that has left."""

    __slots__ = ()

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        return False
