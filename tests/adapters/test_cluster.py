"""What an adapter of a cluster does beside the contract, on a bus that can be held up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from pyramid_sio.adapters import cluster as module
from pyramid_sio.adapters.cluster import options_of
from pyramid_sio.errors import AckTimeout
from pyramid_sio.protocol.cluster import Options, ServerAnswer
from pyramid_sio.sockets.broadcast import Flags, Target
from tests.adapters.buses import Exchange, ExchangeBus
from tests.adapters.test_bus_line import new_adapter
from tests.contract.cluster import Server
from tests.fakes import until

#: Far more than any test takes.
LONG = 1000.0


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def server(exchange: Exchange) -> Iterator[Server]:
    made = Server(new_adapter(exchange))
    until(lambda: made.nsp.server_count() == 1, what="it to hear itself")
    yield made
    made.close()


class TestWaitingForRooms:
    """A room's channel is to be heard before anybody is told that a client is in it."""

    @pytest.fixture
    def held(self, exchange: Exchange, server: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Subscriptions that have not begun."""
        waiting: list[Any] = []

        def hold(bus: ExchangeBus, channel: str, subscription: Any) -> None:
            waiting.append(subscription)

        monkeypatch.setattr(ExchangeBus, "_begin", hold)
        return waiting

    def test_joining_waits(self, server: Server, held: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(module, "ROOM_PATIENCE", LONG)
        _, socket = server.connect()
        joining = gevent.spawn(socket.join, "red")
        # Its own channel is the first.
        until(lambda: len(held) == 2, what="the room to be subscribed to")
        gevent.sleep(0.01)
        assert not joining.ready()
        assert socket.rooms == {socket.sid, "red"}
        held[1].begin()
        until(lambda: joining.ready(), what="it to go on")
        joining.get()

    def test_a_room_that_is_heard_is_not_waited_for(
        self, server: Server, held: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "ROOM_PATIENCE", LONG)
        _, socket = server.connect()
        _, other = server.connect()
        joining = gevent.spawn(socket.join, "red")
        until(lambda: len(held) == 3, what="the room to be subscribed to")
        held[2].begin()
        joining.get()
        other.join("red")
        assert len(held) == 3

    def test_in_vain_and_not_again_for_a_while(
        self, server: Server, held: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "ROOM_PATIENCE", 0.05)
        _, socket = server.connect()
        started = time.monotonic()
        gevent.spawn(socket.join, "red").get()
        assert time.monotonic() - started >= 0.05
        monkeypatch.setattr(module, "ROOM_PATIENCE", LONG)
        gevent.spawn(socket.join, "blue").get()
        assert socket.rooms == {socket.sid, "red", "blue"}
        # Then it is tried again.
        server.nsp.adapter._hurry_until = 0.0  # type: ignore[attr-defined]
        joining = gevent.spawn(socket.join, "green")
        until(lambda: len(held) == 4, what="the room to be subscribed to")
        gevent.sleep(0.01)
        assert not joining.ready()
        held[3].begin()
        joining.get()

    def test_nothing_waits_in_the_loop(
        self, server: Server, held: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "ROOM_PATIENCE", LONG)
        _, socket = server.connect()
        gevent.get_hub().loop.run_callback(socket.join, "red")
        until(lambda: "red" in socket.rooms, what="the room")
        # It is left while others cannot be heard there, and is not waited for any more.
        socket.leave("red")
        assert "red" not in server.nsp.adapter._opening  # type: ignore[attr-defined]


class TestInquiries:
    def test_one_that_comes_between_counting_and_asking_answers_too(
        self, exchange: Exchange, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = Server(new_adapter(exchange))
        until(lambda: server.nsp.server_count() == 2, what="the other")
        other.nsp.on_server("ask", lambda: "yes")
        questions = server.nsp.adapter._questions  # type: ignore[attr-defined]
        answer = questions.answer

        def answer_with_one_more(message: Any) -> None:
            # Before whoever waits gets a turn.
            answer(message)
            answer(ServerAnswer(message.request_id, "me too"))

        monkeypatch.setattr(questions, "answer", answer_with_one_more)
        assert server.nsp.server_side_call("ask") == ["yes", "me too"]
        other.close()

    def test_nothing_is_kept_of_one_that_cannot_be_said(
        self, exchange: Exchange, server: Server
    ) -> None:
        other = Server(new_adapter(exchange))
        until(lambda: server.nsp.server_count() == 2, what="the other")
        with pytest.raises(TypeError):
            server.nsp.server_side_call("ask", object())
        with pytest.raises(TypeError):
            server.nsp.call("ask", object())
        with pytest.raises(AckTimeout):
            server.nsp.server_side_call("ask", timeout=0.01)
        assert len(server.nsp.adapter._questions) == 0  # type: ignore[attr-defined]
        other.close()


def test_whom_and_how_as_others_are_told() -> None:
    target = Target(frozenset(("red",)), frozenset(("blue",)))
    assert options_of(target) == Options(frozenset(("red",)), frozenset(("blue",)))
    flags = Flags(volatile=True, compress=False, timeout=2.0)
    assert options_of(Target(), flags) == Options(volatile=True, compress=False, timeout=2.0)


def test_its_name_says_what_it_has(server: Server) -> None:
    server.connect("red")
    assert repr(server.nsp.adapter) == "<ClusterAdapter of <MemoryAdapter with 1 rooms>>"
