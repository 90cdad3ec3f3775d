from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from pyramid_sio.http.resuming import BUFFER_SIZE, resumed


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("size", [0, 3, BUFFER_SIZE - 1, BUFFER_SIZE, 10 * BUFFER_SIZE])
def test_what_was_read_comes_first(pair: tuple[socket.socket, socket.socket], size: int) -> None:
    ours, theirs = pair
    theirs.sendall(b"fresh\nend")
    theirs.shutdown(socket.SHUT_WR)
    with resumed(ours, b"x" * size) as reader:
        assert reader.readline() == b"x" * size + b"fresh\n"
        assert reader.read() == b"end"


def test_all_that_was_read_can_be_seen_at_once(pair: tuple[socket.socket, socket.socket]) -> None:
    """Whoever takes the socket over asks for what has been read ahead, and for nothing else."""
    ours, _ = pair
    ours.setblocking(False)
    data = b"head\r\n" + b"y" * 70_000
    with resumed(ours, data) as reader:
        assert reader.readline() == b"head\r\n"
        assert reader.peek() == data[6:]
        assert reader.read(len(data)) == data[6:]
        assert reader.peek() == b""


def test_closing_lets_the_socket_go(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    reader = resumed(ours, b"x")
    ours.close()
    reader.close()
    assert theirs.recv(1) == b""
