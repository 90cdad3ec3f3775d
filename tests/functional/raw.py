"""A WebSocket byte by byte, on a plain socket or one of TLS."""

from __future__ import annotations

import socket


def upgrade_request(query: str = "") -> bytes:
    return (
        f"GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: x\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def frame(text: str) -> bytes:
    """A short masked text frame; its mask happens to change nothing."""
    data = text.encode()
    assert len(data) < 126
    return bytes((0x81, 0x80 | len(data), 0, 0, 0, 0)) + data


def read_exactly(sock: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = sock.recv(length - len(data))
        assert piece, f"the connection ended after {data!r}"
        data += piece
    return data


def read_head(sock: socket.socket) -> str:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read_exactly(sock, 1)
    return head.decode()


def read_frame(sock: socket.socket) -> str:
    opcode, length = read_exactly(sock, 2)
    assert opcode == 0x81
    if length == 126:
        length = int.from_bytes(read_exactly(sock, 2), "big")
    return read_exactly(sock, length).decode()
