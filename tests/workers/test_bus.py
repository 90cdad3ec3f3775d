from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import gevent
import pytest

from pyramid_sio.adapters.bus_line import STATIC, BusLine
from pyramid_sio.errors import AckTimeout
from pyramid_sio.workers import bus as module
from pyramid_sio.workers.bus import LocalBus
from pyramid_sio.workers.member import ALPHABET
from pyramid_sio.workers.neighbours import OVERHEAD, REMEMBERED, Channel
from tests.adapters.members import new_adapter
from tests.contract.cluster import ClusterContract, NewFactory, Server
from tests.fakes import until
from tests.support import PATIENCE


class Workers:
    """The buses of several workers, in one process; each knows of all the others."""

    def __init__(self, directory: Path, window: int = 1_000_000) -> None:
        self.buses: dict[str, LocalBus] = {}
        self._directory = directory
        self._window = window

    def start(self) -> LocalBus:
        tag = "A" + ALPHABET[len(self.buses)]
        bus = self.buses[tag] = LocalBus(self._directory, tag, window=self._window)
        bus.start()
        self.tell()
        return bus

    def tell(self) -> None:
        """As the supervisor does when somebody comes or goes."""
        for tag, bus in self.buses.items():
            bus.set_others(frozenset(self.buses) - {tag})

    def end(self, bus: LocalBus) -> None:
        (tag,) = (tag for tag, one in self.buses.items() if one is bus)
        del self.buses[tag]
        bus.close(0)
        self.tell()


@pytest.fixture
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path short enough for unix sockets."""
    return tmp_path_factory.mktemp("bus")


@pytest.fixture
def new_workers(directory: Path) -> Iterator[Callable[..., Workers]]:
    with ExitStack() as running:

        def make(**options: int) -> Workers:
            workers = Workers(directory, **options)
            running.callback(lambda: [bus.close(0) for bus in workers.buses.values()])
            return workers

        yield make


@pytest.fixture
def workers(new_workers: Callable[..., Workers]) -> Workers:
    return new_workers()


class TestContract(ClusterContract):
    @pytest.fixture
    def new_factory(self, workers: Workers) -> NewFactory:
        return lambda: new_adapter(
            partial(BusLine, workers.start()), prefix="/socket.io/", mode=STATIC
        )

    @pytest.fixture(autouse=True)
    def all_workers(self, workers: Workers) -> None:
        self.workers = workers

    def cut(self, server: Server) -> None:
        self.workers.end(server.nsp.adapter._line.bus)  # type: ignore[attr-defined]


class Heard(list[tuple[bytes, bytes]]):
    def __call__(self, channel: bytes, data: bytes) -> None:
        self.append((channel, data))


class TestSubscriptions:
    def test_what_is_published_is_heard_by_all_others(self, workers: Workers) -> None:
        here, there, elsewhere = (workers.start() for _ in range(3))
        heard, also = Heard(), Heard()
        subscriptions = [there.subscribe("c", heard), elsewhere.subscribe("c", also)]
        assert all(subscription.wait(PATIENCE) for subscription in subscriptions)
        here.publish("c", b"1")
        here.publish("other", b"2")
        here.publish("c", b"3")
        until(lambda: len(heard) == len(also) == 2, what="both to hear")
        assert heard == also == [(b"c", b"1"), (b"c", b"3")]

    def test_active_once_all_others_know(self, workers: Workers) -> None:
        here = workers.start()
        alone = here.subscribe("a", Heard())
        assert alone.active
        there = workers.start()
        subscription = here.subscribe("b", Heard())
        assert not subscription.active
        assert not subscription.wait(0)
        assert subscription.wait(PATIENCE)
        assert subscription.active
        assert there.count("b", PATIENCE) == 1

    def test_told_whenever_it_is_heard_by_more(self, workers: Workers) -> None:
        here = workers.start()
        began: list[int] = []
        here.subscribe("c", Heard(), lambda: began.append(len(workers.buses)))
        assert began == [1]
        there = workers.start()
        until(lambda: began[1:] == [2], what="the other to note it")
        workers.end(there)
        workers.start()
        until(lambda: began[2:] == [2], what="the next one to note it")

    def test_one_that_fails_to_begin(
        self, workers: Workers, caplog: pytest.LogCaptureFixture
    ) -> None:
        here, there = workers.start(), workers.start()
        heard = Heard()
        subscription = here.subscribe("c", heard, lambda: 1 / 0)
        assert subscription.wait(PATIENCE)
        there.publish("c", b"1")
        until(lambda: heard, what="it to hear all the same")
        assert "a subscription failed to begin" in caplog.text

    def test_how_many_are_reached(self, workers: Workers) -> None:
        here, there, other = (workers.start() for _ in range(3))
        heard = Heard()
        assert here.subscribe("c", Heard()).wait(PATIENCE)
        assert here.reach("c", b"0", PATIENCE) == 0
        assert there.subscribe("c", heard).wait(PATIENCE)
        assert here.reach("c", b"1", PATIENCE) == 1
        assert other.reach("c", b"2", PATIENCE) == 2
        until(lambda: len(heard) == 2, what="both to be heard")
        # Two have said it, each on a way of its own.
        assert sorted(heard) == [(b"c", b"1"), (b"c", b"2")]

    def test_who_has_just_come_is_reached(
        self, workers: Workers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "SETTLING", PATIENCE)
        here = workers.start()
        there = LocalBus(workers._directory, "AB", window=10_000)
        heard = Heard()
        there.subscribe("c", heard)
        workers.buses["AB"] = there
        there.start()
        workers.tell()
        assert here.count("c", PATIENCE) == 0
        assert here.reach("c", b"1", PATIENCE) == 1
        until(lambda: heard, what="it to be heard")

    def test_a_second_listener_of_the_same_channel(self, workers: Workers) -> None:
        here, there = workers.start(), workers.start()
        first, second = Heard(), Heard()
        one, two = there.subscribe("c", first), there.subscribe("c", second)
        assert one.wait(PATIENCE)
        assert two.active
        one.close()
        one.close()
        here.publish("c", b"1")
        until(lambda: second, what="the second to hear")
        assert first == []
        assert here.count("c", PATIENCE) == 1
        two.close()
        until(lambda: here.count("c", PATIENCE) == 0, what="nobody to hear any more")

    def test_who_comes_later_knows(self, workers: Workers) -> None:
        here = workers.start()
        heard = Heard()
        here.subscribe("c", heard)
        there = workers.start()
        assert there.wait_settled(PATIENCE)
        there.publish("c", b"1")
        until(lambda: heard, what="the older one to hear")

    def test_who_knows_of_the_other_first_does_not_matter(self, directory: Path) -> None:
        """What comes from somebody who is not said to be there is said again."""
        early, late = (LocalBus(directory, tag, window=10_000) for tag in ("AA", "AB"))
        try:
            heard = Heard()
            early.subscribe("c", heard)
            early.start()
            late.start()
            early.set_others(frozenset(("AB",)))
            until(lambda: late._early, what="the early one to be heard")
            assert late.count("c", PATIENCE) == 0
            late.set_others(frozenset(("AA",)))
            until(lambda: late.count("c", PATIENCE) == 1, what="the late one to know")
            late.publish("c", b"1")
            until(lambda: heard, what="the early one to hear")
        finally:
            early.close(0)
            late.close(0)

    def test_who_is_gone_is_not_counted_nor_waited_for(self, workers: Workers) -> None:
        here, there = workers.start(), workers.start()
        there.subscribe("c", Heard())
        until(lambda: here.count("c", PATIENCE) == 1, what="it to be known")
        waited = here.subscribe("d", Heard())
        workers.end(there)
        assert here.count("c", PATIENCE) == 0
        assert waited.active

    def test_from_another_thread(self, workers: Workers) -> None:
        here, there = workers.start(), workers.start()
        heard = Heard()
        assert there.subscribe("c", heard).wait(PATIENCE)
        gevent.get_hub().threadpool.apply(here.publish, ("c", b"1"))
        until(lambda: heard, what="it to be heard")
        assert threading.active_count() >= 1

    def test_nothing_happens_before_the_start(self, directory: Path) -> None:
        bus = LocalBus(directory, "AA", window=1000)
        bus.publish("c", b"1")
        bus.set_others(frozenset(("AB",)))
        bus.close(1)
        assert bus.lost == 0
        assert repr(bus) == "<LocalBus of AA with 0 others>"


class TestFaults:
    def test_a_listener_that_fails_harms_nobody(
        self, workers: Workers, caplog: pytest.LogCaptureFixture
    ) -> None:
        here, there = workers.start(), workers.start()
        heard = Heard()
        there.subscribe("c", lambda channel, data: 1 / 0)
        assert there.subscribe("c", heard).wait(PATIENCE)
        here.publish("c", b"1")
        until(lambda: heard, what="the other to hear")
        assert "what a worker said could not be handled" in caplog.text

    def test_what_is_no_message(self, workers: Workers, caplog: pytest.LogCaptureFixture) -> None:
        here, there = workers.start(), workers.start()
        heard = Heard()
        assert there.subscribe("c", heard).wait(PATIENCE)
        (neighbour,) = here._neighbours.values()
        for parts in ((b"",), (b"AA",), (b"AA", b"d"), (b"AA", b"a", b"{"), (b"AA", b"r", b"x")):
            neighbour.send_anyway(*parts)
        here.publish("c", b"1")
        until(lambda: heard, what="what follows to be heard")
        assert "no message of a worker" in caplog.text


class TestWindow:
    SIZE = 1000

    def test_one_that_does_not_keep_up_misses_something_and_nobody_else_does(
        self, new_workers: Callable[..., Workers], caplog: pytest.LogCaptureFixture
    ) -> None:
        workers = new_workers(window=20 * (self.SIZE + OVERHEAD))
        here, frozen, well = (workers.start() for _ in range(3))
        missed, heard = Heard(), Heard()
        assert frozen.subscribe("c", missed).wait(PATIENCE)
        assert well.subscribe("c", heard).wait(PATIENCE)
        frozen._reader.kill()
        for number in range(100):
            here.publish("c", b"%1000d" % number)
            until(lambda expected=number + 1: len(heard) == expected, what="the other to hear")
        assert here.lost >= 80
        assert "a worker does not keep up" in caplog.text
        frozen._reader = gevent.spawn(frozen._read)
        until(lambda: len(missed) == 100 - here.lost, what="it to hear what fitted")
        assert [int(data) for _, data in missed] == list(range(len(missed)))
        here.publish("c", b"news")
        until(lambda: missed[-1] == (b"c", b"news"), what="it to be back")

    def test_what_it_missed_about_channels_it_learns_later(
        self, new_workers: Callable[..., Workers]
    ) -> None:
        workers = new_workers(window=20 * OVERHEAD)
        here, frozen = workers.start(), workers.start()
        assert here.wait_settled(PATIENCE)
        assert frozen.wait_settled(PATIENCE)
        frozen._reader.kill()
        subscriptions = [here.subscribe(f"c{number}", Heard()) for number in range(50)]
        subscriptions.pop(0).close()
        frozen._reader = gevent.spawn(frozen._read)
        until(lambda: frozen.count("c49", PATIENCE) == 1, what="it to learn the rest")
        until(lambda: all(one.active for one in subscriptions), what="that to be known")
        assert frozen.count("c0", PATIENCE) == 0


def test_who_is_known_although_a_worker_does_not_answer(workers: Workers) -> None:
    buses = [workers.start() for _ in range(3)]
    line = {"prefix": "/socket.io/", "mode": STATIC}
    servers = [
        Server(partial(new_adapter(partial(BusLine, bus), **line), timeout=3.0)) for bus in buses
    ]
    here, _, silent = servers
    until(lambda: all(one.nsp.server_count() == 3 for one in servers), what="all to be known")
    near, far, _ = (server.connect()[1] for server in servers)
    silent.nsp.adapter._line.answer = lambda *args: None  # type: ignore[attr-defined]
    with pytest.raises(AckTimeout) as caught:
        here.nsp.fetch()
    assert [socket.sid for socket in caught.value.responses] == [near.sid, far.sid]
    for server in servers:
        server.close()


class TestNumbers:
    """How two workers know what they have heard of a third."""

    def test_what_is_published_is_numbered(self, workers: Workers) -> None:
        here, there = workers.start(), workers.start()
        sources = []
        own = here.subscribe("c", Heard())
        heard = there.subscribe("c", lambda *_: sources.append(heard.heard))
        assert heard.wait(PATIENCE)
        tag, first = own.published
        for _ in range(3):
            here.publish("c", b"x")
        until(lambda: len(sources) == 3, what="all of it")
        assert sources == [(tag, first + number) for number in (1, 2, 3)]
        assert own.published == (tag, first + 3)
        assert (heard.heard, heard.seen[tag], heard.since) == (None, first + 3, {tag: first})
        assert own.seen[tag] == first + 3
        assert heard.others == {tag}

    def test_who_begins_to_hear_later_knows_from_where(self, workers: Workers) -> None:
        here, there = workers.start(), workers.start()
        own = here.subscribe("c", Heard())
        for _ in range(3):
            here.publish("c", b"x")
        late = there.subscribe("c", Heard())
        assert late.wait(PATIENCE)
        tag, number = own.published
        assert (late.since[tag], late.seen[tag]) == (number, number)

    def test_a_message_that_was_lost_leaves_a_gap(self, workers: Workers) -> None:
        here, there = workers.start(), workers.start()
        own, heard = here.subscribe("c", Heard()), there.subscribe("c", Heard())
        assert heard.wait(PATIENCE)
        here.publish("c", b"x")
        (neighbour,) = here._neighbours.values()
        window, neighbour._window = neighbour._window, 0
        here.publish("c", b"lost")
        neighbour._window = window
        here.publish("c", b"x")
        tag, number = own.published
        until(lambda: heard.seen[tag] == number, what="the last one")
        assert heard.since[tag] == number - 1

    def test_a_channel_that_is_opened_again_goes_on_counting(self, workers: Workers) -> None:
        here, there = workers.start(), workers.start()
        heard = there.subscribe("c", Heard())
        own = here.subscribe("c", Heard())
        assert heard.wait(PATIENCE)
        here.publish("c", b"x")
        tag, before = own.published
        own.close()
        again = here.subscribe("c", Heard())
        assert again.published[1] > before
        here.publish("c", b"x")
        until(lambda: heard.seen[tag] == again.published[1], what="what is said then")

    def test_what_who_does_not_hear_says_has_no_number(self, workers: Workers) -> None:
        here, there = workers.start(), workers.start()
        sources = []
        heard = there.subscribe("c", lambda *_: sources.append(heard.heard))
        assert heard.wait(PATIENCE)
        here.publish("c", b"x")
        until(lambda: sources, what="it")
        assert sources == [("AA", 0)]
        assert heard.seen["AA"] == 0

    def test_only_so_many_who_are_gone_are_remembered(self) -> None:
        channel = Channel(0)
        for number in range(REMEMBERED + 10):
            channel.learn(f"{number}", 1)
        assert len(channel.seen) == len(channel.since) == REMEMBERED
        assert "0" not in channel.seen
