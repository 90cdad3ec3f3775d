from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from ssl import SSLWantReadError
from typing import Any

import gevent
import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from pyramid_sio.engine.server import EngineServer
from pyramid_sio.engine.session import Session
from pyramid_sio.engine.transports.websocket import CORK_SIZE
from pyramid_sio.errors import DisconnectReason
from pyramid_sio.protocol.packets import Message
from tests.engine.conftest import NewEngine, Turn, heard
from tests.engine.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Wire,
    client_frame,
)
from tests.fakes import FakeHandshake, until


def settle() -> None:
    """Let the loop look at its sockets a few times."""
    for _ in range(5):
        gevent.sleep(0.001)


def connect(engine: EngineServer, wire: Wire, **options: Any) -> Session:
    session = engine.open_websocket(FakeHandshake(), wire.server, **options)
    wire.expect(1)
    return session


class TestOpening:
    def test_answer_and_first_packet_are_one_write(self, engine: EngineServer, wire: Wire) -> None:
        session = engine.open_websocket(FakeHandshake(), wire.server, head=b"HTTP/1.1 101\r\n\r\n")
        head, _, rest = wire.read().partition(b"\r\n\r\n")
        assert head == b"HTTP/1.1 101"
        opening = (
            f'0{{"sid":"{session.id}","upgrades":[],"pingInterval":25000,'
            '"pingTimeout":20000,"maxPayload":1000000}'
        ).encode()
        assert rest == b"\x81" + bytes([len(opening)]) + opening

    def test_what_came_with_the_request_comes_first(self, engine: EngineServer, wire: Wire) -> None:
        first, second = client_frame(TEXT, b"4first"), client_frame(TEXT, b"4second")
        wire.client.sendall(second[3:])
        session = engine.open_websocket(FakeHandshake(), wire.server, leftover=first + second[:3])
        assert heard(session).messages == ["first"]
        until(lambda: len(heard(session).messages) == 2)
        assert heard(session).messages == ["first", "second"]


class TestReceiving:
    def test_texts_and_blobs_in_order(self, websocket: Session, wire: Wire) -> None:
        wire.send_text("4a", "4b")
        wire.send_frame(BINARY, b"\x01")
        wire.send_text("4" + "ü" * 40_000)
        until(lambda: len(heard(websocket).messages) == 4)
        assert heard(websocket).messages == ["a", "b", b"\x01", "ü" * 40_000]

    def test_fragments_with_a_ping_between_them(self, websocket: Session, wire: Wire) -> None:
        wire.send_frame(TEXT, b"4a", fin=False)
        wire.send_frame(PING, b"are you there")
        wire.send_frame(CONTINUATION, "ü".encode()[:1], fin=False)
        wire.send_frame(CONTINUATION, "ü".encode()[1:])
        wire.send_frame(BINARY, b"\x01", fin=False)
        wire.send_frame(CONTINUATION, b"\x02")
        until(lambda: len(heard(websocket).messages) == 2)
        assert heard(websocket).messages == ["aü", b"\x01\x02"]
        assert wire.frames() == [(PONG, b"are you there", 0)]

    def test_a_pong_nobody_asked_for(self, websocket: Session, wire: Wire) -> None:
        wire.send_frame(PONG, b"hello")
        wire.send_text("4a")
        until(lambda: heard(websocket).messages)
        assert websocket.is_open

    @pytest.mark.parametrize(
        ("frames", "code", "reason"),
        [
            ([(TEXT, b"9")], None, DisconnectReason.PARSE_ERROR),
            ([(TEXT, b"")], None, DisconnectReason.PARSE_ERROR),
            ([(TEXT, b"2")], None, DisconnectReason.TRANSPORT_ERROR),
            ([(TEXT, b"1")], None, DisconnectReason.TRANSPORT_CLOSE),
            ([(TEXT, b"4\xff")], 1007, DisconnectReason.TRANSPORT_ERROR),
            ([(CONTINUATION, b"4")], 1002, DisconnectReason.TRANSPORT_ERROR),
            ([(0x3, b"4")], 1002, DisconnectReason.TRANSPORT_ERROR),
            ([(PING, b"x" * 126)], 1002, DisconnectReason.TRANSPORT_ERROR),
            ([(TEXT, b"4" * 1_000_001)], 1009, DisconnectReason.TRANSPORT_ERROR),
        ],
        ids=lambda value: None if isinstance(value, list) else str(value),
    )
    def test_violations(
        self,
        engine: EngineServer,
        websocket: Session,
        wire: Wire,
        frames: list[tuple[int, bytes]],
        code: int | None,
        reason: DisconnectReason,
    ) -> None:
        for opcode, payload in frames:
            # The head of a frame that is too long is enough, and all that is taken.
            wire.client.sendall(client_frame(opcode, payload)[:2000])
        (frame,) = wire.expect(1)
        assert frame.opcode == CLOSE
        assert frame.payload[:2] == (b"" if code is None else code.to_bytes(2, "big"))
        assert heard(websocket).reasons == [reason]
        assert engine.sessions == {}

    def test_text_of_fragments_that_is_not_utf8(self, websocket: Session, wire: Wire) -> None:
        wire.send_frame(TEXT, b"4\xc3", fin=False)
        wire.send_frame(CONTINUATION, b"(")
        (frame,) = wire.expect(1)
        assert frame == (CLOSE, (1007).to_bytes(2, "big"), 0)
        assert heard(websocket).reasons == [DisconnectReason.TRANSPORT_ERROR]

    def test_a_frame_that_is_not_masked(self, websocket: Session, wire: Wire) -> None:
        wire.send_frame(TEXT, b"4a", masked=False)
        (frame,) = wire.expect(1)
        assert frame.payload[:2] == (1002).to_bytes(2, "big")
        assert heard(websocket).reasons == [DisconnectReason.TRANSPORT_ERROR]

    def test_endless_fragments(self, new_engine: NewEngine, wire: Wire) -> None:
        session = connect(new_engine(max_http_buffer_size=10_000), wire)
        wire.send_frame(TEXT, b"4" * 1000, fin=False)
        for _ in range(20):
            if not session.is_open:
                break
            wire.send_frame(CONTINUATION, b"4" * 1000, fin=False)
            settle()
        assert heard(session).reasons == [DisconnectReason.TRANSPORT_ERROR]
        (frame,) = wire.frames()
        assert frame.payload[:2] == (1009).to_bytes(2, "big")

    def test_nothing_behind_a_violation_is_heard(self, websocket: Session, wire: Wire) -> None:
        wire.send_text("4a", "9", "4b")
        until(lambda: heard(websocket).reasons)
        assert heard(websocket).messages == ["a"]

    def test_an_unexpected_error_closes_one_connection_only(
        self, websocket: Session, wire: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        heard(websocket).then = lambda message: 1 / 0
        with caplog.at_level(logging.ERROR):
            wire.send_text("4a")
            wire.expect_end()
        assert heard(websocket).reasons == [DisconnectReason.TRANSPORT_ERROR]
        assert "ZeroDivisionError" in caplog.text


class TestEnd:
    def test_the_client_closes(self, engine: EngineServer, websocket: Session, wire: Wire) -> None:
        wire.send_frame(CLOSE, (1000).to_bytes(2, "big"))
        (frame,) = wire.expect(1)
        assert frame == (CLOSE, (1000).to_bytes(2, "big"), 0)
        wire.expect_end()
        assert heard(websocket).reasons == [DisconnectReason.TRANSPORT_CLOSE]
        assert engine.sessions == {}

    @pytest.mark.parametrize(
        "payload", [b"", (1000).to_bytes(2, "big") + b"bye", (4000).to_bytes(2, "big")]
    )
    def test_the_client_closes_after_the_library_was_needed(
        self, engine: EngineServer, websocket: Session, wire: Wire, payload: bytes
    ) -> None:
        wire.send_frame(PING)
        wire.send_frame(CLOSE, payload)
        pong, close = wire.expect(2)
        assert pong.opcode == PONG
        assert close == (CLOSE, payload, 0)
        wire.expect_end()
        assert heard(websocket).reasons == [DisconnectReason.TRANSPORT_CLOSE]

    @pytest.mark.parametrize("payload", [b"\x03", (5).to_bytes(2, "big")])
    def test_the_client_closes_wrongly(
        self, engine: EngineServer, websocket: Session, wire: Wire, payload: bytes
    ) -> None:
        wire.send_frame(CLOSE, payload)
        (close,) = wire.expect(1)
        assert close.payload[:2] == (1002).to_bytes(2, "big")
        assert heard(websocket).reasons == [DisconnectReason.TRANSPORT_ERROR]

    def test_the_connection_breaks(self, websocket: Session, wire: Wire) -> None:
        wire.close()
        until(lambda: heard(websocket).reasons)
        assert heard(websocket).reasons == [DisconnectReason.TRANSPORT_CLOSE]

    def test_the_connection_is_reset(
        self, engine: EngineServer, websocket: Session, wire: Wire
    ) -> None:
        """Closing with unread data in the client's buffer makes a reset of it."""
        websocket.send(Message(b"2[1]"))
        wire.close()
        until(lambda: heard(websocket).reasons)
        assert heard(websocket).reasons == [DisconnectReason.TRANSPORT_CLOSE]

    def test_noticed_while_sending(
        self, engine: EngineServer, websocket: Session, wire: Wire
    ) -> None:
        websocket.transport.pause()
        wire.close()
        assert not websocket.send(Message(b"2[1]"))
        assert heard(websocket).reasons == [], "whoever sends may be in the middle of a broadcast"
        until(lambda: heard(websocket).reasons)
        assert heard(websocket).reasons == [DisconnectReason.TRANSPORT_CLOSE]
        assert not websocket.send(Message(b"2[2]"))

    def test_we_close_and_the_client_agrees(
        self, engine: EngineServer, websocket: Session, wire: Wire, turn: Turn
    ) -> None:
        websocket.send(Message(b"2[1]"))
        websocket.close()
        assert wire.expect(2) == [(TEXT, b"42[1]", 0), (CLOSE, b"", 0)]
        wire.send_text("4late")
        wire.send_frame(CLOSE)
        wire.expect_end()
        assert heard(websocket).messages == []
        turn(10)

    def test_we_go_away(self, websocket: Session, wire: Wire) -> None:
        websocket.close(DisconnectReason.SERVER_SHUTTING_DOWN)
        assert wire.expect(1) == [(CLOSE, (1001).to_bytes(2, "big"), 0)]

    @pytest.mark.parametrize("babble", [None, "4late", "9"])
    def test_we_close_and_the_client_does_not_answer(
        self, websocket: Session, wire: Wire, turn: Turn, babble: str | None
    ) -> None:
        websocket.close()
        wire.expect(1)
        if babble:
            wire.send_text(babble)
            settle()
        assert not wire.ended
        turn(2.2)
        wire.expect_end()

    def test_rubbish_instead_of_the_clients_goodbye(
        self, websocket: Session, wire: Wire, turn: Turn
    ) -> None:
        websocket.close()
        wire.expect(1)
        wire.client.sendall(b"\x81\x05no mask" + bytes(100))
        settle()
        turn(2.2)
        wire.expect_end()

    def test_we_close_and_the_client_hangs_up(
        self, websocket: Session, wire: Wire, turn: Turn
    ) -> None:
        websocket.close()
        wire.close()
        settle()
        turn(2.2)
        assert heard(websocket).reasons == [DisconnectReason.FORCED_CLOSE]

    def test_ended_twice(self, websocket: Session, wire: Wire, turn: Turn) -> None:
        websocket.transport.abort(DisconnectReason.PING_TIMEOUT)
        websocket.transport.abort(DisconnectReason.PING_TIMEOUT)
        websocket.transport.finish(DisconnectReason.FORCED_CLOSE)
        assert wire.expect(1) == [(CLOSE, b"", 0)]
        turn(2.2)
        wire.expect_end()
        websocket.transport.finish(DisconnectReason.FORCED_CLOSE)
        websocket.transport.resume()
        websocket.transport.cork()
        websocket.transport.uncork()


class TestSlowClient:
    """A client that does not read: what it is sent waits in order, up to a limit."""

    @pytest.fixture
    def slow(self, engine: EngineServer, new_wire: Callable[..., Wire]) -> tuple[Session, Wire]:
        wire = new_wire(buffer=10_000)
        return connect(engine, wire), wire

    def fill(self, session: Session) -> int:
        """Send until the kernel takes no more; how many messages that were."""
        for number in range(10_000):
            session.send(Message(b"2[%05d]" % number + b" " * 1000))
            if not session.send(Message(b"2[-1]"), volatile=True):
                return number + 1
        pytest.fail("the kernel takes everything")

    def test_everything_arrives_in_order(self, slow: tuple[Session, Wire]) -> None:
        session, wire = slow
        count = self.fill(session)
        for number in range(count, count + 1000):
            session.send(Message(b"2[%05d]" % number + b" " * 1000))

        numbers: list[int] = []

        def all_there() -> bool:
            numbers.extend(int(text[3:8]) for text in wire.texts() if text != "42[-1]")
            return len(numbers) >= count + 1000

        until(all_there)
        assert numbers == list(range(count + 1000))
        session.send(Message(b"2[1]"))
        wire.expect_texts("42[1]")

    def test_volatile_is_dropped_while_others_wait(self, slow: tuple[Session, Wire]) -> None:
        session, _ = slow
        self.fill(session)
        assert not session.send(Message(b"2[2]"), volatile=True)
        assert session.send(Message(b"2[3]"))

    def test_disconnected_at_the_limit(
        self, new_engine: NewEngine, new_wire: Callable[..., Wire]
    ) -> None:
        wire = new_wire(buffer=10_000)
        session = connect(new_engine(max_buffer_size=100_000), wire)
        taken = 0
        while session.send(Message(b"x" * 10_000)):
            taken += 10_000
            assert taken < 2_000_000
        assert heard(session).reasons == [DisconnectReason.SLOW_CLIENT]
        wire.expect_end()

    def test_close_waits_for_what_is_queued(self, slow: tuple[Session, Wire], turn: Turn) -> None:
        session, wire = slow
        count = self.fill(session)
        session.close()
        turn(2.2)
        frames = wire.frames()

        def closed() -> bool:
            frames.extend(wire.frames())
            return frames[-1].opcode == CLOSE

        until(closed)
        assert sum(frame.opcode == TEXT and b"-1" not in frame.payload for frame in frames) == count

    def test_close_does_not_wait_for_ever(self, slow: tuple[Session, Wire], turn: Turn) -> None:
        session, wire = slow
        self.fill(session)
        session.close()
        turn(30.2)
        wire.expect_end()

    def test_an_end_does_not_wait(self, slow: tuple[Session, Wire]) -> None:
        session, wire = slow
        self.fill(session)
        session.end(DisconnectReason.PING_TIMEOUT)
        wire.expect_end()

    def test_sending_after_it_was_lost(self, slow: tuple[Session, Wire]) -> None:
        session, wire = slow
        session.transport.pause()
        wire.close()
        transport = session.transport
        assert not transport.send(Message(b"2[1]"))
        assert not transport.send(Message(b"2[2]"))
        until(lambda: heard(session).reasons)

    def test_gone_while_things_wait(self, slow: tuple[Session, Wire]) -> None:
        session, wire = slow
        self.fill(session)
        session.transport.pause()
        wire.close()
        until(lambda: heard(session).reasons)
        assert heard(session).reasons == [DisconnectReason.TRANSPORT_CLOSE]

    def test_corked_while_things_wait(self, slow: tuple[Session, Wire]) -> None:
        session, wire = slow
        self.fill(session)
        session.cork()
        session.send(Message(b"2[100]"))
        session.uncork()
        found: list[str] = []
        until(lambda: found.extend(wire.texts()) or "42[100]" in found)


class TestCork:
    def test_one_write_for_many(self, websocket: Session, wire: Wire) -> None:
        websocket.cork()
        for number in range(3):
            websocket.send(Message(b"2[%d]" % number))
        assert wire.read() == b""
        websocket.uncork()
        assert wire.texts() == ["42[0]", "42[1]", "42[2]"]

    def test_volatile_is_no_reason_to_drop(self, websocket: Session, wire: Wire) -> None:
        websocket.cork()
        websocket.send(Message(b"2[1]"))
        assert websocket.send(Message(b"2[2]"), volatile=True)
        websocket.uncork()
        assert wire.texts() == ["42[1]", "42[2]"]

    def test_much_is_written_before(self, websocket: Session, wire: Wire) -> None:
        websocket.cork()
        websocket.send(Message(b"x" * CORK_SIZE))
        websocket.send(Message(b"2[1]"))
        assert [len(frame.payload) for frame in wire.frames()] == [CORK_SIZE + 1, 5]
        websocket.uncork()
        assert wire.frames() == []

    def test_nothing_sent(self, websocket: Session, wire: Wire) -> None:
        websocket.cork()
        websocket.uncork()
        assert wire.read() == b""

    def test_the_end_while_corked(self, websocket: Session, wire: Wire) -> None:
        websocket.cork()
        websocket.send(Message(b"2[1]"))
        websocket.end(DisconnectReason.PING_TIMEOUT)
        assert wire.expect(2) == [(TEXT, b"42[1]", 0), (CLOSE, b"", 0)]
        websocket.uncork()


class TestCompression:
    """permessage-deflate as agreed on with the client."""

    def deflate(self) -> PerMessageDeflate:
        return PerMessageDeflate(False, False, 15, 15)

    def inflate(self, peer: PerMessageDeflate, payload: bytes, reserved: int) -> bytes:
        if not reserved:
            return payload
        frame = Frame(Opcode.TEXT, payload, rsv1=True)
        return bytes(peer.decode(frame).data)

    def test_long_messages_are_compressed_short_ones_not(
        self, engine: EngineServer, wire: Wire
    ) -> None:
        session = connect(engine, wire, extensions=[self.deflate()])
        session.send(Message(b"2[1]"))
        session.send(Message(b"2" + b"a" * 5000))
        session.send(Message(b"2" + b"b" * 5000), compress=False)
        short, long, raw = wire.expect(3)
        assert short == (TEXT, b"42[1]", 0)
        assert long.reserved == 0x40
        assert len(long.payload) < 100
        assert self.inflate(self.deflate(), long.payload, 1) == b"42" + b"a" * 5000
        assert raw == (TEXT, b"42" + b"b" * 5000, 0)

    def test_blobs_too(self, engine: EngineServer, wire: Wire) -> None:
        session = connect(engine, wire, extensions=[self.deflate()])
        session.send(Message(b"51-", [b"\0" * 5000]))
        text, blob = wire.expect(2)
        assert text.opcode == TEXT
        assert blob.opcode == BINARY
        assert len(blob.payload) < 100
        session.send(Message(None, [b"\0" * 5000]))
        (blob,) = wire.expect(1)
        assert blob.opcode == BINARY

    def test_compressed_messages_are_received(self, engine: EngineServer, wire: Wire) -> None:
        session = connect(engine, wire, extensions=[self.deflate()])
        frame = Frame(Opcode.TEXT, b"4" + b"a" * 5000)
        data = frame.serialize(mask=True, extensions=[self.deflate()])
        assert len(data) < 100
        wire.client.sendall(data)
        until(lambda: heard(session).messages)
        assert heard(session).messages == ["a" * 5000]

    def test_a_bomb_is_refused(self, engine: EngineServer, wire: Wire) -> None:
        session = connect(engine, wire, extensions=[self.deflate()])
        frame = Frame(Opcode.TEXT, b"4" * 50_000_000)
        wire.client.sendall(frame.serialize(mask=True, extensions=[self.deflate()]))
        (close,) = wire.expect(1)
        assert close.payload[:2] == (1009).to_bytes(2, "big")
        assert heard(session).messages == []

    def test_a_dropped_message_does_not_spoil_those_after_it(
        self, engine: EngineServer, new_wire: Callable[..., Wire]
    ) -> None:
        """Each compressed message refers to those before: the client must have seen them all."""
        wire = new_wire(buffer=10_000)
        session = connect(engine, wire, extensions=[self.deflate()])
        noise = bytes(range(256)) * 8
        session.send(Message(b"2" + b"x" * 5_000_000), compress=False)
        assert not session.send(Message(b"2" + noise), volatile=True)
        session.send(Message(b"2" + noise[::-1] + noise))

        frames = wire.expect(2)
        client = self.deflate()
        texts = [self.inflate(client, frame.payload, frame.reserved) for frame in frames]
        assert texts[1] == b"42" + noise[::-1] + noise


class Tls(socket.socket):
    """A socket that hides some of what it received, as TLS does, and may want patience."""

    hidden = b""
    wants = 0

    def pending(self) -> int:
        return len(self.hidden)

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self.wants:
            self.wants -= 1
            raise SSLWantReadError
        if not self.hidden:
            self.hidden = super().recv(size, flags)
        data, self.hidden = self.hidden[:10], self.hidden[10:]
        return data


class TestTls:
    @pytest.fixture
    def tls(self, engine: EngineServer, wire: Wire) -> tuple[Session, Tls]:
        plain = wire.server
        sock = Tls(plain.family, plain.type, plain.proto, fileno=plain.detach())
        sock.setblocking(False)
        wire.server = sock
        return connect(engine, wire), sock

    def test_comes_back_for_what_the_descriptor_does_not_show(
        self, tls: tuple[Session, Tls], wire: Wire
    ) -> None:
        session, _ = tls
        wire.send_text(*(f"4{number}" for number in range(100)))
        until(lambda: len(heard(session).messages) == 100)
        assert heard(session).messages == [str(number) for number in range(100)]

    def test_half_a_record_is_waited_for(self, tls: tuple[Session, Tls], wire: Wire) -> None:
        session, sock = tls
        sock.wants = 1
        wire.send_text("4a")
        until(lambda: heard(session).messages)
        assert sock.wants == 0

    def test_hidden_bytes_wait_while_paused(self, tls: tuple[Session, Tls], wire: Wire) -> None:
        session, _ = tls
        heard(session).then = lambda message: session.transport.pause()
        wire.send_text("4a", "4b", "4c", "4d")
        until(lambda: heard(session).messages)
        settle()
        seen = len(heard(session).messages)
        assert seen < 4
        heard(session).then = lambda message: None
        session.transport.resume()
        until(lambda: len(heard(session).messages) == 4)


def test_one_packet_in_base64(websocket: Session, wire: Wire) -> None:
    wire.send_text("bAQI=")
    until(lambda: heard(websocket).messages)
    assert heard(websocket).messages == [b"\x01\x02"]
