"""The state of the chat: who is where, who may do what, and that everything has an end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from demo.records import Limits
from demo.rooms import LOBBY, House
from demo.shared import SharedHouse
from demo.words import Refusal
from tests.support import Redis


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "redis"])
def house(clock: Clock, request: pytest.FixtureRequest) -> Iterator[House]:
    """Whatever is true of one is true of the other."""
    if request.param == "memory":
        yield House(clock=clock)
        return
    redis_server: Redis = request.getfixturevalue("shared_redis")
    with closing(SharedHouse(redis_server.url, clock=clock, prefix=uuid4().hex)) as shared:
        yield shared


def texts(house: House, room: str = LOBBY, since: int = 0) -> list[tuple[str, str, str]]:
    entries = house.picture(room, since)["backlog"]
    return [(entry.kind, entry.nick, entry.text) for entry in entries]


def refused(code: str) -> pytest.RaisesExc[Refusal]:
    return pytest.raises(Refusal, check=lambda refusal: refusal.code == code)


# Entering and leaving.


def test_a_new_person_is_in_the_lobby(house: House) -> None:
    arrival = house.enter("1", " Ada ")
    assert (arrival.nick, arrival.rooms, arrival.displaced) == ("Ada", [LOBBY], None)
    assert [(e.room, e.kind, e.nick) for e in arrival.entries] == [(LOBBY, "join", "Ada")]
    assert house.picture(LOBBY)["people"] == ["Ada"]
    assert house.headcount == 1


def test_a_nick_is_one_persons(house: House) -> None:
    house.enter("1", "Ada")
    with refused("nick_taken"):
        house.enter("2", "ADA")
    with refused("nick_taken"):
        house.enter("2", "ada", token="guess")
    assert house.enter("2", "Grace").nick == "Grace"


def test_leaving_politely_frees_the_nick(house: House) -> None:
    house.enter("1", "Ada")
    entries = house.depart("1")
    assert [(e.kind, e.nick, e.text) for e in entries] == [("leave", "Ada", "")]
    assert house.picture(LOBBY)["people"] == []
    assert house.enter("2", "Ada").nick == "Ada"


def test_a_lost_nick_is_kept_for_a_while(house: House, clock: Clock) -> None:
    token = house.enter("1", "Ada").token
    assert house.depart("1", keep_nick=True)[0].text == "lost the connection"
    with refused("nick_taken"):
        house.enter("2", "Ada")
    back = house.enter("3", "Ada", token)
    assert (back.token, back.displaced) == (token, None)
    house.depart("3", keep_nick=True)
    clock.now += house.limits.nick_kept_for + 1
    assert house.enter("4", "Ada").token != token


def test_the_token_takes_over_a_connection_that_only_looks_alive(house: House) -> None:
    first = house.enter("1", "Ada")
    house.join("1", "python")
    second = house.enter("2", "ada", first.token, ["python"])
    assert (second.nick, second.displaced, second.rooms) == ("Ada", "1", ["python"])
    assert [(e.room, e.kind) for e in second.entries] == [(LOBBY, "leave")]
    assert house.depart("1") == []
    with refused("displaced"):
        house.say("1", "python", "still here")
    assert house.say("2", "python", "still here").nick == "Ada"


def test_reentering_names_the_rooms_and_leaves_out_bad_ones(house: House) -> None:
    arrival = house.enter("1", "Ada", None, ["Python", "!!", 7, "night train"])
    assert arrival.rooms == ["night-train", "python"]
    assert [e.kind for e in arrival.entries] == ["join", "join"]


def test_nobody_is_nowhere(house: House) -> None:
    assert house.enter("1", "Ada", None, ["!!"]).rooms == [LOBBY]


def test_who_never_entered_may_do_nothing(house: House) -> None:
    assert house.depart("9") == []
    for act in (
        lambda: house.say("9", LOBBY, "hi"),
        lambda: house.join("9", "python"),
        lambda: house.rename("9", "Eve"),
    ):
        with refused("displaced"):
            act()


# Talking.


def test_a_statement_is_in_the_backlog_once(house: House) -> None:
    house.enter("1", "Ada")
    entry = house.say("1", "#Lobby", "  hello\n", "nonce")
    assert (entry.room, entry.kind, entry.text, entry.nonce) == (LOBBY, "say", "hello", "nonce")
    assert texts(house)[-1] == ("say", "Ada", "hello")
    assert house.said == 1


@pytest.mark.parametrize("text", [None, "", " \n", "\x00", "x" * 1001])
def test_a_bad_statement(house: House, text: object) -> None:
    house.enter("1", "Ada")
    with refused("bad_text"):
        house.say("1", LOBBY, text)
    assert house.said == 0


@pytest.mark.parametrize(("nonce", "kept"), [(None, ""), (5, ""), ("x" * 99, "x" * 40)])
def test_a_strange_nonce(house: House, nonce: object, kept: str) -> None:
    house.enter("1", "Ada")
    assert house.say("1", LOBBY, "hi", nonce).nonce == kept


def test_only_who_is_in_a_room_acts_there(house: House) -> None:
    house.enter("1", "Ada")
    house.enter("2", "Grace")
    house.join("1", "python")
    for act in (
        lambda: house.say("2", "python", "hi"),
        lambda: house.set_topic("2", "python", "mine"),
        lambda: house.set_typing("2", "python", True),
        lambda: house.leave("2", "python"),
    ):
        with refused("not_here"):
            act()


def test_the_topic_is_one_line_and_can_go(house: House) -> None:
    house.enter("1", "Ada")
    house.set_topic("1", LOBBY, " cake\n on  Friday ")
    picture = house.picture(LOBBY)
    assert (picture["topic"], picture["topic_by"]) == ("cake on Friday", "Ada")
    assert house.listing(LOBBY) == {"name": LOBBY, "topic": "cake on Friday", "people": 1}
    house.set_topic("1", LOBBY, "")
    assert house.picture(LOBBY)["topic"] == ""
    assert texts(house)[-2:] == [("topic", "Ada", "cake on Friday"), ("topic", "Ada", "")]


def test_typing_ends(house: House, clock: Clock) -> None:
    house.enter("1", "Ada")
    assert house.set_typing("1", LOBBY, True) == (LOBBY, "Ada")
    assert house.picture(LOBBY)["typing"] == ["Ada"]
    clock.now += house.limits.typing_for + 1
    assert house.picture(LOBBY)["typing"] == []
    house.set_typing("1", LOBBY, True)
    house.set_typing("1", LOBBY, False)
    assert house.picture(LOBBY)["typing"] == []
    house.set_typing("1", LOBBY, True)
    house.say("1", LOBBY, "done")
    assert house.picture(LOBBY)["typing"] == []


def test_a_new_nick_is_known_in_every_room(house: House) -> None:
    house.enter("1", "Ada")
    house.join("1", "python")
    house.set_typing("1", LOBBY, True)
    name, entries = house.rename("1", "Countess")
    assert name == "Countess"
    assert [(e.room, e.kind, e.nick, e.text) for e in entries] == [
        (LOBBY, "rename", "Ada", "Countess"),
        ("python", "rename", "Ada", "Countess"),
    ]
    assert house.picture(LOBBY)["people"] == ["Countess"]
    assert house.picture(LOBBY)["typing"] == []
    assert house.enter("2", "Ada").nick == "Ada"


def test_a_new_nick_may_differ_in_spelling_only(house: House) -> None:
    house.enter("1", "ada")
    assert house.rename("1", "ada") == ("ada", [])
    assert house.rename("1", "Ada")[0] == "Ada"
    assert house.picture(LOBBY)["people"] == ["Ada"]


def test_a_new_nick_must_be_free(house: House) -> None:
    house.enter("1", "Ada")
    house.enter("2", "Grace")
    house.enter("3", "Otto")
    house.depart("3", keep_nick=True)
    for nick in ("grace", "otto"):
        with refused("nick_taken"):
            house.rename("1", nick)
    with refused("bad_nick"):
        house.rename("1", "")
    assert house.picture(LOBBY)["people"] == ["Ada", "Grace"]


# Picking up.


def test_only_what_is_new_comes_again(house: House) -> None:
    house.enter("1", "Ada")
    seen = house.say("1", LOBBY, "one").id
    assert texts(house, since=seen) == []
    house.say("1", LOBBY, "two")
    picture = house.picture(LOBBY, seen)
    assert [entry.text for entry in picture["backlog"]] == ["two"]
    assert picture["gap"] is False


def test_a_gap_is_told(clock: Clock) -> None:
    house = House(replace(Limits(), history=3), clock)
    house.enter("1", "Ada")
    ids = [house.say("1", LOBBY, str(number)).id for number in range(6)]
    assert texts(house) == [("say", "Ada", text) for text in "345"]
    assert house.picture(LOBBY, ids[1])["gap"] is True
    assert house.picture(LOBBY, ids[2])["gap"] is False
    assert house.picture(LOBBY)["gap"] is False


def test_ids_go_on_after_a_restart(house: House, clock: Clock) -> None:
    house.enter("1", "Ada")
    before = house.say("1", LOBBY, "before").id
    clock.now += 1
    restarted = House(clock=clock)
    restarted.enter("1", "Ada")
    restarted.say("1", LOBBY, "after")
    assert texts(restarted, since=before) == [("join", "Ada", ""), ("say", "Ada", "after")]


@pytest.mark.parametrize("since", [None, "7", [], -1, 1.5])
def test_a_strange_since_is_none(house: House, since: object) -> None:
    house.enter("1", "Ada")
    assert len(house.picture(LOBBY, since)["backlog"]) == 1


# Limits.


def test_the_house_is_full(clock: Clock) -> None:
    house = House(replace(Limits(), people=2), clock)
    house.enter("1", "Ada")
    house.enter("2", "Grace")
    with refused("full"):
        house.enter("3", "Otto")
    house.depart("1")
    assert house.enter("3", "Otto").nick == "Otto"


def test_kept_nicks_do_not_pile_up(clock: Clock) -> None:
    house = House(replace(Limits(), people=2), clock)
    for number in range(5):
        house.enter(str(number), f"nick {number}")
        house.depart(str(number), keep_nick=True)
    assert len(house._kept) == 2


def test_a_person_is_in_so_many_rooms_only(clock: Clock) -> None:
    house = House(replace(Limits(), rooms_each=2), clock)
    house.enter("1", "Ada")
    house.join("1", "one")
    with refused("too_many_rooms"):
        house.join("1", "two")
    assert house.join("1", "ONE") == ("one", None)
    assert house.enter("2", "Grace", None, ["a", "b", "c"]).rooms == ["a", "b"]


def test_rooms_have_a_bound_and_the_oldest_empty_one_makes_room(clock: Clock) -> None:
    house = House(replace(Limits(), rooms=3), clock)
    house.enter("1", "Ada")
    for name in ("one", "two"):
        house.join("1", name)
    with refused("too_many_rooms"):
        house.join("1", "three")
    for name in ("two", "one"):
        clock.now += 1
        house.leave("1", name)
    house.join("1", "three")
    assert [room["name"] for room in house.directory()] == [LOBBY, "one", "three"]
    assert house.sweep() == ["two"]
    assert house.sweep() == []
    assert house.listing("two") is None


def test_an_empty_room_is_dropped_after_a_while(house: House, clock: Clock) -> None:
    house.enter("1", "Ada")
    house.join("1", "python")
    clock.now += house.limits.empty_for + 1
    assert house.sweep() == []
    house.leave("1", "python")
    assert house.sweep() == []
    clock.now += house.limits.empty_for + 1
    assert house.sweep() == ["python"]
    house.depart("1")
    clock.now += house.limits.empty_for + 1
    assert house.sweep() == []
    assert [room["name"] for room in house.directory()] == [LOBBY]


def test_a_room_that_comes_back_is_not_gone(clock: Clock) -> None:
    house = House(replace(Limits(), rooms=2), clock)
    house.enter("1", "Ada")
    for name in ("one", "two", "one"):
        house.join("1", name)
        house.leave("1", name)
    assert house.sweep() == ["two"]


def test_nobody_floods(house: House, clock: Clock) -> None:
    house.enter("1", "Ada")
    house.enter("2", "Grace")
    for number in range(house.limits.burst):
        house.say("1", LOBBY, str(number))
    for act in (
        lambda: house.say("1", LOBBY, "more"),
        lambda: house.set_topic("1", LOBBY, "more"),
        lambda: house.join("1", "more"),
        lambda: house.rename("1", "More"),
    ):
        with refused("too_fast"):
            act()
    assert house.say("2", LOBBY, "calm").nick == "Grace"
    clock.now += house.limits.burst_within + 1
    assert house.say("1", LOBBY, "calm").nick == "Ada"


class Life(RuleBasedStateMachine):
    """Whatever people do in whatever order, the house stays of one piece and small."""

    connections = Bundle("connections")
    nicks = st.sampled_from(["Ada", "ada", "Grace", "Otto", "-", ""])
    places = st.sampled_from([LOBBY, "a", "b", "c", "#A", "!"])
    limits = Limits(people=3, rooms=3, rooms_each=2, history=4, burst=6)

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.house = House(self.limits, self.clock)
        self.count = 0
        self.tokens: list[str] = ["?"]

    @rule(target=connections, nick=nicks, rooms=st.lists(places, max_size=4), data=st.data())
    def enter(self, nick: str, rooms: list[str], data: st.DataObject) -> str:
        self.count += 1
        sid = f"sid{self.count}"
        token = data.draw(st.sampled_from(self.tokens))
        with suppress(Refusal):
            self.tokens.append(self.house.enter(sid, nick, token, rooms).token)
        return sid

    @rule(sid=consumes(connections), keep=st.booleans())
    def depart(self, sid: str, keep: bool) -> None:
        self.house.depart(sid, keep_nick=keep)

    @rule(sid=connections, place=places, nick=nicks, act=st.integers(0, 5))
    def act(self, sid: str, place: str, nick: str, act: int) -> None:
        with suppress(Refusal):
            [
                lambda: self.house.join(sid, place),
                lambda: self.house.leave(sid, place),
                lambda: self.house.say(sid, place, nick),
                lambda: self.house.set_topic(sid, place, nick),
                lambda: self.house.set_typing(sid, place, bool(nick)),
                lambda: self.house.rename(sid, nick),
            ][act]()

    @rule(seconds=st.sampled_from([1, 61, 700]))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds
        self.house.sweep()

    @invariant()
    def whole(self) -> None:
        house = self.house
        people = house._people
        assert set(map(id, people.values())) == set(map(id, house._by_sid.values()))
        assert len(people) <= self.limits.people
        assert LOBBY in house._rooms
        assert len(house._rooms) <= self.limits.rooms
        for key, person in people.items():
            assert key == person.nick.casefold()
            assert house._by_sid[person.sid] is person
            assert {r.name for r in house._rooms.values() if key in r.people} == person.rooms
            assert len(person.rooms) <= self.limits.rooms_each
            assert len(person.acts) <= self.limits.burst
        for room in house._rooms.values():
            assert all(people[key] is person for key, person in room.people.items())
            assert room.typing.keys() <= room.people.keys()
            ids = [entry.id for entry in room.history]
            assert ids == sorted(set(ids))
            assert len(ids) <= self.limits.history


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40)
