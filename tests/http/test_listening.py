from __future__ import annotations

import errno
import socket
import stat
from pathlib import Path

import pytest

from pyramid_sio.http.listening import (
    check_address,
    listen_on_port,
    listen_on_unix_socket,
    url_of,
)


def test_several_sockets_share_a_port_and_connections() -> None:
    listeners = listen_on_port("127.0.0.1", 0, 100, 3)
    assert len({listener.getsockname() for listener in listeners}) == 1
    clients = [socket.create_connection(listeners[0].getsockname()) for _ in range(60)]
    accepted = []
    for listener in listeners:
        listener.setblocking(False)
        count = 0
        while True:
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                break
            count += 1
        accepted.append(count)
    assert sum(accepted) == len(clients)
    assert all(accepted)
    for sock in (*clients, *listeners):
        sock.close()


def test_a_second_server_gets_no_share() -> None:
    listeners = listen_on_port("127.0.0.1", 0, 100, 2)
    with pytest.raises(OSError, match="in use") as caught:
        listen_on_port("127.0.0.1", listeners[0].getsockname()[1], 100, 2)
    assert caught.value.errno == errno.EADDRINUSE
    for listener in listeners:
        listener.close()


def test_urls(tmp_path: Path) -> None:
    (plain,) = listen_on_port("127.0.0.1", 0, 1, 1)
    (six,) = listen_on_port("::1", 0, 1, 1)
    port, other = plain.getsockname()[1], six.getsockname()[1]
    assert url_of(plain, tls=False) == f"http://127.0.0.1:{port}"
    assert url_of(six, tls=True) == f"https://[::1]:{other}"
    path = tmp_path / "s"
    listener = listen_on_unix_socket(str(path), 0o640, 1)
    assert url_of(listener, tls=False) == f"unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    for sock in (plain, six, listener):
        sock.close()


def test_an_address_is_looked_at_before_anybody_listens(tmp_path: Path) -> None:
    (taken,) = listen_on_port("127.0.0.1", 0, 1, 1)
    path = str(tmp_path / "s")
    alive = listen_on_unix_socket(path, 0o600, 1)
    port = taken.getsockname()[1]
    with pytest.raises(ValueError, match=rf"cannot listen on 127\.0\.0\.1:{port}: Address already"):
        check_address("127.0.0.1", port)
    with pytest.raises(ValueError, match=rf"cannot listen on {path}: another server"):
        check_address("127.0.0.1", port, path)
    with pytest.raises(ValueError, match=r"cannot listen on 203\.0\.113\.7:0: "):
        check_address("203.0.113.7", 0)
    for sock in (taken, alive):
        sock.close()
    check_address("127.0.0.1", port)
    check_address("::1", port)
    check_address("", 0, path)
    check_address("", 0, str(tmp_path / "new"))
