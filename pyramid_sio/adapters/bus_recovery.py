"""Clients that come back after their connection broke, to any of several processes on one bus.

Each process remembers its own clients, as one that is alone does, and keeps what all of them say.
Who comes back to another process is asked for there, and moves.

Upstream: ``sockets.recovery``. Downstream: ``adapters.memory_recovery`` for the clients of this
process; a bus that numbers its messages.

Two processes hear the same messages, but not at the same time. So the numbers are compared: what
the old process had heard when it let the client go is for that to hand over; what this one has
heard beyond is taken from its own log; and it first waits until it has heard no less, so that
nothing comes twice.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import gevent
import msgspec

from pyramid_sio.adapters.bus_line import BusLine
from pyramid_sio.adapters.cluster import ClusterAdapter, options_of
from pyramid_sio.adapters.memory_recovery import RecoveringAdapter
from pyramid_sio.adapters.recovery_log import Source
from pyramid_sio.adapters.remote import sendable
from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster import Broadcast
from pyramid_sio.protocol.cluster_values import load_as
from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType
from pyramid_sio.sockets.broadcast import Target
from pyramid_sio.sockets.recovery import Recovered

if TYPE_CHECKING:
    from pyramid_sio.adapters.lines import IBus, ICounted, ISubscription
    from pyramid_sio.interfaces import IFlags, ITarget
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.nsp import Nsp

#: Seconds between two looks whether enough has been heard; mostly it has.
LOOK = 0.005


class Claim(msgspec.Struct, array_like=True):
    """A client says that it was somewhere else.

    :param id: of the question
    :param reply_to: the channel for the answer
    :param since: after which numbers nothing has been missed where it is now
    """

    id: str
    reply_to: str
    pid: str
    offset: str | None
    since: dict[str, int]


class Moved(msgspec.Struct, array_like=True):
    """What is handed over with a client.

    :param missed: the arguments of each event, its name first
    :param seen: what had been heard when it was let go
    """

    sid: str
    rooms: list[str]
    session: dict[str, Any]
    missed: list[list[Any]]
    seen: dict[str, int]


class Reply(msgspec.Struct, array_like=True):
    """The answer to a claim; None: it was not here, or something is lost."""

    id: str
    moved: Moved | None


_CLAIM = msgspec.msgpack.Decoder(Claim)
_REPLY = msgspec.msgpack.Decoder(Reply)


class Question:
    """A claim that others may answer.

    :param others: how many
    :param done: set when there is nothing more to wait for
    """

    def __init__(self, others: int, done: Any) -> None:
        self.moved: Moved | None = None
        self.done = done
        self._others = others

    def hear(self, moved: Moved | None) -> None:
        self._others -= 1
        self.moved = self.moved or moved
        if moved is not None or self._others < 1:
            self.done.set()


class SharingAdapter(RecoveringAdapter):
    """One that keeps everything that is said, as others' clients may come here for it.

    :param heard: who has said what comes from others at this moment
    """

    def __init__(
        self,
        sockets: dict[str, Namespace],
        *,
        heard: Callable[[], Source | None],
        **options: Any,
    ) -> None:
        super().__init__(sockets, **options)
        self._heard = heard
        self._name = "/"
        #: The number of what this process says now; False: others do not hear it.
        self.own: Source | bool | None = None

    def attach(self, nsp: Nsp) -> None:
        self._name = nsp.name

    def knows(self, pid: str) -> bool:
        """Is it a client of this process, here or away?"""
        ticket = self._kept.tickets.get(pid)
        return ticket is not None and ticket.log is self._log

    def concerns(self, target: ITarget) -> bool:
        return True

    def _is_logging(self) -> bool:
        return True

    def _source(self) -> Source | None:
        if self.own is None:
            return self._heard()
        return self.own if isinstance(self.own, tuple) else None

    def let_go(self, pid: str, offset: str | None) -> tuple[str, Any, Any, list[Message]] | None:
        """A client goes to another process: its id, rooms, data and what it missed."""
        ticket = self._kept.tickets.get(pid)
        # Nobody may have taken it meanwhile.
        if ticket is None or ticket.socket is not None:
            return None
        missed = self._kept.missed(ticket, offset)
        self._kept.drop(ticket)
        return None if missed is None else (ticket.sid, ticket.rooms, ticket.session, missed)

    def take_in(
        self, socket: Namespace, pid: str, moved: Moved, others: frozenset[str]
    ) -> list[Message] | None:
        """A client comes from another process; what it missed, or None: some is not known.

        :param others: processes that are there, beside this one
        """
        rooms = {moved.sid, *moved.rooms}
        events = list(moved.missed)
        for process, number in self._log.lost_of.items():
            if number > moved.seen.get(process, number):
                return None
        for entry in self._log.entries:
            if entry.source is None:
                continue
            process, number = entry.source
            known = moved.seen.get(process)
            if known is None and process in others:
                return None
            if known is not None and number > known and _is_meant(entry, rooms):
                events.append(_said(entry.message))
        self._kept.begin(pid, socket, self._log, moved.sid)
        return [self._keep_for(moved.sid, event) for event in events]

    def _keep_for(self, sid: str, event: Sequence[Any]) -> Message:
        """Keep an event for one client: it may lose its connection before it gets this."""
        kept = self._kept
        kept.last += 1
        data = (*event, kept.offset)
        message = self._encode(SocketPacket(SocketType.EVENT, self._name, data))
        kept.add(self._log, message, Target(frozenset((sid,))))
        return message


class BusRecoveryAdapter(ClusterAdapter):
    """See ``interfaces.IRecoveringAdapter``. Its line is a :class:`BusLine`.

    :param bus: one whose messages are numbered
    :param mark: what the secrets of clients of all these processes begin with
    :param kept: options of :class:`RecoveringAdapter`
    """

    local: SharingAdapter
    _line: BusLine

    def __init__(
        self,
        sockets: dict[str, Namespace],
        *,
        bus: IBus,
        mark: str,
        kept: Mapping[str, Any],
        **options: Any,
    ) -> None:
        local = SharingAdapter(sockets, mark=mark, heard=self._heard, **kept)
        super().__init__(sockets, local=local, **options)
        self._bus = bus
        self._mark = mark
        self._asked: dict[str, Question] = {}
        self._ears: list[ISubscription] = []

    def attach(self, nsp: Nsp) -> None:
        super().attach(nsp)
        self.local.attach(nsp)
        self._claims = f"{self._line.channel}claims"
        self._replies = f"{self._claims} {self._line.uid}"
        self._ears = [
            self._bus.subscribe(self._claims, self._hear_claim),
            self._bus.subscribe(self._replies, self._hear_reply),
        ]

    def close(self) -> None:
        for ear in self._ears:
            ear.close()
        super().close()

    @property
    def _main(self) -> ICounted:
        return cast("ICounted", self._line.main)

    def _heard(self) -> Source | None:
        return self._main.heard

    # Sending.

    def broadcast(self, packet: SocketPacket, target: ITarget, flags: IFlags) -> None:
        if not flags.local:
            args = packet.data
            self._line.send(Broadcast(options_of(target, flags), lambda: args))
        self.local.own = not flags.local and self._main.published
        try:
            self.local.broadcast(packet, target, flags)
        finally:
            self.local.own = None

    def send(self, socket: Namespace, packet: SocketPacket, flags: IFlags) -> None:
        if socket.pid is not None and not self.local.knows(socket.pid):
            # It has gone to another process, perhaps.
            self.broadcast(packet, Target(frozenset((socket.sid,))), flags)
            return
        self.local.own = False
        try:
            self.local.send(socket, packet, flags)
        finally:
            self.local.own = None

    # Coming and going; see ``interfaces.IRecoveringAdapter``.

    def begin(self, socket: Namespace) -> str:
        return self.local.begin(socket)

    def keep(self, socket: Namespace) -> None:
        self.local.keep(socket)

    def drop(self, socket: Namespace) -> None:
        self.local.drop(socket)

    def restore(self, socket: Namespace, pid: str, offset: str | None) -> Recovered | None:
        if self.local.knows(pid) or not pid.startswith(self._mark):
            return self.local.restore(socket, pid, offset)
        moved = self._fetch(pid, offset)
        if moved is None or moved.sid in self._sockets:
            return None
        missed = self.local.take_in(socket, pid, moved, self._main.others)
        if missed is None:
            return None
        return Recovered(moved.sid, frozenset(moved.rooms), moved.session, missed)

    # Here.

    def _fetch(self, pid: str, offset: str | None) -> Moved | None:
        """Ask the others for a client. When this returns one, nothing of it can come twice."""
        deadline = time.monotonic() + self._timeout
        main = self._main
        # All others must send us what they say, or we could not tell what is missing.
        if not all(ear.wait(deadline - time.monotonic()) for ear in (main, *self._ears)):
            return None
        others = self._bus.count(self._claims, self._timeout) - 1
        if others < 1:
            return None
        question = Question(others, self._server.make_event())
        id = secrets.token_urlsafe(6)
        self._asked[id] = question
        since = {process: main.since[process] for process in main.others & set(main.since)}
        try:
            claim = Claim(id, self._replies, pid, offset, since)
            self._bus.publish(self._claims, msgspec.msgpack.encode(claim))
            question.done.wait(max(deadline - time.monotonic(), 0.0))
        finally:
            del self._asked[id]
        moved = question.moved
        if moved is None or not self._await(moved.seen, deadline):
            return None
        since = main.since
        has_gap = any(since.get(one, 0) > moved.seen.get(one, 0) for one in main.others)
        return None if has_gap else moved

    def _await(self, wanted: Mapping[str, int], deadline: float) -> bool:
        """Wait until as much has been heard of all that are there."""
        main = self._main
        while any(main.seen.get(process, 0) < wanted.get(process, 0) for process in main.others):
            if time.monotonic() > deadline:
                return False
            gevent.sleep(LOOK)
        return True

    def _hear_reply(self, channel: bytes, data: bytes) -> None:
        reply = self._load(_REPLY.decode, data)
        question = self._asked.get(reply.id) if reply is not None else None
        if question is not None:
            question.hear(reply.moved)

    def _load(self, decode: Callable[[bytes], Any], data: bytes) -> Any:
        try:
            return load_as(decode, data)
        except ProtocolError as error:
            self._complaints.add("no message of a server", self._claims, error)
            return None

    # There.

    def _hear_claim(self, channel: bytes, data: bytes) -> None:
        claim = self._load(_CLAIM.decode, data)
        if claim is None:
            return
        if self.local.knows(claim.pid):
            self._server.spawn(self._let_go, claim)
        else:
            self._reply(claim, None)

    def _let_go(self, claim: Claim) -> None:
        deadline = time.monotonic() + self._timeout
        moved = None
        is_away = self.local.find_away(claim.pid) is not None
        if is_away and self._await(claim.since, deadline) and time.monotonic() < deadline:
            # Nothing waits from here on.
            found = self.local.let_go(claim.pid, claim.offset)
            if found is not None:
                sid, rooms, session, missed = found
                events = [_said(message) for message in missed]
                moved = Moved(sid, list(rooms), session, events, self._main.seen)
        self._reply(claim, moved)

    def _reply(self, claim: Claim, moved: Moved | None) -> None:
        encoder = self._line.encoder
        try:
            data = encoder.msgpack(Reply(claim.id, moved))
        except TypeError:
            assert moved is not None
            moved.session = sendable(moved.session)
            data = encoder.msgpack(Reply(claim.id, moved))
        self._bus.publish(claim.reply_to, data)


def _said(message: Message) -> list[Any]:
    """The arguments of an event that was kept, without its offset, which only counts there."""
    packet = message.packet
    assert packet is not None, "what is kept remembers what was encoded"
    return list(packet.data[:-1])


def _is_meant(entry: Any, rooms: set[str]) -> bool:
    """Was an event for somebody who is in these rooms?"""
    if not rooms.isdisjoint(entry.excluded):
        return False
    return not entry.rooms or not rooms.isdisjoint(entry.rooms)
