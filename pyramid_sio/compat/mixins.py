"""Rooms and broadcasts for ``BaseNamespace``, under their old names.

Upstream: the application's classes. Downstream: the namespace's adapter, which knows who is
where; nobody is looked for among all connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid_sio.compat.adapted import Adapted
    from pyramid_sio.compat.virtual import Socket


class _Mixin:
    """What a mixin finds in the class it is mixed into."""

    if TYPE_CHECKING:
        socket: Socket
        session: dict[str, Any]
        ns_name: str
        _link: Adapted


class RoomsMixin(_Mixin):
    """For a namespace whose clients meet in rooms."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.session.setdefault("rooms", self.socket.rooms)

    def join(self, room: str) -> None:
        """Enter a room, which need not exist."""
        self._link.join(room)

    def leave(self, room: str) -> None:
        """Leave a room; harmless if this client is not in."""
        self._link.leave(room)

    def emit_to_room(self, room: str, event: str, *args: Any) -> None:
        """Send an event to everybody else in a room."""
        self._link.to(room).emit(event, *self.socket.to_json(args))

    def _get_room_name(self, room: str) -> str:
        """How a room of this namespace is called in ``session['rooms']``."""
        return f"{self.ns_name}_{room}"


class BroadcastMixin(_Mixin):
    """For a namespace that speaks to all its clients."""

    def broadcast_event(self, event: str, *args: Any) -> None:
        """Send an event to everybody in the namespace, this client too."""
        self._link.nsp.emit(event, *self.socket.to_json(args))

    def broadcast_event_not_me(self, event: str, *args: Any) -> None:
        """Send an event to everybody else in the namespace."""
        self._link.broadcast.emit(event, *self.socket.to_json(args))
