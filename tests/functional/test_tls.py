"""Over TLS, and the moment in which a connection stops being HTTP, with TLS and without."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.conftest import Serve
from tests.functional.certificate import Certificate
from tests.functional.conftest import APP
from tests.functional.raw import frame, read_exactly, read_frame, read_head, upgrade_request
from tests.functional.scenarios import Scenarios
from tests.functional.wire import WebSocket
from tests.support import PATIENCE, Server


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
    options: dict[str, Any] = {"open_timeout": PATIENCE, "close_timeout": 2 * PATIENCE}
    with connect(url, ssl=certificate.context(), proxy=None, **options) as client:
        client.recv(PATIENCE)
        started = time.monotonic()

    # Otherwise the library would have waited for the server.
    assert time.monotonic() - started < PATIENCE


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


# The socket changes hands.

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
