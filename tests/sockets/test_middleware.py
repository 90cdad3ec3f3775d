"""What a namespace asks before it lets a client in."""

from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.errors import ConnectRefused
from tests.sockets.conftest import Site


def test_each_is_called_in_order_before_on_connect(site: Site) -> None:
    seen: list[Any] = []
    site.sio.use(lambda socket: seen.append(("first", socket.auth)))
    site.sio.of("/").use(lambda socket: seen.append(("second", list(socket.log))))
    _, socket = site.connect('0{"token":1}')

    assert seen == [("first", {"token": 1}), ("second", [])]
    assert socket.log == [("connect", {"token": 1})]


def test_a_client_is_not_in_while_they_run(site: Site) -> None:
    before, _ = site.connect()

    def look(socket: Any) -> None:
        assert not socket.connected
        assert socket.sid not in socket.nsp.sockets
        assert socket not in socket.nsp.fetch()
        socket.nsp.emit("news", 1)

    site.sio.use(look)
    session = site.open()
    session.receive("0")
    session.run()

    assert before.take() == ['2["news",1]']
    (answer,) = session.take()
    assert str(answer).startswith('0{"sid":')


def test_rooms_joined_there_are_kept(site: Site) -> None:
    site.sio.use(lambda socket: socket.join("red"))
    session, socket = site.connect()
    site.sio.to("red").emit("news")

    assert socket.rooms == {socket.sid, "red"}
    assert session.take() == ['2["news"]']


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (ConnectRefused("no", {"code": 1}), '4{"message":"no","data":{"code":1}}'),
        (RuntimeError("a secret"), '4{"message":"Internal server error"}'),
    ],
)
def test_one_that_raises_refuses_and_leaves_no_trace(
    site: Site, error: Exception, answer: str
) -> None:
    def refuse(socket: Any) -> None:
        socket.join("red")
        raise error

    later: list[Any] = []
    site.sio.use(refuse)
    site.sio.use(later.append)
    session = site.open()
    session.receive("0")
    session.run()

    assert session.take() == [answer]
    assert later == []
    assert site.made[0].log == []
    nsp = site.sio.of("/")
    assert (nsp.sockets, nsp.adapter.rooms) == ({}, [])  # type: ignore[attr-defined]
    site.made[0].join("blue")
    assert nsp.adapter.rooms == []  # type: ignore[attr-defined]


def test_whoever_leaves_while_one_waits_never_came(site: Site) -> None:
    session = site.open()
    site.sio.use(lambda socket: session.lose())
    session.receive("0")
    session.run()

    assert site.made[0].log == []
    assert site.sio.of("/").sockets == {}
    assert session.take() == []


def test_those_of_one_namespace_are_not_asked_for_another(site: Site) -> None:
    site.define(path="/other")
    seen: list[str] = []
    site.sio.use(lambda socket: seen.append(socket.nsp.name))
    site.connect("0/other,")
    assert seen == []
    site.connect()
    assert seen == ["/"]


class TestOtherServers:
    """What other servers of a cluster say."""

    def test_the_first_answer_counts(self, site: Site) -> None:
        seen: list[Any] = []
        site.sio.on_server("refresh", lambda *args: seen.append(args))
        site.sio.on_server("refresh", lambda *args: sum(args))
        site.sio.on_server("refresh", lambda *args: "too late")

        assert site.sio.of("/").receive_from_server("refresh", (1, 2)) == 3
        assert site.sio.of("/").receive_from_server("unknown", ()) is None
        assert seen == [(1, 2)]

    def test_a_listener_that_fails_is_logged(
        self, site: Site, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail() -> None:
            raise RuntimeError("on purpose")

        site.sio.on_server("refresh", fail)
        site.sio.on_server("refresh", lambda: "answered")

        assert site.sio.of("/").receive_from_server("refresh", ()) == "answered"
        assert "on purpose" in caplog.text

    def test_alone_there_is_nobody_to_answer(self, site: Site) -> None:
        site.sio.server_side_emit("refresh", 1)
        assert site.sio.server_side_call("refresh", timeout=1) == []


def test_close_ends_what_there_is() -> None:
    closed: list[Any] = []
    site = Site(shut_down=closed.append)
    site.define()
    _, socket = site.connect()
    socket.join("red")

    site.sio.close(2.5)

    assert closed == [2.5]
    assert socket.nsp.adapter.rooms == []
