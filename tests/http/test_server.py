from __future__ import annotations

import socket
from contextlib import closing
from typing import Any

import pytest
from gevent import socket as gevent_socket

from pyramid_sio.engine.peer import ENVIRON_KEY
from pyramid_sio.http.server import HttpServer


@pytest.mark.parametrize("given", ["address", "listening"])
def test_small_frames_are_sent_at_once(given: str) -> None:
    """Or the kernel holds one back until the one before it is confirmed: 40 ms."""
    taken: list[Any] = []

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        sock, _ = environ[ENVIRON_KEY].take_over()
        taken.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        with closing(sock):
            sock.sendall(b"taken")
        return ()

    listener: Any = ("127.0.0.1", 0)
    if given == "listening":
        listener = gevent_socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
    server = HttpServer(
        listener, application, backlog=None, log=None, shutdown_timeout=1, idle_timeout=20
    )
    server.start()
    try:
        with gevent_socket.create_connection(server.address) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(5) == b"taken"
    finally:
        server.stop()
    assert taken == [1]
