"""Rooms in one process whose clients can come back after their connection broke.

Upstream: ``sockets.recovery`` asks who comes back, ``sockets`` joins, leaves and broadcasts.
Downstream: ``adapters.memory`` for who is in which room, ``adapters.recovery_log`` for what
they missed.

Source: Socket.IO 4.6, connection state recovery: ``pid`` in CONNECT, offset as last argument.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pyramid_sio.adapters.memory import MemoryAdapter
from pyramid_sio.adapters.recovery_log import Log, RecoveryLog, Source, Ticket
from pyramid_sio.protocol.packets import Message, SocketPacket
from pyramid_sio.sockets.broadcast import Target
from pyramid_sio.sockets.recovery import Recovered

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IEncoder, IFlags, ITarget
    from pyramid_sio.sockets.namespace import Namespace

#: Random bytes of a client's secret.
PID_BYTES = 18


class RecoveringAdapter(MemoryAdapter):
    """A :class:`MemoryAdapter` that remembers clients and what they were to get.

    An offset goes with every event that wants no acknowledgement, volatile ones included:
    clients take whatever string comes last in an event for one.

    :param kept: what all namespaces share
    :param encoder: the server's; clients that can come back speak through it
    :param patience: seconds to wait for the end of a connection that a client has left behind
    :param mark: what the secrets of clients begin with
    """

    def __init__(
        self,
        sockets: dict[str, Namespace],
        *,
        kept: RecoveryLog,
        encoder: IEncoder,
        make_event: Callable[[], Any],
        patience: float,
        mark: str = "",
    ) -> None:
        super().__init__(sockets)
        self._mark = mark
        self._kept = kept
        self._encoder = encoder
        self._make_event = make_event
        self._patience = patience
        self._log = Log()
        #: What is set when a client's old connection has ended, by its secret.
        self._awaited: dict[str, Any] = {}

    def add(self, socket: Namespace, rooms: Iterable[str]) -> None:
        # Nobody may listen in on a client that is away, in a room of its name.
        names = [room for room in rooms if room not in self._log.sids]
        super().add(socket, names)
        ticket = self._ticket(socket)
        if ticket is not None:
            ticket.join(names, self._kept.last)

    def remove(self, socket: Namespace, rooms: Iterable[str]) -> None:
        super().remove(socket, rooms)
        ticket = self._ticket(socket)
        if ticket is None:
            return
        if self._sockets.get(socket.sid) is socket:
            ticket.leave(rooms, self._kept.last)
        elif ticket.gone_at is None:
            # Its connection is gone: it keeps its rooms, for its return.
            ticket.gone_at = self._kept.clock()

    def broadcast(
        self,
        packet: SocketPacket,
        target: ITarget,
        flags: IFlags,
        messages: dict[object, Message] | None = None,
    ) -> None:
        numbered, message = self._keep_event(packet, target, flags)
        # Earlier clients cannot come back: their handlers expect no offset.
        messages = {self._encoder: message or self._encode(numbered)}
        super().broadcast(packet, target, flags, messages)

    def send(self, socket: Namespace, packet: SocketPacket, flags: IFlags) -> None:
        target = Target(frozenset((socket.sid,)))
        numbered, message = self._keep_event(packet, target, flags)
        ticket = self._kept.tickets.get(socket.pid or "")
        # It may be what somebody still holds of a client that has come back since.
        receiver = socket if ticket is None or ticket.socket is None else ticket.socket
        if receiver.codec is not self._encoder:
            message = receiver.codec.encode(packet)
            message.packet = packet
        elif message is None:
            message = self._encode(numbered)
        receiver.out.send(message, flags.volatile, flags.compress)

    def _keep_event(
        self, packet: SocketPacket, target: ITarget, flags: IFlags
    ) -> tuple[SocketPacket, Message | None]:
        """Add the offset; if somebody may come back for the event, number and log it as well."""
        kept = self._kept
        if flags.volatile or not self._is_logging():
            return packet._replace(data=(*packet.data, kept.offset)), None
        kept.last += 1
        packet = packet._replace(data=(*packet.data, kept.offset))
        message = self._encode(packet)
        kept.add(self._log, message, target, self._source())
        return packet, message

    def _is_logging(self) -> bool:
        """Could somebody come back for an event of this moment?"""
        return bool(self._log.sids)

    def _source(self) -> Source | None:
        """Who has said the event that is kept, as other processes know it as well."""
        return None

    def _encode(self, packet: SocketPacket) -> Message:
        message = self._encoder.encode(packet)
        message.packet = packet
        return message

    # Coming and going; see ``interfaces.IRecoveringAdapter``.

    def begin(self, socket: Namespace) -> str:
        pid = self._mark + secrets.token_urlsafe(PID_BYTES)
        self._kept.begin(pid, socket, self._log)
        return pid

    def restore(self, socket: Namespace, pid: str, offset: str | None) -> Recovered | None:
        ticket = self.find_away(pid)
        if ticket is None:
            return None
        missed = self._kept.missed(ticket, offset)
        if missed is None:
            self._kept.drop(ticket)
            return None
        ticket.socket = socket
        return Recovered(ticket.sid, ticket.rooms, ticket.session, missed)

    def find_away(self, pid: str) -> Ticket | None:
        """The ticket of a client that is away; one that comes back is made so. May wait."""
        ticket = self._kept.tickets.get(pid)
        if ticket is None or ticket.log is not self._log:
            return None
        if ticket.socket is not None:
            self._end_connection(ticket)
            # Somebody else may have come with the same secret meanwhile.
            if ticket.socket is not None or pid not in self._kept.tickets:
                return None
        return ticket

    def _end_connection(self, ticket: Ticket) -> None:
        """The client has left its old connection behind, without this end having noticed yet."""
        ended = self._awaited.get(ticket.pid)
        if ended is None:
            ended = self._awaited[ticket.pid] = self._make_event()
        ticket.socket.abandon()
        ended.wait(self._patience)

    def keep(self, socket: Namespace) -> None:
        ticket = self._ticket(socket)
        if ticket is not None:
            self._kept.keep(ticket)
            self._tell_ended(ticket)

    def drop(self, socket: Namespace) -> None:
        ticket = self._ticket(socket)
        if ticket is not None:
            self._kept.drop(ticket)
            self._tell_ended(ticket)

    def _tell_ended(self, ticket: Ticket) -> None:
        ended = self._awaited.pop(ticket.pid, None)
        if ended is not None:
            ended.set()

    def _ticket(self, socket: Namespace) -> Ticket | None:
        """The ticket of a client that has one, and is the one who has it now."""
        ticket = self._kept.tickets.get(socket.pid) if socket.pid is not None else None
        return ticket if ticket is not None and ticket.socket is socket else None
