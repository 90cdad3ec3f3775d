from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import gevent
import pytest
from gevent import socket as gevent_socket

from pyramid_sio.engine import policy
from pyramid_sio.engine.policy import PolicyServer
from pyramid_sio.protocol.flash import POLICY, POLICY_REQUEST


@pytest.fixture
def server() -> Iterator[PolicyServer]:
    server = PolicyServer("127.0.0.1", 0)
    server.start()
    yield server
    server.close(0)


def say(server: PolicyServer, *pieces: bytes) -> bytes:
    with gevent_socket.create_connection(("127.0.0.1", server.port), 20) as sock:
        for piece in pieces:
            sock.sendall(piece)
            gevent.sleep(0)
        answer = b""
        while data := sock.recv(4096):
            answer += data
        return answer


def test_answers_the_request(server: PolicyServer) -> None:
    assert say(server, POLICY_REQUEST) == POLICY
    assert say(server, POLICY_REQUEST[:3], POLICY_REQUEST[3:]) == POLICY


def test_answers_nothing_else(server: PolicyServer) -> None:
    assert say(server, POLICY_REQUEST[:-1] + b"x") == b""


def test_who_closes_early_is_let_go(server: PolicyServer) -> None:
    with gevent_socket.create_connection(("127.0.0.1", server.port), 20) as sock:
        sock.sendall(b"<pol")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


def test_waits_for_nobody(server: PolicyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "PATIENCE", 0.01)
    assert say(server, b"<pol") == b""


def test_starts_once(server: PolicyServer) -> None:
    port = server.port
    server.start()
    assert server.port == port


def test_several_workers_have_one_each(server: PolicyServer) -> None:
    other = PolicyServer("127.0.0.1", server.port)
    other.start()
    assert other.port == server.port
    server.close(0)
    assert say(other, POLICY_REQUEST) == POLICY
    other.close(0)


def test_port_that_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = PolicyServer("127.0.0.1", port)
        with caplog.at_level(logging.ERROR):
            server.start()
        assert f"no Flash policy server on 127.0.0.1:{port}" in caplog.text
        server.close(0)


def test_ipv6() -> None:
    server = PolicyServer("::1", 0)
    server.start()
    with gevent_socket.create_connection(("::1", server.port), 20) as sock:
        sock.sendall(POLICY_REQUEST)
        assert sock.recv(1) == POLICY[:1]
    server.close(0)


def test_end(server: PolicyServer) -> None:
    port = server.port
    server.close(0)
    with pytest.raises(ConnectionRefusedError):
        gevent_socket.create_connection(("127.0.0.1", port), 20)
