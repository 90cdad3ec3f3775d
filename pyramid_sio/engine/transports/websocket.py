"""WebSocket: a socket that was taken over from the HTTP server, driven by watchers.

Upstream: the loop, when the socket can be read. Downstream: the session (or, before an
upgrade is complete, the candidate), and the socket itself, written to directly.

No greenlet belongs to a connection. ``protocol.frames`` takes what is simple; the
``websockets`` library everything else. Source: RFC 6455.
"""

from __future__ import annotations

import logging
from collections import deque
from ssl import SSLWantReadError, SSLWantWriteError
from typing import TYPE_CHECKING, Any

import gevent

from pyramid_sio.engine.transports.library import Library, PeerClosed, WebSocketViolation
from pyramid_sio.errors import DisconnectReason, ProtocolError, SlowClient
from pyramid_sio.protocol import engine_v4
from pyramid_sio.protocol.frames import (
    CLOSE,
    OPCODE_BITS,
    FrameReader,
    InvalidText,
    LibraryFrame,
    MessageTooLarge,
    answer_to_goodbye,
    frame_header,
    text_frame,
)
from pyramid_sio.protocol.packets import Message

if TYPE_CHECKING:
    from websockets.extensions import Extension

    from pyramid_sio.engine.server import EngineServer
    from pyramid_sio.engine.session import Session
    from pyramid_sio.interfaces import IReceiver
    from pyramid_sio.protocol.dialect import Dialect

logger = logging.getLogger(__name__)
_SHUT_DOWN = DisconnectReason.SERVER_SHUTTING_DOWN
_GOING_AWAY = frame_header(CLOSE, 2) + (1001).to_bytes(2, "big")
WOULD_BLOCK = (BlockingIOError, SSLWantReadError, SSLWantWriteError)
READ, WRITE = 1, 2
RECEIVE_SIZE = 65536
#: Received at once while a client sends many small frames for the library, which needs far
#: longer for each than the fast path: nobody else should wait for that.
CAREFUL_SIZE = 4096
MANY_FRAMES = 256
#: While several events are handled, what they send is collected up to this many bytes.
CORK_SIZE = 65536
#: How long a client may take to answer a close frame, in seconds.
CLOSE_WAIT = 2.0


class WebSocketTransport:
    """One WebSocket. Loop thread only; nothing here waits.

    :param engine: for its limits and its clock
    :param sock: a connected, non-blocking stream socket, plain or TLS, now ours alone
    :param extensions: what the opening handshake agreed on
    :param dialect: how the client is spoken with
    """

    name = "websocket"

    __slots__ = (
        "_corked",
        "_dialect",
        "_engine",
        "_finishing",
        "_frame",
        "_library",
        "_over",
        "_queue",
        "_queued",
        "_reader",
        "_receive_size",
        "_sock",
        "_tls",
        "_watcher",
        "_write_watcher",
        "receiver",
    )

    def __init__(
        self,
        engine: EngineServer,
        sock: Any,
        extensions: list[Extension] | None = None,
        *,
        dialect: Dialect = engine_v4.DIALECT,
    ) -> None:
        self.receiver: IReceiver
        self._engine = engine
        self._dialect = dialect
        self._frame = dialect.frame
        self._sock = sock
        self._tls = hasattr(sock, "pending")
        self._reader = FrameReader(engine.settings.max_http_buffer_size)
        self._receive_size = RECEIVE_SIZE
        self._library = Library(self._reader.max_size, extensions) if extensions else None
        #: None: nothing waits, a frame is sent directly.
        self._queue: deque[bytes | memoryview] | None = None
        self._queued = 0
        self._corked = False
        #: A close frame is queued or sent; what comes in is no longer looked at.
        self._finishing = False
        self._over = False
        self._write_watcher: Any = None
        self._watcher = gevent.get_hub().loop.io(sock.fileno(), READ)

    def start(self, leftover: bytes) -> None:
        """Begin to read. ``leftover`` is what arrived together with the request."""
        if self._over:
            # Sending the answer has failed; libev ends the process over a closed descriptor.
            return
        self._watcher.start(self.read)
        if leftover:
            self._receive(leftover)
        self._read_on()

    def adopt(self, session: Session, queue: list[Message | bytes]) -> None:
        """Become the session's transport and send what it had queued."""
        self.receiver = session
        for item in queue:
            if isinstance(item, Message):
                self.send(item)
            else:
                self.send_text(item)

    # In.

    def read(self) -> None:  # by the loop, or for who cannot wait for its turn
        try:
            data = self._sock.recv(self._receive_size)
        except WOULD_BLOCK:
            return
        except OSError:
            data = b""
        if not data:
            self._ended(DisconnectReason.TRANSPORT_CLOSE)
            return
        self._receive(data)
        if self._over:
            self._reader.forget()
        elif self._tls:
            self._read_on()

    def _read_on(self) -> None:
        """TLS holds decrypted bytes that the descriptor knows nothing of: come back for them."""
        if self._tls and not self._over and self._watcher.active and self._sock.pending():
            gevent.get_hub().loop.run_callback(self.read)

    def _receive(self, data: bytes) -> None:
        library_frames = 0
        was_finishing = self._finishing
        try:
            for item in self._reader.feed(data):
                if self._finishing:
                    self._look_for_close(item)
                elif isinstance(item, str):
                    self.receiver.receive_text(item)
                elif isinstance(item, bytes):
                    self.receiver.receive_binary(item)
                else:
                    library_frames += 1
                    self._receive_by_library(item.data)
        except ProtocolError as error:
            if isinstance(error, InvalidText | MessageTooLarge):
                self._say_goodbye(frame_header(CLOSE, 2) + error.close_code.to_bytes(2, "big"))
            if not was_finishing:
                self.receiver.refuse(error)
            return
        except Exception:
            logger.exception("closing a connection after an unexpected error")
            self._ended(DisconnectReason.TRANSPORT_ERROR)
            return
        # In proportion: as soon as they get fewer, more is received at once again.
        many = library_frames * RECEIVE_SIZE > MANY_FRAMES * len(data)
        self._receive_size = CAREFUL_SIZE if many else RECEIVE_SIZE
        if self.receiver.hold_if_behind(len(data)):
            self.pause()

    def _receive_by_library(self, data: bytes) -> None:
        library = self._library
        if library is None:
            goodbye = answer_to_goodbye(data)
            if goodbye is not None:
                self._write(goodbye)
                self._ended(DisconnectReason.TRANSPORT_CLOSE)
                return
            library = self._library = Library(self._reader.max_size, [])
        try:
            for item in library.receive(data):
                if isinstance(item, str):
                    self.receiver.receive_text(item)
                else:
                    self.receiver.receive_binary(item)
        except PeerClosed:
            self._write(library.to_send())
            self._ended(DisconnectReason.TRANSPORT_CLOSE)
            return
        except WebSocketViolation:
            self._say_goodbye(library.to_send())
            raise
        answer = library.to_send()
        if answer and not self._finishing:
            self._write(answer)

    def _look_for_close(self, item: str | bytes | LibraryFrame) -> None:
        """After our close frame only the client's is of interest: then both are done."""
        if isinstance(item, LibraryFrame) and item.data[0] & OPCODE_BITS == CLOSE:
            self._close()

    def pause(self) -> None:
        """Leave what the client sends to TCP, which makes it wait."""
        if not self._finishing:
            self._watcher.stop()

    def resume(self) -> None:
        """Read on, after the handlers were too far behind."""
        if not self._over:
            self._watcher.start(self.read)
            self._read_on()

    # Out.

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        """Send now, or queue if the client does not keep up; False if it was dropped."""
        if volatile and self._queue is not None and not self._corked:
            return False
        library = self._library
        if library is not None and library.compresses and compress:
            # From here on it must be sent: later messages refer to it.
            frame = library.compressed(message, self._dialect)
        else:
            frame = message.frame or self._frame(message)
        return self._write(frame)

    def send_head(self, head: bytes, packet: bytes = b"") -> None:
        """Send the answer to the upgrade request, with a first packet behind it, if any."""
        self._write(head + text_frame(packet) if packet else head)

    def send_text(self, packet: bytes) -> None:
        """Send one Engine.IO packet that is text."""
        self._write(text_frame(packet))

    def ping(self) -> None:
        self._write(b"\x81\x012")

    def pong(self) -> None:
        self._write(b"\x81\x013")

    def _write(self, frame: bytes) -> bool:
        if self._queue is None:
            try:
                sent = self._sock.send(frame)
            except WOULD_BLOCK:
                sent = 0
            except OSError:
                self._lost()
                return False
            if sent != len(frame):
                self._queue = deque((memoryview(frame)[sent:],))
                self._queued = len(frame) - sent
                self._wait_writable()
            return True
        if self._over:
            return False
        if self._corked:
            if self._queued >= CORK_SIZE:
                self._flush()
                return self._write(frame)
        elif self._queued + len(frame) > self._engine.settings.max_buffer_size:
            self.receiver.refuse(SlowClient("sio.max_buffer_size: the client does not read"))
            return False
        self._queue.append(frame)
        self._queued += len(frame)
        return True

    def cork(self) -> None:
        """Collect what is sent from now on, to write it in one piece."""
        if self._queue is None and not self._over:
            self._corked = True
            self._queue = deque()
            self._queued = 0

    def uncork(self) -> None:
        if self._corked:
            self._flush()

    def _flush(self) -> None:
        """Write what was collected while corked; what the socket refuses stays queued."""
        queue, self._queue = self._queue, None
        self._corked = False
        if queue and not self._over:
            self._write(queue[0] if len(queue) == 1 else b"".join(queue))  # type: ignore[arg-type]

    def _wait_writable(self) -> None:
        if self._write_watcher is None:
            self._write_watcher = gevent.get_hub().loop.io(self._sock.fileno(), WRITE)
            self._write_watcher.start(self._on_writable)

    def _on_writable(self) -> None:
        queue = self._queue
        while queue:
            chunk = queue.popleft()
            if len(queue) and len(chunk) < CORK_SIZE:
                chunk = self._gather(chunk, queue)
            try:
                sent = self._sock.send(chunk)
            except WOULD_BLOCK:
                sent = 0
            except OSError:
                self._lost()
                return
            self._queued -= sent
            if sent != len(chunk):
                queue.appendleft(memoryview(chunk)[sent:])
                return
        self._queue = None
        self._write_watcher.stop()
        self._write_watcher.close()
        self._write_watcher = None

    @staticmethod
    def _gather(chunk: bytes | memoryview, queue: deque[bytes | memoryview]) -> bytes:
        chunks = [chunk]
        size = len(chunk)
        while queue and size < CORK_SIZE:
            size += len(queue[0])
            chunks.append(queue.popleft())
        return b"".join(chunks)

    # The end.

    def finish(self, reason: DisconnectReason) -> bool:
        """Write what is queued, then a close frame; True: the session need not wait for it."""
        self._say_goodbye(_GOING_AWAY if reason is _SHUT_DOWN else frame_header(CLOSE, 0))
        return True

    def abort(self, reason: DisconnectReason) -> None:
        """Over now: a close frame if the client can take it at once, and away."""
        self.uncork()
        if self._queue is not None:
            self._close()
        else:
            self._say_goodbye(frame_header(CLOSE, 0))

    def _say_goodbye(self, frame: bytes | None) -> None:
        """Send a close frame, unless the library did, and wait a while for the client's."""
        if self._finishing or self._over:
            return
        self.uncork()
        self._finishing = True
        self._library = None
        patience = CLOSE_WAIT if self._queue is None else self._engine.settings.close_timeout
        if self._queue is not None and frame is not None:
            self._queue.append(frame)
            self._queued += len(frame)
        elif frame is not None and not self._write(frame):
            return
        self._engine.leaving.add(self)
        self._engine.wheel.call_later(patience, self._close)
        self.resume()

    def _lost(self) -> None:
        """Sending failed. The caller may be in the middle of a broadcast: tell them later."""
        self._close()
        gevent.get_hub().loop.run_callback(
            self.receiver.transport_ended, DisconnectReason.TRANSPORT_CLOSE
        )

    def _ended(self, reason: DisconnectReason) -> None:
        """The connection is gone, or of no more use: tell whoever it carried."""
        if not self._over:
            self._close()
            self.receiver.transport_ended(reason)

    def _close(self) -> None:
        if self._over:
            return
        self._over = self._finishing = True
        self._engine.leaving.discard(self)
        self._corked = False
        # Sessions refer to themselves, so they stay until the garbage collector comes by; what
        # is large in them must not stay as long.
        self._queue = deque()
        self._library = None
        self._reader.forget()
        for watcher in (self._watcher, self._write_watcher):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._write_watcher = None
        self._sock.close()
