from __future__ import annotations

import socket
from itertools import islice
from pathlib import Path

import pytest

from pyramid_sio.engine.server import EngineServer, EngineSettings
from pyramid_sio.workers import member as module
from pyramid_sio.workers.member import (
    RANDOM_LENGTH,
    TAGS,
    Lines,
    Member,
    become,
    current,
    encode,
    own_tag,
    tag_of,
    tags,
)
from tests.engine.conftest import DEFAULTS, Heard

SID = "Zz" + "a-_9" * 4 + "a-"


class TestTags:
    @pytest.mark.parametrize(
        "url",
        [
            f"/socket.io/?EIO=4&transport=polling&sid={SID}",
            f"/socket.io/?sid={SID}&EIO=4",
            f"/app/socket.io/?sid=AA{'x' * 18}&sid={SID}",
            f"/socket.io/1/xhr-polling/{SID}?t=1",
            f"/socket.io/1/websocket/{SID}",
            f"/socket.io/1/{SID}/",
        ],
    )
    def test_of_requests_of_a_session(self, url: str) -> None:
        assert tag_of(url) == "Zz"

    @pytest.mark.parametrize(
        "url",
        [
            "/",
            "/socket.io/?EIO=4&transport=polling",
            "/socket.io/?sid=",
            f"/socket.io/?sid={SID}x",
            f"/socket.io/?sid={SID[:-1]}",
            f"/socket.io/?sid=%2e{SID[2:]}",
            "/socket.io/?sid=../../../../etc/passwd",
            f"/socket.io/?insid={SID}",
        ],
    )
    def test_of_no_session(self, url: str) -> None:
        assert tag_of(url) is None

    def test_ids_of_the_engine_are_recognised(self) -> None:
        settings = EngineSettings(**DEFAULTS)
        engine = EngineServer(settings, handler_factory=Heard, id_prefix="AB")
        for _ in range(100):
            id = engine.new_id()
            assert len(id) == 2 + RANDOM_LENGTH == 20
            assert tag_of(f"/?sid={id}") == "AB"

    def test_all_are_different_until_they_begin_again(self) -> None:
        found = list(islice(tags(), TAGS + 1))
        assert len(set(found[:-1])) == TAGS
        assert found[-1] == found[0]


class TestLines:
    def test_in_pieces(self) -> None:
        lines = Lines()
        data = encode({"a": 1}) + encode({"b": "ä"})
        found = [line for byte in data for line in lines.feed(bytes((byte,)))]
        assert found == [{"a": 1}, {"b": "ä"}]

    def test_one_that_was_cut_off_is_left_out(self) -> None:
        data = b'{"a": {"b"' + encode({"lost": 1}) + encode({"b": 1})
        assert list(Lines().feed(data)) == [{"b": 1}]


@pytest.fixture
def pair() -> tuple[Member, socket.socket]:
    ours, theirs = socket.socketpair()
    listener = socket.create_server(("127.0.0.1", 0))
    member = Member(0, "AA", directory=Path("/nowhere"), control=ours, listeners=[listener])
    return member, theirs


class TestMember:
    def test_is_told_of_the_others(self, pair: tuple[Member, socket.socket]) -> None:
        member, _ = pair
        heard: list[frozenset[str]] = []
        member.watch(heard.append)
        member.set_members(["AA", "AB", "AC"])
        assert heard == [frozenset(), {"AB", "AC"}]
        assert "AA" in repr(member)

    def test_tells_the_supervisor_as_long_as_there_is_one(
        self, pair: tuple[Member, socket.socket]
    ) -> None:
        member, supervisor = pair
        member.tell(ready=True)
        assert list(Lines().feed(supervisor.recv(100))) == [{"ready": True}]
        supervisor.close()
        member.tell(ready=True)

    def test_its_listener_is_another_descriptor_of_the_same_socket(
        self, pair: tuple[Member, socket.socket]
    ) -> None:
        member, _ = pair
        with member.own_listener() as listener:
            assert listener.getsockname() == member.listeners[0].getsockname()
            assert listener.fileno() != member.listeners[0].fileno()

    def test_of_this_process(
        self, pair: tuple[Member, socket.socket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_current", None)
        assert (current(), own_tag()) == (None, "")
        become(pair[0])
        assert (current(), own_tag()) == (pair[0], "AA")
