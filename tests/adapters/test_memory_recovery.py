"""The adapter whose clients come back: a :class:`MemoryAdapter`, with offsets."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from pyramid_sio.adapters.memory_recovery import RecoveringAdapter
from pyramid_sio.adapters.recovery_log import RecoveryLog
from pyramid_sio.protocol.packets import SocketPacket
from pyramid_sio.protocol.socket_v5 import Encoder
from pyramid_sio.sockets.broadcast import Flags, Target
from tests.contract.adapter import PACKET, AdapterContract, Crowd, Member, NewAdapter
from tests.fakes import FakeClock, FakeEvent


class Waiting:
    """What happens while somebody waits for the end of a connection."""

    def __init__(self) -> None:
        self.meanwhile: Any = lambda: None
        self.timeouts: list[float | None] = []

    def make_event(self) -> FakeEvent:
        return FakeEvent(self._wait)

    def _wait(self, timeout: float | None) -> None:
        self.timeouts.append(timeout)
        self.meanwhile()


#: Of clients that can come back.
ENCODER = Encoder()


def recovering(waiting: Waiting | None = None) -> NewAdapter:
    kept = RecoveryLog(seconds=100, max_bytes=10**6, liveness=40, clock=FakeClock())
    make_event = (waiting or Waiting()).make_event
    return partial(RecoveringAdapter, kept=kept, encoder=ENCODER, make_event=make_event, patience=9)


class TestContract(AdapterContract):
    @pytest.fixture
    def new_adapter(self) -> NewAdapter:
        return recovering()


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


@pytest.fixture
def crowd(waiting: Waiting) -> Crowd:
    return Crowd(recovering(waiting))


def enter(crowd: Crowd, sid: str, *rooms: str) -> Any:
    """Somebody who may come back."""
    member: Any = crowd.enter(sid)
    member.codec = ENCODER
    member.nsp = None
    member.session = {}
    member.abandoned = 0
    member.abandon = lambda: setattr(member, "abandoned", member.abandoned + 1)
    member.pid = crowd.adapter.begin(member)  # type: ignore[attr-defined]
    member.join(*rooms)
    return member


def lose(crowd: Crowd, member: Member) -> None:
    crowd.forget(member)
    crowd.adapter.keep(member)  # type: ignore[attr-defined]


def come_back(crowd: Crowd, member: Any, offset: str | None = None) -> Any:
    """What was kept of a member; it is another instance that comes back."""
    again: Any = Member(crowd, "new", member.codec)
    again.nsp, again.session, again.pid = None, {}, member.pid
    return crowd.adapter.restore(again, member.pid, offset), again  # type: ignore[attr-defined]


def texts(member: Member) -> list[bytes]:
    return [message.text or b"" for message, _, _ in member.received]


def test_every_event_gets_an_offset(crowd: Crowd) -> None:
    member = enter(crowd, "a")

    crowd.adapter.broadcast(PACKET, Target(), Flags())
    crowd.adapter.broadcast(PACKET, Target(), Flags(volatile=True))
    crowd.adapter.broadcast(PACKET, Target(), Flags())

    offsets = [text.rpartition(b",")[2] for text in texts(member)]
    assert [offset.partition(b".")[2] for offset in offsets] == [b'1"]', b'1"]', b'2"]']


def test_nobody_to_come_back(crowd: Crowd) -> None:
    member = crowd.enter("a")
    member.codec = ENCODER
    earlier = crowd.enter("b")

    crowd.adapter.broadcast(PACKET, Target(), Flags())

    assert texts(member)[0].endswith(b'.0"]')
    assert texts(earlier) == [b'2["news",1]'], "what knows no offset gets none"


def test_no_offset_with_an_acknowledgement(crowd: Crowd) -> None:
    member = enter(crowd, "a")

    packet = SocketPacket(PACKET.type, "/", PACKET.data, 5)
    assert len(list(crowd.adapter.broadcast_with_ack(packet, Target(), Flags()))) == 1

    assert texts(member) == [b'25["news",1]']


def test_missed_events(crowd: Crowd) -> None:
    member = enter(crowd, "a", "room")
    lose(crowd, member)
    everybody, room = Target(), Target(frozenset(("room",)))
    crowd.adapter.broadcast(PACKET, room, Flags())
    crowd.adapter.broadcast(PACKET, everybody, Flags(volatile=True))
    crowd.adapter.broadcast(PACKET, everybody, Flags())

    recovered, _ = come_back(crowd, member)

    assert (recovered.sid, recovered.rooms) == ("a", {"room"})
    assert [message.text[:10] for message in recovered.missed] == [b'2["news",1'] * 2


def test_nobody_listens_in_on_who_is_away(crowd: Crowd) -> None:
    away, spy = enter(crowd, "away"), enter(crowd, "spy")
    lose(crowd, away)
    spy.join("away", "elsewhere")

    crowd.adapter.broadcast(PACKET, Target(frozenset(("away",))), Flags())

    assert spy.received == []
    lose(crowd, spy)
    recovered, _ = come_back(crowd, spy)
    assert (recovered.rooms, list(recovered.missed)) == ({"elsewhere"}, [])


def test_secret_of_another_namespace(crowd: Crowd) -> None:
    member = enter(crowd, "a")
    lose(crowd, member)
    keywords = crowd.adapter._kept  # type: ignore[attr-defined]
    other = RecoveringAdapter(
        {}, kept=keywords, encoder=Encoder(), make_event=lambda: None, patience=1
    )

    assert other.restore(Member(crowd, "b", None), member.pid, None) is None  # type: ignore[arg-type]
    assert come_back(crowd, member)[0] is not None


class TestOldConnection:
    """Clients come back before anybody has noticed that they were gone."""

    def test_it_is_ended_first(self, crowd: Crowd, waiting: Waiting) -> None:
        member = enter(crowd, "a")
        waiting.meanwhile = lambda: lose(crowd, member)

        recovered, _ = come_back(crowd, member)

        assert recovered.sid == "a"
        assert member.abandoned == 1
        assert waiting.timeouts == [9]

    def test_it_does_not_end(self, crowd: Crowd, waiting: Waiting) -> None:
        member = enter(crowd, "a")

        assert come_back(crowd, member)[0] is None
        assert come_back(crowd, member)[0] is None

        assert waiting.timeouts == [9, 9]
        lose(crowd, member)
        assert come_back(crowd, member)[0] is not None

    def test_it_ends_for_good(self, crowd: Crowd, waiting: Waiting) -> None:
        member = enter(crowd, "a")
        waiting.meanwhile = lambda: crowd.adapter.drop(member)  # type: ignore[attr-defined]

        assert come_back(crowd, member)[0] is None

    def test_somebody_else_is_faster(self, crowd: Crowd, waiting: Waiting) -> None:
        member = enter(crowd, "a")
        others = []

        def meanwhile() -> None:
            lose(crowd, member)
            others.append(come_back(crowd, member)[0])

        waiting.meanwhile = meanwhile

        assert come_back(crowd, member)[0] is None
        assert others[0].sid == "a"


def test_old_instance_changes_nothing_any_more(crowd: Crowd) -> None:
    member = enter(crowd, "a", "room")
    lose(crowd, member)
    _, again = come_back(crowd, member)
    again.sid = "a"
    crowd.sockets["a"] = again

    crowd.adapter.remove(member, ["room"])
    crowd.adapter.keep(member)  # type: ignore[attr-defined]
    crowd.adapter.drop(member)  # type: ignore[attr-defined]

    lose(crowd, again)
    recovered, _ = come_back(crowd, member)
    assert recovered.rooms == {"room"}


def test_direct_events_reach_whoever_the_client_is_now(crowd: Crowd) -> None:
    member = enter(crowd, "a")
    send = crowd.adapter.send  # type: ignore[attr-defined]
    send(member, PACKET, Flags())
    send(member, PACKET, Flags(volatile=True))
    assert [volatile for _, volatile, _ in member.received] == [False, True]

    lose(crowd, member)
    send(member, PACKET, Flags())
    recovered, again = come_back(crowd, member)
    send(member, PACKET, Flags())

    assert len(recovered.missed) == 2
    assert len(again.received) == 1


def test_a_room_left_is_left(crowd: Crowd) -> None:
    member = enter(crowd, "a", "left", "kept")
    member.leave("left")
    lose(crowd, member)
    crowd.adapter.broadcast(PACKET, Target(frozenset(("left",))), Flags())

    recovered, _ = come_back(crowd, member)

    assert (recovered.rooms, list(recovered.missed)) == ({"kept"}, [])


def test_one_chance(crowd: Crowd) -> None:
    member = enter(crowd, "a")
    lose(crowd, member)
    mark = crowd.adapter._kept.offset.partition(".")[0]  # type: ignore[attr-defined]

    # No client has an offset that was never given.
    assert come_back(crowd, member, f"{mark}.99")[0] is None
    assert come_back(crowd, member)[0] is None
