from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pyramid_sio.errors import DisconnectReason
from pyramid_sio.protocol.rates import parse_rate
from pyramid_sio.protocol.socket_msgpack import Decoder, Encoder
from pyramid_sio.sockets.client import Client
from pyramid_sio.sockets.handlers import on
from pyramid_sio.sockets.limits import Limits
from pyramid_sio.sockets.namespace import Namespace
from tests.fakes import FakeClock, FakeSession
from tests.sockets.conftest import Room, Site

REFUSED = '"error":"rate limit exceeded"'


class Limited(Room):
    """Events with and without a rate."""

    @on("seldom", rate="1/s burst 2")
    def seldom(self) -> str:
        return "done"

    @on("beside", rate="1/s", ordered=False)
    def beside(self) -> str:
        return "done"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def site_with(clock: FakeClock, cls: type[Namespace] = Room, **limits: str) -> Site:
    rates = {name: parse_rate(text) for name, text in limits.items()}
    site = Site(limits=Limits(**rates, clock=clock))
    site.define(cls)
    return site


def ask(session: FakeSession, event: str = "message", count: int = 1) -> list[bool]:
    """Send events that want an answer; True for each that was handled."""
    session.take()
    for number in range(count):
        session.receive(f'2{number}["{event}"]')
        session.run()
    answers = [str(text) for text in session.take() if str(text).startswith("3")]
    return [REFUSED not in text for text in answers]


class TestWithoutLimits:
    def test_no_gate_and_the_ordinary_class(self, site: Site) -> None:
        session = site.open()
        assert type(session.handler) is Client
        assert session.handler.gate is None

    def test_any_number(self, site: Site) -> None:
        session, _ = site.connect()
        assert all(ask(session, count=300))


class TestConnection:
    def test_burst_then_rate(self, clock: FakeClock) -> None:
        session, _ = site_with(clock, connection="10/s burst 3").connect()
        assert ask(session, count=5) == [True] * 3 + [False] * 2
        clock.advance(0.2)
        assert ask(session, count=3) == [True, True, False]

    def test_all_namespaces_together(self, clock: FakeClock) -> None:
        site = site_with(clock, connection="2/s")
        site.define(Room, "/b")
        session, _ = site.connect("0", "0/b,")
        session.receive('21["message"]', '2/b,2["message"]', '2/b,3["message"]')
        session.run()
        assert session.take() == [
            f'3/b,3[{{{REFUSED},"limit":"connection"}}]',
            "31[]",
            "3/b,2[]",
        ], "a refusal waits for no handler"

    def test_each_its_own(self, clock: FakeClock) -> None:
        site = site_with(clock, connection="1/s")
        first, _ = site.connect()
        second, _ = site.connect()
        assert ask(first, count=2) == [True, False]
        assert ask(second, count=2) == [True, False]

    def test_what_sender_and_server_are_told(self, clock: FakeClock) -> None:
        session, socket = site_with(clock, connection="1/s").connect()
        session.receive('2["message"]', '2["message","secret"]')
        session.run()
        assert session.take() == [], "nobody asked for an answer"
        assert session.complaints == [("rate-limited by connection", "1/s")]
        assert socket.log[1:] == [("message",), ("error", "message", "RateLimited")]

    def test_nothing_is_queued_for_a_refusal_nobody_hears_of(self, clock: FakeClock) -> None:
        class Plain(Namespace):
            def on_message(self) -> None: ...

        session, _ = site_with(clock, Plain, connection="1/s").connect()
        session.receive('2["message"]', '2["message"]')
        assert len(session.jobs) == 1

    def test_acknowledgements_take_nothing(self, clock: FakeClock) -> None:
        session, socket = site_with(clock, connection="1/s").connect()
        heard: list[Any] = []
        for _ in range(5):
            socket.emit("question", callback=heard.append)
        session.receive(*[f'3{id}["yes"]' for id in range(5)])
        session.run()
        assert heard == ["yes"] * 5
        assert ask(session, count=2) == [True, False]

    def test_an_event_with_attachments_is_one(self, clock: FakeClock) -> None:
        session, socket = site_with(clock, connection="2/s").connect()
        for _ in range(3):
            session.receive(
                '52-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
                b"a",
                b"b",
            )
        session.run()
        handled = [entry for entry in socket.log if entry[0] == "message"]
        assert handled == [("message", b"a", b"b")] * 2
        assert session.is_open, "the attachments of a refused event are taken off the wire"

    def test_before_the_namespace_is_entered(self, clock: FakeClock) -> None:
        site = site_with(clock, Limited, connection="100/s")
        session = site.open()
        session.receive("0", *[f'2{id}["seldom"]' for id in range(4)])
        session.run()
        answers = [str(text) for text in session.take()[1:]]
        assert [REFUSED in text for text in answers] == [False, False, True, True]

    def test_a_namespace_not_entered_is_a_violation_still(self, clock: FakeClock) -> None:
        session, _ = site_with(clock, connection="1/s").connect()
        session.receive('2/b,["message"]')
        assert session.complaints[0][0] == "protocol violation"
        assert not session.is_open

    def test_another_parser(self, clock: FakeClock) -> None:
        encoder = Encoder(None)
        limits = Limits(parse_rate("1/s"), clock=clock)
        site = Site(limits=limits, encoder=encoder, new_decoder=Decoder)
        site.define()

        class Session(FakeSession):
            def send(self, message: Any, *how: Any) -> bool:
                self.sent += message.blobs
                return True

        session = Session(site.sio.accept)
        for packet in (
            {"type": 0, "nsp": "/"},
            *[{"type": 2, "nsp": "/", "data": ["message"], "id": id} for id in range(2)],
        ):
            session.receive(msgspec.msgpack.encode(packet))
            session.run()
        assert [b"rate limit exceeded" in bytes(blob) for blob in session.sent] == [  # type: ignore[arg-type]
            False,
            False,
            True,
        ]


class TestEvent:
    def test_only_that_event(self, clock: FakeClock) -> None:
        session, _ = site_with(clock, Limited).connect()
        assert ask(session, "seldom", 3) == [True, True, False]
        assert all(ask(session, "message", 50))
        clock.advance(1)
        assert ask(session, "seldom", 2) == [True, False]

    def test_unordered(self, clock: FakeClock) -> None:
        session, _ = site_with(clock, Limited).connect()
        assert ask(session, "beside", 2) == [True, False]

    def test_all_names_of_the_catch_all_together(self, clock: FakeClock) -> None:
        class Anything(Namespace):
            @on("*", rate="2/s")
            def anything(self, event: str) -> None: ...

        session, _ = site_with(clock, Anything).connect()
        assert ask(session, "a") + ask(session, "b") + ask(session, "c") == [True, True, False]

    def test_coming_back_to_the_namespace_gives_nothing(self, clock: FakeClock) -> None:
        session, _ = site_with(clock, Limited).connect()
        assert ask(session, "seldom", 3) == [True, True, False]
        session.receive("1", "0")
        session.run()
        assert ask(session, "seldom") == [False]

    def test_named_in_the_log(self, clock: FakeClock) -> None:
        session, _ = site_with(clock, Limited).connect()
        ask(session, "seldom", 3)
        assert session.complaints == [("rate-limited by event", "1/s burst 2 of 'seldom'")]

    def test_what_the_connection_refuses_costs_the_event_nothing(self, clock: FakeClock) -> None:
        session, _ = site_with(clock, Limited, connection="1/s").connect()
        assert ask(session, "message") + ask(session, "seldom") == [True, False]
        clock.advance(1)
        assert ask(session, "seldom") == [True]
        clock.advance(1)
        assert ask(session, "seldom") == [True]

    def test_a_wrong_rate_is_an_error_at_once(self) -> None:
        with pytest.raises(ValueError, match="a rate looks like"):
            on("message", rate="often")


class TestUser:
    def test_shared_by_all_connections(self, clock: FakeClock) -> None:
        site = site_with(clock, user="3/s")
        site.invoker.user = "ann"
        first, _ = site.connect()
        second, _ = site.connect()
        site.invoker.user = "bob"
        other, _ = site.connect()
        assert ask(first, count=2) + ask(second, count=2) == [True, True, True, False]
        assert ask(other, count=4) == [True, True, True, False]

    def test_nobody_is_not_limited(self, clock: FakeClock) -> None:
        session, _ = site_with(clock, user="1/s").connect()
        assert all(ask(session, count=20))

    def test_who_the_application_says(self, clock: FakeClock) -> None:
        site = site_with(clock, user="2/s")
        site.invoker.user = "ann"
        first, socket = site.connect()
        second, _ = site.connect()
        assert ask(first) == [True]
        socket.user = "bob"
        assert ask(first, count=3) == [True, True, False]
        assert ask(second, count=2) == [True, False]

    def test_coming_back_gives_nothing(self, clock: FakeClock) -> None:
        site = site_with(clock, user="2/s")
        site.invoker.user = "ann"
        session, _ = site.connect()
        assert ask(session, count=2) == [True, True]
        session.lose()
        session.run()
        again, _ = site.connect()
        assert ask(again) == [False]

    def test_kept_only_until_full(self, clock: FakeClock) -> None:
        site = site_with(clock, user="2/s burst 4")
        users = site.sio.limits.users
        assert users is not None
        site.invoker.user = "ann"
        sessions = [site.connect()[0] for _ in range(2)]
        assert len(users) == 0, "who sends nothing needs no bucket"
        for session in sessions:
            ask(session)
        for session in sessions:
            assert len(users) == 1
            session.lose()
            session.run()
        assert len(users) == 1
        for session in sessions:
            assert session.live_timers <= 1
        clock.advance(1.5)
        sessions[-1].advance(1.5)
        assert len(users) == 0

    def test_the_end_is_put_off_while_somebody_is_there(self, clock: FakeClock) -> None:
        site = site_with(clock, user="1/s burst 2")
        users = site.sio.limits.users
        assert users is not None
        site.invoker.user = "ann"
        first, _ = site.connect()
        ask(first, count=2)
        first.lose()
        first.run()
        second, _ = site.connect()
        clock.advance(1)
        assert ask(second) == [True]
        clock.advance(1)
        first.advance(2)
        assert len(users) == 1
        assert ask(second, count=2) == [True, False], "still the same bucket"
        second.lose()
        second.run()
        assert second.live_timers == 1
        clock.advance(2)
        second.advance(2)
        assert len(users) == 0


class TestTheEnd:
    def test_disconnected_with_a_reason(self, clock: FakeClock) -> None:
        session, socket = site_with(clock, connection="1/s", refusals="3/m").connect()
        ask(session, count=4)
        assert session.is_open
        session.receive('2["message"]')
        assert not session.is_open
        assert session.take() == ["1"], "so that the client does not come back by itself"
        session.run()
        assert socket.reasons == [DisconnectReason.RATE_LIMITED]
        assert session.complaints[-1] == (
            "rate-limited: disconnected",
            "more than 3/m were refused",
        )
        assert socket.nsp.sockets == {}

    def test_all_namespaces(self, clock: FakeClock) -> None:
        site = site_with(clock, connection="1/s", refusals="1/m")
        site.define(Room, "/b")
        session, _ = site.connect("0", "0/b,")
        ask(session, count=3)
        session.run()
        assert [socket.reasons for socket in site.made] == [[DisconnectReason.RATE_LIMITED]] * 2

    def test_patience_comes_back(self, clock: FakeClock) -> None:
        session, _ = site_with(clock, connection="1/s", refusals="2/m").connect()
        for _ in range(10):
            ask(session, count=3)
            clock.advance(60)
        assert session.is_open

    def test_never_if_told_so(self, clock: FakeClock) -> None:
        session, _ = site_with(clock, connection="1/s").connect()
        ask(session, count=1000)
        assert session.is_open
