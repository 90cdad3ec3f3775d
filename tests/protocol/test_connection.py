from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.errors import DisconnectReason, HeartbeatDirectionError
from pyramid_sio.protocol.connection import ClientPings, Connection, Due, State, Upgrade
from pyramid_sio.protocol.packets import EngineType

INTERVAL, TIMEOUT = 25.0, 20.0
PING, PONG, MESSAGE = EngineType.PING, EngineType.PONG, EngineType.MESSAGE


def opened(*, upgraded: bool = False, now: float = 100.0) -> Connection:
    return Connection(ping_interval=INTERVAL, ping_timeout=TIMEOUT, now=now, upgraded=upgraded)


def pinged() -> Connection:
    """A session that has just been sent a ping, at 125."""
    connection = opened()
    assert connection.reach(125.0) is Due.PING
    return connection


class TestOpening:
    @pytest.mark.parametrize(("upgraded", "upgrade"), [(False, Upgrade.NONE), (True, Upgrade.DONE)])
    def test_state(self, upgraded: bool, upgrade: Upgrade) -> None:
        connection = opened(upgraded=upgraded)
        assert connection.state is State.OPEN
        assert connection.upgrade is upgrade
        assert not connection.awaiting_pong

    def test_first_ping_is_due_one_interval_later(self) -> None:
        connection = opened()
        assert connection.deadline == 125.0
        assert connection.reach(124.999) is Due.NOTHING
        assert connection.reach(125.0) is Due.PING
        assert connection.deadline == 145.0


class TestReceive:
    """Every packet type, with no ping outstanding, with one, and after its time was extended."""

    @pytest.mark.parametrize("kind", EngineType)
    def test_without_outstanding_ping(self, kind: EngineType) -> None:
        connection = opened()
        if kind is PING:
            with pytest.raises(HeartbeatDirectionError) as caught:
                connection.receive(kind, 110.0)
            assert caught.value.reason is DisconnectReason.TRANSPORT_ERROR
            return
        reason = connection.receive(kind, 110.0)
        assert reason == ("transport close" if kind is EngineType.CLOSE else None)
        assert connection.deadline == (135.0 if kind is PONG else 125.0)
        assert not connection.awaiting_pong

    @pytest.mark.parametrize("kind", EngineType)
    def test_with_outstanding_ping(self, kind: EngineType) -> None:
        connection = pinged()
        if kind is PING:
            with pytest.raises(HeartbeatDirectionError):
                connection.receive(kind, 130.0)
        else:
            reason = connection.receive(kind, 130.0)
            assert reason == ("transport close" if kind is EngineType.CLOSE else None)
        if kind is PONG:
            assert (connection.awaiting_pong, connection.deadline) == (False, 155.0)
        elif kind in (PING, EngineType.CLOSE):
            assert (connection.awaiting_pong, connection.deadline) == (True, 145.0)
        else:
            assert (connection.awaiting_pong, connection.deadline) == (True, 150.0)

    @pytest.mark.parametrize("kind", [MESSAGE, EngineType.NOOP, EngineType.UPGRADE])
    def test_time_is_extended_once_a_ping(self, kind: EngineType) -> None:
        connection = pinged()
        connection.receive(kind, 130.0)
        connection.receive(kind, 140.0)
        assert connection.deadline == 150.0
        assert connection.reach(150.0) is Due.TIMEOUT

    def test_next_ping_may_be_extended_again(self) -> None:
        connection = pinged()
        connection.receive(MESSAGE, 130.0)
        connection.receive(PONG, 131.0)
        assert connection.reach(156.0) is Due.PING
        connection.receive(MESSAGE, 170.0)
        assert connection.deadline == 190.0

    def test_messages_do_not_put_off_the_ping(self) -> None:
        connection = opened()
        connection.receive(MESSAGE, 124.0)
        assert connection.reach(125.0) is Due.PING


class TestReach:
    def test_pong_in_time(self) -> None:
        connection = pinged()
        connection.receive(PONG, 144.0)
        assert connection.reach(145.0) is Due.NOTHING
        assert connection.reach(169.0) is Due.PING

    def test_no_pong(self) -> None:
        connection = pinged()
        assert connection.reach(144.9) is Due.NOTHING
        assert connection.reach(145.0) is Due.TIMEOUT

    @pytest.mark.parametrize(
        ("pinged_at", "deadline"), [(125.0, 145.0), (127.0, 145.0), (130.0, 145.0), (190.0, 205.0)]
    )
    def test_a_late_ping_takes_a_quarter_of_the_time_at_most(
        self, pinged_at: float, deadline: float
    ) -> None:
        connection = opened()
        assert connection.reach(pinged_at) is Due.PING
        assert connection.deadline == deadline

    def test_overdue_is_who_owes_a_pong(self) -> None:
        assert not opened().is_overdue(1000.0)
        connection = pinged()
        assert not connection.is_overdue(144.9)
        assert connection.is_overdue(145.0)
        assert not connection.is_overdue(145.0, paused=True)

    def test_paused_client_gets_time(self) -> None:
        connection = pinged()
        assert connection.reach(145.0, paused=True) is Due.NOTHING
        assert connection.deadline == 165.0
        assert connection.reach(165.0) is Due.TIMEOUT

    def test_paused_client_is_pinged(self) -> None:
        assert opened().reach(125.0, paused=True) is Due.PING

    @pytest.mark.parametrize("state", [State.OPEN, State.CLOSING])
    def test_closing_does_not_stop_the_heartbeat(self, state: State) -> None:
        connection = pinged()
        connection.state = state
        assert connection.reach(145.0) is Due.TIMEOUT

    def test_nothing_is_due_after_the_end(self) -> None:
        for connection in (opened(), pinged()):
            connection.state = State.CLOSED
            assert connection.reach(1000.0) is Due.NOTHING


class TestUpgrade:
    @pytest.mark.parametrize("state", State)
    @pytest.mark.parametrize("upgrade", Upgrade)
    def test_admit_candidate(self, state: State, upgrade: Upgrade) -> None:
        connection = opened()
        connection.state, connection.upgrade = state, upgrade
        admitted = upgrade is Upgrade.NONE and state is not State.CLOSED
        assert connection.admit_candidate() is admitted
        assert connection.upgrade is (Upgrade.CANDIDATE if admitted else upgrade)

    def test_only_one_at_a_time(self) -> None:
        connection = opened()
        assert connection.admit_candidate()
        assert not connection.admit_candidate()

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (Upgrade.NONE, Upgrade.NONE),
            (Upgrade.CANDIDATE, Upgrade.NONE),
            (Upgrade.DONE, Upgrade.DONE),
        ],
    )
    def test_drop_candidate(self, before: Upgrade, after: Upgrade) -> None:
        connection = opened()
        connection.upgrade = before
        connection.drop_candidate()
        assert connection.upgrade is after

    def test_another_may_try_after_a_failed_one(self) -> None:
        connection = opened()
        connection.admit_candidate()
        connection.drop_candidate()
        assert connection.admit_candidate()

    def test_complete_leaves_the_next_ping_where_it_is(self) -> None:
        connection = opened()
        connection.admit_candidate()
        connection.complete_upgrade(120.0)
        assert connection.upgrade is Upgrade.DONE
        assert connection.deadline == 125.0

    def test_complete_gives_an_outstanding_ping_its_time_anew(self) -> None:
        connection = pinged()
        connection.admit_candidate()
        connection.complete_upgrade(140.0)
        assert connection.deadline == 160.0
        assert connection.reach(160.0) is Due.TIMEOUT


steps = st.lists(
    st.tuples(
        st.floats(0, 30),
        st.sampled_from(["message", "pong", "reach", "upgrade", "candidate", "drop"]),
    ),
    max_size=60,
)


@given(steps)
def test_a_client_that_is_silent_after_anything_times_out(history: list[tuple[float, str]]) -> None:
    now = 100.0
    connection = opened(now=now)
    for wait, what in history:
        now += wait
        if what == "message":
            connection.receive(MESSAGE, now)
        elif what == "pong":
            connection.receive(PONG, now)
        elif what == "reach":
            if connection.reach(now) is Due.TIMEOUT:
                return
        elif what == "upgrade" and connection.upgrade is Upgrade.CANDIDATE:
            connection.complete_upgrade(now)
        elif what == "candidate":
            connection.admit_candidate()
        else:
            connection.drop_candidate()
    silent_since = now
    answers = []
    for _ in range(2):
        now = max(now, connection.deadline)
        answers.append(connection.reach(now))
    assert answers[-1] is Due.TIMEOUT or answers[0] is Due.TIMEOUT
    assert now <= silent_since + INTERVAL + TIMEOUT


class TestClientPings:
    def opened(self) -> ClientPings:
        return ClientPings(ping_interval=INTERVAL, ping_timeout=TIMEOUT, now=100.0, upgraded=False)

    def test_a_silent_client_times_out_and_is_never_pinged(self) -> None:
        connection = self.opened()
        assert connection.deadline == 145.0
        assert connection.reach(144.9) is Due.NOTHING
        assert connection.reach(145.0) is Due.TIMEOUT

    def test_overdue_is_who_does_not_ping(self) -> None:
        connection = self.opened()
        assert not connection.is_overdue(144.9)
        assert connection.is_overdue(145.0)
        assert not connection.is_overdue(145.0, paused=True)

    @pytest.mark.parametrize("kind", EngineType)
    def test_only_a_ping_counts(self, kind: EngineType) -> None:
        connection = self.opened()
        if kind is PONG:
            with pytest.raises(HeartbeatDirectionError) as caught:
                connection.receive(kind, 110.0)
            assert caught.value.reason is DisconnectReason.TRANSPORT_ERROR
            return
        reason = connection.receive(kind, 110.0)
        assert reason == ("transport close" if kind is EngineType.CLOSE else None)
        assert connection.deadline == (155.0 if kind is PING else 145.0)

    def test_who_is_not_read_is_not_punished(self) -> None:
        connection = self.opened()
        assert connection.reach(145.0, paused=True) is Due.NOTHING
        assert connection.deadline == 165.0
        assert connection.reach(165.0) is Due.TIMEOUT

    def test_nothing_is_due_after_the_end(self) -> None:
        connection = self.opened()
        connection.state = State.CLOSED
        assert connection.reach(1000.0) is Due.NOTHING

    def test_an_upgrade_leaves_the_deadline_in_force(self) -> None:
        connection = self.opened()
        assert connection.admit_candidate()
        connection.complete_upgrade(110.0)
        assert connection.reach(144.9) is Due.NOTHING
        assert connection.reach(145.0) is Due.TIMEOUT


def test_doubt_gives_a_client_as_long_as_a_pong() -> None:
    connection = Connection(ping_interval=25, ping_timeout=20, now=0, upgraded=False)
    connection.doubt(5)
    assert connection.deadline == 25
    assert connection.receive(EngineType.PONG, 10) is None
    assert (connection.awaiting_pong, connection.deadline) == (False, 35)
    connection.doubt(30)
    assert connection.reach(50) is Due.TIMEOUT
