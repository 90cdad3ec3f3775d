"""The transports of Socket.IO 0.9: what differs from those of Engine.IO.

Upstream and downstream: as for ``engine.transports.polling`` and ``.websocket``, which these
extend; :data:`TRANSPORTS` names them. There is no Engine.IO below: heartbeats and goodbyes are
packets of Socket.IO, and a session stays on the transport that it was opened on.

Source: Socket.IO protocol, revision 1, "Transports", and what its JavaScript client does.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pyramid_sio.engine.transports.polling import Payload, PollingTransport
from pyramid_sio.engine.transports.websocket import WebSocketTransport
from pyramid_sio.errors import DisconnectReason, ProtocolError
from pyramid_sio.protocol.engine_v09 import (
    BOUNDARY,
    PREAMBLE,
    SIGN_OF_LIFE,
    decode_form,
    encode_page_part,
    encode_part,
    packets_of,
)
from pyramid_sio.protocol.flash import GOODBYE, FlashReader, flash_frame
from pyramid_sio.protocol.frames import LibraryFrame, text_frame
from pyramid_sio.protocol.packets import Message
from pyramid_sio.protocol.socket_v09 import DISCONNECT, HEARTBEAT, NOOP, UNKNOWN_CLIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyramid_sio.engine.peer import Delivery, Peer
    from pyramid_sio.engine.server import EngineServer
    from pyramid_sio.engine.session import Session
    from pyramid_sio.protocol.dialect import Dialect

_HEARTBEAT_FRAME = text_frame(HEARTBEAT)


class LegacyReceiver:
    """Hands a session what its WebSocket carries: each text is one whole packet.

    :param session: gets them, decoded
    """

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def receive_text(self, text: str) -> None:
        self._session.receive_packet(self._session.dialect.decode_text(text))

    def receive_binary(self, data: bytes) -> None:
        """This generation has none; it is ignored, as its own server did."""
        self._session.complain("binary from a Socket.IO 0.9 client")

    def refuse(self, error: ProtocolError) -> None:
        self._session.refuse(error)

    def transport_ended(self, reason: DisconnectReason) -> None:
        self._session.transport_ended(reason)

    def hold_if_behind(self, received: int) -> bool:
        return self._session.hold_if_behind(received)


class LegacyWebSocket(WebSocketTransport):
    """A WebSocket whose frames are packets of Socket.IO."""

    __slots__ = ()

    def ping(self) -> None:
        self._write(_HEARTBEAT_FRAME)


class FlashSocket(LegacyWebSocket):
    """The same, opened by a client that takes it for Flash Player's."""

    __slots__ = ()

    name = "flashsocket"


class DraftSocket(FlashSocket):
    """A WebSocket as the draft has it that Flash Player's client speaks."""

    __slots__ = ()

    def __init__(self, engine: EngineServer, sock: Any, *, dialect: Dialect) -> None:
        super().__init__(engine, sock, dialect=dialect)
        self._reader: Any = FlashReader(engine.settings.max_http_buffer_size)

    def _receive_by_library(self, data: bytes) -> None:
        """What is no text: the client says goodbye."""
        self._write(GOODBYE)
        self._ended(DisconnectReason.TRANSPORT_CLOSE)

    def _look_for_close(self, item: str | bytes | LibraryFrame) -> None:
        if not isinstance(item, str):
            self._close()

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        if volatile and self._queue is not None and not self._corked:
            return False
        return self._write(flash_frame(message.text or b""))

    def send_head(self, head: bytes, packet: bytes = b"") -> None:
        self._write(head + flash_frame(packet) if packet else head)

    def ping(self) -> None:
        self._write(flash_frame(HEARTBEAT))

    def _say_goodbye(self, frame: bytes | None) -> None:
        super()._say_goodbye(GOODBYE)


class XhrPolling(PollingTransport):
    """Polls, each of which is a sign of life, so that there are no heartbeats.

    Once in each ``ping_interval`` a poll that waits is answered with nothing; the client has
    ``ping_timeout`` to send the next. One that breaks off does no harm if another comes.
    """

    name = "xhr-polling"

    __slots__ = ("_delivery", "_said_goodbye")

    def __init__(self, session: Session, make_event: Callable[[], Any]) -> None:
        super().__init__(session, make_event)
        self._last_word = UNKNOWN_CLIENT
        #: Is the client told to stay away, by what is queued?
        self._said_goodbye = False
        #: What becomes of the last answer; None: that cannot be known.
        self._delivery: Delivery | None = None

    def poll(self, patience: float | None = None, *, peer: Peer | None = None) -> Payload:
        """Wait until there is something to send, and take all of it.

        A poll that waits already is answered with nothing: its client has given it up.

        :param patience: seconds to wait; None: no limit
        :param peer: the connection that it has come on. Some clients give a poll up after
            seconds, and nothing should be lost with it
        """
        waiting = self._park()
        if not self._queue and not self._finished:
            waiting.wait(patience)
        if self._parked is waiting and peer is not None and peer.is_gone():
            self.peer_vanished()
        if self._parked is not waiting:
            return self._payload([NOOP], False)
        self._parked = None
        if peer is not None:
            put_back = partial(self._put_back, self._queue, self._compress)
            self._delivery = peer.follow(put_back)
        return self._take()

    def _put_back(self, items: Sequence[Message | bytes], compress: bool) -> None:
        """An answer is lost: what was in it waits for the next poll, before what came later."""
        if self._finished:
            return
        self._queue[:0] = items
        self._size += sum(item.size for item in items if isinstance(item, Message))
        self._compress = self._compress or compress
        self.session.doubt()
        if self._queue:
            self._wake()

    def _park(self) -> Any:
        """A GET has come: what it waits on."""
        if self._delivery is not None:
            # The end of its connection may not have been noticed yet.
            self._delivery.look()
        older, self._parked = self._parked, self._make_event()
        if older is not None:
            older.set()
        self.session.receive_packet(SIGN_OF_LIFE)
        return self._parked

    def _take(self) -> Payload:
        self._add_last_word()
        items, compress = self._queue or [NOOP], self._compress
        self._clear()
        return self._payload(items, compress)

    def _add_last_word(self) -> None:
        """Over: the client is told so with what is taken now, for it acts on packets in order."""
        if self._finished:
            self.session.said_goodbye(self)
            if not self._said_goodbye:
                self._queue.append(self._last_word)

    def _payload(self, items: Sequence[Message | bytes], compress: bool) -> Payload:
        data, content_type = self.encode(items)
        return Payload(data, compress, content_type)

    def peer_vanished(self) -> None:
        """The connection of a request broke off; what is queued waits for the next poll."""
        parked, self._parked = self._parked, None
        if parked is not None:
            parked.set()
        self.session.doubt()

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        self._said_goodbye = self._said_goodbye or message.text == DISCONNECT
        return super().send(message, volatile, compress)

    def ping(self) -> None:
        self._wake()

    def abort(self, reason: DisconnectReason) -> None:
        super().abort(reason)
        self._last_word = UNKNOWN_CLIENT
        self._said_goodbye = False


class JsonpPolling(XhrPolling):
    """The same, with forms for POSTs; answers become scripts where they are written."""

    name = "jsonp-polling"

    __slots__ = ()

    def receive(self, body: bytes, *, binary: bool = False) -> None:
        try:
            payload = decode_form(body)
        except ProtocolError as error:
            self.session.refuse(error)
            raise
        super().receive(payload.encode(), binary=binary)


class HtmlFile(XhrPolling):
    """One GET that is answered without end: a page, with a script for each packet."""

    name = "htmlfile"
    content_type = "text/html; charset=UTF-8"
    preamble = PREAMBLE

    __slots__ = ()

    def stream(self) -> Iterator[bytes]:
        """The pieces of the answer; waits between them."""
        waiting = self._park()
        yield self.preamble
        while self._parked is waiting:
            if not self._queue and not self._finished:
                waiting.wait()
            if self._parked is not waiting:
                return
            # Before anything is taken: sending it waits, and more may come meanwhile.
            self._parked = waiting = None if self._finished else self._make_event()
            yield self._take_parts()
            if waiting is None:
                return

    def _take_parts(self) -> bytes:
        self._add_last_word()
        packets = packets_of(self._queue)
        self._clear()
        return b"".join(map(self.part, packets))

    @staticmethod
    def part(packet: bytes) -> bytes:
        """One packet, in the answer."""
        return encode_page_part(packet)

    def peer_vanished(self) -> None:
        """The stream broke off. Its client begins anew."""
        self.session.end(DisconnectReason.TRANSPORT_CLOSE)

    def ping(self) -> None:
        self._queue.append(HEARTBEAT)
        self._wake()


class XhrMultipart(HtmlFile):
    """The same as a response of many parts, which browsers of the day knew from cameras."""

    name = "xhr-multipart"
    content_type = f'multipart/x-mixed-replace;boundary="{BOUNDARY}"'
    preamble = f"--{BOUNDARY}\r\n".encode()

    __slots__ = ()

    @staticmethod
    def part(packet: bytes) -> bytes:
        return encode_part(packet)


#: Those that HTTP requests make up, by the name in their URLs.
TRANSPORTS: dict[str, type[XhrPolling]] = {
    transport.name: transport for transport in (XhrPolling, JsonpPolling, HtmlFile, XhrMultipart)
}
#: Those that take a connection over.
SOCKETS: dict[str, type[LegacyWebSocket]] = {
    transport.name: transport for transport in (LegacyWebSocket, FlashSocket)
}
