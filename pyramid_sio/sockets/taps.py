"""Listeners and filters that see every packet of one client in one namespace.

Upstream: ``Namespace.use``, ``on_any`` and their kin. Downstream: ``sockets.client`` asks
for each incoming event, and :class:`TappedOut` stands before the session for outgoing ones.

Both exist only for a client that has asked for them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyramid_sio.protocol.packets import Message, SocketType

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IOut

logger = logging.getLogger(__name__)

Listener = Callable[..., Any]
#: Gets ``[name, *arguments]``, which it may change; False drops the event.
Filter = Callable[[list[Any]], Any]


class Taps:
    """What one client in one namespace has been given."""

    __slots__ = ("filters", "incoming", "outgoing")

    def __init__(self) -> None:
        self.filters: list[Filter] = []
        self.incoming: list[Listener] = []
        self.outgoing: list[Listener] = []

    def take_in(self, data: list[Any], id: int | None = None) -> bool:
        """Show an incoming event to listeners, then let filters judge it.

        :param data: ``[name, *arguments]``; filters may change it
        :param id: of the acknowledgement the client waits for, for who answers by itself
        :returns: False if it is to be dropped without a word
        :raises Exception: what a filter raises
        """
        for listener in tuple(self.incoming):
            listener(*data)
        for judge in tuple(self.filters):
            if judge(data) is False:
                return False
        if not data:
            raise ValueError("a filter took the event's name away")
        return True


class TappedOut:
    """Shows events to listeners on their way to the client."""

    __slots__ = ("_taps", "way")

    def __init__(self, way: IOut, taps: Taps) -> None:
        #: Where the packets go.
        self.way = way
        self._taps = taps

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        packet = message.packet
        if packet is not None and packet.type is SocketType.EVENT:
            for listener in tuple(self._taps.outgoing):
                try:
                    listener(*packet.data)
                except Exception:
                    logger.exception("a listener for outgoing events failed: %r", listener)
        return self.way.send(message, volatile, compress)


class Tappable:
    """The methods by which a namespace's instance takes listeners and filters.

    Listeners are called with the event's name and its arguments; incoming ones run like
    handlers, outgoing ones where the event is sent and must not wait.
    """

    __slots__ = ("out", "taps")

    taps: Taps | None
    out: IOut

    def _tap(self) -> Taps:
        if self.taps is None:
            self.taps = Taps()
        return self.taps

    def use(self, judge: Filter) -> None:
        """Call ``judge([name, *arguments])`` for each event before its handler.

        It may change the list; if it returns False the event is dropped; what it raises
        goes to ``on_error``, and an ``EventError`` to the client as well.
        """
        self._tap().filters.append(judge)

    def on_any(self, listener: Listener) -> None:
        """Call ``listener(name, *arguments)`` for each incoming event, before filters."""
        self._tap().incoming.append(listener)

    def prepend_any(self, listener: Listener) -> None:
        """The same, before the listeners that are there."""
        self._tap().incoming.insert(0, listener)

    def off_any(self, listener: Listener | None = None) -> None:
        """Remove one listener for incoming events, or all of them."""
        if self.taps is not None:
            _remove(self.taps.incoming, listener)

    def listeners_any(self) -> list[Listener]:
        """The listeners for incoming events."""
        return [] if self.taps is None else list(self.taps.incoming)

    def on_any_outgoing(self, listener: Listener) -> None:
        """Call ``listener(name, *arguments)`` for each event on its way to this client."""
        self._tap_out().append(listener)

    def prepend_any_outgoing(self, listener: Listener) -> None:
        """The same, before the listeners that are there."""
        self._tap_out().insert(0, listener)

    def off_any_outgoing(self, listener: Listener | None = None) -> None:
        """Remove one listener for outgoing events, or all of them."""
        if self.taps is not None:
            _remove(self.taps.outgoing, listener)

    def listeners_any_outgoing(self) -> list[Listener]:
        """The listeners for outgoing events."""
        return [] if self.taps is None else list(self.taps.outgoing)

    def _tap_out(self) -> list[Listener]:
        taps = self._tap()
        if not isinstance(self.out, TappedOut):
            self.out = TappedOut(self.out, taps)
        return taps.outgoing


def _remove(listeners: list[Listener], listener: Listener | None) -> None:
    """Take one out, or (None) all; harmless if it is not in."""
    if listener is None:
        listeners.clear()
    elif listener in listeners:
        listeners.remove(listener)
