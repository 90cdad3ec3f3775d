from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyramid_sio.compat.mixins import BroadcastMixin, RoomsMixin
from pyramid_sio.compat.namespace import BaseNamespace
from tests.compat.conftest import OldSite, say, socket_of
from tests.fakes import FakeSession


class Own:
    """A mixin of an application's."""

    session: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.session["own"] = True


class Chat(BaseNamespace, RoomsMixin, BroadcastMixin, Own):
    def on_join(self, room: str) -> None:
        self.join(room)

    def on_leave(self, room: str) -> None:
        self.leave(room)

    def on_say(self, room: str, text: str) -> None:
        self.emit_to_room(room, "said", text)

    def on_all(self, text: str) -> None:
        self.broadcast_event("all", text)

    def on_others(self, text: str) -> None:
        self.broadcast_event_not_me("others", text)


class Reversed(RoomsMixin, BaseNamespace):
    """The other order of bases, which works too."""


@pytest.fixture
def site(serve_old: Callable[..., OldSite]) -> OldSite:
    return serve_old({"/chat": Chat, "/game": Chat})


def test_mixins_find_everything_in_place(serve_old: Callable[..., OldSite], site: OldSite) -> None:
    assert socket_of(site.connect("/chat")).session["own"]
    assert socket_of(serve_old(Reversed).connect()).session["rooms"] == set()


def test_room_has_the_members_of_one_namespace_without_the_sender(site: OldSite) -> None:
    sender, member = site.connect("/chat"), site.connect("/chat")
    stranger, elsewhere = site.connect("/chat"), site.connect("/game")
    for session, name in ((sender, "chat"), (member, "chat"), (elsewhere, "game")):
        say(session, f'2/{name},["join","a"]')

    assert say(sender, '2/chat,["say","a","hi"]') == []

    assert member.take() == ['2/chat,["said","hi"]']
    assert stranger.take() == elsewhere.take() == []


def test_who_left_is_no_member(site: OldSite) -> None:
    sender, member = site.connect("/chat"), site.connect("/chat")
    say(member, '2/chat,["join","a"]')
    say(member, '2/chat,["leave","a"]')
    say(member, '2/chat,["leave","never in"]')
    say(sender, '2/chat,["say","a","hi"]')
    assert member.take() == []
    assert member.complaints == []


def test_session_tells_the_rooms_of_all_namespaces(site: OldSite) -> None:
    session = site.connect("/chat", "/game")
    rooms = socket_of(session).session["rooms"]
    assert len(rooms) == 0
    say(session, '2/chat,["join","a"]')
    say(session, '2/game,["join","b_c"]')
    assert rooms == {"/chat_a", "/game_b_c"}
    assert "/chat_a" in rooms
    assert "/chat_b_c" not in rooms
    assert len(rooms) == 2
    assert rooms & {"/chat_a", "x"} == {"/chat_a"}
    chat = socket_of(session)["/chat"]
    assert isinstance(chat, Chat)
    assert chat._get_room_name("a") in rooms
    say(session, "1/chat,")
    assert rooms == {"/game_b_c"}


@pytest.mark.parametrize(("event", "comes_back"), [("all", True), ("others", False)])
def test_broadcasts_reach_who_is_in_the_namespace(
    site: OldSite, event: str, comes_back: bool
) -> None:
    sender, member, elsewhere = (site.connect(n) for n in ("/chat", "/chat", "/game"))
    outside: FakeSession = site.open()
    told = [f'2/chat,["{event}","hi"]']
    assert say(sender, f'2/chat,["{event}","hi"]') == (told if comes_back else [])
    assert member.take() == told
    assert elsewhere.take() == outside.take() == []
