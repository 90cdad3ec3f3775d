"""What is done about what other servers say, to one namespace here.

Upstream: a line, with one message after the other. Downstream: ``adapters.memory`` for the clients
of this process; answers go back over the line.

In the thread that owns the clients' connections. Nothing here waits, or all servers would wait
for this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pyramid_sio.adapters.remote import describe, sendable
from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster import (
    AllRooms,
    AllSids,
    Broadcast,
    ClientAck,
    ClientCount,
    Disconnect,
    Done,
    Envelope,
    Fetch,
    Join,
    Leave,
    Message,
    Options,
    Rooms,
    ServerAnswer,
    ServerEmit,
    Sids,
    Sockets,
)
from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.sockets.broadcast import Flags, Target

if TYPE_CHECKING:
    from pyramid_sio.adapters.lines import ILine
    from pyramid_sio.adapters.memory import MemoryAdapter
    from pyramid_sio.adapters.questions import Questions
    from pyramid_sio.interfaces import IComplaints
    from pyramid_sio.sockets.nsp import Nsp


class Hearing:
    """One namespace's ears.

    :param nsp: gives the namespace, as long as there is one
    :param name: its name
    :param line: where answers go
    :param local: the clients of this process
    :param questions: what was asked of others
    :param complaints: for what others get wrong
    """

    def __init__(
        self,
        nsp: Callable[[], Nsp | None],
        name: str,
        *,
        line: ILine,
        local: MemoryAdapter,
        questions: Questions,
        complaints: IComplaints,
    ) -> None:
        self._nsp = nsp
        self._name = name
        self._line = line
        self._questions = questions
        self._complaints = complaints
        self.local = local
        #: Messages of others that were ignored, because they were none.
        self.ignored = 0
        #: True while something that came from outside is done: nothing may wait then.
        self.busy = False

    @property
    def _server(self) -> Any:
        nsp = self._nsp()
        assert nsp is not None
        return nsp.server

    def hear(self, envelope: Envelope) -> None:
        act = _ACTS.get(type(envelope.message))
        if act is None:
            self._questions.answer(envelope.message)
            return
        self.busy = True
        try:
            act(self, envelope.message, envelope.sender)
        except Exception as error:  # noqa: BLE001 - the next message is to be heard
            self.ignore(error)
        finally:
            self.busy = False

    def ignore(self, error: Exception) -> None:
        self.ignored += 1
        # What fails for another reason is a fault of ours.
        failed = None if isinstance(error, ProtocolError) else error
        rule = "a message of another server was ignored"
        self._complaints.add(rule, self._name, error, failed)

    def _hear_broadcast(self, message: Broadcast, sender: str | None) -> None:
        options, load, request_id = message
        target, flags = target_of(options), flags_of(options)
        if request_id is not None:
            self._hear_question(message, sender)
        elif self.local.concerns(target):
            packet = SocketPacket(SocketType.EVENT, self._name, load())
            self.local.broadcast(packet, target, flags)

    def _hear_question(self, message: Broadcast, sender: str | None) -> None:
        """Clients here are asked; what they answer goes to the server that asks."""
        options, load, request_id = message
        assert request_id is not None
        server = self._server
        sockets = list(self.local.select(target_of(options)))
        # Said first, also if there is none: who asks waits for it.
        self._line.answer(ClientCount(request_id, len(sockets)), sender)
        if not sockets:
            return
        timeout = min(options.timeout or server.ack_timeout, server.ack_timeout)
        id = server.next_ack_id()
        packet = SocketPacket(SocketType.EVENT, self._name, load(), id)

        def answer(args: Sequence[Any] | None) -> None:
            if args is not None:
                value = args[0] if args else None
                self._line.answer(ClientAck(request_id, value), sender)

        for socket in self.local.broadcast_with_ack(packet, target_of(options), flags_of(options)):
            socket.expect_ack(id, answer, timeout)

    def _hear_order(self, message: Join | Leave | Disconnect, sender: str | None) -> None:
        target = target_of(message.options)
        found = message.request_id is not None and any(True for _ in self.local.select(target))
        match message:
            case Join(_, rooms):
                self.local.join(target, _names(rooms))
            case Leave(_, rooms):
                self.local.leave(target, _names(rooms))
            case Disconnect(_, close):
                self.local.disconnect(target, close)
        if found and message.request_id is not None:
            self._line.answer(Done(message.request_id), sender)

    def _hear_fetch(self, message: Fetch, sender: str | None) -> None:
        found = [describe(socket) for socket in self.local.select(target_of(message.options))]
        try:
            self._line.answer(Sockets(message.request_id, found), sender)
        except TypeError:
            # What applications keep of their clients need not be fit for sending.
            fit = [{**told, "data": sendable(told["data"])} for told in found]
            self._line.answer(Sockets(message.request_id, fit), sender)

    def _hear_all_rooms(self, message: AllRooms, sender: str | None) -> None:
        rooms = list(self.local.all_rooms())
        self._line.answer(Rooms(message.request_id, rooms), sender)

    def _hear_all_sids(self, message: AllSids, sender: str | None) -> None:
        sids = [socket.sid for socket in self.local.select(Target(_names(message.rooms)))]
        self._line.answer(Sids(message.request_id, sids), sender)

    def _hear_server_emit(self, message: ServerEmit, sender: str | None) -> None:
        nsp = self._nsp()
        if nsp is not None and nsp.hears(message.args[0]):
            nsp.server.spawn(self._serve, nsp, message, sender)

    def _serve(self, nsp: Nsp, message: ServerEmit, sender: str | None) -> None:
        """Call listeners, which may wait."""
        event, *args = message.args
        value = nsp.receive_from_server(event, args)
        if message.request_id is not None:
            try:
                self._line.answer(ServerAnswer(message.request_id, value), sender)
            except TypeError as error:
                self._complaints.add("an answer cannot be sent", self._name, error)


_ACTS: dict[type[Message], Callable[[Hearing, Any, str | None], None]] = {
    Broadcast: Hearing._hear_broadcast,
    Join: Hearing._hear_order,
    Leave: Hearing._hear_order,
    Disconnect: Hearing._hear_order,
    Fetch: Hearing._hear_fetch,
    AllRooms: Hearing._hear_all_rooms,
    AllSids: Hearing._hear_all_sids,
    ServerEmit: Hearing._hear_server_emit,
}


def target_of(options: Options) -> Any:
    # Numbers among the rooms are rooms that nobody here is in.
    return Target(options.rooms, options.excluded)  # type: ignore[arg-type]


def flags_of(options: Options) -> Flags:
    return Flags(volatile=options.volatile, compress=options.compress)


def _names(rooms: Iterable[Any]) -> frozenset[str]:
    """The rooms that have a name: clients here are in no others."""
    return frozenset(room for room in rooms if isinstance(room, str))
