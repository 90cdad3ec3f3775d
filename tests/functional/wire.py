"""Engine.IO by hand: for what no client does, and for the bytes themselves.

Everything here is blocking and has an end: :data:`tests.support.PATIENCE`.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from http.client import HTTPConnection, HTTPResponse
from typing import Any, NamedTuple, Protocol

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support import PATIENCE, Server

SEPARATOR = "\x1e"
#: Stands for the first attachment of a packet.
BLOB = '{"_placeholder":true,"num":0}'


class Answer(NamedTuple):
    """What came back for one HTTP request. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Pending:
    """A request that has been sent, on a connection of its own."""

    def __init__(
        self,
        server: Server,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None,
        headers: dict[str, str],
    ) -> None:
        self._connection = HTTPConnection(server.host, server.port, timeout=PATIENCE)
        chunked = body is not None and not isinstance(body, bytes)
        self._connection.request(method, path, body, headers, encode_chunked=chunked)

    def answer(self) -> Answer:
        """Wait for it."""
        response: HTTPResponse = self._connection.getresponse()
        body = response.read().decode()
        self._connection.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, body)

    def abandon(self) -> None:
        """Break the connection off without waiting."""
        self._connection.close()


def begin(
    server: Server,
    method: str = "GET",
    query: str = "",
    body: bytes | Iterable[bytes] | None = None,
    *,
    path: str = "/socket.io/",
    **headers: str,
) -> Pending:
    """Send a request. ``content_type='x'`` is the header ``Content-Type: x``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Pending(server, method, f"{path}?{query}" if query else path, body, named)


def ask(server: Server, method: str = "GET", query: str = "", **more: Any) -> Answer:
    """Send a request and wait for the answer."""
    return begin(server, method, query, **more).answer()


class Session(Protocol):
    """One Engine.IO session, whatever carries it."""

    handshake: dict[str, Any]

    def send(self, *packets: str | bytes) -> None:
        """Send packets: text with its digit in front, or a blob."""

    def receive(self) -> str | bytes:
        """Wait for the next packet. :raises SessionEnded: there is none any more"""

    def close(self) -> None:
        """End it without a word."""

    def is_over(self) -> bool:
        """Has the server forgotten it? Asking leaves no trace in it."""


def is_forgotten(server: Server, sid: str) -> bool:
    """Is there no session of that id?"""
    # A request that is refused whether there is a session or not, but not for one reason.
    answer = ask(server, query=f"EIO=3&transport=websocket&sid={sid}")
    assert answer.status == 400
    return bool(answer.json["code"] == 1)


class SessionEnded(Exception):
    """The server has ended the session."""


class Polling:
    """A session over long-polling."""

    def __init__(self, server: Server, query: str = "", **headers: str) -> None:
        self.server = server
        self._packets: deque[str | bytes] = deque()
        opened = ask(server, query=f"EIO=4&transport=polling{query}", **headers)
        assert opened.status == 200, opened
        assert opened.text[0] == "0"
        self.handshake: dict[str, Any] = json.loads(opened.text[1:])
        self.sid: str = self.handshake["sid"]
        self.query = f"EIO=4&transport=polling&sid={self.sid}"

    def begin_poll(self) -> Pending:
        return begin(self.server, query=self.query)

    def poll(self) -> Answer:
        return self.begin_poll().answer()

    def park(self) -> Pending:
        """A poll that waits on the server."""
        poll = self.begin_poll()
        # Requests are served in the order in which they come: this one overtakes nothing.
        assert self.post("3").text == "ok"
        return poll

    def head_of_post(self, length: int) -> bytes:
        """For a raw socket: a POST of so many bytes, without them."""
        head = f"POST /socket.io/?{self.query} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}"
        return f"{head}\r\n\r\n".encode()

    def begin_post(self, body: str | bytes | Iterable[bytes], **headers: str) -> Pending:
        content = body.encode() if isinstance(body, str) else body
        return begin(self.server, "POST", self.query, content, **headers)

    def post(self, body: str | bytes | Iterable[bytes], **headers: str) -> Answer:
        return self.begin_post(body, **headers).answer()

    def send(self, *packets: str | bytes) -> None:
        texts = (
            packet if isinstance(packet, str) else "b" + base64.b64encode(packet).decode()
            for packet in packets
        )
        self.post(SEPARATOR.join(texts))

    def receive(self) -> str | bytes:
        if not self._packets:
            answer = self.poll()
            if answer.status != 200:
                raise SessionEnded(answer.text)
            self._packets.extend(map(self._decoded, answer.text.split(SEPARATOR)))
        packet = self._packets.popleft()
        if packet == "1":
            raise SessionEnded
        return packet

    @staticmethod
    def _decoded(packet: str) -> str | bytes:
        return base64.b64decode(packet[1:]) if packet[:1] == "b" else packet

    def close(self) -> None:
        """Nothing to break off between two requests."""

    def is_over(self) -> bool:
        return is_forgotten(self.server, self.sid)


def open_websocket(
    server: Server, query: str, headers: dict[str, str] | None = None
) -> ClientConnection:
    """A WebSocket, as the library opens it. For ``with``."""
    return connect(
        f"ws://{server.host}:{server.port}/socket.io/?{query}",
        additional_headers=headers,
        open_timeout=PATIENCE,
        close_timeout=PATIENCE,
        ping_interval=None,
        compression=None,
        max_size=None,
        proxy=None,
    )


class WebSocket:
    """A session opened on a WebSocket."""

    def __init__(self, server: Server, query: str = "", **headers: str) -> None:
        self.server = server
        self._open = ExitStack()
        self.socket = self._open.enter_context(
            open_websocket(server, f"EIO=4&transport=websocket{query}", headers)
        )
        opened = self.receive()
        assert isinstance(opened, str)
        assert opened[0] == "0"
        self.handshake: dict[str, Any] = json.loads(opened[1:])
        self.sid: str = self.handshake["sid"]

    def send(self, *packets: str | bytes) -> None:
        # Whether a session has ended is what receive() says, over polling too.
        with suppress(ConnectionClosed):
            for packet in packets:
                self.socket.send(packet)

    def receive(self) -> str | bytes:
        try:
            return self.socket.recv(PATIENCE)
        except ConnectionClosed as exc:
            raise SessionEnded(str(exc)) from None

    def close(self) -> None:
        self._open.close()

    def is_over(self) -> bool:
        return is_forgotten(self.server, self.sid)


KINDS = {"polling": Polling, "websocket": WebSocket}


def assert_unknown(answer: Answer) -> None:
    """The session is over and forgotten."""
    assert (answer.status, answer.json["code"]) == (400, 1)


# Socket.IO on top.


def sid_of(packet: str | bytes, head: str) -> str:
    """The socket's id in the server's CONNECT."""
    assert isinstance(packet, str)
    assert packet.startswith(head)
    payload = json.loads(packet.removeprefix(head))
    assert list(payload) == ["sid"]
    assert isinstance(payload["sid"], str)
    return str(payload["sid"])


def enter(session: Session, namespace: str = "/") -> str:
    """Join a namespace; the socket's id there."""
    head = "40" if namespace == "/" else f"40{namespace},"
    session.send(head)
    return sid_of(session.receive(), head)


def assert_closed(session: Session) -> None:
    """The server closes the session, and says nothing more."""
    with pytest.raises(SessionEnded):
        session.receive()
    assert session.is_over()
