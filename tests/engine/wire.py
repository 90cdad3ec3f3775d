"""The client's end of a WebSocket, frame by frame, in the process of the server's end."""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from tests.fakes import until

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


class Frame(NamedTuple):
    """A frame from the server."""

    opcode: int
    payload: bytes
    reserved: int = 0


class Wire:
    """A connected pair of sockets; ``server`` is for the code under test.

    :param buffer: bytes the kernel keeps for the client; None: its usual
    """

    def __init__(self, *, buffer: int | None = None) -> None:
        self.server, self.client = socket.socketpair()
        self.server.setblocking(False)
        self.client.setblocking(False)
        if buffer is not None:
            self.server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._received = b""
        #: The server has closed its end.
        self.ended = False

    def close(self) -> None:
        self.client.close()

    # To the server.

    def send_frame(
        self, opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True
    ) -> None:
        self.client.sendall(client_frame(opcode, payload, fin=fin, masked=masked))

    def send_text(self, *texts: str) -> None:
        """Each in a frame of its own, all in one piece."""
        self.client.sendall(b"".join(client_frame(TEXT, text.encode()) for text in texts))

    # From the server.

    def read(self) -> bytes:
        """What has come, without waiting; :attr:`ended` tells the end."""
        chunks = []
        while not self.ended:
            try:
                data = self.client.recv(1 << 20)
            except BlockingIOError:
                break
            except ConnectionResetError:
                data = b""
            self.ended = not data
            chunks.append(data)
        return b"".join(chunks)

    def frames(self) -> list[Frame]:
        """The whole frames that have come since the last call."""
        self._received += self.read()
        found = []
        while (cut := _cut(self._received)) is not None:
            frame, self._received = cut
            found.append(frame)
        return found

    def texts(self) -> list[str]:
        """The payloads of the text frames that have come; other frames fail the test."""
        frames = self.frames()
        assert all(frame.opcode == TEXT for frame in frames), frames
        return [frame.payload.decode() for frame in frames]

    def expect(self, count: int) -> list[Frame]:
        """Let the loop run until that many frames have come."""
        found: list[Frame] = []

        def enough() -> bool:
            found.extend(self.frames())
            return len(found) >= count

        until(enough, what=f"{count} frames")
        assert len(found) == count, found
        return found

    def expect_texts(self, *texts: str) -> None:
        """Let the loop run until these have come, and nothing else."""
        assert [(f.opcode, f.payload.decode()) for f in self.expect(len(texts))] == [
            (TEXT, text) for text in texts
        ]

    def expect_end(self) -> None:
        """Let the loop run until the server has closed the connection."""

        def ended() -> bool:
            self._received += self.read()
            return self.ended

        until(ended, what="the server to close the connection")


def client_frame(opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
    """A frame as a client sends it."""
    size = len(payload)
    bit = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    mask = os.urandom(4)
    pattern = (mask * (size // 4 + 1))[:size]
    masked_payload = int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")
    return head + mask + masked_payload.to_bytes(size, "big")


def _cut(data: bytes) -> tuple[Frame, bytes] | None:
    """The first whole frame, and the rest."""
    if len(data) < 2:
        return None
    first, size = data[0], data[1]
    assert size < 128, "a server masks nothing"
    start = 2
    if size == 126:
        start, size = 4, int.from_bytes(data[2:4], "big")
    elif size == 127:
        start, size = 10, int.from_bytes(data[2:10], "big")
    if len(data) < start + size:
        return None
    assert first & 0x80, "a server sends no fragments"
    frame = Frame(first & 0x0F, data[start : start + size], first & 0x70)
    return frame, data[start + size :]
