"""Clients whose users have lost rights are disconnected."""

from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.errors import ConnectRefused, ShapedError
from pyramid_sio.sockets.revocation import AT_ONCE, REVOKE, REVOKE_ALL
from tests.fakes import FakeSession
from tests.sockets.conftest import Room, Site

GONE = ["1"]


def connect(site: Site, user: Any = None) -> tuple[FakeSession, Any]:
    site.invoker.user = user
    session, socket = site.connect()
    assert socket.known is (socket.nsp.definition.permission is not None)
    return session, socket


@pytest.fixture
def site() -> Site:
    site = Site()
    site.define(permission="enter")
    return site


def forbid(site: Site) -> None:
    site.invoker.refusal = ConnectRefused("Forbidden")


def run(*sessions: FakeSession) -> None:
    for session in sessions:
        session.run()


class TestRevoke:
    def test_disconnects_who_may_not_be_there_any_more(self, site: Site) -> None:
        session, socket = connect(site, "ada")
        forbid(site)
        site.sio.revoke("ada")
        run(session)
        assert session.take() == GONE
        assert socket.reasons == ["permission revoked"]
        assert ("permission revoked", "/") in session.complaints
        assert session.is_open

    def test_leaves_alone_who_may(self, site: Site) -> None:
        session, _ = connect(site, "ada")
        site.sio.revoke("ada")
        run(session)
        assert session.take() == []

    def test_looks_at_that_user_alone(self, site: Site) -> None:
        ada, _ = connect(site, "ada")
        bob, _ = connect(site, "bob")
        forbid(site)
        site.sio.revoke("bob")
        run(ada, bob)
        assert (ada.take(), bob.take()) == ([], GONE)

    def test_of_everybody(self, site: Site) -> None:
        sessions = [connect(site, f"user {number}")[0] for number in range(3 * AT_ONCE)]
        forbid(site)
        site.sio.of("/").revoke()
        waiting = sum(bool(session.beside) for session in sessions)
        assert waiting == AT_ONCE
        while any(session.beside or session.jobs for session in sessions):
            run(*sessions)
        assert [session.take() for session in sessions] == [GONE] * len(sessions)

    @pytest.mark.parametrize("namespace", ["/", None])
    def test_of_a_room(self, site: Site, namespace: str | None) -> None:
        inside, socket = connect(site, "ada")
        outside, _ = connect(site, "ada")
        socket.join("a room")
        forbid(site)
        site.sio.revoke(namespace=namespace, room="a room")
        run(inside, outside)
        assert (inside.take(), outside.take()) == (GONE, [])

    def test_rooms_that_are_forbidden_are_left(self, site: Site) -> None:
        session, socket = connect(site, "ada")
        socket.join("a", "b")
        site.invoker.forbidden = {"b", "c"}
        site.sio.revoke("ada")
        run(session)
        assert socket.rooms == {socket.sid, "a"}
        assert session.take() == []

    def test_does_not_look_at_namespaces_that_ask_for_nothing(self) -> None:
        site = Site()
        site.define()
        session, _ = connect(site, "ada")
        forbid(site)
        site.sio.revoke("ada")
        assert not session.beside

    def test_of_a_pattern_means_all_of_it(self) -> None:
        site = Site()
        site.define(Room, "/doc/{id}", permission="enter", match=lambda name, auth: {"id": name})
        session, _ = site.connect("0/doc/7,")
        forbid(site)
        site.sio.of("/doc/{id}").revoke()
        run(session)
        assert session.take() == ["1/doc/7,"]

    def test_of_a_namespace_that_is_not_there(self, site: Site) -> None:
        with pytest.raises(KeyError):
            site.sio.revoke(namespace="/x")

    def test_without_any_namespace(self) -> None:
        Site().sio.revoke("ada")

    def test_who_is_gone_meanwhile(self, site: Site) -> None:
        (one, _), (two, _) = connect(site, "ada"), connect(site, "ada")
        forbid(site)
        site.sio.revoke("ada")
        one.lose()
        run(one, two)
        assert (one.take(), two.take()) == ([], GONE)

    def test_who_left_before(self, site: Site) -> None:
        session, socket = connect(site, "ada")
        socket.detach()
        site.sio.of("/").sockets[socket.sid] = socket
        site.sio.revoke()
        assert not session.beside


class TestOthers:
    def test_are_told(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        told: list[Any] = []
        adapter = site.sio.of("/").adapter
        monkeypatch.setattr(adapter, "server_side_emit", lambda args, timeout: told.append(args))
        site.sio.revoke("ada")
        site.sio.revoke("ada", namespace="/", room="x")
        assert told == [(REVOKE_ALL, "ada", None), (REVOKE, "ada", "x")]

    @pytest.mark.parametrize("event", [REVOKE, REVOKE_ALL])
    def test_are_heard(self, site: Site, event: str) -> None:
        session, _ = connect(site, "ada")
        forbid(site)
        assert site.sio.of("/").receive_from_server(event, ("ada", None)) is None
        run(session)
        assert session.take() == GONE

    @pytest.mark.parametrize("args", [(), ("ada",), ([], None), ("ada", 5), ("ada", None, 1)])
    def test_are_not_believed_nonsense(self, site: Site, args: tuple[Any, ...]) -> None:
        session, _ = connect(site, "ada")
        forbid(site)
        site.sio.of("/").receive_from_server(REVOKE, args)
        assert not session.beside


class TestFailures:
    @pytest.mark.parametrize("sure", [True, False])
    def test_whoever_asked_by_name_wants_to_be_sure(self, site: Site, sure: bool) -> None:
        session, socket = connect(site, "ada")
        site.invoker.failure = LookupError("no database")
        socket.recheck(sure=sure)
        assert session.take() == (GONE if sure else [])
        assert ("looking for lost rights failed", "/") in session.complaints

    @pytest.mark.parametrize("failed", [True, False])
    def test_what_a_view_makes_of_them_counts(self, site: Site, failed: bool) -> None:
        session, socket = connect(site, "ada")
        site.invoker.failure = LookupError("from afar")
        site.invoker.shaped = ShapedError({"error": "no"}, site.invoker.failure, failed=failed)
        socket.recheck(sure=False)
        assert session.take() == ([] if failed else GONE)


class TestClock:
    @pytest.fixture
    def site(self) -> Site:
        site = Site()
        site.sio.reauth_interval = 60.0
        site.define(permission="enter")
        return site

    def test_looks_again_and_again(self, site: Site) -> None:
        session, _ = connect(site, "ada")
        for _ in range(3):
            session.advance(60)
            run(session)
        assert session.take() == []
        forbid(site)
        session.advance(59)
        run(session)
        assert session.take() == []
        session.advance(1)
        run(session)
        assert session.take() == GONE
        assert not session.live_timers

    def test_forgets_who_is_gone(self, site: Site) -> None:
        session, socket = connect(site, "ada")
        session.lose()
        run(session)
        session.advance(60)
        assert not session.beside
        assert socket.ended

    def test_is_not_for_namespaces_that_ask_for_nothing(self) -> None:
        site = Site()
        site.sio.reauth_interval = 60.0
        site.define()
        session, _ = connect(site)
        assert not session.live_timers
