"""A client of Socket.IO 0.9 by hand: packets as they are, and the answers as they came."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from typing import Any
from urllib.request import urlopen

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.support import PATIENCE

DEAF, CLOSED = "nothing is heard any more", "the connection is closed"
#: How long who may be deaf is listened to, in seconds.
SILENCE = 0.7
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


class Client:
    """One connection.

    :param deaf: it may become deaf, so do not be patient
    """

    def __init__(self, port: int, *, deaf: bool = False) -> None:
        with urlopen(f"http://127.0.0.1:{port}/socket.io/1/?t=1", timeout=PATIENCE) as answer:
            self.handshake = answer.read().decode().split(":")
        self._open = ExitStack()
        opening = connect(
            f"ws://127.0.0.1:{port}/socket.io/1/websocket/{self.handshake[0]}",
            compression=None,
            ping_interval=None,
            open_timeout=PATIENCE,
            # The old server does not say goodbye.
            close_timeout=0.01,
            proxy=None,
        )
        self._socket = self._open.enter_context(opening)
        self._patience = SILENCE if deaf else PATIENCE
        self._number = 0
        self._last_id = ""
        #: What came, readable.
        self.heard: list[str] = []

    def say(self, packet: str) -> None:
        """Send a packet; ``{id}`` in it is that of the server's last question."""
        try:
            self._socket.send(packet.replace("{id}", self._last_id))
        except ConnectionClosed:
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
        except ConnectionClosed:
            self.heard.append(CLOSED)
        else:
            del self.heard[-1]

    def _hear_one(self) -> str:
        packet = str(self._socket.recv(self._patience))
        match = _PACKET.match(packet)
        if match is not None and match[1] in ("3", "4", "5") and match[2]:
            self._last_id = match[2]
        self.heard.append(readable(packet))
        return self.heard[-1]

    def close(self) -> None:
        self._open.close()
