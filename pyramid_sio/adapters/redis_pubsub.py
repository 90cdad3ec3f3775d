"""Redis pub/sub as the classic adapter of JavaScript uses it: any Redis, one pattern a namespace.

Upstream: ``adapters.cluster``. Downstream: ``adapters.redis_link``,
``protocol.cluster_classic``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyramid_sio.adapters.redis_bus import RedisBus, count_subscribers
from pyramid_sio.adapters.redis_topics import Kind
from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster import Answer, Broadcast, Envelope, Order, ServerAnswer
from pyramid_sio.protocol.cluster_classic import (
    Channels,
    decode_broadcast,
    decode_request,
    decode_response,
    encode_broadcast,
    encode_request,
    encode_response,
)
from pyramid_sio.protocol.cluster_values import ValueEncoder

if TYPE_CHECKING:
    from pyramid_sio.adapters.lines import IBus, ISubscription
    from pyramid_sio.adapters.redis_link import RedisLink
    from pyramid_sio.interfaces import IComplaints

#: Random bytes of a server's id: 6 characters, like JavaScript's. Of a question's, more.
UID_BYTES = 4
UID_LENGTH = 6
ID_BYTES = 9


class ClassicLine:
    """See ``lines.ILine``.

    :param link: the process's way to Redis
    :param namespace: its name
    :param key: what channels begin with
    :param specific: answer on a channel of the server that asks, not on everybody's
    :param encoder: of values
    :param complaints: for what others get wrong
    """

    opens_rooms = False
    knows_rooms = True

    def __init__(
        self,
        link: RedisLink,
        namespace: str,
        *,
        key: str,
        specific: bool,
        encoder: ValueEncoder,
        complaints: IComplaints,
    ) -> None:
        self.uid = secrets.token_urlsafe(UID_BYTES + 1)[:UID_LENGTH]
        #: Messages of others that were ignored, because they were none.
        self.ignored = 0
        self.bus: IBus = RedisBus(link, sharded=False)
        self.prefix = key
        self.namespace = namespace
        self.encoder = encoder
        self._link = link
        self._specific = specific
        self._complaints = complaints
        self._channels = Channels(key, namespace)
        self._subscriptions: list[ISubscription] = []
        self._hear: Callable[[Envelope], None]
        self._has_room: Callable[[Any], bool]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._channels.broadcast} {self.uid}>"

    def open(self, hear: Callable[[Envelope], None], has_room: Callable[[Any], bool]) -> None:
        self._hear = hear
        self._has_room = has_room
        channels, subscribe = self._channels, self._link.subscribe
        own = channels.response_to(self.uid)
        self._subscriptions = [
            subscribe(channels.pattern, self._hear_broadcast, kind=Kind.PATTERN),
            subscribe(channels.response, self._hear_response),
            subscribe(own, self._hear_response),
            # Others count who hears this one, so it comes last.
            subscribe(channels.request, self._hear_request),
        ]

    # Saying.

    def send(self, order: Order) -> None:
        how: dict[str, Any] = {"uid": self.uid, "nsp": self.namespace, "encoder": self.encoder}
        if isinstance(order, Broadcast) and order.request_id is None:
            channel = self._channels.for_rooms(order.options.rooms)
            self._link.publish(channel, encode_broadcast(order, **how))
        else:
            self._link.publish(self._channels.request, encode_request(order, **how))

    def answer(self, answer: Answer, to: str | None) -> None:
        channel = self._channels.response
        if self._specific and to is not None and not isinstance(answer, ServerAnswer):
            channel = self._channels.response_to(to)
        self._link.publish(channel, encode_response(answer, encoder=self.encoder))

    def join(self, seconds: float) -> None:
        self._link.join(seconds)

    def count(self, timeout: float) -> int:
        return count_subscribers(self._link, "NUMSUB", self._channels.request, timeout)

    def new_id(self) -> str:
        return secrets.token_urlsafe(ID_BYTES)

    # Hearing.

    def _hear_broadcast(self, channel: bytes, data: bytes) -> None:
        room = self._channels.room_of(channel)
        if not room or self._has_room(room):
            self._pass_on(lambda: decode_broadcast(data, nsp=self.namespace))

    def _hear_request(self, channel: bytes, data: bytes) -> None:
        self._pass_on(lambda: decode_request(data, nsp=self.namespace))

    def _hear_response(self, channel: bytes, data: bytes) -> None:
        self._pass_on(lambda: Envelope(None, decode_response(data)))

    def _pass_on(self, decode: Callable[[], Envelope | None]) -> None:
        try:
            envelope = decode()
        except ProtocolError as error:
            self.ignored += 1
            self._complaints.add("no message of a server", self._channels.broadcast, error)
            return
        if envelope is not None and envelope.sender != self.uid:
            self._hear(envelope)

    # Rooms: every server hears all of them.

    def open_room(self, room: str) -> ISubscription:
        raise NotImplementedError("rooms have no subscriptions of their own")

    def close_room(self, room: str) -> None: ...

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions.clear()
