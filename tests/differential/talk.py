"""A client of Socket.IO 0.9 by hand: packets as they are, and the answers as they came."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from pyramid_sio.protocol.engine_v09 import decode_payload
from pyramid_sio.protocol.socket_v09 import UNKNOWN_CLIENT
from tests.support import PATIENCE

DEAF, CLOSED = "nothing is heard any more", "the connection is closed"
#: An old server names the callback by a list of one.
_SCRIPT = re.compile(r"io\.j\[(?:\[')?0(?:'\])?\]\((['\"])(.*)\1\);", re.DOTALL)
_PACKET = re.compile(r"(\d):(\d*)(\+?):([^:]*)(?::(.*))?", re.DOTALL)


def readable(packet: str) -> str:
    """A packet as it is compared: JSON in one order, and ids that the server chose left out.

    Of errors that are sent as events only the name counts: the sentences are for people.
    """
    match = _PACKET.fullmatch(packet)
    assert match is not None, packet
    kind, id, plus, endpoint, data = match.groups("")
    if kind in ("3", "5") and id:
        id = "n"
    if kind in ("4", "5"):
        value = json.loads(data)
        if kind == "5":
            value = [value["name"], *value.get("args", ())]
            value = value[:2] if value[0] == "error" else value
        data = json.dumps(value, sort_keys=True)
    elif kind == "6" and "+" in data:
        acked, _, text = data.partition("+")
        data = f"{acked}+{json.dumps(json.loads(text), sort_keys=True)}"
    return f"{kind}:{id}{plus}:{endpoint}:{data}"


class Closed(Exception):
    """The server has ended the connection."""


class WebSocket:
    """:param where: the transport's URL, without its scheme"""

    def __init__(self, where: str) -> None:
        self._open = ExitStack()
        opening = connect(
            f"ws:{where}",
            compression=None,
            ping_interval=None,
            open_timeout=PATIENCE,
            # The old server does not say goodbye.
            close_timeout=0.01,
            proxy=None,
        )
        self._socket = self._open.enter_context(opening)

    def send(self, packet: str) -> None:
        try:
            self._socket.send(packet)
        except ConnectionClosed:
            raise Closed from None

    def receive(self, patience: float) -> str:
        """:raises TimeoutError: nothing comes"""
        try:
            return str(self._socket.recv(patience))
        except ConnectionClosed:
            raise Closed from None

    def close(self) -> None:
        self._open.close()


class XhrPolling:
    """The same as requests, of which there is one at a time."""

    #: What a POST may be answered with.
    taken: tuple[str, ...] = ("1",)

    def __init__(self, where: str) -> None:
        self._url = f"http:{where}"
        self._packets: deque[str] = deque()
        # Neither server takes anything before the first poll.
        self._packets.append(self.receive(PATIENCE))

    def send(self, packet: str) -> None:
        answer = self._ask(self._body(packet), PATIENCE)
        assert answer in self.taken, answer

    def receive(self, patience: float) -> str:
        while not self._packets:
            self._packets += decode_payload(self._read(self._ask(None, patience)))
        packet = self._packets.popleft()
        if packet == UNKNOWN_CLIENT.decode():
            raise Closed
        return packet

    def _ask(self, body: bytes | None, patience: float) -> str:
        headers = {"Content-Type": "text/plain;charset=UTF-8"}
        with urlopen(Request(f"{self._url}?i=0&t=1", body, headers), timeout=patience) as answer:
            return str(answer.read().decode())

    @staticmethod
    def _body(packet: str) -> bytes:
        return packet.encode()

    @staticmethod
    def _read(answer: str) -> str:
        return answer

    def close(self) -> None:
        """Nothing to break off between two requests."""


class JsonpPolling(XhrPolling):
    """The same with forms, and with scripts for answers."""

    # Nobody reads it.
    taken = ("1", "io.j[['0']]('1');")

    @staticmethod
    def _body(packet: str) -> bytes:
        return f"d={quote(json.dumps(packet, ensure_ascii=False))}".encode()

    @staticmethod
    def _read(answer: str) -> str:
        match = _SCRIPT.fullmatch(answer)
        assert match is not None, answer
        # As JavaScript reads it, between whichever quotes.
        text = match[2] if match[1] == '"' else re.sub(r'(?<!\\)"', r'\\"', match[2])
        return str(json.loads(f'"{text}"'))


TRANSPORTS: dict[str, Callable[[str], Any]] = {
    "websocket": WebSocket,
    "xhr-polling": XhrPolling,
    "jsonp-polling": JsonpPolling,
}


class Client:
    """One connection.

    :param patience: seconds after which who says nothing is deaf
    """

    def __init__(
        self, port: int, *, transport: str = "websocket", patience: float = PATIENCE
    ) -> None:
        with urlopen(f"http://127.0.0.1:{port}/socket.io/1/?t=1", timeout=PATIENCE) as answer:
            self.handshake = answer.read().decode().split(":")
        where = f"//127.0.0.1:{port}/socket.io/1/{transport}/{self.handshake[0]}"
        self._transport = TRANSPORTS[transport](where)
        self._patience = patience
        self._number = 0
        self._last_id = ""
        #: What came, readable.
        self.heard: list[str] = []

    def say(self, packet: str) -> None:
        """Send a packet; ``{id}`` in it is that of the server's last question."""
        try:
            self._transport.send(packet.replace("{id}", self._last_id))
        except Closed:
            self.heard.append(CLOSED)

    def listen(self) -> None:
        """Hear everything that the server had to say about what was sent until now."""
        if self.heard[-1:] in ([DEAF], [CLOSED]):
            return
        self._number += 1
        data: dict[str, Any] = {"name": "sync", "args": [self._number]}
        self.say(f"5:::{json.dumps(data)}")
        try:
            while self._hear_one() != f'5:::["synced", {self._number}]':
                pass
        except TimeoutError:
            self.heard.append(DEAF)
        except Closed:
            self.heard.append(CLOSED)
        else:
            del self.heard[-1]

    def _hear_one(self) -> str:
        packet = self._transport.receive(self._patience)
        match = _PACKET.match(packet)
        if match is not None and match[1] in ("3", "4", "5") and match[2]:
            self._last_id = match[2]
        self.heard.append(readable(packet))
        return self.heard[-1]

    def close(self) -> None:
        self._transport.close()
