"""The namespace that the admin UI connects to, and the commands it sends.

Upstream: the UI. Downstream: the chains of ``sockets.broadcast``, as any application uses
them; ``admin.watch`` tells the UI what happens.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pyramid_sio.admin.watch import Watch
from pyramid_sio.errors import EventError
from pyramid_sio.sockets.broadcast import Broadcast
from pyramid_sio.sockets.handlers import on
from pyramid_sio.sockets.namespace import Namespace

if TYPE_CHECKING:
    from pyramid_sio.sockets.nsp import Nsp

logger = logging.getLogger(__name__)


class Watching(Namespace):
    """An admin who may look."""

    watch: Watch

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        # The password must not be seen by whoever looks at connections later.
        self.auth = None
        login = self.watch.settings.login
        if login is not None:
            audience = self.watch.audience
            elsewhere = audience.remaining_elsewhere if audience.shared else None
            session = login.admit(auth, self.handshake.address, elsewhere)
            if session is not None:
                self.emit("session", session)


class Steering(Watching):
    """An admin who may also do something.

    The filter of a command is a room or the id of a connection; without one, the whole
    namespace is meant.
    """

    @on("emit")
    def emit_for_admin(self, nsp: str, filter: str | None, event: str, *args: Any) -> None:
        """Send an event."""
        try:
            self._chosen("emit", nsp, filter).emit(event, *args)
        except ValueError as exc:
            raise EventError(str(exc)) from None

    @on("join")
    def join_for_admin(self, nsp: str, room: str, filter: str | None = None) -> None:
        """Make connections join a room."""
        self._chosen("join", nsp, filter).join(room)

    @on("leave")
    def leave_for_admin(self, nsp: str, room: str, filter: str | None = None) -> None:
        """Make connections leave a room."""
        self._chosen("leave", nsp, filter).leave(room)

    @on("_disconnect")
    def disconnect_for_admin(
        self, nsp: str, close: bool = False, filter: str | None = None
    ) -> None:
        """Disconnect connections."""
        self._chosen("disconnect", nsp, filter).disconnect(close)

    def _chosen(self, command: str, name: str, filter: str | None) -> Broadcast:
        """Those a command is for; :raises EventError: there is no such namespace"""
        nsp = self._find(name)
        if nsp is None:
            raise EventError("no such namespace")
        logger.info("admin %s: %s in %s, filter %.100r", self.sid, command, nsp.name, filter)
        return nsp.to(filter) if filter else nsp.chain()

    def _find(self, name: str) -> Nsp | None:
        server = self.nsp.server
        for nsp in server.namespaces():
            if nsp.name == name:
                return nsp
        # One that came from a pattern may be at other servers only.
        return server.find(name, None) if self.watch.audience.shared else None


def console_class(watch: Watch) -> type[Watching]:
    """The class that serves the admin namespace."""
    base = Watching if watch.settings.readonly else Steering
    return type("Admin", (base,), {"watch": watch, "__module__": __name__})
