"""Rooms of one namespace in one process. Complete by itself.

Upstream: ``sockets`` joins, leaves and broadcasts. Downstream: each receiver's session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pyramid_sio.protocol.packets import Message, SocketPacket
from pyramid_sio.sockets.fanout import fan_out

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IFlags, ITarget
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.nsp import Nsp


class MemoryAdapter:
    """Who is in which room.

    Every connection is in the room named by its ``sid``, without an entry here: a room
    name that is somebody's ``sid`` means that connection alone, so joining a room of that
    name lets nobody listen in.

    :param sockets: the namespace's connections by ``sid``; the namespace keeps it current
    """

    def __init__(self, sockets: dict[str, Namespace]) -> None:
        self._sockets = sockets
        self._members: dict[str, set[Namespace]] = {}

    def __repr__(self) -> str:
        return f"<MemoryAdapter with {len(self._members)} rooms>"

    @property
    def rooms(self) -> list[str]:
        """The rooms that have members, those of single connections not included."""
        return list(self._members)

    def attach(self, nsp: Nsp) -> None:
        """Nothing: this adapter knows what it needs."""

    def enter(self, socket: Namespace) -> None:
        """Nothing: the namespace has it among its connections."""

    def has(self, room: object) -> bool:
        """Is anybody in this room?"""
        return room in self._members or room in self._sockets

    def add(self, socket: Namespace, rooms: Iterable[str]) -> None:
        """Make a connection a member."""
        for room in rooms:
            self._members.setdefault(room, set()).add(socket)

    def remove(self, socket: Namespace, rooms: Iterable[str]) -> None:
        """End a membership; harmless if there is none. A room without members is gone."""
        for room in rooms:
            members = self._members.get(room)
            if members is not None:
                members.discard(socket)
                if not members:
                    del self._members[room]

    def concerns(self, target: ITarget) -> bool:
        """Is a broadcast of any interest here?"""
        return any(True for _ in self.select(target))

    def select(self, target: ITarget) -> Iterable[Namespace]:
        """The connections a target means, each once; safe to change rooms while iterating."""
        if not target.excluded:
            if not target.rooms:
                return list(self._sockets.values())
            if len(target.rooms) == 1:
                return list(self._in_room(*target.rooms))
        return self._select_some(target)

    def _select_some(self, target: ITarget) -> list[Namespace]:
        left_out = {socket for room in target.excluded for socket in self._in_room(room)}
        if not target.rooms:
            return [socket for socket in self._sockets.values() if socket not in left_out]
        meant = {socket for room in target.rooms for socket in self._in_room(room)}
        return list(meant - left_out)

    def _in_room(self, room: str) -> Iterable[Namespace]:
        single = self._sockets.get(room)
        if single is not None:
            return (single,)
        return self._members.get(room, ())

    def broadcast(
        self,
        packet: SocketPacket,
        target: ITarget,
        flags: IFlags,
        messages: dict[object, Message] | None = None,
    ) -> None:
        """Send a packet to everybody selected, encoded once per kind of client.

        :param messages: what has been encoded already, by its encoder
        """
        fan_out(packet, self.select(target), flags, messages)

    def broadcast_with_ack(
        self, packet: SocketPacket, target: ITarget, flags: IFlags
    ) -> Iterator[Namespace]:
        """Receivers of a packet that wants acknowledging, each just before it is sent to."""
        messages: dict[object, Message] = {}
        for socket in self.select(target):
            yield socket
            message = messages.get(socket.codec)
            if message is None:
                message = messages[socket.codec] = socket.codec.encode(packet)
                message.packet = packet
            socket.out.send(message, flags.volatile, flags.compress)

    def ask_others(
        self, packet: SocketPacket, target: ITarget, flags: IFlags, changed: Callable[[], None]
    ) -> None:
        """Nothing: there are no others."""

    def fetch(self, target: ITarget, local: bool = False) -> list[Namespace]:
        """The connections a target means."""
        return list(self.select(target))

    def all_rooms(self) -> set[str]:
        """The rooms that have members, each connection's own included."""
        return {*self._sockets, *self._members}

    def server_count(self) -> int:
        """There is one."""
        return 1

    def users(self, target: ITarget) -> set[Any]:
        """The users of everybody selected who is connected, without those who are nobody."""
        users = {socket.user for socket in self.select(target) if socket.connected}
        users.discard(None)
        return users

    def watch_users(self, room: str | None) -> set[Any]:
        """Nobody is at other servers: there are none."""
        return set()

    def unwatch_users(self, room: str | None) -> None:
        """Nothing."""

    def join(self, target: ITarget, rooms: Iterable[str], local: bool = False) -> None:
        """Make everybody selected join rooms."""
        for socket in self.select(target):
            socket.place(rooms)

    def leave(self, target: ITarget, rooms: Iterable[str], local: bool = False) -> None:
        """Make everybody selected leave rooms."""
        for socket in self.select(target):
            socket.leave(*rooms)

    def disconnect(self, target: ITarget, close: bool, local: bool = False) -> None:
        """Disconnect everybody selected."""
        for socket in self.select(target):
            socket.disconnect(close)

    def server_side_emit(self, args: Sequence[Any], timeout: float | None) -> list[Any]:
        """Tell the other servers: there are none, so nobody answers."""
        return []

    def close(self) -> None:
        """Forget everybody."""
        self._members.clear()
