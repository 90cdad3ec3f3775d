"""What an adapter does with the clients of its own process, whatever else it does.

Derive a class named ``Test...`` from :class:`AdapterContract` and give it the fixture
``new_adapter``; pytest finds the rest. An adapter that speaks to other processes is tested
for that in its own tests.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from pyramid_sio.interfaces import IAdapter
from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType
from pyramid_sio.protocol.socket_v5 import Encoder
from pyramid_sio.sockets.broadcast import Flags, Target

#: Makes an adapter for a namespace, from its connections by ``sid``.
NewAdapter = Callable[[dict[str, Any]], IAdapter]

PACKET = SocketPacket(SocketType.EVENT, "/", ("news", 1))


class CountingEncoder(Encoder):
    """Counts what it encodes."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def encode(self, packet: SocketPacket) -> Message:
        self.count += 1
        return super().encode(packet)


class Member:
    """As much of a client's instance as an adapter may use."""

    def __init__(self, crowd: Crowd, sid: str, codec: Any) -> None:
        self._crowd = crowd
        self.sid = sid
        self.codec = codec
        self.out = self
        self.connected = True
        self.user = None
        self.pid: str | None = None
        self.rooms: frozenset[str] = frozenset((sid,))
        #: Each message with how it was to be sent.
        self.received: list[tuple[Message, bool, bool]] = []
        self.disconnected: list[bool] = []

    def __repr__(self) -> str:
        return f"<Member {self.sid}>"

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        self.received.append((message, volatile, compress))
        return True

    def join(self, *rooms: str) -> None:
        self.rooms |= set(rooms)
        self._crowd.adapter.add(self, set(rooms))

    def place(self, rooms: Iterable[str]) -> None:
        self.join(*rooms)

    def leave(self, *rooms: str) -> None:
        self.rooms -= set(rooms)
        self._crowd.adapter.remove(self, set(rooms))

    def disconnect(self, close: bool = False) -> None:
        self.disconnected.append(close)
        self._crowd.forget(self)


class Crowd:
    """A namespace: its connections and their adapter."""

    def __init__(self, new_adapter: NewAdapter) -> None:
        self.sockets: dict[str, Any] = {}
        self.codec = CountingEncoder()
        self.adapter = new_adapter(self.sockets)

    def enter(self, sid: str, *rooms: str, codec: Any = None) -> Member:
        member = self.sockets[sid] = Member(self, sid, codec or self.codec)
        if rooms:
            member.join(*rooms)
        return member

    def forget(self, member: Member) -> None:
        """A connection is gone."""
        self.sockets.pop(member.sid, None)
        self.adapter.remove(member, member.rooms)

    def select(self, rooms: Iterable[str] = (), excluded: Iterable[str] = ()) -> list[str]:
        """Who is selected, sorted, as often as they are."""
        target = Target(frozenset(rooms), frozenset(excluded))
        return sorted(member.sid for member in self.adapter.select(target))


class AdapterContract:
    """The contract. ``new_adapter`` is what a derived class must add."""

    @pytest.fixture
    def new_adapter(self) -> NewAdapter:
        """Makes the adapter under test."""
        raise NotImplementedError

    @pytest.fixture
    def crowd(self, new_adapter: NewAdapter) -> Crowd:
        """a and b are in room 1, b and c in room 2, d is in none."""
        crowd = Crowd(new_adapter)
        crowd.enter("a", "1")
        crowd.enter("b", "1", "2")
        crowd.enter("c", "2")
        crowd.enter("d")
        return crowd

    # Selecting.

    @pytest.mark.parametrize(
        ("rooms", "excluded", "whom"),
        [
            ("", "", "abcd"),
            ("1", "", "ab"),
            ("12", "", "abc"),
            ("9", "", ""),
            ("19", "", "ab"),
            ("a", "", "a"),
            ("ab", "", "ab"),
            ("1c", "", "abc"),
            ("", "1", "cd"),
            ("", "12", "d"),
            ("", "9", "abcd"),
            ("", "d", "abc"),
            ("1", "2", "a"),
            ("1", "1", ""),
            ("1", "b", "a"),
            ("12", "ac", "b"),
            ("a", "1", ""),
        ],
    )
    def test_select(self, crowd: Crowd, rooms: str, excluded: str, whom: str) -> None:
        assert crowd.select(rooms, excluded) == list(whom)

    def test_what_is_selected_may_change_rooms(self, crowd: Crowd) -> None:
        for target in (Target(), Target(frozenset("1")), Target(frozenset("12"), frozenset("9"))):
            for member in crowd.adapter.select(target):
                member.leave("1", "2")
                member.join("1", "2", "3")

    # Rooms.

    def test_joining_twice_is_joining_once(self, crowd: Crowd) -> None:
        crowd.sockets["a"].join("1")
        assert crowd.select("1") == ["a", "b"]
        crowd.sockets["a"].leave("1")
        assert crowd.select("1") == ["b"]

    def test_leaving_what_one_is_not_in(self, crowd: Crowd) -> None:
        crowd.sockets["d"].leave("1", "9")
        assert crowd.select("1") == ["a", "b"]

    def test_the_room_of_one_client_is_nobody_elses(self, crowd: Crowd) -> None:
        """Who joins a room of that name does not listen in."""
        crowd.sockets["d"].join("a")
        assert crowd.select("a") == ["a"]
        assert crowd.select("", "a") == ["b", "c", "d"]

    def test_a_client_that_is_gone_is_in_no_room(self, crowd: Crowd) -> None:
        crowd.forget(crowd.sockets["b"])
        assert crowd.select() == ["a", "c", "d"]
        assert crowd.select("1") == ["a"]
        assert crowd.select("b") == []
        crowd.forget(crowd.sockets["a"])
        assert crowd.select("1") == []

    def test_random_comings_and_goings(self, new_adapter: NewAdapter) -> None:
        """Against a model: a set of members for each room."""
        chance = random.Random(7)
        crowd = Crowd(new_adapter)
        for step in range(2000):
            members = list(crowd.sockets.values())
            member = chance.choice(members) if members else crowd.enter("first")
            rooms = chance.sample("12345", chance.randint(1, 3))
            match chance.randrange(5):
                case 0:
                    crowd.enter(f"s{step}", *rooms)
                case 1 | 2:
                    member.join(*rooms)
                case 3:
                    member.leave(*rooms)
                case 4 if len(members) > 20:
                    crowd.forget(member)
            excluded = chance.sample("12345", chance.randint(0, 2))
            expected = sorted(
                member.sid
                for member in crowd.sockets.values()
                if member.rooms & set(rooms) and not member.rooms & set(excluded)
            )
            assert crowd.select(rooms, excluded) == expected

    # Sending.

    def test_broadcast(self, crowd: Crowd) -> None:
        target = Target(frozenset("12"), frozenset("c"))
        crowd.adapter.broadcast(PACKET, target, Flags())
        got = [sid for sid, member in crowd.sockets.items() if member.received]
        assert got == ["a", "b"]
        ((message, volatile, compress),) = crowd.sockets["a"].received
        # An adapter may add an offset.
        assert message.text is not None
        assert message.text.startswith(b'2["news",1')
        assert (volatile, compress) == (False, True)

    def test_encoded_once(self, crowd: Crowd) -> None:
        crowd.adapter.broadcast(PACKET, Target(), Flags())
        assert crowd.codec.count == 1
        messages = {id(member.received[0][0]) for member in crowd.sockets.values()}
        assert len(messages) == 1

    def test_encoded_once_for_each_kind_of_client(self, crowd: Crowd) -> None:
        other = CountingEncoder()
        crowd.enter("e", codec=other)
        crowd.enter("f", codec=other)
        crowd.adapter.broadcast(PACKET, Target(), Flags())
        assert (crowd.codec.count, other.count) == (1, 1)
        list(crowd.adapter.broadcast_with_ack(PACKET._replace(id=1), Target(), Flags()))
        assert (crowd.codec.count, other.count) == (2, 2)

    @pytest.mark.parametrize("flags", [Flags(), Flags(volatile=True), Flags(compress=False)])
    def test_flags(self, crowd: Crowd, flags: Flags) -> None:
        crowd.adapter.broadcast(PACKET, Target(frozenset("a")), flags)
        list(crowd.adapter.broadcast_with_ack(PACKET._replace(id=1), Target(frozenset("a")), flags))
        how = [entry[1:] for entry in crowd.sockets["a"].received]
        assert how == [(flags.volatile, flags.compress)] * 2

    def test_local_is_no_less_for_clients_of_this_process(self, crowd: Crowd) -> None:
        crowd.adapter.broadcast(PACKET, Target(), Flags(local=True))
        assert all(len(member.received) == 1 for member in crowd.sockets.values())

    def test_what_cannot_be_encoded_reaches_nobody(self, crowd: Crowd) -> None:
        packet = PACKET._replace(data=("news", object()))
        with pytest.raises(TypeError):
            crowd.adapter.broadcast(packet, Target(), Flags())
        assert not any(member.received for member in crowd.sockets.values())

    def test_a_receiver_that_goes_in_the_middle(self, crowd: Crowd) -> None:
        def go(*args: Any) -> bool:
            crowd.forget(crowd.sockets["b"])
            return False

        crowd.sockets["b"].send = go
        crowd.adapter.broadcast(PACKET, Target(), Flags())
        got = [sid for sid, member in crowd.sockets.items() if member.received]
        assert got == ["a", "c", "d"]

    def test_with_ack_each_is_named_before_it_is_sent_to(self, crowd: Crowd) -> None:
        packet = PACKET._replace(id=3)
        named = []
        for member in crowd.adapter.broadcast_with_ack(packet, Target(frozenset("1")), Flags()):
            named.append(member.sid)
            assert member.received == []
        assert sorted(named) == ["a", "b"]
        for sid in named:
            ((message, _, _),) = crowd.sockets[sid].received
            assert message.text == b'23["news",1]'

    # Many at once.

    def test_join_and_leave_of_a_selection(self, crowd: Crowd) -> None:
        crowd.adapter.join(Target(frozenset("1")), {"3", "4"})
        assert crowd.select("3") == crowd.select("4") == ["a", "b"]
        crowd.adapter.leave(Target(frozenset("3"), frozenset("a")), {"3"})
        assert crowd.select("3") == ["a"]

    @pytest.mark.parametrize("close", [False, True])
    def test_disconnect_of_a_selection(self, crowd: Crowd, close: bool) -> None:
        members = dict(crowd.sockets)
        crowd.adapter.disconnect(Target(frozenset("1")), close)
        assert {sid: member.disconnected for sid, member in members.items()} == {
            "a": [close],
            "b": [close],
            "c": [],
            "d": [],
        }
        assert crowd.select() == ["c", "d"]

    def test_close_forgets_rooms(self, crowd: Crowd) -> None:
        crowd.adapter.close()
        assert crowd.select("1") == []
