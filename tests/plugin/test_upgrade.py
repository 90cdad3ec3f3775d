"""Requests that become WebSockets, through Pyramid, on a pair of sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import gevent
import pytest
from gevent import socket as gevent_socket
from pyramid.response import Response

from pyramid_sio.engine.peer import ENVIRON_KEY, Peer
from pyramid_sio.protocol.packets import Message
from tests.engine.wire import Wire
from tests.fakes import until
from tests.plugin.conftest import Client, NewSite, Site

HANDSHAKE = {
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "WebSocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
#: Of that key, as RFC 6455 computes it.
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


class Server:
    #: What it calls for each request.
    application: Any = None

    def __init__(self) -> None:
        self.engines: set[Any] = set()


class Handler:
    """As much of an HTTP server's handler as a peer knows, on one end of a wire."""

    def __init__(self, wire: Wire) -> None:
        self.server = Server()
        plain = wire.server
        self.socket: Any = gevent_socket.socket(
            plain.family, plain.type, plain.proto, fileno=plain.detach()
        )
        self.rfile = self.socket.makefile("rb")

    def detach_socket(self) -> None:
        self.rfile = self.socket = None


@pytest.fixture
def wire() -> Iterator[Wire]:
    with closing(Wire()) as wire:
        yield wire


def ask(
    site: Site, wire: Wire, sid: str | None = None, *, transport: str = "websocket", **headers: Any
) -> tuple[Response, Handler]:
    """The request that arrives over ``wire``, and the handler that serves it.

    :param headers: what differs from :data:`HANDSHAKE`; None leaves one out
    """
    handler = Handler(wire)
    given = {**HANDSHAKE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    response = site.raw(
        sid,
        headers={name: value for name, value in given.items() if value is not None},
        query={"transport": transport},
        environ={ENVIRON_KEY: Peer(handler)},
    )
    return response, handler


def head_of(wire: Wire) -> tuple[str, dict[str, str], bytes]:
    """The status line, the headers and what follows them."""
    received = b""

    def whole() -> bool:
        nonlocal received
        received += wire.read()
        return b"\r\n\r\n" in received

    until(whole)
    head, _, rest = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), rest


class TestOpening:
    def test_answer_and_session(self, site: Site, wire: Wire) -> None:
        _, handler = ask(site, wire)
        status, headers, rest = head_of(wire)
        assert status == "HTTP/1.1 101 Switching Protocols"
        assert headers == {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": ACCEPT,
        }
        handshake = json.loads(rest[3:])
        assert rest[2:3] == b"0"
        assert handshake["upgrades"] == []
        (session,) = site.endpoint.engine.sessions.values()
        assert session.id == handshake["sid"]
        assert session.transport_name == "websocket"
        assert handler.server.engines == {site.endpoint.engine}

        wire.send_text("40")
        (frame,) = wire.expect(1)
        assert frame.payload.startswith(b"40{")
        wire.send_text('420["message","hello"]')
        wire.expect_texts('42["message","hello"]', '430["hello"]')

    @pytest.mark.parametrize("connection", ["Upgrade", "upgrade", "keep-alive, Upgrade"])
    def test_as_browsers_write_it(self, site: Site, wire: Wire, connection: str) -> None:
        ask(site, wire, Connection=connection, Upgrade="WebSocket")
        status, headers, _ = head_of(wire)
        assert status == "HTTP/1.1 101 Switching Protocols"
        assert headers["Sec-WebSocket-Accept"] == ACCEPT

    def test_headers_of_hooks_and_cors_go_with_it(self, new_site: NewSite, wire: Wire) -> None:
        def hook(request: Any) -> None:
            request.add_response_callback(
                lambda request, response: response.headers.add("Set-Cookie", "a=1")
            )

        site = new_site(
            lambda config: config.add_sio_request_hook(hook), cors_origins="https://page.example"
        )
        ask(site, wire, Origin="https://page.example")
        _, headers, _ = head_of(wire)
        assert headers["Set-Cookie"] == "a=1"
        assert headers["Access-Control-Allow-Origin"] == "https://page.example"

    @pytest.mark.parametrize("deflate", ["true", "false"])
    @pytest.mark.parametrize(
        ("offered", "spoken"),
        [("arduino", "arduino"), ("chat-v2, chat", "chat-v2"), ("", None), (" ", None)],
    )
    def test_a_client_with_subprotocols_gets_one(
        self, new_site: NewSite, wire: Wire, offered: str, spoken: str | None, deflate: str
    ) -> None:
        site = new_site(per_message_deflate=deflate)
        ask(site, wire, Sec_WebSocket_Protocol=offered)
        status, headers, _ = head_of(wire)
        assert status == "HTTP/1.1 101 Switching Protocols"
        assert headers.get("Sec-WebSocket-Protocol") == spoken

    def test_compression_is_off(self, site: Site, wire: Wire) -> None:
        ask(site, wire, Sec_WebSocket_Extensions="permessage-deflate")
        assert "Sec-WebSocket-Extensions" not in head_of(wire)[1]

    def test_compression_as_agreed_on(self, new_site: NewSite, wire: Wire) -> None:
        site = new_site(per_message_deflate="true")
        ask(site, wire, Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")
        _, headers, _ = head_of(wire)
        assert headers["Sec-WebSocket-Extensions"].startswith("permessage-deflate")
        assert "server_max_window_bits=12" in headers["Sec-WebSocket-Extensions"]
        (session,) = site.endpoint.engine.sessions.values()
        session.send(Message(b"2" + b"a" * 5000))
        (frame,) = wire.expect(1)
        assert frame.reserved
        assert len(frame.payload) < 100

    def test_compression_the_client_does_not_offer(self, new_site: NewSite, wire: Wire) -> None:
        site = new_site(per_message_deflate="true")
        ask(site, wire)
        assert "Sec-WebSocket-Extensions" not in head_of(wire)[1]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"Sec_WebSocket_Key": None},
            {"Sec_WebSocket_Key": "short"},
            {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZ===", "Connection": "upgrade"},
            {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="},
            {"Sec_WebSocket_Version": "12"},
            {"Sec_WebSocket_Version": None},
            {"Sec_WebSocket_Protocol": "two words"},
            {"Connection": "close"},
            {"Origin": "https://evil.example"},
        ],
    )
    def test_refused_before_anything_is_taken_over(
        self, site: Site, wire: Wire, wrong: dict[str, Any]
    ) -> None:
        response, handler = ask(site, wire, **wrong)
        assert response.status_int == 400
        assert response.headers["Content-Type"].startswith("text/html")
        assert response.headers["Connection"] == "close"
        assert response.text in ("Bad request", "Forbidden")
        assert handler.socket is not None
        handler.socket.close()
        assert site.endpoint.engine.sessions == {}

    def test_a_handshake_without_an_upgrade(self, site: Site, wire: Wire) -> None:
        response, handler = ask(site, wire, Upgrade=None)
        assert (response.status_int, response.json["code"]) == (400, 3)
        handler.socket.close()

    def test_polling_with_an_upgrade(self, site: Site, wire: Wire) -> None:
        response, handler = ask(site, wire, transport="polling")
        assert response.text == "Bad request"
        handler.socket.close()

    def test_a_hook_that_refuses(self, new_site: NewSite, wire: Wire) -> None:
        site = new_site(
            lambda config: config.add_sio_request_hook(lambda request: Response("no", status=403))
        )
        response, handler = ask(site, wire)
        assert response.status_int == 403
        assert response.headers["Connection"] == "close"
        handler.socket.close()


class TestUpgrade:
    @pytest.fixture
    def client(self, site: Site) -> Client:
        return site.open()

    def test_of_a_polling_session(self, site: Site, client: Client, wire: Wire) -> None:
        client.join()
        poll = gevent.spawn(client.poll)
        gevent.sleep(0)
        ask(site, wire, client.sid)
        head_of(wire)
        wire.send_text("2probe")
        wire.expect_texts("3probe")
        assert poll.get() == ["6"]
        wire.send_text("5", '420["message","over"]')
        wire.expect_texts('42["message","over"]', '430["over"]')
        assert site.get(client.sid).json == {"code": 3, "message": "Bad request"}
        assert client.session.is_open

    def test_a_get_instead_of_an_upgrade(self, site: Site, client: Client, wire: Wire) -> None:
        """A proxy took the upgrade out of the request."""
        response, handler = ask(site, wire, client.sid, Upgrade=None)
        assert (response.status_int, response.json["code"]) == (400, 3)
        handler.socket.close()
        assert client.session.is_open

    def test_a_get_on_a_websocket_session(self, site: Site, client: Client, wire: Wire) -> None:
        ask(site, wire)
        _, _, rest = head_of(wire)
        sid = json.loads(rest[3:])["sid"]
        with closing(Wire()) as other:
            response, handler = ask(site, other, sid, Upgrade=None)
            assert (response.status_int, response.json["code"]) == (400, 3)
            handler.socket.close()
        assert site.get(sid).json["code"] == 3

    def test_of_a_session_nobody_knows(self, site: Site, wire: Wire) -> None:
        response, handler = ask(site, wire, "nobody")
        assert response.text == "Session ID unknown"
        handler.socket.close()

    def test_with_the_wrong_transport(self, site: Site, client: Client, wire: Wire) -> None:
        response, handler = ask(site, wire, client.sid, transport="polling")
        assert response.text == "Bad request"
        handler.socket.close()
        assert client.session.is_open


class TestPolls:
    """What polling has from a server that knows its connections."""

    def test_an_upgrade_is_offered(self, site: Site, wire: Wire) -> None:
        handler = Handler(wire)
        response = site.raw(environ={ENVIRON_KEY: Peer(handler)})
        assert json.loads(response.body[1:])["upgrades"] == ["websocket"]
        assert handler.server.engines == {site.endpoint.engine}
        handler.socket.close()

    def test_a_client_that_vanishes_is_noticed(self, site: Site, wire: Wire) -> None:
        client = site.open()
        session = client.session
        handler = Handler(wire)
        gevent.spawn(site.raw, client.sid, environ={ENVIRON_KEY: Peer(handler)})
        gevent.sleep(0)
        assert session.is_open
        wire.close()
        until(lambda: not session.is_open)
        handler.socket.close()

    def test_a_body_that_was_not_read_ends_the_connection(
        self, new_site: NewSite, wire: Wire
    ) -> None:
        site = new_site(max_http_buffer_size=10)
        client = site.open()
        handler = Handler(wire)
        response = site.raw(
            client.sid, method="POST", body=b"6" * 11, environ={ENVIRON_KEY: Peer(handler)}
        )
        assert response.status_int == 413
        assert response.headers["Connection"] == "close"
        handler.socket.close()


def test_frames_that_came_with_the_request(site: Site, wire: Wire) -> None:
    wire.send_text("40")
    ask(site, wire)
    until(lambda: site.endpoint.sio.of("/").sockets)
