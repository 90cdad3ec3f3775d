"""The seams of a cluster: what carries bytes between processes, and what speaks for a namespace.

Upstream: ``adapters.cluster`` speaks on a line. Downstream: lines with a wire format each; some
are the same on any bus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pyramid_sio.protocol.cluster import Answer, Envelope, Order


class IBus(Protocol):
    """Carries bytes on named channels between the processes of a cluster. One for a process.

    At most once, in order for each channel and sender. Any thread may call.
    """

    def subscribe(
        self, channel: str, hear: Callable[[bytes], None], ready: Callable[[], None] | None = None
    ) -> bool:
        """Hear what is published on a channel from now on; does not wait.

        After the connection was lost and is there again, it is subscribed again.

        :param hear: must not wait, nor raise; gets what this process publishes as well
        :param ready: called once everything is heard that is published from then on
        :returns: False if that will not be soon, because the way is down
        """

    def unsubscribe(self, channel: str) -> None: ...

    def publish(self, channel: str, data: bytes) -> None:
        """Send, or queue within limits, or drop and count it. Never waits, never raises."""

    def count(self, channel: str, timeout: float) -> int:
        """How many processes hear a channel; may wait.

        :param timeout: seconds
        :raises AdapterError: that cannot be found out now
        """


class ILine(Protocol):
    """One namespace's way to the same namespace on other servers. Knows one wire format.

    Any thread may call; only ``count`` waits.
    """

    #: The id of this server in this namespace.
    uid: str
    #: Does it have to be told which rooms have members here?
    opens_rooms: bool
    #: Can other servers be asked for their rooms?
    knows_rooms: bool

    def open(self, hear: Callable[[Envelope], None], has_room: Callable[[Any], bool]) -> None:
        """Take part from now on.

        :param hear: gets what others say; must not wait, nor raise
        :param has_room: tells whether a room has members here; messages for other rooms may
            be dropped before they are decoded
        """

    def send(self, order: Order) -> None:
        """Say something to all others. :raises TypeError: something in it cannot be sent"""

    def answer(self, answer: Answer, to: str | None) -> None:
        """Answer the server with that id. :raises TypeError: it cannot be sent"""

    def count(self, timeout: float) -> int:
        """Servers of this namespace, this one included. :raises AdapterError: it is not known"""

    def open_room(self, room: str, ready: Callable[[], None] | None = None) -> bool:
        """A room has a member here now, its first.

        :param ready: called once everything is heard that is sent to it from then on
        :returns: False if ``ready`` need not be waited for
        """

    def close_room(self, room: str) -> None:
        """A room has no member here any more."""

    def new_id(self) -> str:
        """An id for a question."""

    def close(self) -> None: ...
