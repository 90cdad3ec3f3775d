"""Users at other servers, over a bus that can be held up, cut and made to carry anything."""

from __future__ import annotations

import gc
import logging
import time
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import gevent
import msgspec
import pytest

from pyramid_sio.adapters import presence as module
from pyramid_sio.adapters import presence_surveys
from pyramid_sio.adapters.bus_line import STATIC, BusLine
from pyramid_sio.adapters.cluster import ClusterAdapter
from pyramid_sio.adapters.presence import Elsewhere
from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.protocol.cluster_users import Ask, Gone, Here, Look, Seen, Told, decode
from pyramid_sio.protocol.cluster_values import ValueEncoder
from tests.adapters.buses import Exchange
from tests.contract.cluster import Server
from tests.fakes import until

CHANNEL = "socket.io-users#/"
#: Far more than any test takes.
LONG = 1000.0


class Complained(Complaints):
    """Keeps the rules that were broken."""

    def __init__(self) -> None:
        super().__init__(logging.getLogger("test"))
        self.rules: list[str] = []

    def add(self, rule: str, *details: Any, **options: Any) -> None:
        self.rules.append(rule)


class Member(Server):
    """A server on an exchange."""

    def __init__(self, exchange: Exchange, *, timeout: float = 5.0, interval: float = LONG) -> None:
        self.complaints = Complained()
        self.bus = exchange.new_bus()
        line = partial(
            BusLine,
            self.bus,
            prefix="socket.io",
            mode=STATIC,
            encoder=ValueEncoder(),
            complaints=self.complaints,
        )
        super().__init__(
            partial(
                ClusterAdapter,
                new_line=line,
                timeout=timeout,
                complaints=self.complaints,
                presence_interval=interval,
            )
        )

    @property
    def elsewhere(self) -> Elsewhere:
        found: Elsewhere = self.nsp.adapter._elsewhere  # type: ignore[attr-defined]
        return found

    def come(self, user: Any, *rooms: str) -> Any:
        _, socket = self.connect(*rooms)
        socket.user = user
        return socket

    def watch(self, room: str | None = None) -> list[Any]:
        """What happens, from now on."""
        told: list[Any] = []
        self.nsp.watch_presence(lambda nsp, room, *what: told.append(what), room)
        return told


NewMember = Callable[..., Member]


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def new_member(exchange: Exchange) -> Any:
    members: list[Member] = []

    def make(**options: Any) -> Member:
        member = Member(exchange, **options)
        members.append(member)
        until(lambda: all(one.elsewhere._stands for one in members), what="all to hear")
        return member

    yield make
    for member in members:
        member.close()


def messages(exchange: Exchange) -> list[Any]:
    """What has been said about users."""
    return [decode(data) for channel, data in exchange.published if "-users" in channel]


def kinds(exchange: Exchange) -> list[str]:
    return [type(message).__name__ for message in messages(exchange)]


class TestAsking:
    def test_who_does_not_answer_in_time_is_left_out(self, new_member: NewMember) -> None:
        here, there, mute = new_member(timeout=0.2), new_member(), new_member()
        there.come("bob")
        mute.come("eve")
        mute.elsewhere._answer_later = lambda message: None  # type: ignore[method-assign]
        assert here.nsp.presence() == ["bob"]
        assert here.complaints.rules == ["a server did not say who is there"]

    def test_who_goes_is_not_waited_for(self, new_member: NewMember, exchange: Exchange) -> None:
        here, there, leaver = new_member(timeout=LONG), new_member(), new_member()
        there.come("bob")
        leaver.elsewhere._answer_later = lambda message: None  # type: ignore[method-assign]
        asking = gevent.spawn(here.nsp.presence)
        until(lambda: "Told" in kinds(exchange), what="the other to answer")
        leaver.elsewhere.close()
        until(lambda: asking.ready(), what="the answer")
        assert asking.value == ["bob"]

    def test_who_is_killed_is_not_waited_for(
        self, new_member: NewMember, exchange: Exchange
    ) -> None:
        here, there, killed = new_member(timeout=2.0), new_member(), new_member()
        there.come("bob")
        killed.elsewhere._answer_later = lambda message: None  # type: ignore[method-assign]
        asking = gevent.spawn(here.nsp.presence)
        until(lambda: "Told" in kinds(exchange), what="the other to answer")
        killed.bus.cut()
        until(lambda: asking.ready(), what="the answer")
        assert asking.value == ["bob"]
        assert here.complaints.rules == []

    def test_a_question_that_is_lost_is_asked_again(
        self, new_member: NewMember, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(presence_surveys, "ROUNDS", 1000)
        here, there = new_member(timeout=10.0), new_member()
        there.come("bob")
        answer, lost = there.elsewhere._answer_later, []
        there.elsewhere._answer_later = (  # type: ignore[method-assign]
            lambda message: lost.append(message) if not lost else answer(message)
        )
        assert here.nsp.presence() == ["bob"]
        assert len(lost) == 1

    def test_alone_while_the_bus_is_down(self, new_member: NewMember, exchange: Exchange) -> None:
        here, there = new_member(timeout=LONG), new_member()
        here.come("ada")
        there.come("bob")
        exchange.is_down = True
        assert here.nsp.presence() == ["ada"]
        exchange.is_down = False
        assert here.nsp.presence() == ["ada", "bob"]

    def test_alone_while_answers_cannot_be_heard(
        self, new_member: NewMember, exchange: Exchange
    ) -> None:
        here, there = new_member(timeout=0.2), new_member()
        there.come("bob")
        own = here.elsewhere._subscriptions[0]
        own.end()  # type: ignore[attr-defined]
        assert here.nsp.presence() == []
        asking = gevent.spawn(here.nsp.presence)
        gevent.sleep(0)
        own.begin()  # type: ignore[attr-defined]
        until(lambda: asking.ready(), what="the answer")
        assert asking.value == ["bob"]

    def test_only_rooms_that_are_meant(self, new_member: NewMember) -> None:
        here, there = new_member(), new_member()
        there.come("bob", "1", "2")
        there.come("eve", "1")
        there.come("zoe")
        users = here.elsewhere.users
        assert users(frozenset("1"), frozenset()) == {"bob", "eve"}
        assert users(frozenset("1"), frozenset("2")) == {"eve"}
        assert users(frozenset(), frozenset("1")) == {"zoe"}

    def test_nothing_is_kept_of_questions(self, new_member: NewMember, exchange: Exchange) -> None:
        here = new_member()
        new_member().come("bob")
        here.nsp.presence()
        exchange.is_down = True
        here.nsp.presence()
        assert len(here.elsewhere._surveys) == 0


class TestWatching:
    def test_nobody_is_told_while_nobody_watches(
        self, new_member: NewMember, exchange: Exchange
    ) -> None:
        here, there = new_member(), new_member()
        here.nsp.presence()
        exchange.published.clear()
        there.come("bob", "1").leave("1")
        gevent.sleep(0.1)
        assert messages(exchange) == []

    def test_changes_are_told_and_nothing_is_asked(
        self, new_member: NewMember, exchange: Exchange
    ) -> None:
        here, there = new_member(), new_member()
        told = here.watch("1")
        until(lambda: here.elsewhere._crowds.known, what="the other to be known")
        exchange.published.clear()
        bob = there.come("bob", "1")
        until(lambda: told == [("bob", True)], what="bob to come")
        bob.disconnect()
        until(lambda: told[1:] == [("bob", False)], what="bob to leave")
        assert kinds(exchange) == ["Changed", "Changed"]

    def test_others_say_nothing_new_when_there_is_nothing(
        self, new_member: NewMember, exchange: Exchange
    ) -> None:
        here, there = new_member(interval=0.05), new_member()
        there.come("bob", "1")
        here.watch("1")
        until(lambda: "Seen" in kinds(exchange), what="the first answer")
        exchange.published.clear()
        until(lambda: kinds(exchange).count("Seen") >= 3, what="answers")
        seen = [message for message in messages(exchange) if type(message).__name__ == "Seen"]
        assert {message.rooms for message in seen} == {None}

    def test_all_rooms_are_asked_for_at_once(
        self, new_member: NewMember, exchange: Exchange
    ) -> None:
        here = new_member(interval=0.2)
        new_member()
        for room in map(str, range(50)):
            here.watch(room)
        exchange.published.clear()
        until(lambda: kinds(exchange).count("Look") == 2, what="two questions")
        looks = [message for message in messages(exchange) if isinstance(message, Look)]
        assert [len(look.rooms) for look in looks] == [50, 50]

    def test_who_comes_says_so(self, new_member: NewMember, exchange: Exchange) -> None:
        here = new_member()
        told = here.watch()
        there = new_member()
        until(lambda: there.elsewhere._uid in here.elsewhere._crowds.known, what="it to be known")
        there.come("bob")
        until(lambda: told == [("bob", True)], what="bob to come")

    def test_who_hears_again_says_so(self, new_member: NewMember, exchange: Exchange) -> None:
        """After its connection was away, it may have missed what was said, and others too."""
        here, there = new_member(), new_member()
        told = here.watch()
        exchange.is_down = True
        there.come("bob")
        gevent.sleep(0.1)
        exchange.is_down = False
        assert told == []
        for subscription in there.elsewhere._subscriptions:
            subscription.begin()  # type: ignore[attr-defined]
        until(lambda: told == [("bob", True)], what="bob to come")

    def test_who_cannot_be_asked_is_there_for_a_while(
        self, new_member: NewMember, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here, there = new_member(interval=0.05), new_member()
        there.come("bob")
        told = here.watch()
        exchange.is_down = True
        here.elsewhere._reached = time.monotonic() + LONG
        gevent.sleep(0.2)
        assert told == []
        here.elsewhere._reached = time.monotonic()
        until(lambda: told == [("bob", False)], what="bob to be given up")
        exchange.is_down = False
        until(lambda: told[1:] == [("bob", True)], what="bob to come back")

    @pytest.mark.parametrize(
        "name",
        [object(), b"bytes", 1 << 70, "\ud800", (b"a",), datetime.now(UTC)],
        ids=lambda name: type(name).__name__,
    )
    def test_a_name_that_cannot_be_sent_stops_nobody(
        self, new_member: NewMember, name: Any
    ) -> None:
        here, there = new_member(timeout=LONG), new_member()
        there.come(name)
        there.come("zoë")
        assert here.nsp.presence() == ["zoë"]
        told = here.watch()
        there.come(name)
        there.come("bob")
        until(lambda: told == [("bob", True)], what="bob to come")
        assert set(there.complaints.rules) == {"a user's name cannot be sent"}

    def test_who_is_interrupted_watches_nothing(
        self, new_member: NewMember, exchange: Exchange
    ) -> None:
        here, mute = new_member(timeout=LONG), new_member()
        mute.elsewhere._answer_later = lambda message: None  # type: ignore[method-assign]
        first, second = gevent.spawn(here.watch, "1"), gevent.spawn(here.watch, "1")
        until(lambda: "Look" in kinds(exchange), what="the question")
        first.kill()
        until(lambda: kinds(exchange).count("Look") == 2, what="the second to ask for itself")
        second.kill()
        assert here.nsp.roster is not None
        assert here.nsp.roster.watched == []
        assert len(here.elsewhere._crowds) == 0

    def test_looking_goes_on_after_a_fault(
        self, new_member: NewMember, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here, there = new_member(interval=0.05), new_member()
        told = here.watch()
        look, failed = here.elsewhere._look, []

        def fail_once(*args: Any) -> Any:
            if failed:
                return look(*args)
            failed.append(args)
            raise ValueError("a fault")

        monkeypatch.setattr(here.elsewhere, "_look", fail_once)
        until(lambda: failed, what="the fault")
        assert here.complaints.rules == ["looking for users elsewhere failed"]
        there.come("bob")
        until(lambda: told == [("bob", True)], what="bob to come")

    def test_ends_with_the_last_who_watches(
        self, new_member: NewMember, exchange: Exchange
    ) -> None:
        here = new_member()
        new_member()
        _, socket = here.connect()
        socket.watch_presence("1")
        poller = here.elsewhere._poller
        socket.disconnect()
        until(lambda: poller.ready(), what="nobody to ask any more")
        assert here.elsewhere._poller is None

    def test_not_after_the_end(self, new_member: NewMember, exchange: Exchange) -> None:
        here, there = new_member(), new_member()
        told = here.watch()
        here.elsewhere.close()
        here.elsewhere.close()
        assert here.elsewhere.watch("1") == set()
        there.come("bob")
        gevent.sleep(0.1)
        assert told == []
        assert kinds(exchange).count("Gone") == 1

    def test_who_has_never_been_heard_says_nothing_at_the_end(self, exchange: Exchange) -> None:
        exchange.is_down = True
        member = Member(exchange)
        exchange.is_down = False
        member.elsewhere.close()
        gevent.sleep(0.01)
        assert messages(exchange) == []


class TestBeingAsked:
    def test_no_more_questions_wait_than_may(
        self, new_member: NewMember, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MAX_WAITING", 3)
        here = new_member()
        for number in range(10):
            here.elsewhere._act(Ask("stranger", str(number), [], []))
        assert here.complaints.rules == ["too many questions of who is there"] * 7
        until(lambda: kinds(exchange).count("Told") == 3, what="the answers")
        here.elsewhere._act(Ask("stranger", "11", [], []))
        until(lambda: kinds(exchange).count("Told") == 4, what="one more")

    def test_one_that_fails_stops_no_other(
        self, new_member: NewMember, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = new_member()
        answer = here.elsewhere._answer

        def fail_once(nsp: Any, message: Any) -> None:
            if message.id == "1":
                raise ValueError("a fault")
            answer(nsp, message)

        monkeypatch.setattr(here.elsewhere, "_answer", fail_once)
        for id in "123":
            here.elsewhere._act(Ask("stranger", id, [], []))
        until(lambda: kinds(exchange).count("Told") == 2, what="the others")
        assert here.complaints.rules == ["saying who is there failed"]

    def test_a_namespace_is_not_kept_by_it(self, exchange: Exchange) -> None:
        member = Member(exchange)
        elsewhere, nsp = member.elsewhere, weakref.ref(member.nsp)
        member.close()
        until(lambda: exchange.published, what="it to begin and to end")
        del member
        gc.collect()
        assert nsp() is None
        elsewhere._closed = False
        elsewhere._act(Ask("stranger", "1", [], []))
        gevent.sleep(0.01)
        assert "Told" not in kinds(exchange)


class TestHearing:
    def test_no_more_servers_than_may(
        self, new_member: NewMember, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(presence_surveys, "MAX_SERVERS", 3)
        here, mute = new_member(timeout=LONG), new_member()
        mute.elsewhere._answer_later = lambda message: None  # type: ignore[method-assign]
        watching = gevent.spawn(here.watch, "1")
        until(lambda: "Look" in kinds(exchange), what="the question")
        (look,) = [message for message in messages(exchange) if isinstance(message, Look)]
        monkeypatch.setattr(presence_surveys.Survey, "complete", False)
        for number in range(10):
            here.elsewhere._act(Seen(str(number), look.id, 1, [("1", [number])]))
        assert len(here.elsewhere._crowds.servers) <= 3
        watching.kill()

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\xc1",
            b"{}",
            msgspec.msgpack.encode(["here"]),
            msgspec.msgpack.encode(["hello", "stranger"]),
            msgspec.msgpack.encode(["changed", "stranger", 1, [["1", [{}], []]]]),
            b"\x91" * 5000 + b"\x90",
        ],
    )
    def test_what_is_no_message(
        self, new_member: NewMember, exchange: Exchange, data: bytes
    ) -> None:
        here, there = new_member(), new_member()
        told = here.watch()
        there.bus.publish(CHANNEL, data)
        there.come("bob")
        until(lambda: told == [("bob", True)], what="bob to come")
        assert here.complaints.rules == ["no message about users"]
        assert here.nsp.presence() == ["bob"]

    def test_answers_nobody_waits_for(self, new_member: NewMember, exchange: Exchange) -> None:
        here = new_member()
        for message in (["told", "stranger", "1", ["eve"]], ["seen", "stranger", "1", 1, None]):
            here.elsewhere._hear(b"", msgspec.msgpack.encode(message))
        assert here.complaints.rules == []
        assert here.nsp.presence() == []

    def test_who_says_it_is_here_again_and_again(
        self, new_member: NewMember, exchange: Exchange
    ) -> None:
        here = new_member()
        here.watch()
        exchange.published.clear()
        started = time.monotonic()
        for _ in range(200):
            here.elsewhere._act(Here("stranger"))
            gevent.sleep(0.001)
        most = 2 + (time.monotonic() - started) / presence_surveys.BREATH
        assert 1 <= kinds(exchange).count("Look") <= most

    def test_questions_are_not_asked_faster_either(
        self, new_member: NewMember, exchange: Exchange
    ) -> None:
        here, mute = new_member(timeout=LONG), new_member()
        mute.elsewhere._answer_later = lambda message: None  # type: ignore[method-assign]
        asking = gevent.spawn(here.nsp.presence)
        started = time.monotonic()
        for _ in range(200):
            here.elsewhere._act(Gone("stranger"))
            gevent.sleep(0.001)
        most = 2 + (time.monotonic() - started) / presence_surveys.BREATH
        assert 1 <= kinds(exchange).count("Ask") <= most
        asking.kill()

    def test_what_it_says_itself(self, new_member: NewMember, exchange: Exchange) -> None:
        here = new_member()
        here.come("ada")
        uid = here.elsewhere._uid
        for message in (Here(uid), Gone(uid), Told(uid, "1", []), Ask(uid, "1", [], [])):
            here.elsewhere._hear(b"", msgspec.msgpack.encode(message))
        gevent.sleep(0.01)
        assert here.nsp.presence() == ["ada"]
        assert here.complaints.rules == []

    def test_nothing_after_the_end(self, new_member: NewMember, exchange: Exchange) -> None:
        here = new_member()
        here.elsewhere.close()
        here.elsewhere._hear(b"", b"no message")
        assert here.complaints.rules == []
