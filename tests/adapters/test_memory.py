from __future__ import annotations

import pytest

from pyramid_sio.adapters.memory import MemoryAdapter
from pyramid_sio.sockets.broadcast import Target
from tests.contract.adapter import AdapterContract, Crowd, NewAdapter


class TestContract(AdapterContract):
    @pytest.fixture
    def new_adapter(self) -> NewAdapter:
        return MemoryAdapter


@pytest.fixture
def crowd() -> Crowd:
    return Crowd(MemoryAdapter)


def test_a_room_is_gone_with_its_last_member(crowd: Crowd) -> None:
    members = [crowd.enter(f"s{number}", "room", f"own {number}") for number in range(100)]
    assert len(crowd.adapter.rooms) == 101  # type: ignore[attr-defined]
    for member in members:
        crowd.forget(member)
    assert crowd.adapter.rooms == []  # type: ignore[attr-defined]


def test_who_is_in_no_room_of_its_own_takes_no_place(crowd: Crowd) -> None:
    crowd.enter("a")
    assert crowd.adapter.rooms == []  # type: ignore[attr-defined]
    assert crowd.select("a") == ["a"]


def test_no_other_server_answers(crowd: Crowd) -> None:
    assert crowd.adapter.server_side_emit(("ping",), 5) == []


def test_repr_counts_rooms(crowd: Crowd) -> None:
    crowd.enter("a", "1", "2")
    assert repr(crowd.adapter) == "<MemoryAdapter with 2 rooms>"


def test_users_of_a_selection(crowd: Crowd) -> None:
    for number, user in enumerate(["ada", "ada", None, "bob"]):
        crowd.enter(str(number), "room").user = user
    crowd.enter("elsewhere").user = "eve"
    crowd.sockets["3"].connected = False
    assert crowd.adapter.users(Target(frozenset(("room",)))) == {"ada"}  # type: ignore[attr-defined]
