"""Connections that reached the wrong worker go on to the one whose session they ask for.

Upstream: ``http.server`` asks for each request whose it is. Downstream: the owner's
``http.server``, which goes on as if it had accepted the connection.

A descriptor travels over a unix socket together with what has been read from it. TLS cannot
travel, its state is in the process that shook hands: for such a connection, one end of a socket
pair goes to the owner, and ``workers.pump`` translates between the two.
"""

from __future__ import annotations

import array
import contextlib
import json
import logging
import os
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import gevent
from gevent import socket as gevent_socket
from gevent.lock import RLock
from gevent.select import select

from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.http.handler import Moving
from pyramid_sio.workers.member import Member, tag_of
from pyramid_sio.workers.pump import Pump

#: Seconds that the owner may take to accept a connection, before its client is told to wait.
PATIENCE = 5.0
#: Bytes of a request that may come along: its head, and what a reader has read behind it.
LONGEST = 2 * 65536
#: Channels from other workers that may wait to be accepted.
BACKLOG = 128
#: The head of a frame: length of the description, length of what was read.
_SIZES = struct.Struct("!II")
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
    b"Retry-After: 1\r\nContent-Length: 0\r\n\r\n"
)


class IConnection(Protocol):
    """A connection at the start of a request, in ``http.server``."""

    path: str
    client_address: Any
    secure: bool
    socket: Any

    def let_go(self) -> Any:
        """The socket, while nothing has come of a request."""

    def release(self) -> tuple[Any, bytes]:
        """The socket, from now on nobody else's, and what was read from it of this request on."""


#: Takes a connection: socket, its client's address, what was read, has it come over TLS.
Adopt = Callable[[Any, Any, bytes, bool], None]


class Channel:
    """The way to one other worker. Frames of several greenlets do not mix.

    :raises OSError: it is not there
    """

    def __init__(self, path: Path) -> None:
        self._sock = gevent_socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.settimeout(PATIENCE)
        self._lock = RLock()
        try:
            self._sock.connect(str(path))
        except BaseException:
            self._sock.close()
            raise

    def send(self, frame: bytes, descriptor: int) -> None:
        """:raises OSError: it did not get there, and the channel is of no more use"""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        with self._lock:
            try:
                sent = self._sock.sendmsg([frame], rights)
                self._sock.sendall(frame[sent:])
            except BaseException:
                self._sock.close()
                raise

    def close(self) -> None:
        self._sock.close()


class Handover:
    """Gives connections to other workers, and takes theirs.

    :param adopt: is given each connection that comes
    :param patience: seconds a client may take to accept what is translated for it
    """

    def __init__(self, member: Member, adopt: Adopt, *, patience: float) -> None:
        self._member = member
        self._adopt = adopt
        self._patience = patience
        self._channels: dict[str, Channel] = {}
        #: Workers that took nothing in time, and until when they are not waited for.
        self._busy: dict[str, float] = {}
        self._complaints = Complaints(logging.getLogger(__name__))
        self._listener: Any = None
        self._acceptor: Any = None
        #: Take what comes from one other worker each.
        self._takers: list[Any] = []
        #: See ``http.handler.IHandover``.
        self.idle: dict[Any, Any] = {}
        #: Gets the requests that are for no session of ours, because this worker is to end.
        self.successor: str | None = None

    def __repr__(self) -> str:
        return f"<Handover of {self._member!r}>"

    def start(self) -> None:
        """Take connections from now on."""
        self._listener = gevent_socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._path(self._member.tag)))
        self._listener.listen(BACKLOG)
        self._acceptor = gevent.spawn(self._accept)

    def close(self) -> None:
        """Take no more, and give none away."""
        if self._listener is not None:
            self._listener.close()
        gevent.killall([one for one in (self._acceptor, *self._takers) if one], block=False)
        self.keep(frozenset())

    def shut_door(self) -> None:
        """Whoever has no channel to this worker gets none any more."""
        self._path(self._member.tag).unlink(missing_ok=True)

    def wait_forgotten(self, seconds: float) -> None:
        """Take what the others still give, until all of them have closed their channels."""
        deadline = time.monotonic() + seconds
        while self._waits() and time.monotonic() < deadline:
            gevent.sleep(0.01)

    def _waits(self) -> bool:
        """Is there a channel, or one that is not accepted yet?"""
        self._takers = [taker for taker in self._takers if not taker.dead]
        return bool(self._takers or select([self._listener], [], [], 0)[0])

    def keep(self, tags: frozenset[str]) -> None:
        """Only these workers take connections."""
        for tag in set(self._channels) - tags:
            self._channels.pop(tag).close()
        for tag in set(self._busy) - tags:
            del self._busy[tag]

    def _path(self, tag: str) -> Path:
        return self._member.directory / tag

    # Giving.

    def takes(self, connection: IConnection) -> bool:
        """Give a connection to whom it belongs; False if it belongs here, or to nobody.

        May wait, if its owner is busy; a client is told to try again when that takes too long.
        """
        tag = tag_of(connection.path) or self.successor
        if tag is None or tag == self._member.tag:
            return False
        channel = self._channel(tag)
        if channel is None:
            return False
        address, secure = connection.client_address, connection.secure
        sock, data = connection.release()
        if not hasattr(sock, "pending"):
            if self._give(tag, channel, sock, (address, secure, data)):
                sock.close()
            return True
        near, far = gevent_socket.socketpair()
        Pump(sock, near, patience=self._patience).start()
        if self._give(tag, channel, far, (address, True, data)):
            far.close()
        return True

    def pass_on(self, connection: IConnection) -> None:
        """Give a connection that waits for its next request to the successor, if that can be."""
        tag = self.successor
        channel = self._channel(tag) if tag is not None and not self._is_busy(tag) else None
        # TLS stays where hands were shaken.
        if tag is None or channel is None or hasattr(connection.socket, "pending"):
            return
        address, secure = connection.client_address, connection.secure
        sock = connection.let_go()
        if self._give(tag, channel, sock, (address, secure, b"")):
            sock.close()

    def pass_on_all(self) -> None:
        """The same with all that wait: who stays would lose the connection with this process."""
        loop = gevent.get_hub().loop
        for connection in list(self.idle):
            loop.run_callback(self._interrupt, connection)
        # Until all of them have been given away, or have been answered.
        gevent.sleep(0)

    def _interrupt(self, connection: IConnection) -> None:
        """In the loop: nothing can have come for a greenlet that still waits."""
        greenlet = self.idle.pop(connection, None)
        if greenlet is not None:
            greenlet.throw(Moving())

    def _channel(self, tag: str) -> Channel | None:
        """The way to a worker; None: there is no such worker any more."""
        channel = self._channels.get(tag)
        if channel is None:
            try:
                channel = self._channels[tag] = Channel(self._path(tag))
            except OSError:
                return None
        return channel

    def _give(self, tag: str, channel: Channel, sock: Any, what: tuple[Any, bool, bytes]) -> bool:
        """Send it; False: that failed, and what became of the connection is decided."""
        address, secure, data = what
        # Addresses of unix sockets say nothing.
        known = address if isinstance(address, tuple) else ""
        head = json.dumps([known, secure]).encode()
        try:
            if self._is_busy(tag):
                raise OSError("it was waited for in vain a moment ago")
            channel.send(_SIZES.pack(len(head), len(data)) + head + data, sock.fileno())
        except OSError as error:
            if self._channels.get(tag) is channel:
                del self._channels[tag]
            if isinstance(error, TimeoutError):
                self._busy[tag] = time.monotonic() + PATIENCE
                self._complaints.add("a worker takes no connections", tag)
            if self._is_busy(tag):
                with contextlib.suppress(OSError):
                    sock.sendall(_BUSY)
                sock.close()
            else:
                # It has ended a moment ago: by the next look there is no such worker.
                self._adopt(sock, address, data, secure)
            return False
        return True

    def _is_busy(self, tag: str) -> bool:
        return time.monotonic() < self._busy.get(tag, 0.0)

    # Taking.

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._takers = [taker for taker in self._takers if not taker.dead]
                self._takers.append(gevent.spawn(self._take_all, sock))

    def _take_all(self, channel: Any) -> None:
        """Take what one other worker gives, until it ends."""
        with channel:
            try:
                while self._take(channel):
                    pass
            except (OSError, ValueError) as error:
                # What came with a frame that cannot be read must not be taken for another's.
                self._complaints.add("a worker's connection was lost", self._member.tag, error)

    def _take(self, channel: Any) -> bool:
        """Take one connection; False: there are no more. :raises OSError, ValueError: no frame"""
        space = socket.CMSG_SPACE(array.array("i").itemsize)
        sizes, rights, flags, _ = channel.recvmsg(_SIZES.size, space)
        if not sizes:
            return False
        descriptors = array.array("i")
        for _, _, data in rights:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        try:
            if len(descriptors) != 1 or flags & socket.MSG_CTRUNC:
                raise ValueError("a frame without a descriptor; are there too few?")
            head_size, data_size = _SIZES.unpack(sizes + _read(channel, _SIZES.size - len(sizes)))
            if head_size + data_size > LONGEST:
                raise ValueError(f"a frame of {head_size + data_size} bytes")
            address, secure = json.loads(_read(channel, head_size))
            data = _read(channel, data_size)
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise
        sock = gevent_socket.socket(fileno=descriptors[0])
        self._adopt(sock, tuple(address) if address else "", data, secure)
        return True


def _read(channel: Any, size: int) -> bytes:
    """:raises OSError: there is not as much"""
    data = bytearray()
    while len(data) < size:
        chunk = channel.recv(size - len(data))
        if not chunk:
            raise OSError("a frame ended early")
        data += chunk
    return bytes(data)
