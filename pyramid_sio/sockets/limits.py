"""Flood protection: how many events a connection, a user, or one kind of event may have.

Upstream: ``sockets.client`` asks its gate for each event, in the loop, before anything is
queued. Downstream: token buckets; an answer, ``on_error`` and at last the end for whoever
sends too much.

A connection has a gate only where something is limited. Its buckets: one for itself, one
for each declared event with a rate, and those of its users, which it shares with their
other connections. Acknowledgements and heartbeats are no events and take nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from pyramid_sio.errors import DisconnectReason, RateLimited
from pyramid_sio.protocol.rates import Bucket, Rate
from pyramid_sio.sockets.namespace import Namespace

if TYPE_CHECKING:
    from pyramid_sio.interfaces import ISession
    from pyramid_sio.protocol.packets import SocketPacket
    from pyramid_sio.sockets.client import Client
    from pyramid_sio.sockets.handlers import Handler


class Limits:
    """What is limited on a server, and the buckets of its users.

    :param connection: events of one connection; None: any number
    :param user: events of one user, over all connections
    :param refusals: refused events of one connection before it is closed; None: never
    :param clock: seconds, monotonic
    """

    def __init__(
        self,
        connection: Rate | None = None,
        user: Rate | None = None,
        refusals: Rate | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection = connection
        self.users = UserBuckets(user, clock) if user is not None else None
        self.refusals = refusals
        self.clock = clock
        #: Set when a handler with a rate is declared.
        self.has_event_rates = False

    @property
    def active(self) -> bool:
        """Is anything limited?"""
        return self.connection is not None or self.users is not None or self.has_event_rates

    def new_gate(self) -> Gate | None:
        """The gate of a new connection; None: nothing is limited."""
        return Gate(self) if self.active else None


class UserBuckets:
    """One bucket for each user that sends events.

    One that no connection holds stays until it is full again, so that coming back is no way
    to get a new one.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._entries: dict[Hashable, _Shared] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def hold(self, user: Hashable) -> Bucket:
        """The bucket of a user, kept until it is released as often as it was held."""
        entry = self._entries.get(user)
        if entry is None:
            entry = self._entries[user] = _Shared(Bucket(self._rate, self._clock()))
        entry.holders += 1
        return entry.bucket

    def release(self, user: Hashable, call_later: Callable[..., Any]) -> None:
        """One holder less.

        :param call_later: of the holder's session
        """
        entry = self._entries[user]
        entry.holders -= 1
        if not entry.waits:
            self._drop_when_full(user, entry, call_later)

    def _drop_when_full(
        self, user: Hashable, entry: _Shared, call_later: Callable[..., Any]
    ) -> None:
        entry.waits = False
        if entry.holders:
            return
        seconds = entry.bucket.until_full(self._clock())
        if seconds > 0:
            entry.waits = True
            call_later(seconds, lambda: self._drop_when_full(user, entry, call_later))
        else:
            del self._entries[user]


class _Shared:
    """A user's bucket, how many hold it, and whether its end is waited for."""

    __slots__ = ("bucket", "holders", "waits")

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.holders = 0
        self.waits = False


class Gate:
    """The buckets of one connection. In the loop: never waits."""

    __slots__ = ("_connection", "_events", "_limits", "_patience", "_users")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        now = limits.clock()
        self._connection = _bucket(limits.connection, now)
        self._patience = _bucket(limits.refusals, now)
        #: By declared namespace and event: a client cannot make them more.
        self._events: dict[tuple[str, str | int], Bucket] = {}
        #: The user and the user's bucket, by ``sid``.
        self._users: dict[str, tuple[Hashable, Bucket]] = {}

    @property
    def by_user(self) -> bool:
        """Has it to know who the user is?"""
        return self._limits.users is not None

    def admit(self, client: Client, socket: Namespace, packet: SocketPacket) -> bool:
        """May this event be handled? If not, its sender has been told."""
        now = self._limits.clock()
        error = self._find_excess(socket, packet.data[0], now)
        if error is None:
            return True
        self._refuse(client, socket, packet, error)
        if self._patience is not None and not self._patience.take(now):
            rate = self._patience.rate.text
            client.session.complain("rate-limited: disconnected", f"more than {rate} were refused")
            client.disconnect(socket, close=True, reason=DisconnectReason.RATE_LIMITED)
        return False

    def leave(self, sid: str, session: ISession) -> None:
        """The client has left a namespace, or is another user now. Idempotent."""
        held = self._users.pop(sid, None)
        if held is not None and self._limits.users is not None:
            self._limits.users.release(held[0], session.call_later)

    def _find_excess(self, socket: Namespace, event: str | int, now: float) -> RateLimited | None:
        """Take a token of each kind; the first kind that has none."""
        if self._connection is not None and not self._connection.take(now):
            return RateLimited("connection", self._connection.rate.text)
        if self._limits.users is not None and socket.user is not None:
            bucket = self._bucket_of_user(socket, self._limits.users)
            if not bucket.take(now):
                return RateLimited("user", bucket.rate.text)
        table = socket.declared.table
        handler = table.find(event) if table.has_rates else None
        if handler is not None and handler.rate is not None:
            bucket = self._bucket_of_event(socket, handler, handler.rate, now)
            if not bucket.take(now):
                return RateLimited("event", bucket.rate.text, handler.event)
        return None

    def _bucket_of_user(self, socket: Namespace, users: UserBuckets) -> Bucket:
        held = self._users.get(socket.sid)
        if held is None:
            held = self._users[socket.sid] = (socket.user, users.hold(socket.user))
        return held[1]

    def _bucket_of_event(
        self, socket: Namespace, handler: Handler, rate: Rate, now: float
    ) -> Bucket:
        key = (socket.declared.path, handler.event)
        bucket = self._events.get(key)
        if bucket is None:
            bucket = self._events[key] = Bucket(rate, now)
        return bucket

    @staticmethod
    def _refuse(
        client: Client, socket: Namespace, packet: SocketPacket, error: RateLimited
    ) -> None:
        client.session.complain(f"rate-limited by {error.limit}", error.complaint)
        if packet.id is not None:
            answer = client.codec.encode_ack(packet.namespace, (error.answer,), packet.id)
            socket.out.send(answer)
        # Queued only where somebody listens.
        if type(socket).on_error is not Namespace.on_error:
            event = packet.data[0]
            client.session.submit(client.call_hook, socket, socket.on_error, (event, error))


def _bucket(rate: Rate | None, now: float) -> Bucket | None:
    return None if rate is None else Bucket(rate, now)
