"""Connections through a parser of their own."""

from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.adapters.memory import MemoryAdapter
from pyramid_sio.errors import DisconnectReason, ProtocolError
from pyramid_sio.protocol.packets import Message, SocketPacket
from pyramid_sio.protocol.parsing import PacketEncoder, make_packet
from pyramid_sio.sockets.client import Client
from pyramid_sio.sockets.namespace import Namespace
from pyramid_sio.sockets.parsed import ParsedClient
from pyramid_sio.sockets.server import Definition, SioServer
from tests.fakes import FakeInvoker, FakeSession


class Spelled(PacketEncoder):
    """A packet is its Python text."""

    def encode(self, packet: SocketPacket) -> Message:
        return Message(repr((packet.type.value, *packet[1:])).encode())


class Halves:
    """A packet comes in two halves, a binary one and a text."""

    def __init__(self) -> None:
        self._first: bytes | None = None

    def add(self, chunk: str | bytes) -> SocketPacket | None:
        if isinstance(chunk, bytes):
            self._first = chunk
            return None
        if self._first is None:
            raise ProtocolError("the second half comes first")
        first, self._first = self._first, None
        return make_packet(int(first), *chunk.split(","), None, None)


class Room(Namespace):
    def on_connect(self, auth: dict[str, Any] | None) -> None:
        self.emit("welcome", 1)


@pytest.fixture
def server() -> SioServer:
    server = SioServer(
        invoker=FakeInvoker(),
        adapter_factory=MemoryAdapter,
        make_event=lambda: None,
        in_loop=lambda func, *args: func(*args),
        spawn=lambda func, *args: func(*args),
        encoder=Spelled(),
        new_decoder=Halves,
        connect_timeout=5,
        attachment_timeout=5,
        disconnect_grace=5,
        ack_timeout=5,
        max_attachments=10,
        max_attachment_bytes=1000,
        max_held=1000,
    )
    server.define(Definition("/", Room))
    return server


def test_packets_go_through_the_parser(server: SioServer) -> None:
    session = FakeSession(server.accept)

    session.receive(b"0", "/")
    session.run()

    (sid,) = server.of("/").sockets
    assert session.take() == [
        f"(0, '/', {{'sid': '{sid}'}}, None)",
        "(2, '/', ('welcome', 1), None)",
    ]
    assert isinstance(session.handler, ParsedClient)

    session.receive(b"1", "/")
    session.run()
    assert not server.of("/").sockets


def test_each_connection_has_its_decoder(server: SioServer) -> None:
    first, second = FakeSession(server.accept), FakeSession(server.accept)

    first.receive(b"0")
    second.receive("/")

    assert second.closed_for is DisconnectReason.FORCED_CLOSE
    assert first.is_open


def test_packet_in_the_wrong_place_ends_the_connection(server: SioServer) -> None:
    session = FakeSession(server.accept)

    session.receive(b"1", "/")

    assert session.closed_for is DisconnectReason.FORCED_CLOSE


def test_failing_parser_ends_the_connection(server: SioServer) -> None:
    session = FakeSession(server.accept)

    session.receive(b"a secret", "/")

    assert session.closed_for is DisconnectReason.FORCED_CLOSE
    assert ("the parser failed", "Halves") in session.complaints


def test_json_needs_no_decoder(server: SioServer) -> None:
    server.new_decoder = None

    assert type(FakeSession(server.accept).handler) is Client
