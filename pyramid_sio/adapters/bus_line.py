"""One namespace's way to other servers over channels of a bus, in numbered messages.

On a bus of Redis's sharded pub/sub this is what JavaScript's sharded adapter does, message by
message; any other bus that has channels will do among servers of ours.

Upstream: ``adapters.cluster``. Downstream: an ``IBus``; ``protocol.cluster_numbered``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster import Answer, Broadcast, Envelope, Order
from pyramid_sio.protocol.cluster_numbered import decode, encode
from pyramid_sio.protocol.cluster_values import ValueEncoder

if TYPE_CHECKING:
    from pyramid_sio.adapters.lines import IBus, ISubscription
    from pyramid_sio.interfaces import IComplaints

#: Who has a channel of its own. JavaScript servers of another mode do not hear each other there.
STATIC, DYNAMIC, PRIVATE = "static", "dynamic", "dynamic-private"
MODES = (STATIC, DYNAMIC, PRIVATE)
#: Random bytes of a server's id and of a question's.
ID_BYTES = 8
#: Characters of a client's id: JavaScript servers know them by that.
SID_LENGTH = 20


class BusLine:
    """See ``lines.ILine``.

    :param bus: what carries the messages
    :param namespace: its name
    :param prefix: what channels begin with
    :param mode: which rooms others are told about on a channel of their own; all such channels
        are heard in any mode but ``static``
    :param encoder: of values
    :param complaints: for what others get wrong
    :param binary: all messages are MessagePack
    """

    knows_rooms = False

    def __init__(
        self,
        bus: IBus,
        namespace: str,
        *,
        prefix: str,
        mode: str,
        encoder: ValueEncoder,
        complaints: IComplaints,
        binary: bool = False,
    ) -> None:
        self.uid = secrets.token_hex(ID_BYTES)
        self.opens_rooms = mode != STATIC
        #: Messages of others that were ignored, because they were none.
        self.ignored = 0
        self.bus = bus
        self.prefix = prefix
        self.namespace = namespace
        self._binary = binary
        self._mode = mode
        self.encoder = encoder
        self._complaints = complaints
        #: Where what concerns everybody is said.
        self.channel = f"{prefix}#{namespace}#"
        self._rooms: dict[str, ISubscription] = {}
        self._own: list[ISubscription] = []
        self.hear: Callable[[Envelope], None]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.channel} {self.uid}>"

    def open(self, hear: Callable[[Envelope], None], has_room: Callable[[Any], bool]) -> None:
        self.hear = hear
        for channel in (self.channel, self._of(self.uid)):
            self._own.append(self.bus.subscribe(channel, self._receive))

    @property
    def main(self) -> ISubscription:
        """That what concerns everybody is heard; known once it is open."""
        return self._own[0]

    def _of(self, name: object) -> str:
        return f"{self.channel}{name}#"

    def send(self, order: Order) -> None:
        self.bus.publish(self._channel_for(order), self._encode(order))

    def _channel_for(self, order: Order) -> str:
        """Where a message goes. Source: ``ShardedRedisAdapter``, ``computeChannel``."""
        if not isinstance(order, Broadcast) or order.request_id is not None:
            return self.channel
        rooms = order.options.rooms
        if self._mode == STATIC or len(rooms) != 1:
            return self.channel
        (room,) = rooms
        if self._mode == PRIVATE or not is_sid(room, self.namespace):
            return self._of(room)
        return self.channel

    def answer(self, answer: Answer, to: str | None) -> None:
        if to is not None:
            self.bus.publish(self._of(to), self._encode(answer))

    def _encode(self, message: Order | Answer) -> bytes:
        return encode(
            message,
            uid=self.uid,
            namespace=self.namespace,
            encoder=self.encoder,
            binary=self._binary,
        )

    def _receive(self, channel: bytes, data: bytes) -> None:
        try:
            envelope = decode(data, namespace=self.namespace, binary=self._binary)
        except ProtocolError as error:
            self.ignored += 1
            self._complaints.add("no message of a server", self.channel, error)
            return
        if envelope is not None and envelope.sender != self.uid:
            self.hear(envelope)

    def join(self, seconds: float) -> None:
        self.bus.join(seconds)

    def count(self, timeout: float) -> int:
        return self.bus.count(self.channel, timeout)

    def open_room(self, room: str) -> ISubscription:
        subscription = self._rooms[room] = self.bus.subscribe(self._of(room), self._receive)
        return subscription

    def close_room(self, room: str) -> None:
        subscription = self._rooms.pop(room, None)
        if subscription is not None:
            subscription.close()

    def new_id(self) -> str:
        return secrets.token_hex(ID_BYTES)

    def close(self) -> None:
        for subscription in (*self._rooms.values(), *self._own):
            subscription.close()
        self._rooms.clear()


def is_sid(room: object, namespace: str) -> bool:
    """Does this look like a client's id?

    JavaScript servers know those of 20 characters. That of a client of version 2 has its namespace
    in front; they take it for a room, and no client's room has a channel there.
    """
    if not isinstance(room, str):
        return False
    return len(room) == SID_LENGTH or (
        len(room) == len(namespace) + 1 + SID_LENGTH and room.startswith(f"{namespace}#")
    )
