"""``pserve`` with ``use = egg:pyramid_sio``: options, TLS, unix sockets, stopping, reloading."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

import pytest
from websockets.sync.client import connect, unix_connect

from tests.conftest import Serve
from tests.functional.conftest import APP
from tests.functional.scenarios import Scenarios
from tests.functional.wire import Polling, SessionEnded, WebSocket, ask, begin
from tests.support import PATIENCE, Server, find_program, free_port, wait_until


class Certificate:
    """A certificate for 127.0.0.1 that is its own authority."""

    def __init__(self, directory: Path) -> None:
        self.certfile, self.keyfile = directory / "cert.pem", directory / "key.pem"
        command = [find_program("openssl"), "req", "-x509", "-nodes", "-days", "2"]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-subj", "/CN=test"]
        command += ["-addext", "subjectAltName=IP:127.0.0.1"]
        command += ["-keyout", str(self.keyfile), "-out", str(self.certfile)]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
        self.pem = self.certfile.read_text()

    def context(self) -> ssl.SSLContext:
        """For a client that trusts nothing else."""
        return ssl.create_default_context(cadata=self.pem)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def tls_server(serve_shared: Callable[..., Server], certificate: Certificate) -> Server:
    files = {"certfile": certificate.certfile, "keyfile": certificate.keyfile}
    return serve_shared(server=files)


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


# The socket changes hands.


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


BEHIND = frame("40") + frame('421["echo","in one piece"]')


# In one piece with the request; torn in the header, the mask, the payload, between frames.
@pytest.mark.parametrize("cut", [0, 1, 3, 7, 8, 11, 20, len(BEHIND)])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_bytes_behind_the_upgrade_request(
    server: Server, tls_server: Server, certificate: Certificate, tls: bool, cut: int
) -> None:
    with (tls_server if tls else server).connect() as sock:
        raw = certificate.context().wrap_socket(sock, server_hostname="127.0.0.1") if tls else sock
        raw.sendall(upgrade_request() + BEHIND[:cut])
        assert read_head(raw).startswith("HTTP/1.1 101 ")
        assert read_frame(raw).startswith('0{"sid":')
        raw.sendall(BEHIND[cut:])

        assert read_frame(raw).startswith('40{"sid":')
        assert read_frame(raw) == '431["in one piece"]'
        raw.close()


# Over TLS the shorter one comes in one record, of which HTTP's buffer holds but a part.
@pytest.mark.parametrize("length", [12000, 300000])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_long_frame_behind_the_upgrade_request(
    server: Server, tls_server: Server, certificate: Certificate, tls: bool, length: int
) -> None:
    body = b"x" * length
    text = b'421["echo","' + body + b'"]'
    long = bytes((0x81, 0xFF)) + len(text).to_bytes(8, "big") + bytes(4) + text
    with (tls_server if tls else server).connect() as sock:
        raw = certificate.context().wrap_socket(sock, server_hostname="127.0.0.1") if tls else sock
        raw.sendall(upgrade_request() + frame("40") + long)
        read_head(raw)
        read_frame(raw)
        read_frame(raw)

        assert read_exactly(raw, 2) == bytes((0x81, 126 if length < 65536 else 127))
        read_exactly(raw, 2 if length < 65536 else 8)
        assert read_exactly(raw, length + 7) == b'431["' + body + b'"]'
        raw.close()


@pytest.mark.parametrize("header", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_upgrade_request_with_a_body(serve: Serve, header: str) -> None:
    server = serve(APP)
    request = upgrade_request().replace(b"Host: x", b"Host: x\r\n" + header.encode())
    with server.connect() as raw:
        raw.sendall(request)
        assert read_head(raw).startswith("HTTP/1.1 ")

    assert WebSocket(server).handshake
    assert server.stop() == 0
    assert "Traceback" not in server.output


def test_garbage_behind_the_upgrade_request(server: Server) -> None:
    with server.connect() as raw:
        raw.sendall(upgrade_request() + b"\xff" * 100)
        assert read_head(raw).startswith("HTTP/1.1 101 ")
        with raw.makefile("rb") as rest:
            assert b"0{" in rest.read()

    assert WebSocket(server).handshake


# TLS.


@pytest.mark.parametrize("transport", ["polling", "websocket", "upgrade"])
@pytest.mark.parametrize(
    "scenario", ["events.large", "events.thousand_in_order", "binary.mixed_with_text"]
)
def test_clients_over_tls(
    scenarios: Scenarios,
    tls_server: Server,
    certificate: Certificate,
    scenario: str,
    transport: str,
) -> None:
    scenarios(scenario, tls_server.url, transport=transport, ca=certificate.pem)


def test_nothing_is_lost_during_an_upgrade_over_tls(
    scenarios: Scenarios, tls_server: Server, certificate: Certificate
) -> None:
    scenarios("upgrade.numbers_both_ways", tls_server.url, transport="polling", ca=certificate.pem)


def test_handshake_knows_of_tls(tls_server: Server, certificate: Certificate) -> None:
    url = f"wss://{tls_server.host}:{tls_server.port}/socket.io/?EIO=4&transport=websocket"
    with connect(url, ssl=certificate.context(), proxy=None) as client:
        client.recv(PATIENCE)
        client.send("40")
        client.recv(PATIENCE)
        client.send('421["secure"]')

        assert client.recv(PATIENCE) == "431[true]"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_client_that_reads_late_gets_all(
    server: Server, tls_server: Server, certificate: Certificate, tls: bool
) -> None:
    """8 MB: far more than the kernel's buffers hold, so that most of it has to be queued."""
    place = f"{server.host}:{(tls_server if tls else server).port}"
    with connect(
        f"{'wss' if tls else 'ws'}://{place}/socket.io/?EIO=4&transport=websocket",
        ssl=certificate.context() if tls else None,
        compression=None,
        max_queue=1,
        proxy=None,
    ) as client:
        client.recv(PATIENCE)
        client.send("40")
        client.recv(PATIENCE)
        client.send('421["flood","piece",80,100000,false]')

        for index in range(80):
            expected = f'451-["piece",{index},{{"_placeholder":true,"num":0}}]'
            assert client.recv(PATIENCE) == expected
            assert client.recv(PATIENCE) == b"x" * 100000
        assert client.recv(PATIENCE) == '431["done"]'


def test_connection_is_closed_behind_its_websocket(
    tls_server: Server, certificate: Certificate
) -> None:
    url = f"wss://{tls_server.host}:{tls_server.port}/socket.io/?EIO=4&transport=websocket"
    with connect(url, ssl=certificate.context(), proxy=None) as client:
        client.recv(PATIENCE)
        started = time.monotonic()

    # The library would have waited ten seconds for the server.
    assert time.monotonic() - started < 5


def test_silent_client_holds_up_nobody(tls_server: Server, certificate: Certificate) -> None:
    with (
        tls_server.connect(),
        tls_server.connect() as sock,
        certificate.context().wrap_socket(sock, server_hostname="127.0.0.1") as raw,
    ):
        raw.sendall(upgrade_request())
        assert read_head(raw).startswith("HTTP/1.1 101 ")


def test_plain_http_to_a_tls_server(tls_server: Server, certificate: Certificate) -> None:
    with tls_server.connect() as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert raw.recv(1000) == b""

    test_silent_client_holds_up_nobody(tls_server, certificate)


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


def test_port_in_use(server: Server, refused_server: Callable[..., str]) -> None:
    assert "Address already in use" in refused_server(port=server.port)


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
    except ConnectionRefusedError:
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
    server = serve(APP)
    for _ in range(3):
        Polling(server).send("40")
    idle = HTTPConnection(server.host, server.port, timeout=PATIENCE)
    idle.request("GET", "/page/socket.io.js")
    idle.getresponse().read()
    silent = WebSocket(server)
    started = time.monotonic()

    with closing(idle):
        assert server.stop() == 0

    # Of the ten seconds that handlers would be given.
    assert time.monotonic() - started < 4
    silent.close()


def test_sigterm_does_not_wait_for_ever(serve: Serve) -> None:
    server = serve(APP, server={"shutdown_timeout": 1})
    session = busy(server, "endless", 3600)
    started = time.monotonic()

    assert server.stop() == 0

    assert time.monotonic() - started < 8
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
