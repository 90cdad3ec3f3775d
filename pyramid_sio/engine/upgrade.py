"""A WebSocket that wants to take over a polling session.

Upstream: the candidate's transport hands in its packets. Downstream: ``engine.session``.

The session stays on polling until the client says ``5``; a candidate that fails in any
way leaves it untouched. Source: Engine.IO protocol, revision 4, "Upgrade".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyramid_sio.errors import DisconnectReason, ProtocolError
from pyramid_sio.protocol.connection import Upgrade

if TYPE_CHECKING:
    from pyramid_sio.engine.session import Session
    from pyramid_sio.engine.transports.websocket import WebSocketTransport

#: How often a poll that waits is released while the upgrade is pending, in seconds. Once is
#: not enough: the client may poll again before it has seen the answer to its probe.
RELEASE_INTERVAL = 0.1


class Rejected:
    """Receives nothing, from a WebSocket that was accepted only to be closed."""

    def receive_text(self, text: str) -> None: ...
    def receive_binary(self, data: bytes) -> None: ...
    def refuse(self, error: ProtocolError) -> None: ...
    def transport_ended(self, reason: DisconnectReason) -> None: ...

    def hold_if_behind(self, received: int) -> bool:
        return False


class Candidate:
    """Receives the packets of a WebSocket that is not yet the session's transport."""

    __slots__ = ("_release", "_timeout", "session", "transport")

    def __init__(self, session: Session, transport: WebSocketTransport) -> None:
        self.session = session
        self.transport = transport
        session.candidate = self
        transport.receiver = self
        self._timeout = session.call_later(session.engine.settings.upgrade_timeout, self._expire)
        self._release: Any = None

    def receive_text(self, text: str) -> None:
        if text == "2probe":
            self.transport.send_text(b"3probe")
            self._release_poll()
        elif text == "5":
            self._stop()
            self.session.complete_upgrade(self.transport)
        else:
            self._refuse()

    def receive_binary(self, data: bytes) -> None:
        self._refuse()

    def transport_ended(self, reason: DisconnectReason) -> None:
        self._stop()
        self.session.drop_candidate(self)

    def refuse(self, error: ProtocolError) -> None:
        self.session.complain("upgrade failed", error)
        self.fail()

    def hold_if_behind(self, received: int) -> bool:
        return False

    def fail(self) -> None:
        """Give the candidate up; the session goes on polling."""
        self._stop()
        self.session.drop_candidate(self)
        self.transport.abort(DisconnectReason.FORCED_CLOSE)

    def _refuse(self) -> None:
        self.session.complain("upgrade failed", "an unexpected packet before the upgrade")
        self.fail()

    def _expire(self) -> None:
        self.session.complain("upgrade timed out", "see sio.upgrade_timeout")
        self.fail()

    def _release_poll(self) -> None:
        if self.session.connection.upgrade is Upgrade.CANDIDATE:
            self.session.release_poll()
            if self._release is not None:
                self._release.cancel()
            self._release = self.session.call_later(RELEASE_INTERVAL, self._release_poll)

    def _stop(self) -> None:
        self._timeout.cancel()
        if self._release is not None:
            self._release.cancel()
            self._release = None
