"""Sessions of Socket.IO 0.9 in the engine: handshakes, and who may come back with one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyramid_sio.engine.legacy import LegacySessions
from pyramid_sio.engine.server import EngineServer
from pyramid_sio.engine.session import Session
from pyramid_sio.errors import DisconnectReason, RequestRefused
from tests.engine.conftest import Turn, heard
from tests.engine.wire import Wire
from tests.fakes import FakeHandshake, until


@pytest.fixture
def sessions(engine: EngineServer) -> LegacySessions:
    return LegacySessions(engine)


def shake(sessions: LegacySessions) -> str:
    return sessions.shake_hands(FakeHandshake(), ("websocket", "xhr-polling")).split(":")[0]


def opened(sessions: LegacySessions, sid: str, name: str = "xhr-polling") -> Session:
    session = sessions.session_for(sid, name)
    assert session is not None
    return session


class TestHandshake:
    def test_answer(self, sessions: LegacySessions) -> None:
        sid, *rest = sessions.shake_hands(FakeHandshake(), ("a", "b")).split(":")
        assert rest == ["45", "45", "a,b"]
        assert len(sid) == 20
        assert sessions.find(sid) is None

    def test_ids_are_never_the_same(self, sessions: LegacySessions) -> None:
        assert len({shake(sessions) for _ in range(1000)}) == 1000

    def test_is_good_for_one_session(self, sessions: LegacySessions) -> None:
        sid = shake(sessions)
        session = opened(sessions, sid)
        assert (session.id, session.revision, session.transport_name) == (sid, 1, "xhr-polling")
        assert sessions.find(sid) is session
        assert sessions.session_for(sid, "xhr-polling") is session

    def test_is_forgotten_in_time(self, sessions: LegacySessions, turn: Turn) -> None:
        sid, other = shake(sessions), shake(sessions)
        turn(44)
        opened(sessions, other)
        turn(2)
        assert sessions.session_for(sid, "xhr-polling") is None
        assert sessions.find(other) is not None

    def test_not_while_the_server_goes_down(
        self, sessions: LegacySessions, engine: EngineServer
    ) -> None:
        engine.stopping = True
        with pytest.raises(RequestRefused):
            shake(sessions)


class TestTransports:
    def test_next_one_begins_anew(self, sessions: LegacySessions) -> None:
        sid = shake(sessions)
        first = opened(sessions, sid)
        second = opened(sessions, sid, "jsonp-polling")
        assert second is not first
        assert heard(first).reasons == [DisconnectReason.TRANSPORT_CLOSE]
        assert sessions.find(sid) is second

    def test_not_from_one_that_has_ended(self, sessions: LegacySessions) -> None:
        sid = shake(sessions)
        opened(sessions, sid).close()
        assert sessions.session_for(sid, "jsonp-polling") is None

    def test_sessions_of_others_are_out_of_reach(
        self, sessions: LegacySessions, polling: Session
    ) -> None:
        assert sessions.find(polling.id) is None
        assert sessions.session_for(polling.id, "xhr-polling") is None
        sessions.leave(polling.id)
        assert polling.is_open

    def test_websocket(self, sessions: LegacySessions, wire: Wire) -> None:
        sid = shake(sessions)
        sessions.open_socket(sid, wire.server, name="flashsocket", head=b"", leftover=b"")
        session = sessions.find(sid)
        assert session is not None
        assert session.transport_name == "flashsocket"
        wire.send_text("5:::x", "2::")
        until(lambda: heard(session).messages == ["5:::x"])

    @pytest.mark.parametrize("draft", [True, False])
    def test_websocket_for_an_unknown_session(
        self, sessions: LegacySessions, new_wire: Callable[..., Wire], draft: bool
    ) -> None:
        wire = new_wire()
        sessions.open_socket(
            "x", wire.server, name="websocket", head=b"HEAD", leftover=b"", draft=draft
        )
        got = b""
        while b"7:::1+0" not in got:
            got += until(wire.read)
        assert got.startswith(b"HEAD")


class TestLeaving:
    def test_session(self, sessions: LegacySessions) -> None:
        sid = shake(sessions)
        session = opened(sessions, sid)
        sessions.leave(sid)
        assert heard(session).messages == ["0::"]

    def test_handshake(self, sessions: LegacySessions) -> None:
        sid = shake(sessions)
        sessions.leave(sid)
        assert sessions.session_for(sid, "xhr-polling") is None

    def test_nobody(self, sessions: LegacySessions) -> None:
        sessions.leave("unknown")


def test_complaints_reach_the_log(
    sessions: LegacySessions, caplog: pytest.LogCaptureFixture
) -> None:
    sessions.complain("a rule", "192.0.2.7", "detail")
    assert "a rule" in caplog.text
