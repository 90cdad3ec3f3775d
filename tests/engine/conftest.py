from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any, Protocol

import pytest

from pyramid_sio.engine.server import EngineServer, EngineSettings
from pyramid_sio.engine.session import Session
from pyramid_sio.errors import DisconnectReason
from tests.engine.wire import Wire
from tests.fakes import FakeClock, FakeHandshake


class Heard:
    """Hears one session and keeps it.

    :param session: the session
    """

    def __init__(self, session: Any) -> None:
        self.session = session
        self.messages: list[str | bytes] = []
        self.reasons: list[DisconnectReason] = []
        #: Called with each message, after it was kept.
        self.then: Callable[[str | bytes], Any] = lambda message: None

    def on_text(self, text: str) -> None:
        self.messages.append(text)
        self.then(text)

    def on_binary(self, data: bytes) -> None:
        self.messages.append(data)
        self.then(data)

    def on_close(self, reason: DisconnectReason) -> None:
        self.reasons.append(reason)


def heard(session: Session) -> Heard:
    """Who hears a session."""
    assert isinstance(session.handler, Heard)
    return session.handler


class NewEngine(Protocol):
    """``new_engine(ping_interval=1)``: an engine whose time is the ``clock``'s."""

    def __call__(self, **settings: Any) -> EngineServer: ...


class Turn(Protocol):
    """``turn(seconds)``: let that time pass for an engine."""

    def __call__(self, seconds: float) -> None: ...


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def new_engine(clock: FakeClock) -> Iterator[NewEngine]:
    with ExitStack() as stack:

        def make(**settings: Any) -> EngineServer:
            engine = EngineServer(
                EngineSettings(**{**DEFAULTS, **settings}), handler_factory=Heard, clock=clock
            )
            stack.callback(_end, engine)
            return engine

        yield make


DEFAULTS: dict[str, Any] = {
    "transports": ("polling", "websocket"),
    "allow_upgrades": True,
    "ping_interval": 25.0,
    "ping_timeout": 20.0,
    "upgrade_timeout": 10.0,
    "close_timeout": 30.0,
    "max_http_buffer_size": 1_000_000,
    "max_buffer_size": 10_000_000,
    "max_inbox": 1000,
    "max_inbox_bytes": 4_000_000,
    "max_handlers": 100,
}


def _end(engine: EngineServer) -> None:
    """Leave no timer of the loop behind."""
    for session in list(engine.sessions.values()):
        session.end(DisconnectReason.FORCED_CLOSE)
    engine.clock.advance(1e6)  # type: ignore[attr-defined]
    engine.wheel.advance()


@pytest.fixture
def engine(new_engine: NewEngine) -> EngineServer:
    return new_engine()


@pytest.fixture
def turn(clock: FakeClock, engine: EngineServer) -> Turn:
    def turn(seconds: float) -> None:
        clock.advance(seconds)
        engine.wheel.advance()

    return turn


@pytest.fixture
def polling(engine: EngineServer) -> Session:
    """A session that polls."""
    session, _ = engine.open_polling(FakeHandshake())
    return session


@pytest.fixture
def new_wire() -> Iterator[Callable[..., Wire]]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(closing(Wire(**options)))


@pytest.fixture
def wire(new_wire: Callable[..., Wire]) -> Wire:
    return new_wire()


@pytest.fixture
def websocket(engine: EngineServer, wire: Wire) -> Session:
    """A session on a WebSocket, whose client's end is ``wire``; the opening has been read."""
    session = engine.open_websocket(FakeHandshake(), wire.server)
    wire.expect(1)
    return session
