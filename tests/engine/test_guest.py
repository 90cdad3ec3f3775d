"""What gunicorn's gevent worker hands over; with the real one in ``functional``."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import gevent.socket
import pytest

from pyramid_sio.engine.guest import SOCKET_KEY, find_guest
from pyramid_sio.engine.peer import ENVIRON_KEY
from tests.fakes import until


@pytest.fixture
def pair() -> Iterator[tuple[Any, Any]]:
    ours, theirs = gevent.socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def peer_of(sock: Any) -> Any:
    environ = {SOCKET_KEY: sock}
    find_guest(environ)
    return environ.get(ENVIRON_KEY)


def test_only_sockets_that_wait_on_the_loop_are_taken() -> None:
    with socket.socket() as plain:
        assert peer_of(plain) is None
    environ: dict[str, Any] = {}
    find_guest(environ)
    assert environ == {}


def test_the_connection_outlives_the_server_s_socket(pair: tuple[Any, Any]) -> None:
    ours, theirs = pair
    peer = peer_of(ours)
    taken, leftover = peer.take_over()
    ours.close()
    with closing(taken):
        assert leftover == b""
        assert taken.send(b"101") == 3
        assert theirs.recv(3) == b"101"
    with pytest.raises(StopIteration):
        peer.leave()


def test_small_frames_are_sent_at_once() -> None:
    with gevent.socket.socket() as listener, gevent.socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        taken, _ = peer_of(accepted).take_over()
        accepted.close()
        assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        taken.close()
        assert client.recv(1) == b""


def test_bytes_behind_the_request(pair: tuple[Any, Any]) -> None:
    pair[1].send(b"12345678")
    assert peer_of(pair[0]).read_behind(8) == b"12345678"


def test_a_client_that_goes_without_its_answer_is_noticed() -> None:
    with gevent.socket.socket() as listener, gevent.socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        with closing(accepted):
            lost: list[bool] = []
            peer = peer_of(accepted)
            delivery = peer.follow(lambda: lost.append(True))
            assert not peer.is_gone()
            accepted._sock.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    accepted._sock.send(bytes(65536))
            delivery.look()
            assert lost == []

            client.close()
            until(peer.is_gone, what="the end")
            delivery.look()
            assert lost == [True]


def test_a_client_that_goes_is_noticed(pair: tuple[Any, Any]) -> None:
    gone: list[bool] = []
    end = peer_of(pair[0]).when_gone(lambda: gone.append(True))
    pair[1].close()
    until(lambda: gone)
    end()
