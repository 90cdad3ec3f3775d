"""Who is there at other servers, by user. Servers of Node.js know nothing of it.

Whoever wants to know asks; so nobody has to be believed to be there after its server is gone.

Who watches rooms asks again and again what is new, at once when a server comes, and is told of
changes in between.

Upstream: ``adapters.cluster``. Downstream: an ``IBus``, on channels of its own;
``adapters.presence_surveys`` for questions, ``adapters.presence_crowds`` for what others have,
``adapters.presence_telling``
for what they are told. In the loop.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import gevent

from pyramid_sio.adapters.presence_crowds import Crowds
from pyramid_sio.adapters.presence_surveys import BREATH, ID_BYTES, Survey, Surveys
from pyramid_sio.adapters.presence_telling import MAX_LEASE, Changes, Telling
from pyramid_sio.errors import AdapterError, ProtocolError
from pyramid_sio.protocol.cluster_users import (
    Ask,
    Changed,
    Gone,
    Here,
    Look,
    Message,
    RoomName,
    Seen,
    Told,
    decode,
    to_users,
)
from pyramid_sio.protocol.cluster_values import load_msgpack
from pyramid_sio.sockets.broadcast import Target
from pyramid_sio.sockets.roster import begin, target_of

if TYPE_CHECKING:
    from pyramid_sio.adapters.lines import ILine, ISubscription
    from pyramid_sio.adapters.memory import MemoryAdapter
    from pyramid_sio.interfaces import IComplaints
    from pyramid_sio.sockets.nsp import Nsp
    from pyramid_sio.sockets.roster import Roster
    from pyramid_sio.sockets.server import SioServer

#: That a server hears: its own, and everybody's.
CHANNELS = 2
#: Intervals for which others tell of changes after they were asked, and after which users are no
#: longer taken to be there while nobody can be asked.
LEASES = 3
#: Questions of others that may wait to be answered.
MAX_WAITING = 1000


class Elsewhere:
    """The users of one namespace at other servers.

    :param line: the namespace's way to them
    :param nsp: gives the namespace, as long as there is one
    :param server: what it belongs to
    :param local: the clients of this process
    :param timeout: seconds others may take to answer
    :param interval: seconds after which who watches asks again
    """

    def __init__(
        self,
        line: ILine,
        nsp: Callable[[], Nsp | None],
        server: SioServer,
        *,
        local: MemoryAdapter,
        timeout: float,
        interval: float,
        complaints: IComplaints,
    ) -> None:
        self._line = line
        self._bus = line.bus
        self._channel = f"{line.prefix}-users#{line.namespace}"
        self._uid = secrets.token_hex(ID_BYTES)
        self._nsp = nsp
        self._make_event = server.make_event
        self._spawn = server.spawn
        self._local = local
        self._interval = min(interval, MAX_LEASE / LEASES)
        self._complaints = complaints
        self._subscriptions: list[ISubscription] = []
        self._standing = self._make_event()
        self._surveys = Surveys(
            self._bus,
            self._channel,
            make_event=self._make_event,
            timeout=timeout,
            complaints=complaints,
        )
        self._crowds = Crowds(self._pass_on, self._look_soon)
        self._poller: Any = None
        self._hurry = self._make_event()
        #: When others were last asked successfully.
        self._reached = 0.0
        self._telling = Telling(nsp, self._tell)
        self._waiting: deque[Ask | Look] = deque()
        self._answerer: Any = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Elsewhere {self._channel} {self._uid} watching {len(self._crowds)} rooms>"

    def open(self) -> None:
        """Hear others from now on."""
        # Whoever is asked, because it hears the second, can hear answers to questions of its own.
        for channel in (self._own(self._uid), self._channel):
            self._subscriptions.append(self._bus.subscribe(channel, self._hear, self._begun))

    def _own(self, uid: str) -> str:
        """Where a server hears what is for it alone."""
        return f"{self._line.prefix}-users@{uid}"

    def _begun(self) -> None:
        """It hears a channel now; for the first time, or again."""
        if self._stands:
            self._standing.set()
            self._say(self._channel, Here(self._uid))
            self._look_soon()

    @property
    def _stands(self) -> bool:
        subscriptions = self._subscriptions
        return len(subscriptions) == CHANNELS and all(each.active for each in subscriptions)

    def close(self) -> None:
        """Harmless if that has been done."""
        if self._closed:
            return
        self._closed = True
        self._telling.close()
        for room in self._crowds.rooms:
            self._crowds.close(room)
        self._hurry.set()
        if self._stands:
            # Nothing is connected for that alone.
            self._say(self._channel, Gone(self._uid))
        for subscription in self._subscriptions:
            subscription.close()

    # Asking.

    def users(self, rooms: frozenset[str], excluded: frozenset[str]) -> set[Any]:
        """The users elsewhere, as far as servers say in time. May wait."""
        try:
            survey = self._survey(
                rooms,
                lambda id: Ask(self._uid, id, list(rooms), list(excluded)),
            )
        except AdapterError:
            # Who is alone for now has its own users only.
            return set()
        return {user for users in survey.answers.values() for user in users or ()}

    def watch(self, room: RoomName) -> set[Any]:
        """The users in a room elsewhere. May wait. The roster is told of changes from now on."""
        if self._closed:
            return set()
        crowd = self._crowds.open(room)
        if self._poller is None:
            self._poller = self._spawn(self._poll)
        # If others cannot be asked, they are as soon as they can be.
        with contextlib.suppress(AdapterError):
            self._look((room,), {})
        return crowd.users

    def unwatch(self, room: RoomName) -> None:
        """The roster need not be told any more."""
        self._crowds.close(room)
        if not self._crowds:
            self._hurry.set()

    def _survey(self, asked: Iterable[RoomName], question: Callable[[str], Message]) -> Survey:
        """Ask all servers. May wait.

        :param question: makes it, with an id
        :raises AdapterError: they cannot be asked
        """
        encode = self._line.encoder.msgpack
        survey = self._surveys.ask(frozenset(asked), lambda id: encode(question(id)), self._stand)
        self._reached = time.monotonic()
        return survey

    def _stand(self, deadline: float) -> None:
        """Wait until answers can be heard. :raises AdapterError: that takes too long"""
        if self._stands:
            return
        self._bus.join(max(deadline - time.monotonic(), 0.0))
        # Fails at once while the bus is known to be down.
        self._bus.count(self._channel, max(deadline - time.monotonic(), 0.0))
        self._standing.clear()
        if not self._stands:
            self._standing.wait(max(deadline - time.monotonic(), 0.0))
        if not self._stands:
            raise AdapterError("answers of other servers cannot be heard")

    def _look(self, rooms: Iterable[RoomName], known: dict[str, int]) -> Survey:
        asked = list(rooms)
        # Until it is asked again, which may take as long as one that does not answer.
        lease = LEASES * (self._interval + self._surveys.timeout)
        return self._survey(asked, lambda id: Look(self._uid, id, asked, lease, known))

    def _look_soon(self) -> None:
        if self._crowds:
            self._hurry.set()

    def _poll(self) -> None:
        """As long as anything is watched."""
        self._reached = time.monotonic()
        try:
            while self._crowds:
                self._hurry.wait(self._interval)
                gevent.sleep(BREATH)
                self._hurry.clear()
                if self._crowds:
                    self._look_again()
        finally:
            self._poller = None

    def _look_again(self) -> None:
        crowds = self._crowds
        before = set(crowds.servers)
        try:
            survey = self._look(crowds.rooms, dict(crowds.known))
        except AdapterError:
            if time.monotonic() - self._reached > LEASES * self._interval:
                crowds.forget(before)
        except Exception as error:  # noqa: BLE001 - it must go on
            self._complaints.add("looking for users elsewhere failed", self._channel, error=error)
        else:
            crowds.forget(before - survey.answers.keys())

    def _pass_on(self, room: RoomName, came: Iterable[Any], gone: Iterable[Any]) -> None:
        nsp = self._nsp()
        if nsp is not None and nsp.roster is not None:
            nsp.roster.hear_elsewhere(nsp, room, came=came, gone=gone)

    # Being asked.

    def _answer_later(self, message: Ask | Look) -> None:
        """Finding out who clients are may wait."""
        if len(self._waiting) >= MAX_WAITING:
            self._complaints.add("too many questions of who is there", self._channel)
            return
        self._waiting.append(message)
        if self._answerer is None:
            self._answerer = self._spawn(self._answer_all)

    def _answer_all(self) -> None:
        try:
            while self._waiting and not self._closed:
                message = self._waiting.popleft()
                nsp = self._nsp()
                if nsp is None:
                    return
                try:
                    self._answer(nsp, message)
                except Exception as error:  # noqa: BLE001 - others are to be answered
                    self._complaints.add("saying who is there failed", self._channel, error=error)
                del nsp
        finally:
            self._answerer = None

    def _answer(self, nsp: Nsp, message: Ask | Look) -> None:
        roster = begin(nsp)
        if isinstance(message, Ask):
            target = Target(frozenset(message.rooms), frozenset(message.excluded))
            users = self._fit(self._local.users(target))
            self._say(self._own(message.sender), Told(self._uid, message.id, users))
            return
        # From here on nothing waits: what is said is so until the next changes are told.
        held = self._telling.promise(nsp, roster, message.rooms, message.lease)
        version = self._telling.version
        rooms = None
        if not held or message.known.get(self._uid) != version:
            rooms = [
                (room, self._fit(there))
                for room in message.rooms
                if (there := self._users_here(roster, room))
            ]
        self._say(self._own(message.sender), Seen(self._uid, message.id, version, rooms))

    def _users_here(self, roster: Roster, room: RoomName) -> Iterable[Any]:
        users = roster.here(room)
        return self._local.users(target_of(room)) if users is None else users

    def _tell(self, version: int, changes: Changes) -> None:
        rooms = [(room, self._fit(came), self._fit(gone)) for room, came, gone in changes]
        self._say(self._channel, Changed(self._uid, version, rooms))

    def _fit(self, users: Iterable[Any]) -> list[Any]:
        """Those whose names arrive as names of users."""
        return [
            user for user in users if (type(user) is str and user.isascii()) or self._can_send(user)
        ]

    def _can_send(self, user: Any) -> bool:
        try:
            to_users(load_msgpack(self._line.encoder.msgpack([user])))
        except (ProtocolError, TypeError) as error:
            self._complaints.add("a user's name cannot be sent", self._channel, error)
            return False
        return True

    def _say(self, channel: str, message: Message) -> None:
        self._bus.publish(channel, self._line.encoder.msgpack(message))

    # Hearing.

    def _hear(self, channel: bytes, data: bytes) -> None:
        if self._closed:
            return
        try:
            message = decode(data)
            if message.sender == self._uid:
                self._hear_own(message)
            else:
                self._act(message)
        except ProtocolError as error:
            self._complaints.add("no message about users", self._channel, error)

    def _hear_own(self, message: Message) -> None:
        """A bus may carry everything to whoever says it, too, and counts it then."""
        if isinstance(message, Ask | Look):
            survey = self._surveys.get(message.id)
            if survey is not None:
                survey.hear(self._uid)

    def _act(self, message: Message) -> None:
        match message:
            case Ask() | Look():
                self._answer_later(message)
            case Told(sender, id, users):
                survey = self._surveys.get(id)
                if survey is not None:
                    survey.hear(sender, to_users(users))
            case Seen():
                self._see(message)
            case Changed(sender, version, rooms):
                if self._crowds:
                    changes = [(name, to_users(came), to_users(gone)) for name, came, gone in rooms]
                    self._crowds.change(sender, version, changes)
            case Here():
                self._look_soon()
                self._surveys.ask_anew()
            case Gone(sender):
                self._crowds.forget((sender,))
                self._surveys.ask_anew()

    def _see(self, message: Seen) -> None:
        survey = self._surveys.get(message.id)
        if survey is None or survey.full:
            return
        if message.rooms is not None:
            found = {name: to_users(users) for name, users in message.rooms}
            self._crowds.see(message.sender, message.version, asked=survey.asked, found=found)
        survey.hear(message.sender)
