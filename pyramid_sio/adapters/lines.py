"""The seams of a cluster: what carries bytes between processes, and what speaks for a namespace.

Upstream: ``adapters.cluster`` speaks on a line. Downstream: lines with a wire format each; some
are the same on any bus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pyramid_sio.protocol.cluster import Answer, Envelope, Order
from pyramid_sio.protocol.cluster_values import ValueEncoder


class ISubscription(Protocol):
    """That somebody hears a channel."""

    @property
    def active(self) -> bool:
        """Is everything heard that is published from now on?"""

    def wait(self, seconds: float) -> bool:
        """Wait until it is active; False if that takes longer."""

    def close(self) -> None:
        """End it; harmless if that has been done. Never waits."""


class ICounted(ISubscription, Protocol):
    """One on a bus whose messages are numbered, for each channel and sender. In the loop.

    So two processes can compare what they have heard.
    """

    @property
    def heard(self) -> tuple[str, int] | None:
        """Whose message is handled at this moment, and its number there."""

    @property
    def published(self) -> tuple[str, int]:
        """What this process has said last."""

    @property
    def seen(self) -> dict[str, int]:
        """The last number of each process that was heard, this one included."""

    @property
    def since(self) -> dict[str, int]:
        """After which number of each other process nothing has been missed."""

    @property
    def others(self) -> frozenset[str]:
        """The other processes that are there."""


class IBus(Protocol):
    """Carries bytes on named channels between the processes of a cluster. One for a process.

    At most once, in order for each channel and sender. Any thread may call.
    """

    def subscribe(
        self,
        channel: str,
        hear: Callable[[bytes, bytes], Any],
        began: Callable[[], Any] | None = None,
    ) -> ISubscription:
        """Hear what is published on a channel, as soon as it can be; does not wait.

        After the connection was lost and is there again, it is heard again. Several begin to be
        heard in the order of these calls.

        :param hear: called with the channel and the bytes, in the thread that owns the clients'
            connections; must not wait. Gets what this process publishes as well, or not: that
            depends on the bus
        :param began: called there whenever the subscription has become active, or others that it
            is to be heard by have come; must not wait
        """

    def publish(self, channel: str, data: bytes) -> None:
        """Send, or queue within limits, or drop and count it. Never waits, never raises."""

    def reach(self, channel: str, data: bytes, timeout: float) -> int:
        """Send, and say how many processes that is carried to; may wait. In order with publish.

        :param timeout: seconds
        :returns: this one is counted if it hears the channel, and what it publishes itself
        :raises AdapterError: that cannot be found out now
        """

    def join(self, seconds: float) -> None:
        """Be sure to hear answers from now on; may wait. :raises AdapterError: in vain"""

    def count(self, channel: str, timeout: float) -> int:
        """How many processes hear a channel; may wait.

        :param timeout: seconds
        :raises AdapterError: that cannot be found out now
        """


class ILine(Protocol):
    """One namespace's way to the same namespace on other servers. Knows one wire format.

    Any thread may call; only ``join`` and ``count`` wait.
    """

    #: The id of this server in this namespace.
    uid: str
    namespace: str
    #: For what servers of this package alone say to each other: what carries it, what the names
    #: of its channels begin with, and what writes it.
    bus: IBus
    prefix: str
    encoder: ValueEncoder
    #: Does it have to be told which rooms have members here?
    opens_rooms: bool
    #: Can other servers be asked for their rooms?
    knows_rooms: bool

    def open(self, hear: Callable[[Envelope], None], has_room: Callable[[Any], bool]) -> None:
        """Take part from now on.

        :param hear: gets what others say, in the thread that owns the clients' connections;
            must not wait, nor raise
        :param has_room: tells whether a room has members here; messages for other rooms may
            be dropped before they are decoded
        """

    def send(self, order: Order) -> None:
        """Say something to all others. :raises TypeError: something in it cannot be sent"""

    def answer(self, answer: Answer, to: str | None) -> None:
        """Answer the server with that id. :raises TypeError: it cannot be sent"""

    def join(self, seconds: float) -> None:
        """Be sure to hear answers, before a question. :raises AdapterError: that cannot be"""

    def count(self, timeout: float) -> int:
        """Servers of this namespace, this one included. :raises AdapterError: it is not known"""

    def open_room(self, room: str) -> ISubscription:
        """A room has a member here now, its first; called if ``opens_rooms``."""

    def close_room(self, room: str) -> None:
        """A room has no member here any more."""

    def new_id(self) -> str:
        """An id for a question."""

    def close(self) -> None: ...
