from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pyramid_sio.admin import watch as module
from pyramid_sio.admin.console import console_class
from pyramid_sio.admin.watch import AdminSettings, Watch
from pyramid_sio.errors import ConnectRefused, DisconnectReason
from tests.fakes import FakeSession
from tests.sockets.conftest import Room, Site


class Watching:
    """A site with an admin namespace, and the calls that wait for their time."""

    def __init__(self, **settings: Any) -> None:
        self.later: list[Callable[[], Any]] = []
        self.site = Site(max_held=1_000_000)
        sio = self.site.sio
        defaults = {"readonly": False, "production": False, "server_id": "x", "login": None}
        self.watch = Watch(
            sio,
            AdminSettings(namespace="/admin", **{**defaults, **settings}),
            sessions=list,
            call_later=lambda seconds, func: self.later.append(func),
        )
        sio.observer = self.watch
        sio.adapter_factory = self.watch.wrap(sio.adapter_factory)
        sio.make_data = self.watch.make_data
        self.site.define(console_class(self.watch), "/admin")
        self.site.define()

    def admin(self) -> FakeSession:
        session, _ = self.site.connect("0/admin,")
        return session


def events(session: FakeSession) -> list[Any]:
    """What an admin has been told since the last time: names, and what is not a time."""
    texts = (text for text in session.take() if isinstance(text, str) and "[" in text)
    return [json.loads(text[text.index("[") :]) for text in texts]


def test_listed_connections_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LISTED", 3)
    watching = Watching()
    for _ in range(5):
        watching.site.connect()
    session = watching.site.open()
    session.receive("0/admin,")
    session.run()
    (listed,) = (args[1] for args in events(session) if args[0] == "all_sockets")
    assert len(listed) == 3


def test_refused_leaves_nothing_behind() -> None:
    class Closed(Room):
        def on_connect(self, auth: Any) -> None:
            self.join("lobby")
            raise ConnectRefused

    watching = Watching()
    admin = watching.admin()
    watching.site.define(Closed, "/closed")
    session = watching.site.open()
    session.receive("0/closed,")
    session.run()
    assert events(admin) == []
    assert len(watching.watch._watched) == 1


def test_everybody_gone_leaves_nothing_behind() -> None:
    watching = Watching()
    admin = watching.admin()
    session, socket = watching.site.connect()
    socket.join("red", "blue")
    session.lose(DisconnectReason.PING_TIMEOUT)
    session.run()
    told = [args[:4] for args in events(admin) if args[0] in ("socket_disconnected", "room_left")]
    assert told[0] == ["socket_disconnected", "/", socket.sid, "ping timeout"]
    assert sorted(room for _, _, room, _ in told[1:]) == sorted(["red", "blue", socket.sid])
    admin.lose()
    admin.run()
    assert not watching.watch._watched
    assert not watching.watch.audience.here


def test_leaving_a_room_it_is_not_in_is_not_told() -> None:
    watching = Watching()
    admin = watching.admin()
    _, socket = watching.site.connect()
    socket.join("red")
    events(admin)
    socket.leave("blue", socket.sid)
    socket.join("red")
    assert events(admin) == []


def test_statistics_end_with_the_last_admin() -> None:
    watching = Watching()
    admin = watching.admin()
    assert len(watching.later) == 1
    watching.later.pop()()
    assert [args[0] for args in events(admin)] == ["server_stats"]
    admin.lose()
    admin.run()
    watching.later.pop()()
    assert watching.later == []
    watching.watch.received(10)
    assert watching.watch._tally.take() == []
    watching.admin()
    assert len(watching.later) == 1


def test_without_admin_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    watching = Watching()
    monkeypatch.setattr(module, "describe", lambda socket: pytest.fail("nobody asked"))
    session, socket = watching.site.connect()
    socket.session["a"] = 1
    socket.emit("news")
    session.receive('2["message"]')
    session.run()
    assert session.take() == ['2["news"]']


def test_what_cannot_be_told_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    watching = Watching()
    admin = watching.admin()
    watching.watch.tell("event_sent", object())
    assert events(admin) == []
    assert "admins were not told of event_sent" in caplog.text
    assert admin.is_open


def test_password_is_not_kept() -> None:
    watching = Watching()
    _, socket = watching.site.connect('0/admin,{"username":"a","password":"sesame"}')
    assert socket.auth is None


@pytest.mark.parametrize(
    ("readonly", "production", "count"),
    [(False, False, 9), (True, False, 2), (False, True, 8), (True, True, 1)],
)
def test_features(readonly: bool, production: bool, count: int) -> None:
    watching = Watching(readonly=readonly, production=production)
    assert len(watching.watch.settings.features) == count
