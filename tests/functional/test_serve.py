"""``pserve`` with ``use = egg:pyramid_sio``: its options, stopping it, reloading it."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

import pytest
from websockets.sync.client import unix_connect

from tests.conftest import Serve
from tests.functional.conftest import APP
from tests.functional.raw import frame, read_frame, read_head, upgrade_request
from tests.functional.wire import Polling, SessionEnded, WebSocket, ask, begin
from tests.support import PATIENCE, Program, Server, free_port, wait_until


@pytest.fixture
def refused_server(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts a server that does not start; what it printed."""

    def start(**options: Any) -> str:
        settings = options.pop("settings", {})
        failing = Server(APP, tmp_path / "server.ini", server=options, settings=settings)
        with closing(failing):
            assert failing.wait() not in (0, None)
            return failing.output

    return start


# Beside the application.


def test_start_up_line(server: Server) -> None:
    wait_until(lambda: f"Serving on {server.url} " in server.output, what="the line")
    assert "Socket.IO at /socket.io/: polling and websocket" in server.output


def test_pages_and_connections_side_by_side(server: Server) -> None:
    session = WebSocket(server)
    session.send("40")
    session.receive()

    page = ask(server, path="/page/socket.io.js")

    assert page.status == 200
    assert "<!doctype html>" in page.text
    assert ask(server, path="/nowhere").status == 404
    session.send('421["echo"]')
    assert session.receive() == "431[]"
    session.close()


def test_one_connection_for_pages_polls_and_an_upgrade(server: Server) -> None:
    connection = HTTPConnection(server.host, server.port, timeout=PATIENCE)

    def fetch(method: str, path: str, body: str | None = None) -> str:
        connection.request(method, path, body)
        return connection.getresponse().read().decode()

    with closing(connection):
        assert "<!doctype html>" in fetch("GET", "/page/socket.io.js")
        sid = re.findall('"sid":"([^"]+)"', fetch("GET", "/socket.io/?EIO=4&transport=polling"))[0]
        path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
        assert fetch("POST", path, "40") == "ok"
        assert fetch("GET", path)[:2] == "40"
        assert "<!doctype html>" in fetch("GET", "/page/socket.io.js")
        raw = connection.sock
        raw.sendall(upgrade_request(f"&sid={sid}") + frame("5") + frame('421["echo"]'))
        assert read_head(raw).startswith("HTTP/1.1 101 ")
        assert read_frame(raw) == "431[]"


def test_access_log_is_written_if_asked_for(serve: Serve) -> None:
    server = serve(APP, server={"access_log": "true"})
    ask(server, path="/page/socket.io.js")

    server.expect('"GET /page/socket.io.js HTTP/1.1" 200')


def test_no_access_log_otherwise(server: Server) -> None:
    ask(server, path="/page/socket.io.js")
    Polling(server)

    assert "GET /" not in server.output


# Unix sockets.


def test_unix_socket(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "s"
    server = serve(APP, server={"unix_socket": path, "unix_socket_perms": "660"})

    server.expect(f"Serving on unix:{path} ")
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with server.connect() as raw:
        raw.sendall(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.0\r\n\r\n")
        with raw.makefile("rb") as answer:
            assert b'0{"sid":' in answer.read()
    uri = "ws://localhost/socket.io/?EIO=4&transport=websocket"
    with unix_connect(str(path), uri) as client:
        client.recv(PATIENCE)
        client.send("40")
        client.recv(PATIENCE)
        client.send('421["echo",1]')
        assert client.recv(PATIENCE) == "431[1]"

    assert server.stop() == 0
    assert not path.exists()


def test_unix_socket_of_a_dead_server_is_replaced(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "s"
    killed = serve(APP, server={"unix_socket": path})
    killed.signal(SIGKILL)
    killed.wait()
    assert path.exists()

    server = serve(APP, server={"unix_socket": path})

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert server.stop() == 0


def test_unix_socket_of_a_living_server_is_not(
    serve: Serve, refused_server: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "s"
    server = serve(APP, server={"unix_socket": path})

    assert "another server listens there" in refused_server(unix_socket=path)

    server.connect().close()


# What is refused at the start.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 4}, r"\[server:main\]: unknown threads; known: access_log, backlog, "),
        ({"port": 65536}, r"\[server:main\]: port = 65536: from 0 to 65535"),
        ({"keyfile": "key.pem"}, r"\[server:main\]: keyfile without certfile"),
        ({"settings": {"sio.ping_intervall": 5}}, "did you mean sio.ping_interval?"),
        ({"settings": {"sio.ping_interval": "soon"}}, "sio.ping_interval = 'soon'"),
    ],
)
def test_mistakes_in_the_ini(
    refused_server: Callable[..., str], options: dict[str, Any], message: str
) -> None:
    assert re.search(message, refused_server(**options))


def test_too_late_to_patch(refused_server: Callable[..., str]) -> None:
    output = refused_server(use="call:tests.functional.early:server_factory")

    assert "too late to patch the standard library for gevent" in output
    assert "tests.functional.early has imported pyramid.threadlocal" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("workers", [1, 2])
def test_port_in_use(server: Server, refused_server: Callable[..., str], workers: int) -> None:
    printed = refused_server(port=server.port, workers=workers)
    assert f"cannot listen on 127.0.0.1:{server.port}: Address already in use" in printed
    assert "Traceback" not in printed


# The end.


def busy(server: Server, key: str, seconds: float) -> WebSocket:
    """A client whose handler has begun to take its time."""
    session = WebSocket(server)
    session.send(f'40{{"key":"{key}"}}')
    session.receive()
    session.send(f'421["nap",{seconds},"long"]')
    wait_until(lambda: len(journal(server, key, 2)) >= 2, what="the handler to begin")
    return session


def journal(server: Server, key: str, count: int) -> list[Any]:
    entries: list[Any] = ask(server, path=f"/journal/{key}", query=f"count={count}").json
    return entries


def refuses(server: Server) -> bool:
    try:
        server.connect().close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


def test_sigterm_lets_handlers_end(serve: Serve) -> None:
    server = serve(APP)
    session = busy(server, "busy", 0.7)
    poller = Polling(server)
    poller.send("40")
    poller.receive()
    poll = poller.park()

    server.signal(SIGTERM)
    wait_until(lambda: refuses(server), what="the server to accept nobody any more")

    assert session.receive() == '431["long"]'
    with pytest.raises(SessionEnded):
        session.receive()
    session.close()
    assert poll.answer().text == "1"
    assert server.wait() == 0
    assert server.output.count("a client left /: server shutting down") == 2
    again = serve(APP, server={"port": server.port})
    assert WebSocket(again).handshake


def test_sigterm_lets_pages_end(serve: Serve) -> None:
    server = serve(APP)
    page = begin(server, path="/slow", query="key=slow&seconds=0.7")
    journal(server, "slow", 1)

    server.signal(SIGTERM)

    assert page.answer().json == ["done"]
    assert server.wait() == 0


def test_sigterm_waits_for_nobody_who_is_idle(serve: Serve) -> None:
    """Neither for a poller that does not come back, nor for a connection that is kept open."""
    server = serve(APP, server={"shutdown_timeout": 10 * PATIENCE})
    for _ in range(3):
        Polling(server).send("40")
    idle = HTTPConnection(server.host, server.port, timeout=PATIENCE)
    idle.request("GET", "/page/socket.io.js")
    idle.getresponse().read()
    silent = WebSocket(server)

    with closing(idle):
        assert server.stop() == 0

    silent.close()


def test_sigterm_as_soon_as_it_listens() -> None:
    code = """
import os, signal
from gevent import monkey
monkey.patch_all()
from pyramid_sio.serve import make_server
server = make_server(None, port=0)
start = server.start
server.start = lambda: (start(), os.kill(os.getpid(), signal.SIGTERM))
server.serve_until_stopped()
"""
    with closing(Program([sys.executable, "-c", code], name="a server")) as program:
        assert program.wait() == 0


def test_sigterm_does_not_wait_for_ever(serve: Serve) -> None:
    server = serve(APP, server={"shutdown_timeout": 1})
    session = busy(server, "endless", 3600)

    assert server.stop() == 0

    assert "handlers still ran after 1.0 seconds" in server.output
    session.close()


def test_second_sigterm_ends_it_at_once(serve: Serve) -> None:
    server = serve(APP, server={"shutdown_timeout": 600})
    session = busy(server, "endless", 3600)

    server.signal(SIGTERM)
    wait_until(lambda: refuses(server), what="the server to accept nobody any more")
    server.signal(SIGTERM)

    server.wait()
    session.close()


def saved(path: Path) -> bool:
    """Save a file, as an editor does."""
    path.write_text(path.read_text() + "# saved\n")
    return True


def test_who_lets_nobody_else_run_is_named(serve: Serve) -> None:
    server = serve("tests.functional.blocking_app:main", server={"blocked_after": 0.3})
    session = WebSocket(server)
    session.send("40")
    assert str(session.receive())[:2] == "40"
    session.send('421["compute",2]')
    server.expect("for 0.3 seconds nobody else could run")
    server.expect("in on_compute")
    assert session.receive() == '431["done"]'
    session.close()
    assert server.stop() == 0


def test_reload_frees_the_port(tmp_path: Path) -> None:
    ini = tmp_path / "server.ini"
    options = {"port": free_port()}
    server = Server(APP, ini, server=options, settings={}, options=["--reload"])
    with closing(server):
        server.expect("Serving on")
        session = WebSocket(server)
        poller = Polling(server)
        poll = poller.park()

        # What is changed before the monitor has looked for the first time goes unnoticed.
        wait_until(lambda: saved(ini) and "reloading" in server.output, what="the reload")

        server.expect("Serving on")
        with pytest.raises(SessionEnded):
            session.receive()
        session.close()
        poll.abandon()
        again = WebSocket(server)
        again.send("40")
        assert str(again.receive())[:2] == "40"
        again.close()
        server.stop()
        assert "Traceback" not in server.output
    wait_until(lambda: refuses(server), what="the port to be free")
