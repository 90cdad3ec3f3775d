"""Socket.IO 0.9 by hand: for what no client does any more, and for the bytes themselves."""

from __future__ import annotations

import json
import re
import socket
from collections import deque
from contextlib import ExitStack
from urllib.parse import quote

from websockets.sync.client import ClientConnection, connect

from pyramid_sio.protocol.engine_v09 import decode_payload, join_payload
from tests.functional.raw import read_exactly, read_head
from tests.functional.wire import Answer, Pending, ask, begin
from tests.support import PATIENCE, Server

UNKNOWN = "7:::1+0"


def shake_hands(server: Server, query: str = "t=1") -> str:
    """The session id of a new handshake."""
    answer = ask(server, path="/socket.io/1/", query=query)
    assert answer.status == 200, answer
    return answer.text.partition(":")[0]


class Polling:
    """``xhr-polling``, or another transport that is asked in the same way."""

    def __init__(self, server: Server, sid: str = "", *, name: str = "xhr-polling") -> None:
        self.server = server
        self.sid = sid or shake_hands(server)
        self.path = f"/socket.io/1/{name}/{self.sid}"
        self._packets: deque[str] = deque()

    def poll(self) -> list[str]:
        """What one GET brings."""
        answer = ask(self.server, path=self.path, query="t=1")
        assert answer.status == 200, answer
        return decode_payload(answer.text)

    def receive(self) -> str:
        while not self._packets:
            self._packets.extend(self.poll())
        return self._packets.popleft()

    def begin_poll(self) -> Pending:
        return begin(self.server, path=self.path, query="t=1")

    def post(self, body: bytes) -> Answer:
        kind = "text/plain;charset=UTF-8"
        return ask(self.server, "POST", path=self.path, body=body, content_type=kind)

    def send(self, *packets: str) -> None:
        answer = self.post(join_payload([packet.encode() for packet in packets]))
        assert (answer.status, answer.text) == (200, "1")

    def close(self) -> None:
        """Say nothing, and go."""


class JsonpPolling(Polling):
    """Answers are scripts, and POSTs forms."""

    def __init__(self, server: Server, sid: str = "") -> None:
        super().__init__(server, sid, name="jsonp-polling")

    def poll(self) -> list[str]:
        answer = ask(self.server, path=self.path, query="t=1&i=7")
        assert answer.headers["content-type"] == "text/javascript; charset=UTF-8"
        script = re.fullmatch(r"io\.j\[7\]\((\".*\")\);", answer.text)
        assert script is not None, answer
        return decode_payload(json.loads(script[1]))

    def post(self, body: bytes) -> Answer:
        return self.post_form(f"d={quote(json.dumps(body.decode()))}".encode())

    def post_form(self, body: bytes) -> Answer:
        kind = "application/x-www-form-urlencoded"
        return ask(self.server, "POST", path=self.path, body=body, content_type=kind)


class WebSocket:
    """A WebSocket of today."""

    def __init__(self, server: Server, sid: str = "", *, name: str = "websocket") -> None:
        self.server = server
        self.sid = sid or shake_hands(server)
        url = f"ws://{server.host}:{server.port}/socket.io/1/{name}/{self.sid}"
        self._closing = ExitStack()
        client = connect(url, open_timeout=PATIENCE, max_size=None)
        self.raw: ClientConnection = self._closing.enter_context(client)

    def send(self, *packets: str) -> None:
        for packet in packets:
            self.raw.send(packet)

    def receive(self) -> str:
        message = self.raw.recv(PATIENCE)
        assert isinstance(message, str)
        return message

    def close(self) -> None:
        self._closing.close()


class Stream:
    """``htmlfile`` or ``xhr-multipart``: one answer without end, read chunk by chunk.

    Not a real client: there is none of ``xhr-multipart``, see also the tests in a browser.
    """

    def __init__(self, server: Server, name: str) -> None:
        self._posts = Polling(server, name=name)
        self.sid = self._posts.sid
        self.sock = server.connect()
        self.sock.sendall(f"GET {self._posts.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.head = read_head(self.sock)
        self.preamble = self.chunk()

    def chunk(self) -> bytes:
        """The next chunk; empty at the end."""
        size = b""
        while not size.endswith(b"\r\n"):
            size += read_exactly(self.sock, 1)
        return read_exactly(self.sock, int(size, 16) + 2)[:-2]

    def send(self, *packets: str) -> None:
        self._posts.send(*packets)

    def close(self) -> None:
        self.sock.close()


class FlashSocket:
    """The WebSocket draft that Flash Player's client speaks. Not a real client: there is none."""

    KEY1, KEY2 = "18x 6]8vM;54 *(5:  {   U1]8  z [  8", "1_ tx7X d  <  nw  334J702) 7]o}` 0"
    KEY3, PROOF = b"Tm[K T2u", b"fQJ,fN/4F4!~K~MH"

    def __init__(self, server: Server, sid: str = "", *, name: str = "flashsocket") -> None:
        self.sid = sid or shake_hands(server)
        self.sock: socket.socket = server.connect()
        self.request = (
            f"GET /socket.io/1/{name}/{self.sid} HTTP/1.1\r\nUpgrade: WebSocket\r\n"
            f"Connection: Upgrade\r\nHost: {server.host}:{server.port}\r\n"
            f"Origin: {server.url}\r\nSec-WebSocket-Key1: {self.KEY1}\r\n"
            f"Sec-WebSocket-Key2: {self.KEY2}\r\n\r\n"
        ).encode()

    def open(self) -> str:
        """The head of the answer."""
        self.sock.sendall(self.request + self.KEY3)
        return self.opened()

    def opened(self) -> str:
        head = read_head(self.sock)
        assert read_exactly(self.sock, 16) == self.PROOF
        return head

    def send(self, *packets: str) -> None:
        self.sock.sendall(b"".join(b"\0" + packet.encode() + b"\xff" for packet in packets))

    def receive(self) -> str:
        frame = read_exactly(self.sock, 1)
        assert frame == b"\0"
        while not frame.endswith(b"\xff"):
            frame += read_exactly(self.sock, 1)
        return frame[1:-1].decode()

    def close(self) -> None:
        self.sock.close()
