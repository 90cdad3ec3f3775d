from __future__ import annotations

import socket
from collections.abc import Iterator

import gevent
import pytest
from gevent import socket as gevent_socket

from pyramid_sio.http.reading import BUFFER_SIZE, reader


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
    with reader(ours, b"x" * size) as stream:
        assert stream.readline() == b"x" * size + b"fresh\n"
        assert stream.read() == b"end"


def test_all_that_was_read_can_be_seen_at_once(pair: tuple[socket.socket, socket.socket]) -> None:
    """Whoever takes the socket over asks for what has been read ahead, and for nothing else."""
    ours, _ = pair
    ours.setblocking(False)
    data = b"head\r\n" + b"y" * 70_000
    with reader(ours, data) as stream:
        assert stream.readline() == b"head\r\n"
        assert stream.peek() == data[6:]
        assert stream.read(len(data)) == data[6:]
        assert stream.peek() == b""


def test_closing_lets_the_socket_go(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    stream = reader(ours, b"x")
    ours.close()
    stream.close()
    assert theirs.recv(1) == b""


def test_whoever_sends_faster_than_is_read_lets_others_run() -> None:
    """Even those who wait for something to come; each of them once in two buffers."""
    ours, theirs = gevent_socket.socketpair()
    knocked, knock = gevent_socket.socketpair()
    heard: list[int] = []

    def listen() -> None:
        while True:
            # Through the loop: receiving what is there already would let nobody else run.
            gevent_socket.wait_read(knocked.fileno())
            knocked.recv(1)
            heard.append(len(heard))
            knock.send(b"x")

    listener = gevent.spawn(listen)
    with ours, theirs, knocked, knock:
        theirs.sendall(bytes(16 * BUFFER_SIZE))
        knock.send(b"x")
        with reader(ours) as stream:
            for _ in range(16):
                stream.read(BUFFER_SIZE)
        assert len(heard) >= 8
        listener.kill()


def test_who_must_not_wait_does_not() -> None:
    """The socket is taken over: nothing else may happen in between."""
    ours, theirs = gevent_socket.socketpair()
    others: list[str] = []
    with ours, theirs, reader(ours) as stream:
        theirs.sendall(bytes(4 * BUFFER_SIZE))
        stream.read(BUFFER_SIZE)
        ours.settimeout(0)
        gevent.spawn(others.append, "ran")
        for _ in range(3):
            stream.read(BUFFER_SIZE)
        assert others == []
