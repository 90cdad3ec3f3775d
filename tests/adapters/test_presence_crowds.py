from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.adapters.presence_crowds import NOBODY, Crowd, Crowds


def users(*names: str) -> frozenset[str]:
    return frozenset(names)


class TestCrowd:
    def test_the_first_of_a_server(self) -> None:
        crowd = Crowd()
        assert crowd.put("A", 1, users("ada", "bob")) == (users("ada", "bob"), NOBODY)
        assert crowd.users == {"ada", "bob"}

    def test_only_what_is_new_counts(self) -> None:
        crowd = Crowd()
        crowd.put("A", 1, users("ada", "bob"))
        assert crowd.put("A", 2, users("bob", "eve")) == (users("eve"), users("ada"))
        assert crowd.put("A", 2, users("bob", "eve")) == (NOBODY, NOBODY)
        assert crowd.users == {"bob", "eve"}

    def test_a_user_at_two_servers_leaves_with_the_last(self) -> None:
        crowd = Crowd()
        crowd.put("A", 1, users("ada"))
        assert crowd.put("B", 1, users("ada", "bob")) == (users("bob"), NOBODY)
        assert crowd.change("A", 2, came=NOBODY, gone=users("ada")) == (NOBODY, NOBODY)
        assert crowd.users == {"ada", "bob"}
        assert crowd.drop("B") == (NOBODY, users("ada", "bob"))
        assert crowd.users == set()

    def test_changes_that_change_nothing(self) -> None:
        crowd = Crowd()
        crowd.put("A", 1, users("ada"))
        assert crowd.change("A", 2, came=users("ada"), gone=users("bob")) == (NOBODY, NOBODY)
        assert crowd.drop("A") == (NOBODY, users("ada"))

    def test_what_is_older_than_what_is_known(self) -> None:
        crowd = Crowd()
        crowd.put("A", 3, users("ada"))
        assert crowd.put("A", 2, users("bob")) == (NOBODY, NOBODY)
        assert crowd.change("A", 3, came=users("bob"), gone=NOBODY) == (NOBODY, NOBODY)
        assert crowd.users == {"ada"}

    def test_a_server_that_is_not_known(self) -> None:
        crowd = Crowd()
        assert crowd.change("A", 1, came=users("ada"), gone=NOBODY) == (NOBODY, NOBODY)
        assert crowd.drop("A") == (NOBODY, NOBODY)
        assert crowd.users == set()


class Heard:
    """Crowds, and what they say."""

    def __init__(self, *rooms: str | None) -> None:
        self.told: list[Any] = []
        self.doubts = 0
        self.crowds = Crowds(lambda *what: self.told.append(what), self._doubt)
        for room in rooms:
            self.crowds.open(room)

    def _doubt(self) -> None:
        self.doubts += 1

    def see(self, server: str, version: int, **found: frozenset[str]) -> None:
        """A server says whom it has in the rooms that are watched."""
        asked = frozenset(self.crowds.rooms)
        self.crowds.see(server, version, asked=asked, found=found)

    def see_one(self, server: str, version: int, room: str, found: frozenset[str]) -> None:
        self.crowds.see(server, version, asked=frozenset((room,)), found={room: found})

    def come(self, server: str, version: int, room: str, *names: str) -> None:
        self.crowds.change(server, version, [(room, users(*names), NOBODY)])


class TestCrowds:
    def test_what_is_seen_and_what_changes(self) -> None:
        heard = Heard("red", "blue")
        heard.see("A", 1, red=users("ada"))
        heard.come("A", 2, "blue", "bob")
        assert heard.told == [("red", users("ada"), NOBODY), ("blue", users("bob"), NOBODY)]
        assert heard.crowds.known == {"A": 2}
        assert heard.doubts == 0

    def test_who_is_in_no_room_is_not_in_the_answer(self) -> None:
        heard = Heard("red", "blue")
        heard.see("A", 1, red=users("ada"), blue=users("bob"))
        heard.see("A", 2, red=users("ada"))
        assert heard.told[2:] == [("blue", NOBODY, users("bob"))]

    def test_a_change_that_was_missed(self) -> None:
        heard = Heard("red")
        heard.see("A", 1)
        heard.come("A", 3, "red", "ada")
        assert heard.told == []
        assert heard.doubts == 1
        assert heard.crowds.known == {"A": 1}
        heard.see("A", 3, red=users("ada"))
        heard.come("A", 4, "red", "bob")
        assert heard.crowds.open("red").users == {"ada", "bob"}

    def test_a_change_that_is_known(self) -> None:
        heard = Heard("red")
        heard.see("A", 3)
        heard.come("A", 2, "red", "ada")
        heard.come("A", 3, "red", "ada")
        assert (heard.told, heard.doubts) == ([], 0)

    def test_a_change_of_a_server_that_is_not_known(self) -> None:
        heard = Heard("red")
        heard.come("A", 1, "red", "ada")
        assert (heard.told, heard.doubts) == ([], 1)

    def test_changes_of_rooms_that_are_not_watched(self) -> None:
        heard = Heard("red")
        heard.see("A", 1)
        heard.come("A", 2, "blue", "ada")
        assert heard.told == []
        assert heard.crowds.known == {"A": 2}

    def test_one_more_room(self) -> None:
        heard = Heard("red")
        heard.see("A", 1)
        heard.crowds.open("blue")
        heard.see_one("A", 2, "blue", users("ada"))
        # What is between 1 and 2 may still come.
        assert heard.crowds.known == {"A": 1}
        assert heard.doubts == 0
        heard.crowds.change("A", 2, [("red", users("bob"), NOBODY), ("blue", users("ada"), NOBODY)])
        assert heard.crowds.open("red").users == {"bob"}
        assert heard.told == [
            ("blue", users("ada"), NOBODY),
            ("red", users("bob"), NOBODY),
        ]

    def test_one_room_of_a_server_that_is_not_known(self) -> None:
        heard = Heard("red", "blue")
        heard.see_one("A", 1, "blue", users("ada"))
        assert heard.told == [("blue", users("ada"), NOBODY)]
        assert heard.doubts == 1
        assert heard.crowds.known == {}

    def test_an_answer_that_changes_have_overtaken(self) -> None:
        heard = Heard("red")
        heard.see("A", 1)
        heard.come("A", 2, "red", "ada")
        heard.crowds.open("blue")
        heard.see_one("A", 1, "blue", NOBODY)
        assert heard.crowds.known == {}
        assert heard.doubts == 1

    def test_servers_that_are_gone(self) -> None:
        heard = Heard("red", "blue")
        heard.see("A", 1, red=users("ada"), blue=users("ada"))
        heard.see("B", 1, red=users("ada"))
        heard.told.clear()
        heard.crowds.forget(["A", "C"])
        assert heard.told == [("blue", NOBODY, users("ada"))]
        assert heard.crowds.servers == {"B"}
        assert heard.crowds.known == {"B": 1}

    @pytest.mark.parametrize("room", ["red", None])
    def test_nothing_is_kept_of_what_is_not_watched(self, room: str | None) -> None:
        heard = Heard(room)
        heard.see("A", 1)
        heard.crowds.close(room)
        heard.crowds.close("other")
        assert len(heard.crowds) == 0
        heard.crowds.see("A", 2, asked=frozenset((room,)), found={room: users("ada")})
        heard.come("A", 2, "red", "ada")
        assert (heard.told, heard.doubts) == ([], 0)
        assert (heard.crowds.servers, heard.crowds.known) == (set(), {})
