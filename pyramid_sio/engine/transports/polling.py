"""HTTP long-polling: packets wait here until the client's next GET fetches them.

Upstream and downstream: ``plugin.responses`` waits in :meth:`PollingTransport.poll` and
hands POST bodies to :meth:`PollingTransport.receive`; ``engine.session`` sends.

Source: Engine.IO protocol, "HTTP long-polling".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pyramid_sio.errors import DisconnectReason, OverlapError, ProtocolError, SlowClient
from pyramid_sio.protocol.dialect import Body
from pyramid_sio.protocol.packets import EnginePacket, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyramid_sio.engine.session import Session

CLOSE = b"1"
PING = b"2"
PONG = b"3"
NOOP = b"6"


class Payload(NamedTuple):
    """The answer to one poll.

    :param body: the packets, joined
    :param compress: False if every packet in it asked for no compression
    :param content_type: as the header says it
    """

    body: bytes
    compress: bool
    content_type: str


class PollingTransport:
    """The polling side of a session. Only :meth:`poll` and :meth:`wait_until_ready` wait.

    :param make_event: makes what a request waits on: something with ``set()`` and ``wait()``
    :param binary: can the client take binary answers, if its revision has them?
    """

    name = "polling"

    __slots__ = (
        "_binary",
        "_compress",
        "_finished",
        "_last_word",
        "_make_event",
        "_parked",
        "_queue",
        "_resumed",
        "_size",
        "holder",
        "receiving",
        "session",
    )

    def __init__(
        self, session: Session, make_event: Callable[[], Any], *, binary: bool = False
    ) -> None:
        self.session = session
        self._binary = binary
        #: Whose session it is, for whoever lets requests in; None: nobody has said.
        self.holder: Any = None
        #: True until a POST has been answered: a second one is a violation.
        self.receiving = False
        self._make_event = make_event
        #: Messages, and packets that are ready as they are.
        self._queue: list[Message | bytes] = []
        self._size = 0
        self._compress = False
        self._parked: Any = None
        self._resumed: Any = None
        #: What the last poll is told when the session is over.
        self._last_word = CLOSE
        self._finished = False

    # Requests; called by the greenlet that serves them.

    @property
    def is_polled(self) -> bool:
        """Does a poll wait?"""
        return self._parked is not None

    @property
    def must_wait(self) -> bool:
        """Would a poll have to wait?"""
        return not self._queue and not self._finished

    def poll(self, patience: float | None = None) -> Payload:
        """Wait until there is something to send, and take all of it.

        :param patience: seconds to wait; then the client is told to poll again. None: no limit
        :raises OverlapError: another poll waits already; the session has been ended
        """
        if self._parked is not None:
            error = OverlapError("two polls at once")
            self.session.refuse(error)
            raise error
        if not self._queue and not self._finished:
            self._parked = self._make_event()
            try:
                self._parked.wait(patience)
            finally:
                self._parked = None
            if not self._queue and not self._finished:
                self._queue.append(NOOP)
        return self._take()

    def _take(self) -> Payload:
        items = self._queue
        compress = self._compress
        self._clear()
        if self._finished and not items:
            # Alone: clients act on it before they act on what came with it.
            items.append(self._last_word)
            self.session.said_goodbye(self)
        data, content_type = self.encode(items)
        return Payload(data, compress, content_type)

    def encode(self, items: Sequence[Message | bytes]) -> Body:
        """The answer with these messages, and packets that are ready as they are."""
        return self.session.dialect.encode_payload(items, self._binary)

    def _decode(self, body: bytes, binary: bool) -> Iterator[EnginePacket]:
        return self.session.dialect.decode_payload(body, binary)

    def _clear(self) -> None:
        self._queue = []
        self._size = 0
        self._compress = False

    def receive(self, body: bytes, *, binary: bool = False) -> None:
        """Handle the packets of one POST, in order, until one ends the session.

        :param binary: does its content type say that it is?
        :raises ProtocolError: the body breaks the protocol; the session has been ended
        """
        session = self.session
        try:
            for packet in self._decode(body, binary):
                session.receive_packet(packet)
                if not session.is_open:
                    break
        except ProtocolError as error:
            session.refuse(error)
            raise
        session.hold_if_behind(len(body))

    def wait_until_ready(self) -> None:
        """Wait while the handlers of this client are too far behind to take more."""
        if self.session.lane.paused:
            self._resumed = self._make_event()
            self._resumed.wait()
            self._resumed = None

    def peer_vanished(self) -> None:
        """The connection of the waiting poll, or of a POST, broke off."""
        self.session.end(DisconnectReason.TRANSPORT_ERROR)

    def answer_lost(self) -> None:
        """A poll's answer did not arrive: what follows would make no sense without it."""
        if self.session.transport is self:
            self.peer_vanished()

    # What the session asks.

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        """Queue for the waiting or the next poll; False if it was dropped."""
        if volatile and (self._parked is None or self._queue):
            return False
        size = message.size
        limit = self.session.engine.settings.max_buffer_size
        if self._queue and self._size + size > limit:
            self.session.refuse(SlowClient("sio.max_buffer_size: the client does not poll"))
            return False
        self._queue.append(message)
        self._size += size
        self._compress = self._compress or compress
        self._wake()
        return True

    def ping(self) -> None:
        self._queue.append(PING)
        self._wake()

    def pong(self) -> None:
        if PONG not in self._queue:
            self._queue.append(PONG)
        self._wake()

    def release(self) -> None:
        """Answer a waiting poll with nothing, so that the client can switch."""
        if self._parked is not None and not self._queue:
            self._queue.append(NOOP)
            self._wake()

    def finish(self, reason: DisconnectReason) -> bool:
        """Say goodbye behind what is queued; True if nothing more is to be done."""
        told_at_once = self._parked is not None and not self._queue
        self._finished = True
        self._wake()
        self.resume()
        return told_at_once

    def abort(self, reason: DisconnectReason) -> None:
        """Over: a waiting poll is released, what is queued is dropped."""
        if reason is DisconnectReason.TRANSPORT_CLOSE:
            self._last_word = NOOP
        self._clear()
        self._finished = True
        self._wake()
        self.resume()

    def hand_over(self) -> list[Message | bytes]:
        """The upgrade is done: release a straggling poll, give up what is queued."""
        queue = [item for item in self._queue if item is not NOOP]
        self._clear()
        self._last_word = NOOP
        self._finished = True
        self._wake()
        self.resume()
        return queue

    def pause(self) -> None:
        """Nothing to do: a POST whose handlers are behind is not answered."""

    def resume(self) -> None:
        if self._resumed is not None:
            self._resumed.set()

    def cork(self) -> None:
        """Nothing to do: packets wait for a poll anyway."""

    def uncork(self) -> None:
        """Nothing to do."""

    def _wake(self) -> None:
        if self._parked is not None:
            self._parked.set()
