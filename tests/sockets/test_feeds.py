"""Channels as events, with a source that says what a test wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyramid_sio.errors import AdapterError, ConnectRefused, EventError
from pyramid_sio.sockets.feeds import MAX_WAITING, Feeds, is_pattern
from tests.fakes import FakeSession
from tests.sockets.conftest import Room, Site


class Hearing:
    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self._name = name
        self.confirmed = True
        self.waited: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return self.confirmed

    def close(self) -> None:
        del self._source.heard[self._name]


class Source:
    """Redis, as far as a process hears it."""

    def __init__(self) -> None:
        self.heard: dict[str, Callable[[bytes, bytes], Any]] = {}
        self.patterns: set[str] = set()
        self.hearings: list[Hearing] = []

    def listen(self, name: str, hear: Callable[[bytes, bytes], Any], *, pattern: bool) -> Hearing:
        assert name not in self.heard
        self.heard[name] = hear
        if pattern:
            self.patterns.add(name)
        self.hearings.append(Hearing(self, name))
        return self.hearings[-1]

    def publish(self, channel: str, data: bytes, *, through: str | None = None) -> None:
        self.heard[through or channel](channel.encode(), data)


class Complained(list[str]):
    def add(
        self, rule: str, peer: str, detail: object = "", error: BaseException | None = None
    ) -> None:
        self.append(rule)


class Fed(Site):
    """A server with channels."""

    def __init__(self, **options: Any) -> None:
        self.source = Source()
        self.complaints = Complained()
        self.feeds = Feeds(self.source, self.complaints, max_bytes=1000, max_each=5)
        super().__init__(feeds=self.feeds, **options)
        self.define()


@pytest.fixture
def fed() -> Fed:
    return Fed()


def test_what_is_published_is_an_event_with_the_channels_name(fed: Fed) -> None:
    session, socket = fed.connect()
    socket.subscribe("news", "room:*", event="heard")
    assert fed.source.patterns == {"room:*"}

    fed.source.publish("news", b'{"a": 1}')
    fed.source.publish("room:5", "grüße".encode(), through="room:*")
    fed.source.publish("news", b"\xff")

    assert session.take() == [
        '2["heard",{"a":1},"news"]',
        '2["heard","grüße","room:5"]',
        '51-["heard",{"_placeholder":true,"num":0},"news"]',
        b"\xff",
    ]


def test_without_a_name_the_event_is_named_as_the_channel(fed: Fed) -> None:
    session, socket = fed.connect()
    socket.subscribe("news", "c*")

    fed.source.publish("news", b"x")
    fed.source.publish("cats", b"x", through="c*")
    fed.source.publish("connect", b"x", through="c*")

    assert session.take() == ['2["news","x","news"]', '2["cats","x","cats"]']
    assert fed.complaints == ["a channel's name cannot be an event's"]


def test_one_message_is_encoded_once_for_all_who_get_the_same(fed: Fed) -> None:
    sessions = []
    for _ in range(3):
        session, socket = fed.connect()
        socket.subscribe("news")
        session.messages.clear()
        sessions.append(session)

    fed.source.publish("news", b"[1,2]")

    messages = {id(session.messages[0]) for session in sessions}
    assert len(messages) == 1
    assert list(fed.source.heard) == ["news"]


def test_a_channel_is_given_up_with_its_last_client(fed: Fed) -> None:
    first, one = fed.connect()
    second, two = fed.connect()
    one.subscribe("news", "more")
    two.subscribe("news")

    one.unsubscribe("news", "nonsense")
    fed.source.publish("news", b"x")
    assert first.take() == []
    assert second.take() == ['2["news","x","news"]']

    second.lose()
    second.run()
    assert list(fed.source.heard) == ["more"]
    one.unsubscribe()
    assert fed.source.heard == {}
    assert len(fed.feeds) == 0
    one.unsubscribe("news")


def test_a_client_that_leaves_in_any_way_hears_no_more(fed: Fed) -> None:
    def leave(session: FakeSession, socket: Room) -> None:
        session.receive("1")

    def close(session: FakeSession, socket: Room) -> None:
        socket.disconnect(close=True)

    def disconnect(session: FakeSession, socket: Room) -> None:
        socket.disconnect()

    for end in (leave, close, disconnect):
        session, socket = fed.connect()
        socket.subscribe("news")
        end(session, socket)
        session.run()
        assert fed.source.heard == {}
        socket.subscribe("too late")
        assert fed.source.heard == {}


def test_a_client_that_is_refused_hears_nothing() -> None:
    class Picky(Room):
        def on_connect(self, auth: Any) -> None:
            self.subscribe("news")
            raise ConnectRefused("no")

    fed = Fed()
    fed.define(Picky)
    fed.connect()
    assert fed.source.heard == {}


def test_subscribing_twice_is_subscribing_once(fed: Fed) -> None:
    session, socket = fed.connect()
    socket.subscribe("news")
    socket.subscribe("news")
    socket.subscribe("news", event="other")

    fed.source.publish("news", b"1")

    assert session.take() == ['2["news",1,"news"]', '2["other",1,"news"]']


def test_a_handler_is_called_in_order_with_the_clients_events(fed: Fed) -> None:
    session, socket = fed.connect()
    heard: list[Any] = []

    def hear(value: Any, channel: str) -> None:
        heard.append((value, channel))

    socket.subscribe("news", handler=hear)
    fed.source.publish("news", b"[1]")
    fed.source.publish("news", b"two")
    assert heard == []
    session.run()

    assert heard == [([1], "news"), ("two", "news")]
    assert session.take() == []
    socket.unsubscribe("news")
    assert fed.source.heard == {}


def test_a_handler_that_is_too_slow_misses_messages_and_nothing_grows(fed: Fed) -> None:
    session, socket = fed.connect()
    heard: list[Any] = []
    socket.subscribe("news", handler=lambda value, channel: heard.append(value))
    for number in range(MAX_WAITING + 5):
        fed.source.publish("news", b"%d" % number)
    session.run()
    assert heard == list(range(MAX_WAITING))
    assert set(fed.complaints) == {"a handler of a channel is too slow: messages dropped"}

    fed.source.publish("news", b"9999")
    session.run()
    assert heard[-1] == 9999


def test_what_fails_in_a_handler_is_complained_of(fed: Fed) -> None:
    session, socket = fed.connect()

    def hear(value: Any, channel: str) -> None:
        raise RuntimeError

    socket.subscribe("news", handler=hear)
    fed.source.publish("news", b"x")
    fed.source.publish("news", b"x")
    session.run()
    assert session.is_open


def test_messages_that_are_too_long_are_dropped(fed: Fed) -> None:
    session, socket = fed.connect()
    socket.subscribe("news")
    fed.source.publish("news", b"x" * 1001)
    fed.source.publish("news", b"x" * 1000)
    assert len(session.take()) == 1
    assert fed.complaints == ["a message on a channel is too long"]


def test_one_client_may_have_so_many_and_no_more(fed: Fed) -> None:
    _session, socket = fed.connect()
    socket.subscribe("1", "2", "3", "4", "5")
    socket.subscribe("5")
    with pytest.raises(EventError, match="too many subscriptions"):
        socket.subscribe("5", "6")
    assert len(fed.feeds) == 5
    _other, another = fed.connect()
    another.subscribe("6")


def test_what_is_no_subscription_is_refused(fed: Fed) -> None:
    _session, socket = fed.connect()
    with pytest.raises(ValueError, match="reserved"):
        socket.subscribe("news", event="connect")
    with pytest.raises(ValueError, match="reserved"):
        socket.subscribe("disconnect")
    with pytest.raises(TypeError, match="either"):
        socket.subscribe("news", event="x", handler=print)
    for name in ("", 5, None):
        with pytest.raises(TypeError, match="name of a channel"):
            socket.subscribe(name)
    assert fed.source.heard == {}


def test_without_redis_there_is_nothing_to_subscribe_to(site: Site) -> None:
    _session, socket = site.connect()
    with pytest.raises(AdapterError, match=r"sio\.redis_url"):
        socket.subscribe("news")
    socket.unsubscribe("news")


def test_it_says_whether_redis_has_confirmed(fed: Fed) -> None:
    _session, socket = fed.connect()
    assert socket.subscribe("news", wait=3)
    fed.source.hearings[0].confirmed = False
    assert not socket.subscribe("more", "news", wait=3)
    assert not socket.subscribe("news")
    more = fed.source.hearings[1]
    assert 2 < more.waited[0] <= 3
    socket.disconnect()
    assert not socket.subscribe("news", wait=3)


def test_a_loop_elsewhere_that_does_not_come_round_confirms_nothing() -> None:
    fed = Fed()
    _session, socket = fed.connect()
    later: list[Any] = []
    fed.sio.in_loop = lambda func, *args: later.append((func, args))
    assert not socket.subscribe("news", wait=0.01)
    for func, args in later:
        func(*args)
    assert list(fed.source.heard) == ["news"]


def test_clients_that_can_come_back_take_no_channel_for_their_place(fed: Fed) -> None:
    session, socket = fed.connect()
    socket.subscribe("news")
    fed.sio.recovery = object()  # type: ignore[assignment]
    fed.source.publish("news", b"x")
    assert session.take() == ['2["news","x","news",null]']


@pytest.mark.parametrize(
    ("name", "so"),
    [
        ("news", False),
        ("room:*", True),
        ("a?c", True),
        ("[ab]", True),
        (r"what\?", False),
        (r"slash\\*", True),
        (r"slash\\\*", False),
        ("a]", False),
    ],
)
def test_what_is_a_pattern(name: str, so: bool) -> None:
    assert is_pattern(name) is so
