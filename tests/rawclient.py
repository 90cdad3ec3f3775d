"""Peers made by hand, for what no client library would send.

Everything here is a plain blocking socket with a time-out: a test says byte for byte what
goes out, and waits for what comes back. Nothing imports the package under test.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple, Self

from tests.support import PATIENCE, Server

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
PATH = "/socket.io/"
#: A mask that changes nothing, so that a payload can be read in a dump.
NO_CHANGE = bytes(4)

#: Encrypts, and asks for no certificate: that is not what these peers are for.
_TRUSTING = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_TRUSTING.check_hostname = False
_TRUSTING.verify_mode = ssl.CERT_NONE


class PeerClosed(Exception):
    """The server has closed the connection."""


class Answer(NamedTuple):
    """An HTTP answer; names of headers are in lower case, repeated ones are joined."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Wire:
    """A TCP connection to the server, encrypted if the server wants that.

    :param receive_buffer: the kernel's, in bytes; small for a client that must not take much
    """

    def __init__(self, server: Server, *, receive_buffer: int | None = None) -> None:
        if receive_buffer is None:
            self.sock = server.connect()
        else:
            self.sock = socket.socket()
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.sock.settimeout(PATIENCE)
            self.sock.connect((server.host, server.port))
        if server.url.startswith("https:"):
            self.sock = _TRUSTING.wrap_socket(self.sock)
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_what_fits(self, data: bytes, patience: float) -> int:
        """Send until all is gone or nothing has fitted for ``patience`` seconds."""
        view = memoryview(data)
        self.sock.settimeout(patience)
        try:
            while view:
                view = view[self.sock.send(view) :]
        except TimeoutError:
            pass
        finally:
            self.sock.settimeout(PATIENCE)
        return len(data) - len(view)

    def read(self, count: int) -> bytes:
        """Exactly ``count`` bytes. :raises PeerClosed: there are no more"""
        while len(self._buffer) < count:
            self._fill()
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def read_until(self, mark: bytes) -> bytes:
        """Everything up to and with ``mark``."""
        while mark not in self._buffer:
            self._fill()
        return self.read(self._buffer.index(mark) + len(mark))

    def _fill(self) -> None:
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise PeerClosed
        self._buffer += data

    def read_answer(self, method: str = "GET") -> Answer:
        """One HTTP answer, with its body unless the method or the status has none."""
        head = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        headers: dict[str, str] = {}
        for line in filter(None, head[1:]):
            name, _, value = line.partition(":")
            name = name.lower()
            known = headers.get(name)
            headers[name] = value.strip() if known is None else f"{known}, {value.strip()}"
        if method == "HEAD" or status in (101, 204, 304):
            return Answer(status, headers, b"")
        return Answer(status, headers, self.read(int(headers.get("content-length", 0))))

    def wait_closed(self) -> bytes:
        """Wait for the server to close; what it sent until then."""
        with suppress(PeerClosed):
            while True:
                self._fill()
        return bytes(self._buffer)

    def reset(self) -> None:
        """Break the connection off: the server gets RST instead of an orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


def head(method: str, target: str, headers: Mapping[str, object] | None = None) -> bytes:
    """The head of an HTTP/1.1 request."""
    lines = [f"{method} {target} HTTP/1.1"]
    fields = {"Host": "127.0.0.1", **(headers or {})}
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def request(
    server: Server,
    method: str,
    query: str = "EIO=4&transport=polling",
    *,
    body: bytes | None = None,
    headers: Mapping[str, object] | None = None,
    path: str = PATH,
) -> Answer:
    """One request on a connection of its own."""
    length = {} if body is None else {"Content-Length": len(body)}
    fields = {"Connection": "close", **length, **(headers or {})}
    with Wire(server) as wire:
        wire.send(head(method, f"{path}?{query}", fields) + (body or b""))
        return wire.read_answer(method)


class Polling:
    """A session over HTTP long-polling; a connection for each request.

    :param headers: sent with every request
    """

    def __init__(self, server: Server, headers: Mapping[str, object] | None = None) -> None:
        self._server = server
        self._headers = headers
        answer = request(server, "GET", headers=headers)
        assert answer.status == 200, answer
        self.opening: dict[str, Any] = json.loads(answer.text[1:])
        self.sid: str = self.opening["sid"]

    @property
    def query(self) -> str:
        return f"EIO=4&transport=polling&sid={self.sid}"

    def get(self) -> Answer:
        return request(self._server, "GET", self.query, headers=self._headers)

    def post(self, body: str | bytes) -> Answer:
        data = body.encode() if isinstance(body, str) else body
        return request(self._server, "POST", self.query, body=data, headers=self._headers)

    def park(self) -> Wire:
        """A poll that waits; read its answer with ``read_answer()``."""
        return self.begin("GET")

    def begin(self, method: str, **headers: object) -> Wire:
        """A request of which only the head is sent."""
        wire = Wire(self._server)
        wire.send(head(method, f"{PATH}?{self.query}", {"Connection": "close", **headers}))
        return wire

    def packets(self) -> list[str]:
        """What the next poll brings; heartbeats are answered and left out."""
        while True:
            answer = self.get()
            assert answer.status == 200, answer
            packets = answer.text.split("\x1e")
            if "2" in packets:
                self.post("3")
                packets.remove("2")
            if packets:
                return packets

    def enter(self, namespace: str = "/") -> str:
        """Join a namespace; this client's id in it."""
        where = "" if namespace == "/" else namespace + ","
        assert self.post(f"40{where}").status == 200
        packet = self.packets()[0]
        assert packet.startswith(f"40{where}{{"), packet
        sid: str = json.loads(packet[2 + len(where) :])["sid"]
        return sid

    def ask(self, *event: Any) -> list[Any]:
        """Emit an event and wait for its acknowledgement; nothing else may come before it."""
        assert self.post(f"421{json.dumps(event)}").text == "ok"
        (packet,) = self.packets()
        assert packet.startswith("431["), packet
        answer: list[Any] = json.loads(packet[3:])
        return answer

    @property
    def is_known(self) -> bool:
        """Does the server still have this session? A POST without an effect tells."""
        return self.post("6").status == 200


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = NO_CHANGE,
    length: int | None = None,
) -> bytes:
    """One WebSocket frame, right or wrong.

    :param reserved: bits RSV1 to RSV3, as 4, 2, 1
    :param mask: four bytes; None leaves the frame unmasked
    :param length: what the header says, if that is not the truth
    """
    said = len(payload) if length is None else length
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    masked = 0x80 if mask is not None else 0
    if said < 126:
        header = struct.pack("!BB", first, masked | said)
    elif said < 65536:
        header = struct.pack("!BBH", first, masked | 126, said)
    else:
        header = struct.pack("!BBQ", first, masked | 127, said)
    if mask is None:
        return header + payload
    if mask == NO_CHANGE:
        return header + mask + payload
    return header + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def text_frame(text: str) -> bytes:
    return frame(TEXT, text.encode())


class WebSocket:
    """A WebSocket, as far as the server has agreed; see ``answer``.

    :param sid: the polling session it wants to take over; None opens a new one
    :param behind: bytes sent in one piece with the upgrade request
    :param extensions: what is offered, as in the header
    """

    def __init__(
        self,
        server: Server,
        *,
        sid: str | None = None,
        query: str = "EIO=4&transport=websocket",
        headers: Mapping[str, object] | None = None,
        behind: bytes = b"",
        extensions: str | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        target = f"{PATH}?{query}" + (f"&sid={sid}" if sid else "")
        fields: dict[str, object] = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Extensions": extensions,
            **(headers or {}),
        }
        self.wire = Wire(server, receive_buffer=receive_buffer)
        self.wire.send(head("GET", target, fields) + behind)
        self.answer = self.wire.read_answer()
        self._last_id = 0
        self.opening: dict[str, Any] = {}
        if self.answer.status == 101 and sid is None:
            self.opening = json.loads(self.text()[1:])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def sid(self) -> str:
        """The Engine.IO session's id."""
        sid: str = self.opening["sid"]
        return sid

    # Out.

    def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.wire.send(text_frame(message))
        else:
            self.wire.send(frame(BINARY, message))

    def send_raw(self, data: bytes) -> None:
        """Bytes as they are; a server that has closed meanwhile is no failure."""
        with suppress(ConnectionError):
            self.wire.send(data)

    # In.

    def read_frame(self) -> tuple[int, bytes]:
        """First byte (bits and opcode) and payload of the next frame."""
        first, length = self.wire.read(2)
        assert length < 128, "a server must not mask its frames"
        if length == 126:
            length = int.from_bytes(self.wire.read(2), "big")
        elif length == 127:
            length = int.from_bytes(self.wire.read(8), "big")
        return first, self.wire.read(length)

    def text(self) -> str:
        """The next text; heartbeats are answered and left out.

        :raises PeerClosed: the server has said goodbye
        """
        while True:
            first, payload = self.read_frame()
            if first & 0x0F == CLOSE:
                raise PeerClosed(payload)
            if first & 0x0F == TEXT:
                text = payload.decode()
                if text != "2":
                    return text
                self.send("3")

    def close_code(self) -> int | None:
        """Wait for the end; the code of the server's close frame.

        1005 if it had no code, None if the connection ended without such a frame.
        """
        try:
            while True:
                first, payload = self.read_frame()
                if first & 0x0F == CLOSE:
                    return int.from_bytes(payload[:2], "big") if payload else 1005
        except PeerClosed:
            return None

    # Socket.IO.

    def enter(self, namespace: str = "/") -> str:
        """Join a namespace; this client's id in it."""
        where = "" if namespace == "/" else namespace + ","
        self.send(f"40{where}")
        packet = self.text()
        assert packet.startswith(f"40{where}{{"), packet
        sid: str = json.loads(packet[2 + len(where) :])["sid"]
        return sid

    def emit(self, *event: Any) -> None:
        self.send(f"42{json.dumps(event)}")

    def ask(self, *event: Any) -> list[Any]:
        """Emit an event and wait for its acknowledgement; nothing else may come before it."""
        self._last_id += 1
        self.send(f"42{self._last_id}{json.dumps(event)}")
        packet = self.text()
        start = f"43{self._last_id}"
        assert packet.startswith(start), packet
        answer: list[Any] = json.loads(packet[len(start) :])
        return answer

    def close(self) -> None:
        self.wire.close()
