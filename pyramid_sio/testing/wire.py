"""A connection inside the process: what the server sends comes out here, and faults go in.

Upstream: ``testing.client``. Downstream: the server's session, which takes this for a transport.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent

from pyramid_sio.errors import DisconnectReason, ProtocolError
from pyramid_sio.protocol.packets import Message

if TYPE_CHECKING:
    from pyramid_sio.engine.session import Session


class Network:
    """What lies between a client and the server, and what may go wrong there.

    Both directions are meant unless one is named: ``"out"`` is from the client to the server,
    ``"in"`` from the server to the client.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._dropping: set[str] = set()
        self._delays: dict[str, float] = {}
        self._held: dict[str, deque[tuple[Callable[..., Any], tuple[Any, ...]]]] = {
            "in": deque(),
            "out": deque(),
        }
        #: False once the connection has been cut, or either side has closed it.
        self.up = True

    def drop(self, direction: str | None = None) -> None:
        """Lose every packet from now on, heartbeats too, as a cable that was pulled does."""
        self._dropping.update(_directions(direction))

    def delay(self, seconds: float, direction: str | None = None) -> None:
        """Hold every packet back for so long, by the clock of the test application. In order."""
        for name in _directions(direction):
            self._delays[name] = seconds

    def heal(self) -> None:
        """Lose and delay nothing any more. What is on its way still takes its time."""
        self._dropping.clear()
        self._delays.clear()

    def cut(self) -> None:
        """Break the connection; the server notices at once (``transport close``)."""
        if self.up:
            self.up = False
            self._session.transport_ended(DisconnectReason.TRANSPORT_CLOSE)

    def carry(self, direction: str, func: Callable[..., Any], *args: Any) -> None:
        """Call ``func(*args)`` at the other end, unless the network is against it. Not for
        applications."""
        if not self.up or direction in self._dropping:
            return
        held = self._held[direction]
        seconds = self._delays.get(direction, 0.0)
        if not seconds and not held:
            func(*args)
            return
        held.append((func, args))
        self._session.call_later(seconds, lambda: self._arrive(held))

    def _arrive(self, held: deque[tuple[Callable[..., Any], tuple[Any, ...]]]) -> None:
        func, args = held.popleft()
        if self.up:
            func(*args)


def _directions(name: str | None) -> tuple[str, ...]:
    if name not in (None, "in", "out"):
        raise ValueError(f"{name!r} is no direction; there are 'in' and 'out'")
    return ("in", "out") if name is None else (name,)


class Loopback:
    """The server's transport.

    :param name: what ``self.socket.transport`` says: ``websocket`` or ``polling``
    :param receive: the client's end: called with each message
    :param closed: called when the server has closed the connection
    """

    def __init__(
        self,
        session: Session,
        name: str,
        *,
        receive: Callable[[Message], Any],
        closed: Callable[[], Any],
    ) -> None:
        self.name = name
        self.network = Network(session)
        #: Does the client answer heartbeats?
        self.answers_pings = True
        self._session = session
        self._receive = receive
        self._closed = closed

    # What the server does.

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        self.network.carry("in", self._receive, message)
        return True

    def ping(self) -> None:
        self.network.carry("in", self._pinged)

    def pong(self) -> None: ...

    def _pinged(self) -> None:
        if self.answers_pings:
            # Not at once: the server is not done with its ping.
            gevent.get_hub().loop.run_callback(self.send_out, self._session.receive_text, "3")

    def finish(self, reason: DisconnectReason) -> bool:
        self.network.carry("in", self._end)
        return True

    def abort(self, reason: DisconnectReason) -> None:
        self._end()

    def _end(self) -> None:
        self.network.up = False
        self._closed()

    def cork(self) -> None: ...
    def uncork(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...

    # What the client does.

    def send_message(self, message: Message) -> None:
        """Send a packet, with its attachments."""
        if message.text is not None:
            self.send_out(self._session.receive_text, "4" + message.text.decode())
        for blob in message.blobs:
            self.send_out(self._session.receive_binary, blob)

    def send_out(self, receive: Callable[..., Any], data: str | bytes) -> None:
        """Send a packet of any kind."""
        self.network.carry("out", self._deliver, receive, data)

    def _deliver(self, receive: Callable[..., Any], data: str | bytes) -> None:
        try:
            receive(data)
        except ProtocolError as error:
            self._session.refuse(error)

    def close(self) -> None:
        """The client closes the connection."""
        self.network.cut()
