from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.errors import AckTimeout, ConnectRefused
from pyramid_sio.sockets.nsp import Nsp
from tests.sockets.conftest import Room, Site


@pytest.fixture
def nsp(site: Site) -> Nsp:
    return site.sio.of("/")


class TestCall:
    """Asking many: one id, the first argument of each answer, and nothing left behind."""

    def left_behind(self, site: Site) -> int:
        return sum(len(socket._acks or ()) for socket in site.made)

    def test_all_answer(self, site: Site, nsp: Nsp) -> None:
        sessions = [site.connect()[0] for _ in range(3)]

        def answer(timeout: float | None) -> None:
            assert timeout == 60
            for number, session in enumerate(sessions):
                assert session.take() == ['20["question",1]']
                session.receive(f"30[{number},9]")

        site.meanwhile = answer
        assert nsp.call("question", 1) == [0, 1, 2]
        assert self.left_behind(site) == 0

    def test_nobody_is_there(self, nsp: Nsp) -> None:
        assert nsp.call("question") == []

    def test_an_answer_without_arguments(self, site: Site, nsp: Nsp) -> None:
        session, _ = site.connect()
        site.meanwhile = lambda timeout: session.receive("30[]")
        assert nsp.call("question") == [None]

    def test_the_answer_comes_while_others_are_asked(self, site: Site, nsp: Nsp) -> None:
        (first, _), (second, _) = site.connect(), site.connect()
        send = second.send

        def late(*args: Any) -> bool:
            first.receive("30[1]")
            return send(*args)

        second.send = late  # type: ignore[method-assign]
        site.meanwhile = lambda timeout: second.receive("30[2]")
        assert nsp.call("question") == [1, 2]

    def test_some_do_not_answer(self, site: Site, nsp: Nsp) -> None:
        session, _ = site.connect()
        late, _ = site.connect()
        seen: list[Any] = []

        def answer(timeout: float | None) -> None:
            seen.append(timeout)
            session.receive("30[1]", "30[2]")

        site.meanwhile = answer
        with pytest.raises(AckTimeout, match="1 of 2 clients did not answer") as caught:
            nsp.timeout(0.5).call("question")
        assert caught.value.responses == [1]
        assert seen == [0.5]
        assert self.left_behind(site) == 0
        late.receive("30[3]")
        assert caught.value.responses == [1]
        assert late.is_open

    def test_one_leaves_before_it_answers(self, site: Site, nsp: Nsp) -> None:
        session, _ = site.connect()
        leaving, _ = site.connect()

        def answer(timeout: float | None) -> None:
            session.receive("30[1]")
            leaving.lose()

        site.meanwhile = answer
        with pytest.raises(AckTimeout) as caught:
            nsp.call("question")
        assert caught.value.responses == [1]

    def test_who_asks_is_interrupted(self, site: Site, nsp: Nsp) -> None:
        site.connect()

        def interrupt(timeout: float | None) -> None:
            raise KeyboardInterrupt

        site.meanwhile = interrupt
        with pytest.raises(KeyboardInterrupt):
            nsp.call("question")
        assert self.left_behind(site) == 0

    def test_time_out_in_the_call(self, site: Site, nsp: Nsp) -> None:
        site.connect()
        seen: list[Any] = []
        site.meanwhile = seen.append
        for chain in (nsp, nsp.to(site.made[0].sid)):
            with pytest.raises(AckTimeout):
                chain.call("question", timeout=2)
        assert seen == [2, 2]


class TestMiddleware:
    def test_before_on_connect_in_order(self, site: Site, nsp: Nsp) -> None:
        seen: list[Any] = []
        nsp.use(lambda socket: seen.append(("first", socket.auth, socket.connected)))
        nsp.use(lambda socket: seen.append(("second", socket.auth, list(socket.log))))
        session = site.open()
        session.receive('0{"a":1}')
        session.run()
        assert seen == [("first", {"a": 1}, False), ("second", {"a": 1}, [])]
        assert site.made[0].log == [("connect", {"a": 1})]

    def test_may_refuse(self, site: Site, nsp: Nsp) -> None:
        def refuse(socket: Any) -> None:
            raise ConnectRefused("full", {"most": 1})

        nsp.use(refuse)
        nsp.use(lambda socket: pytest.fail("one was enough"))
        session = site.open()
        session.receive("0")
        session.run()
        assert session.take() == ['4{"message":"full","data":{"most":1}}']
        assert site.made[0].log == []
        assert nsp.sockets == {}

    def test_only_of_its_namespace(self, site: Site, nsp: Nsp) -> None:
        site.define(Room, "/b")
        nsp.use(lambda socket: pytest.fail("another namespace"))
        _, socket = site.connect("0/b,")
        assert socket.connected


class TestOtherServers:
    def test_the_first_answer_counts(self, nsp: Nsp) -> None:
        seen: list[Any] = []
        nsp.on_server("ping", seen.append)
        nsp.on_server("ping", lambda number: number + 1)
        nsp.on_server("ping", lambda number: number + 2)
        assert nsp.receive_from_server("ping", [1]) == 2
        assert seen == [1]
        assert nsp.receive_from_server("unknown", []) is None

    def test_there_are_none_in_memory(self, nsp: Nsp) -> None:
        nsp.on_server("ping", lambda: pytest.fail("not to oneself"))
        nsp.server_side_emit("ping")
        assert nsp.server_side_call("ping", timeout=1) == []


def test_repr_counts_connections(site: Site, nsp: Nsp) -> None:
    site.connect()
    assert repr(nsp) == "<Nsp / with 1 connections>"
