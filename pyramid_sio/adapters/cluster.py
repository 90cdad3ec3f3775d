"""Rooms of one namespace on several servers: local delivery, and the remote half of each verb.

Upstream: ``sockets``, as with any adapter. Downstream: ``adapters.memory`` for the clients of
this process; an ``ILine`` for those of others, whatever its wire format.

What is said to others is queued, never waited for, so that clients of this process get theirs
however the cluster does. Questions wait in the greenlet that asks, for a limited time.
"""

from __future__ import annotations

import itertools
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import gevent

from pyramid_sio.adapters.hearing import Hearing
from pyramid_sio.adapters.memory import MemoryAdapter
from pyramid_sio.adapters.presence import Elsewhere
from pyramid_sio.adapters.questions import Inquiry, Question, Questions
from pyramid_sio.adapters.remote import RemoteSocket
from pyramid_sio.errors import AckTimeout, ProtocolError
from pyramid_sio.protocol.cluster import (
    AllRooms,
    Broadcast,
    Disconnect,
    Fetch,
    Join,
    Leave,
    Options,
    ServerEmit,
)
from pyramid_sio.protocol.packets import SocketPacket
from pyramid_sio.sockets.broadcast import Target

if TYPE_CHECKING:
    from pyramid_sio.adapters.lines import ILine, ISubscription
    from pyramid_sio.interfaces import IComplaints, IFlags, ITarget
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.nsp import Nsp

EVERYBODY = Target()
#: Seconds that joining a room waits until others can be heard there, and for how long nothing
#: is waited for after that was in vain.
ROOM_PATIENCE = 1.0
HURRY = 10.0


class ClusterAdapter:
    """One namespace here, as a member of a cluster.

    :param sockets: the namespace's connections by ``sid``
    :param new_line: makes the way to the other servers, for a namespace's name
    :param timeout: seconds that other servers may take to answer
    :param complaints: for what others get wrong
    :param local: delivers to the clients of this process; None: in the usual way
    :param presence_interval: seconds after which users at other servers are asked for again,
        while somebody watches them
    """

    def __init__(
        self,
        sockets: dict[str, Namespace],
        *,
        new_line: Callable[[str], ILine],
        timeout: float,
        complaints: IComplaints,
        local: MemoryAdapter | None = None,
        presence_interval: float = 3.0,
    ) -> None:
        self.local = local or MemoryAdapter(sockets)
        self._sockets = sockets
        self._new_line = new_line
        self._timeout = timeout
        self._complaints = complaints
        self._presence_interval = presence_interval
        self._questions = Questions()
        self._nsp: Callable[[], Nsp | None] = lambda: None
        self._line: ILine
        #: Rooms that cannot be heard yet, or could not when they were opened.
        self._opening: dict[str, ISubscription] = {}
        #: Until when nothing is waited for: it was in vain a moment ago.
        self._hurry_until = 0.0
        self._hearing: Hearing
        self._elsewhere: Elsewhere

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.local!r}>"

    def attach(self, nsp: Nsp) -> None:
        self._nsp = weakref.ref(nsp)
        self._line = self._new_line(nsp.name)
        self._hearing = Hearing(
            self._nsp,
            nsp.name,
            line=self._line,
            local=self.local,
            questions=self._questions,
            complaints=self._complaints,
        )
        self._elsewhere = Elsewhere(
            self._line,
            self._nsp,
            nsp.server,
            local=self.local,
            timeout=self._timeout,
            interval=self._presence_interval,
            complaints=self._complaints,
        )
        # First: whoever is counted among the servers of the line then hears of users as well.
        self._elsewhere.open()
        self._line.open(self._hearing.hear, self.local.has)

    @property
    def _server(self) -> Any:
        nsp = self._nsp()
        assert nsp is not None
        return nsp.server

    def close(self) -> None:
        self._elsewhere.close()
        self._line.close()
        self.local.close()

    # Rooms of this process.

    def enter(self, socket: Namespace) -> None:
        if self._line.opens_rooms:
            self._open_rooms((socket.sid,))

    def add(self, socket: Namespace, rooms: Iterable[str]) -> None:
        if not self._line.opens_rooms:
            self.local.add(socket, rooms)
            return
        new = [room for room in rooms if not self.local.has(room)]
        self.local.add(socket, rooms)
        self._open_rooms(new)
        self._await_rooms(rooms)

    def _open_rooms(self, rooms: Iterable[str]) -> None:
        """Hear what is sent to rooms from now on."""
        for room in rooms:
            subscription = self._line.open_room(room)
            if not subscription.active:
                self._opening[room] = subscription

    def _await_rooms(self, rooms: Iterable[str]) -> None:
        """Wait until others can be heard in rooms, if it can be waited here.

        So that whoever hears that its client is in a room can rely on it.
        """
        if not self._opening or self._hearing.busy or gevent.getcurrent() is gevent.get_hub():
            return
        started = time.monotonic()
        if started < self._hurry_until:
            return
        for room in rooms:
            subscription = self._opening.get(room)
            if subscription is None:
                continue
            left = started + ROOM_PATIENCE - time.monotonic()
            if not subscription.wait(max(left, 0.0)):
                self._hurry_until = time.monotonic() + HURRY
                return
            if self._opening.get(room) is subscription:
                del self._opening[room]

    def remove(self, socket: Namespace, rooms: Iterable[str]) -> None:
        self.local.remove(socket, rooms)
        if self._line.opens_rooms:
            for room in rooms:
                if not self.local.has(room):
                    self._opening.pop(room, None)
                    self._line.close_room(room)

    def select(self, target: ITarget) -> Iterable[Namespace]:
        return self.local.select(target)

    # Saying something to everybody.

    def broadcast(self, packet: SocketPacket, target: ITarget, flags: IFlags) -> None:
        if not flags.local:
            args = packet.data
            self._line.send(Broadcast(options_of(target, flags), lambda: args))
        self.local.broadcast(packet, target, flags)

    def broadcast_with_ack(
        self, packet: SocketPacket, target: ITarget, flags: IFlags
    ) -> Iterator[Namespace]:
        return self.local.broadcast_with_ack(packet, target, flags)

    def join(self, target: ITarget, rooms: Iterable[str], local: bool = False) -> None:
        if not local:
            self._line.send(Join(options_of(target), frozenset(rooms)))
        self.local.join(target, rooms)

    def leave(self, target: ITarget, rooms: Iterable[str], local: bool = False) -> None:
        if not local:
            self._line.send(Leave(options_of(target), frozenset(rooms)))
        self.local.leave(target, rooms)

    def disconnect(self, target: ITarget, close: bool, local: bool = False) -> None:
        if not local:
            self._line.send(Disconnect(options_of(target), close))
        self.local.disconnect(target, close)

    # Asking.

    def ask_others(
        self, packet: SocketPacket, target: ITarget, flags: IFlags, changed: Callable[[], None]
    ) -> Question | None:
        if flags.local:
            return None
        self._line.join(self._timeout)
        args = packet.data
        id = self._line.new_id()
        question = Question(changed, self._line.count, partial(self._questions.forget, id))
        self._questions.add(id, question)
        try:
            self._line.send(Broadcast(options_of(target, flags), lambda: args, id))
        except BaseException:
            question.end()
            raise
        return question

    def _inquire(self, ask: Callable[[str], Any], timeout: float) -> list[Any]:
        """Ask all other servers, wait for the answer of each.

        :param ask: says the question, with an id
        :raises AckTimeout: one did not answer
        """
        deadline = time.monotonic() + timeout
        self._line.join(timeout)
        count = self._line.count(timeout) - 1
        if count < 1:
            return []
        inquiry = Inquiry(count, self._server.make_event())
        id = self._line.new_id()
        self._questions.add(id, inquiry)
        try:
            ask(id)
            inquiry.done.wait(max(deadline - time.monotonic(), 0.0))
        finally:
            self._questions.forget(id)
        # One that came after they were counted may have answered too.
        if (missing := count - len(inquiry.answers)) > 0:
            raise AckTimeout(f"{missing} of {count} servers did not answer", inquiry.answers)
        return inquiry.answers

    def fetch(self, target: ITarget, local: bool = False) -> list[Any]:
        found: list[Any] = list(self.local.select(target))
        if local:
            return found
        options = options_of(target)
        try:
            answers = self._inquire(lambda id: self._line.send(Fetch(options, id)), self._timeout)
        except AckTimeout as error:
            error.responses = found + self._remote(error.responses)
            raise
        return found + self._remote(answers)

    def _remote(self, answers: Iterable[Any]) -> list[Any]:
        """The clients that other servers have told of."""
        nsp = self._nsp()
        assert nsp is not None
        found = []
        for told in itertools.chain.from_iterable(answers):
            try:
                found.append(RemoteSocket(nsp, told))
            except ProtocolError as error:
                self._hearing.ignore(error)
        return found

    def all_rooms(self) -> set[str]:
        rooms = {*self._sockets, *self.local.rooms}
        if self._line.knows_rooms:
            answers = self._inquire(lambda id: self._line.send(AllRooms(id)), self._timeout)
            return rooms.union(*answers)
        return rooms.union(*(socket.rooms for socket in self.fetch(EVERYBODY)))

    def server_count(self) -> int:
        self._line.join(self._timeout)
        return self._line.count(self._timeout)

    def users(self, target: ITarget) -> set[Any]:
        elsewhere = self._elsewhere.users(frozenset(target.rooms), frozenset(target.excluded))
        return elsewhere | self.local.users(target)

    def watch_users(self, room: str | None) -> set[Any]:
        return self._elsewhere.watch(room)

    def unwatch_users(self, room: str | None) -> None:
        self._elsewhere.unwatch(room)

    def server_side_emit(self, args: Sequence[Any], timeout: float | None) -> list[Any]:
        if timeout is None:
            self._line.send(ServerEmit(args))
            return []
        return self._inquire(lambda id: self._line.send(ServerEmit(args, id)), timeout)


def options_of(target: ITarget, flags: IFlags | None = None) -> Options:
    rooms, excluded = frozenset(target.rooms), frozenset(target.excluded)
    if flags is None:
        return Options(rooms, excluded)
    timeout = getattr(flags, "timeout", None)
    return Options(
        rooms, excluded, volatile=flags.volatile, compress=flags.compress, timeout=timeout
    )
