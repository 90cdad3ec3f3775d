"""One process's way to a real Redis that is there, away, frozen, or restarted.

The whole module is run twice: here, where threads are native, and by its last test in a
process whose standard library has been patched, where they are greenlets.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

import pytest
import redis

from pyramid_sio.adapters.redis_link import RedisLink, address_of
from pyramid_sio.adapters.redis_topics import Kind, Subscription
from pyramid_sio.errors import AdapterError
from tests.support import PATIENCE, ROOT, Redis, free_port, wait_until

PATCHED = "SIO_TEST_PATCHED"


class Complained(list[tuple[str, object]]):
    """Keeps complaints."""

    def add(
        self, rule: str, peer: str, detail: object = "", error: BaseException | None = None
    ) -> None:
        self.append((rule, detail if error is None else error))


class Ears:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, bytes]] = []

    def __call__(self, channel: bytes, data: bytes) -> None:
        self.heard.append((channel, data))

    def wait_for(self, *heard: tuple[bytes, bytes]) -> None:
        wait_until(lambda: len(self.heard) >= len(heard), what=f"{heard}, not {self.heard}")
        assert self.heard == [*heard]


class Linked:
    """A link, and what it has said about itself."""

    def __init__(self, url: str, **options: Any) -> None:
        self.complaints = Complained()
        self.news: list[bool] = []
        self.link = RedisLink(
            url, in_loop=lambda func, *args: func(*args), complaints=self.complaints, **options
        )
        self.link.listeners.append(lambda up, why: self.news.append(up))

    def subscribe(self, name: str, kind: Kind = Kind.CHANNEL) -> tuple[Ears, Subscription]:
        """Listen, and wait until Redis knows."""
        ears = Ears()
        subscription = self.link.subscribe(name, ears, kind=kind)
        self.link.start()
        assert subscription.wait(PATIENCE)
        return ears, subscription

    def wait_up(self) -> None:
        wait_until(lambda: self.link.up, what="Redis to be reached")

    def wait_down(self) -> None:
        wait_until(lambda: self.link.health().state == "down", what="the link to be down")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with closing(Redis(tmp_path_factory.mktemp("redis"))) as running:
        running.expect("Ready to accept connections")
        yield running


@pytest.fixture
def direct(server: Redis) -> Iterator[redis.Redis]:
    """Redis, seen by somebody else."""
    with redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def linked(server: Redis) -> Iterator[Linked]:
    made = Linked(server.url)
    yield made
    made.link.close()


class TestSubscribing:
    def test_hears_channels_and_patterns_on_one_connection(
        self, linked: Linked, direct: redis.Redis
    ) -> None:
        news, _ = linked.subscribe("news")
        rooms, _ = linked.subscribe("room:*", Kind.PATTERN)
        before = direct.info("clients")["connected_clients"]

        direct.publish("news", "one")
        direct.publish("room:1", b"\xfftwo")
        direct.publish("other", "nobody hears it")
        direct.publish("news", "three")

        news.wait_for((b"news", b"one"), (b"news", b"three"))
        rooms.wait_for((b"room:1", b"\xfftwo"))
        # One for commands, one for pub/sub, and this one.
        assert before == 3

    def test_hears_shard_channels_apart_from_others(
        self, linked: Linked, direct: redis.Redis
    ) -> None:
        plain, _ = linked.subscribe("both")
        shard, _ = linked.subscribe("both", Kind.SHARD)

        linked.link.publish("both", "to all")
        linked.link.publish("both", "to the shard", shard=True)

        plain.wait_for((b"both", b"to all"))
        shard.wait_for((b"both", b"to the shard"))

    def test_a_name_is_subscribed_to_once_and_until_the_last_has_left(
        self, linked: Linked, direct: redis.Redis
    ) -> None:
        first, one = linked.subscribe("counted")
        second, two = linked.subscribe("counted")
        assert direct.pubsub_numsub("counted") == [(b"counted", 1)]

        one.close()
        one.close()
        direct.publish("counted", "x")
        second.wait_for((b"counted", b"x"))
        assert first.heard == []
        assert linked.link.health().subscriptions == 1

        two.close()
        wait_until(lambda: direct.pubsub_numsub("counted") == [(b"counted", 0)])
        assert linked.link.health().subscriptions == 0

    def test_subscribed_to_again_before_redis_knew_of_the_end(
        self, linked: Linked, direct: redis.Redis
    ) -> None:
        linked.subscribe("steady")
        for _ in range(200):
            ears, subscription = linked.subscribe("fickle")
            subscription.close()
        ears, _ = linked.subscribe("fickle")

        direct.publish("fickle", "x")

        ears.wait_for((b"fickle", b"x"))

    def test_a_listener_that_fails_is_complained_of_and_the_others_hear(
        self, linked: Linked, direct: redis.Redis
    ) -> None:
        def fail(channel: bytes, data: bytes) -> None:
            raise RuntimeError("no")

        linked.link.subscribe("news", fail)
        ears, _ = linked.subscribe("news")

        direct.publish("news", "one")
        direct.publish("news", "two")

        ears.wait_for((b"news", b"one"), (b"news", b"two"))
        assert [rule for rule, _ in linked.complaints] == [
            "a message on a Redis channel could not be handled"
        ] * 2

    def test_a_flood_is_heard_whole_and_in_order(self, linked: Linked, direct: redis.Redis) -> None:
        ears, _ = linked.subscribe("flood")
        with direct.pipeline(transaction=False) as pipeline:
            for number in range(5000):
                pipeline.publish("flood", number)
            pipeline.execute()

        wait_until(lambda: len(ears.heard) == 5000, what="all messages")
        assert [int(data) for _, data in ears.heard] == list(range(5000))
        assert linked.link.health().received == 5000

    def test_a_channel_that_redis_refuses_hurts_no_other(
        self, server: Redis, direct: redis.Redis
    ) -> None:
        direct.acl_setuser(
            "limited",
            enabled=True,
            passwords=["+pw"],
            keys="*",
            categories=["+@all"],
            channels=["ok:*"],
            reset=True,
        )
        linked = Linked(server.url.replace("//", "//limited:pw@"))
        ears, _ = linked.subscribe("ok:1")
        refused = linked.link.subscribe("secret", Ears())
        wait_until(lambda: linked.complaints, what="the refusal")
        assert linked.complaints[0][0] == "Redis refused a subscription"
        direct.publish("ok:1", "x")
        ears.wait_for((b"ok:1", b"x"))
        assert not refused.active
        # Nor when everything is subscribed to at once.
        direct.client_kill_filter(_type="pubsub")
        wait_until(lambda: linked.news == [True, False, True])
        wait_until(lambda: direct.publish("ok:1", "y"))
        wait_until(lambda: (b"ok:1", b"y") in ears.heard)
        assert repr(refused) == "<Subscription channel b'secret'>"
        linked.link.close()
        direct.acl_deluser("limited")

    def test_joining_waits_until_everything_is_heard(self, server: Redis) -> None:
        linked = Linked(server.url)
        subscription = linked.link.subscribe("news", Ears())
        linked.link.join(PATIENCE)
        assert subscription.active
        linked.link.join(0)
        linked.link.close()

    def test_joining_in_vain_is_an_error(self) -> None:
        linked = Linked(f"redis://127.0.0.1:{free_port()}")
        linked.link.subscribe("news", Ears())
        with pytest.raises(AdapterError, match="not reached"):
            linked.link.join(0.2)
        linked.link.close()


class TestCommands:
    def test_nothing_is_connected_before_it_is_needed(self, server: Redis) -> None:
        linked = Linked(server.url)
        linked.link.subscribe("news", Ears())

        assert linked.link.health().state == "idle"
        linked.link.close()
        assert linked.link.health().state == "idle"

    def test_publishing_connects_for_that_alone(self, linked: Linked, direct: redis.Redis) -> None:
        # Connections of other tests may be ending.
        before = {client["id"] for client in direct.client_list()}
        linked.link.publish("news", "x")
        linked.wait_up()
        assert len({client["id"] for client in direct.client_list()} - before) == 1

    def test_messages_of_many_threads_arrive_each_threads_in_order(self, linked: Linked) -> None:
        ears, _ = linked.subscribe("many")

        def publish(who: int) -> None:
            for number in range(500):
                linked.link.publish("many", f"{who} {number}")

        threads = [threading.Thread(target=publish, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        wait_until(lambda: len(ears.heard) == 2000, what="all messages")
        for who in range(4):
            said = [data.decode().split() for _, data in ears.heard]
            assert [int(n) for w, n in said if int(w) == who] == list(range(500))

    def test_a_question_is_answered(self, linked: Linked) -> None:
        assert linked.link.call("SET", "k", b"v") == b"OK"
        assert linked.link.call("GET", "k") == b"v"

        answers: list[Any] = []
        linked.link.command("GET", "k", resolve=lambda *answer: answers.append(answer))
        wait_until(lambda: answers)
        assert answers == [(b"v", None)]

    def test_what_redis_refuses_is_told_to_who_asked_and_else_complained_of(
        self, linked: Linked
    ) -> None:
        with pytest.raises(redis.ResponseError, match="unknown command"):
            linked.link.call("NONSENSE")
        linked.link.command("NONSENSE")
        assert linked.link.call("PING") == b"PONG"

        assert [rule for rule, _ in linked.complaints] == ["Redis refused NONSENSE"]
        assert linked.link.health().refused == 1

    def test_what_waits_is_sent_before_the_end(self, linked: Linked, direct: redis.Redis) -> None:
        linked.link.publish("news", "x")
        linked.wait_up()
        with direct.pubsub() as pubsub:
            pubsub.subscribe("last")
            assert pubsub.get_message(timeout=PATIENCE) is not None
            for number in range(1000):
                linked.link.publish("last", str(number))
            linked.link.close(PATIENCE)
            linked.link.publish("last", "too late")
            heard = [pubsub.get_message(timeout=PATIENCE) for _ in range(1000)]
        assert [int(message["data"]) for message in heard if message] == list(range(1000))
        with pytest.raises(AdapterError):
            linked.link.call("PING")

    def test_a_reader_of_ones_own_is_supervised_too(
        self, linked: Linked, direct: redis.Redis
    ) -> None:
        got: list[Any] = []
        connections: list[Any] = []

        def read(connection: Any, job: Any) -> None:
            connections.append(connection)
            job.works()
            while not job.stopping.is_set():
                connection.send_command("BLPOP", "list", 1)
                if answer := connection.read_response():
                    got.append(answer[1])

        linked.link.supervise("reader", read)
        direct.rpush("list", "one")
        wait_until(lambda: got == [b"one"])
        for client in direct.client_list(_type="normal"):
            if client["cmd"] == "blpop":
                direct.client_kill_filter(_id=client["id"])
        direct.rpush("list", "two")
        wait_until(lambda: got == [b"one", b"two"])
        assert len(connections) == 2
        wait_until(lambda: linked.news == [True, False, True])


class TestOutages:
    def test_redis_that_is_not_there_at_first_is_found_when_it_comes(self, tmp_path: Path) -> None:
        port = free_port()
        linked = Linked(f"redis://:secret@127.0.0.1:{port}/0")
        ears = Ears()
        subscription = linked.link.subscribe("news", ears)
        linked.link.start()
        linked.link.publish("news", "said in vain")
        linked.wait_down()
        health = linked.link.health()
        assert "refused" in health.error
        assert health.address == f"redis://127.0.0.1:{port}/0"
        assert not subscription.active

        with closing(linked.link), closing(Redis(tmp_path, port=port)) as server:
            server.expect("Ready to accept connections")
            with redis.Redis.from_url(server.url) as direct:
                direct.config_set("requirepass", "secret")
            linked.wait_up()
            assert subscription.wait(PATIENCE)
            linked.link.publish("news", "hello")
            wait_until(lambda: (b"news", b"hello") in ears.heard)
        assert linked.news[:2] == [False, True]

    def test_questions_fail_once_it_is_known_that_redis_is_away(self) -> None:
        linked = Linked(f"redis://127.0.0.1:{free_port()}")
        answers: list[Any] = []
        for number in (1, 2):
            linked.link.command("PING", resolve=lambda *answer: answers.append(answer))
            wait_until(lambda number=number: len(answers) == number)
        assert [reply for reply, _ in answers] == [None, None]
        assert all(isinstance(error, AdapterError) for _, error in answers)
        assert linked.link.health().queued == 0
        linked.link.close()

    def test_redis_that_is_killed_and_comes_back(self, tmp_path: Path) -> None:
        with closing(Redis(tmp_path)) as server:
            server.expect("Ready to accept connections")
            linked = Linked(server.url, timeout=2 * PATIENCE)
            ears, subscription = linked.subscribe("news")
            pattern, _ = linked.subscribe("room:*", Kind.PATTERN)
            linked.wait_up()
            server.signal(SIGKILL)
            server.wait()
        linked.wait_down()
        assert not subscription.active
        begin = time.monotonic()
        with pytest.raises(AdapterError):
            linked.link.call("PING")
        assert time.monotonic() - begin < PATIENCE
        linked.link.publish("news", "kept until then")
        while_away, _ = Ears(), linked.link.subscribe("later", Ears())

        with closing(linked.link), closing(Redis(tmp_path, port=server.port)) as again:
            again.expect("Ready to accept connections")
            linked.wait_up()
            with redis.Redis.from_url(again.url) as direct:
                wait_until(
                    lambda: direct.pubsub_numsub("news", "later") == [(b"news", 1), (b"later", 1)]
                )
                direct.publish("news", "after")
                direct.publish("room:1", "after")
            wait_until(lambda: (b"news", b"after") in ears.heard)
            pattern.wait_for((b"room:1", b"after"))
            assert linked.news == [True, False, True]
        assert while_away.heard == []

    def test_redis_that_is_frozen_is_noticed_and_nothing_waits_for_it(self, tmp_path: Path) -> None:
        with closing(Redis(tmp_path)) as server:
            server.expect("Ready to accept connections")
            linked = Linked(server.url, timeout=0.3)
            ears, _ = linked.subscribe("news")
            linked.wait_up()
            server.signal(SIGSTOP)
            try:
                with pytest.raises(AdapterError, match=r"does not answer|not reached|broke"):
                    linked.link.call("PING")
                linked.wait_down()
                begin = time.monotonic()
                for _ in range(1000):
                    linked.link.publish("news", "x")
                # Each would have waited 0.3 seconds.
                assert time.monotonic() - begin < PATIENCE
                # Frozen, it still accepts connections.
                wait_until(lambda: linked.link.health().failures > 2)
            finally:
                server.signal(SIGCONT)

            def is_heard() -> bool:
                # An answer that takes longer than 0.3 seconds costs what was said meanwhile.
                linked.link.publish("news", "after")
                return (b"news", b"after") in ears.heard

            wait_until(is_heard)
            linked.link.close()

    def test_redis_that_is_slow_is_waited_for(self, linked: Linked, direct: redis.Redis) -> None:
        ears, _ = linked.subscribe("news")
        linked.wait_up()
        # Until it is told to go on, it takes nothing that is published.
        direct.client_pause(int(PATIENCE * 1000), all=False)
        for number in range(100):
            linked.link.publish("news", str(number))
        assert ears.heard == []
        direct.client_unpause()
        wait_until(lambda: len(ears.heard) == 100, what="what was said meanwhile")
        assert [int(data) for _, data in ears.heard] == list(range(100))
        assert linked.news == [True]
        assert linked.link.health().lost == 0

    def test_a_silent_connection_is_asked_and_kept(self, server: Redis) -> None:
        linked = Linked(server.url, timeout=1.0)
        ears, _ = linked.subscribe("quiet")
        linked.wait_up()
        first = linked.link.health().latency
        wait_until(lambda: linked.link.health().latency != first)
        assert linked.news == [True]
        linked.link.publish("quiet", "x")
        ears.wait_for((b"quiet", b"x"))
        linked.link.close()

    def test_connections_that_are_cut_are_made_again(
        self, linked: Linked, direct: redis.Redis
    ) -> None:
        ears, subscription = linked.subscribe("news")
        linked.wait_up()
        direct.client_kill_filter(_type="pubsub")
        wait_until(lambda: linked.news == [True, False, True])
        assert subscription.wait(PATIENCE)

        direct.client_kill_filter(_type="normal", skipme=True)
        # Nothing is lost on a connection that is known to be closed before anything is sent.
        linked.link.publish("news", "x")
        ears.wait_for((b"news", b"x"))
        assert linked.link.health().lost == 0

    def test_what_waits_for_redis_has_an_end_and_the_oldest_goes_first(
        self, tmp_path: Path
    ) -> None:
        port = free_port()
        linked = Linked(f"redis://127.0.0.1:{port}", max_bytes=100_000)
        ears = Ears()
        subscription = linked.link.subscribe("news", ears)
        linked.link.start()
        linked.wait_down()
        for number in range(1000):
            linked.link.publish("news", f"{number:0900}")
        health = linked.link.health()
        assert health.queued <= 100_000
        assert health.dropped + health.queued // 1000 >= 999 - 50

        with closing(linked.link), closing(Redis(tmp_path, port=port)):
            assert subscription.wait(PATIENCE)
            linked.wait_up()
            linked.link.publish("news", "last")
            wait_until(lambda: ears.heard and ears.heard[-1] == (b"news", b"last"))
        numbers = [int(data) for _, data in ears.heard[:-1]]
        assert numbers == sorted(numbers)
        assert not numbers or numbers[0] >= health.dropped

    def test_a_bug_in_a_reader_is_complained_of_and_tried_again(self, linked: Linked) -> None:
        calls: list[int] = []

        def read(connection: Any, job: Any) -> None:
            calls.append(1)
            raise ZeroDivisionError

        linked.link.supervise("reader", read)
        wait_until(lambda: len(calls) >= 2)
        assert "the connection for reader failed" in [rule for rule, _ in linked.complaints]

    def test_an_application_that_fails_to_hear_the_news_stops_nothing(self, server: Redis) -> None:
        linked = Linked(server.url)

        def fail(up: bool, why: str) -> None:
            raise RuntimeError

        linked.link.listeners.insert(0, fail)
        linked.link.start()
        wait_until(lambda: linked.news == [True])
        assert [rule for rule, _ in linked.complaints] == ["a listener for Redis failed"]
        linked.link.close()


def test_an_address_shows_no_password() -> None:
    assert address_of("redis://me:secret@h:1/2") == "redis://h:1/2"
    assert address_of("unix:///run/redis.sock?db=1") == "unix:///run/redis.sock"


def test_a_url_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="URL"):
        Linked("http://localhost")


@pytest.mark.skipif(PATCHED in os.environ, reason="this is that process")
def test_all_of_this_with_greenlets() -> None:
    code = "from gevent import monkey; monkey.patch_all(); import pytest, sys;"
    code += f" sys.exit(pytest.main(['-q', '-x', '-p', 'no:cacheprovider', {__file__!r}]))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, PATCHED: "1"},
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
