"""What one connection is told of the names that are wanted, and what it says of them."""

from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.adapters.redis_topics import Kind, Subscription, Topics


def ignore(channel: bytes, data: bytes) -> None: ...


@pytest.fixture
def topics() -> Topics:
    return Topics(lambda: None)


def said(topics: Topics) -> list[str]:
    """What Redis has to be told now."""
    commands, _ = topics.take_commands()
    return [f"{command!s} {name.decode()}" for command, name in commands]  # type: ignore[union-attr]


def test_names_are_subscribed_to_in_the_order_in_which_they_are_wanted(topics: Topics) -> None:
    """Whoever is heard on the last may be relied on to hear the others."""
    names = [str(number) for number in range(50)]
    for name in names:
        topics.add(Kind.PATTERN if name == "20" else Kind.CHANNEL, name, ignore)
    wanted = [f"{'PSUBSCRIBE' if name == '20' else 'SUBSCRIBE'} {name}" for name in names]
    assert said(topics) == wanted
    assert said(topics) == []
    topics.restart()
    assert said(topics) == wanted


def test_a_name_is_told_once_however_many_listen(topics: Topics) -> None:
    one, two = topics.add(Kind.CHANNEL, "c", ignore), topics.add(Kind.CHANNEL, "c", ignore)
    assert said(topics) == ["SUBSCRIBE c"]
    one.close()
    assert said(topics) == []
    two.close()
    two.close()
    assert said(topics) == ["UNSUBSCRIBE c"]
    assert len(topics) == 0


def test_given_up_before_it_was_told(topics: Topics) -> None:
    topics.add(Kind.SHARD, "c", ignore).close()
    assert said(topics) == []


class TestConfirming:
    @pytest.fixture
    def subscription(self, topics: Topics) -> Subscription:
        subscription = topics.add(Kind.CHANNEL, "c", ignore)
        topics.take_commands()
        return subscription

    def confirm(self, topics: Topics, kind: Kind = Kind.CHANNEL) -> list[Any]:
        return list(topics.confirm(kind, b"c"))

    def test_it_is_active_when_redis_says_so(
        self, topics: Topics, subscription: Subscription
    ) -> None:
        assert not subscription.active
        assert self.confirm(topics, Kind.SHARD) == []
        assert not subscription.active
        assert self.confirm(topics) == [subscription]
        assert subscription.active

    def test_until_the_connection_is_another(
        self, topics: Topics, subscription: Subscription
    ) -> None:
        self.confirm(topics)
        topics.restart()
        assert not subscription.active
        assert said(topics) == ["SUBSCRIBE c"]
        assert self.confirm(topics) == [subscription]

    def test_told_twice_it_counts_when_it_is_confirmed_twice(
        self, topics: Topics, subscription: Subscription
    ) -> None:
        subscription.close()
        assert said(topics) == ["UNSUBSCRIBE c"]
        again = topics.add(Kind.CHANNEL, "c", ignore)
        assert said(topics) == ["SUBSCRIBE c"]
        assert self.confirm(topics) == []
        assert not again.active
        assert self.confirm(topics) == [again]

    def test_given_up_and_wanted_again_before_redis_hears_of_it(
        self, topics: Topics, subscription: Subscription
    ) -> None:
        self.confirm(topics)
        subscription.close()
        again = topics.add(Kind.CHANNEL, "c", ignore)
        assert not again.active
        commands, active = topics.take_commands()
        assert (commands, active) == ([], [again])
        assert again.active

    def test_of_a_name_that_is_not_wanted_any_more(
        self, topics: Topics, subscription: Subscription
    ) -> None:
        subscription.close()
        assert self.confirm(topics) == []
