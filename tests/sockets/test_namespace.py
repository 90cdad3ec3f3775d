from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.errors import AckTimeout, DisconnectReason, SessionClosed
from tests.fakes import FakeSession
from tests.sockets.conftest import Room, Site


class TestEmit:
    def test_event_and_arguments(self, site: Site) -> None:
        session, socket = site.connect()
        socket.emit("news", 1, {"a": [True, None]})
        socket.emit("blob", b"\x01")
        socket.send("hello")
        assert session.take() == [
            '2["news",1,{"a":[true,null]}]',
            '51-["blob",{"_placeholder":true,"num":0}]',
            b"\x01",
            '2["message","hello"]',
        ]

    def test_in_another_namespace(self, site: Site) -> None:
        site.define(Room, "/b")
        session, socket = site.connect("0/b,")
        socket.emit("news")
        assert session.take() == ['2/b,["news"]']

    @pytest.mark.parametrize("event", ["connect", "connect_error", "disconnect", "disconnecting"])
    def test_reserved_names(self, site: Site, event: str) -> None:
        _, socket = site.connect()
        for emit in (socket.emit, socket.call, socket.volatile.emit, socket.broadcast.call):
            with pytest.raises(ValueError, match="reserved"):
                emit(event)

    @pytest.mark.parametrize("event", [True, None, 1.5, b"bytes", ()])
    def test_names_that_are_none(self, site: Site, event: Any) -> None:
        _, socket = site.connect()
        with pytest.raises(TypeError, match="name is a string"):
            socket.emit(event)

    def test_what_cannot_be_sent(self, site: Site) -> None:
        session, socket = site.connect()
        answers: list[Any] = []
        for options in ({}, {"callback": answers.append}):
            with pytest.raises(TypeError):
                socket.emit("news", object(), **options)
        with pytest.raises(TypeError):
            socket.call("news", object())
        assert session.take() == []
        assert session.live_timers == 0, "nobody waits for the answer to what was not sent"
        session.lose()
        session.run()
        assert answers == []

    def test_nothing_reaches_who_is_gone(self, site: Site) -> None:
        session, socket = site.connect()
        session.lose()
        socket.emit("late")
        socket.disconnect()
        session.run()
        socket.emit("late")
        assert session.take() == []


class TestHeld:
    """What is emitted in ``on_connect`` arrives behind the client's own connect event."""

    class Greeting(Room):
        def on_connect(self, auth: Any) -> None:
            self.emit("first", 1)
            self.volatile.emit("dropped")
            self.join("lobby")
            self.nsp.to("lobby").compress(False).emit("second", b"\x02")
            self.nsp.emit("third")
            assert not self.connected

    def test_order(self) -> None:
        site = Site()
        site.define(self.Greeting)
        session = site.open()
        session.receive("0")
        session.run()
        assert session.take() == [
            f'0{{"sid":"{site.made[0].sid}"}}',
            '2["first",1]',
            '51-["second",{"_placeholder":true,"num":0}]',
            b"\x02",
            '2["third"]',
        ]
        assert session.how == [(False, True), (False, True), (False, False), (False, True)]

    def test_not_too_much(self) -> None:
        class Flooding(Room):
            def on_connect(self, auth: Any) -> None:
                for _ in range(100):
                    self.emit("x" * 100)

        site = Site(max_held=1000)
        site.define(Flooding)
        session = site.open()
        session.receive("0")
        session.run()
        assert session.closed_for == DisconnectReason.SLOW_CLIENT
        assert session.take() == []
        assert session.complaints[0] == ("too much was sent before on_connect ended", "1000")

    def test_one_large_message_may_pass(self) -> None:
        class Large(Room):
            def on_connect(self, auth: Any) -> None:
                self.emit("x" * 5000)

        site = Site(max_held=1000)
        site.define(Large)
        session = site.open()
        session.receive("0")
        session.run()
        assert len(session.take()) == 2

    def test_callbacks_may_be_asked_for(self) -> None:
        class Asking(Room):
            def on_connect(self, auth: Any) -> None:
                self.emit("question", callback=self.answered)

            def answered(self, answer: Any) -> None:
                self.log.append(("answered", answer))

        site = Site()
        site.define(Asking)
        session = site.open()
        session.receive("0")
        session.run()
        assert session.take()[1] == '20["question"]'
        session.receive('30["yes"]')
        session.run()
        assert site.made[0].log == [("answered", "yes")]

    def test_waiting_for_an_answer_there_is_an_error(self) -> None:
        class Waiting(Room):
            def on_connect(self, auth: Any) -> None:
                with pytest.raises(SessionClosed, match="on_connect"):
                    self.call("question")
                self.log.append("asked")

        site = Site()
        site.define(Waiting)
        _, socket = site.connect()
        assert socket.log == ["asked"]


class TestCallback:
    def test_called_like_a_handler(self, site: Site) -> None:
        session, socket = site.connect()
        answers: list[Any] = []

        def answered(*args: Any) -> None:
            answers.append(args)

        socket.emit("question", 1, callback=answered)
        assert session.take() == ['20["question",1]']
        session.receive('30["a","b"]', '30["again"]')
        assert answers == [], "not in the loop"
        session.run()
        assert answers == [("a", "b")]
        assert (socket, "answered") in site.invoker.calls
        assert session.live_timers == 0

    def test_never_if_the_client_leaves_or_is_late(self, site: Site) -> None:
        session, socket = site.connect()
        answers: list[Any] = []
        socket.emit("question", callback=answers.append)
        session.advance(60.1)
        session.receive('30["late"]')
        socket.emit("question", callback=answers.append)
        session.lose()
        session.run()
        assert answers == []

    def test_nobody_is_waited_for_who_is_gone(self, site: Site) -> None:
        session, socket = site.connect()
        session.lose()
        session.run()
        answers: list[Any] = []
        socket.emit("question", callback=answers.append)
        socket.timeout(5).emit("question", callback=lambda error: answers.append(error))
        assert session.live_timers == 0
        session.run()
        (error,) = answers
        assert isinstance(error, AckTimeout)

    def test_one_that_fails(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        session, socket = site.connect()
        socket.emit("question", callback=lambda: 1 / 0)
        session.receive("30[1]", '21["message"]')
        session.run()
        assert session.take()[-1] == "31[]"
        assert session.is_open
        assert caplog.records or session.complaints


class TestCall:
    def answering(self, session: FakeSession, *packets: str) -> None:
        session.meanwhile = lambda timeout: session.receive(*packets)

    @pytest.mark.parametrize(
        ("answer", "value"), [("[]", None), ('["a"]', "a"), ("[1,2]", (1, 2)), ("[[1]]", [1])]
    )
    def test_returns_the_answer(self, site: Site, answer: str, value: Any) -> None:
        session, socket = site.connect()
        self.answering(session, f"30{answer}")
        assert socket.call("question") == value
        assert session.take() == ['20["question"]']
        assert session.live_timers == 0

    def test_ids_count_up(self, site: Site) -> None:
        site.define(Room, "/b")
        session, _ = site.connect("0", "0/b,")
        for number, socket in enumerate([site.made[0], site.made[1], site.made[0]]):
            name = "" if socket.nsp.name == "/" else "/b,"
            self.answering(session, f"3{name}{number}[{number}]")
            assert socket.call("question") == number

    @pytest.mark.parametrize(("options", "seconds"), [({}, 60), ({"timeout": 3}, 3)])
    def test_not_for_ever(self, site: Site, options: dict[str, Any], seconds: float) -> None:
        session, socket = site.connect()
        session.meanwhile = lambda timeout: session.advance(seconds + 0.1)
        with pytest.raises(AckTimeout, match="timed out"):
            socket.call("question", **options)
        session.receive('30["late"]')
        assert session.is_open

    def test_a_chain_may_say_how_long(self, site: Site) -> None:
        session, socket = site.connect()
        session.meanwhile = lambda timeout: session.advance(2.1)
        with pytest.raises(AckTimeout):
            socket.timeout(2).call("question")
        assert session.live_timers == 0

    def test_the_client_leaves(self, site: Site) -> None:
        session, socket = site.connect()
        session.meanwhile = lambda timeout: session.lose()
        with pytest.raises(SessionClosed, match="disconnected before"):
            socket.call("question")
        with pytest.raises(SessionClosed):
            socket.call("question")
        with pytest.raises(SessionClosed):
            socket.volatile.call("question")

    def test_hundred_thousand_time_outs_leave_nothing(self, site: Site) -> None:
        session, socket = site.connect()
        for _ in range(100_000):
            socket.emit("question", callback=print)
            session.sent.clear()
            session.messages.clear()
        assert session.live_timers == 100_000
        session.advance(60.1)
        assert session.timers == []
        assert len(socket._acks) == 0
        session.run()
        session.receive('25["message"]')
        session.run()
        assert session.take() == ["35[]"]


class TestRooms:
    def test_join_and_leave(self, site: Site) -> None:
        session, socket = site.connect()
        assert socket.rooms == {socket.sid}
        socket.join("a", "b")
        socket.join("b")
        socket.leave("a", "unknown")
        assert socket.rooms == {socket.sid, "b"}
        site.sio.to("a").emit("to a")
        site.sio.to("b").emit("to b")
        assert session.take() == ['2["to b"]']

    def test_ones_own_room_cannot_be_left(self, site: Site) -> None:
        session, socket = site.connect()
        socket.join(socket.sid)
        socket.leave(socket.sid)
        assert socket.rooms == {socket.sid}
        site.sio.to(socket.sid).emit("private")
        assert session.take() == ['2["private"]']

    @pytest.mark.parametrize("room", [1, None, b"a", ("a",)])
    def test_names_are_strings(self, site: Site, room: Any) -> None:
        _, socket = site.connect()
        for method in (socket.join, socket.leave, socket.to, socket.except_):
            with pytest.raises(TypeError, match="room's name"):
                method(room)

    def test_nobody_joins_who_is_gone(self, site: Site) -> None:
        session, socket = site.connect()
        socket.join("a")
        session.lose()
        socket.join("b")
        socket.leave("a")
        assert socket.rooms == {socket.sid, "a"}
        assert site.sio.of("/").adapter.rooms == []  # type: ignore[attr-defined]
        session.run()
        socket.join("c")
        assert "c" not in socket.rooms

    def test_leaving_rooms_it_was_never_in(self, site: Site) -> None:
        _, socket = site.connect()
        socket.leave("a")
        assert socket.rooms == {socket.sid}


class TestJobs:
    def test_run_like_handlers(self, site: Site) -> None:
        session, socket = site.connect()
        log: list[Any] = []

        def job(number: int) -> None:
            log.append(number)

        started = socket.spawn(job, 1)
        assert log == []
        started.run()
        assert log == [1]
        assert (socket, "job") in site.invoker.calls
        session.lose()
        session.run()
        assert not started.killed, "it had ended"

    def test_killed_at_the_end(self, site: Site) -> None:
        session, socket = site.connect()
        jobs = [socket.spawn(print), socket.spawn(print)]
        session.lose()
        session.run()
        assert all(job.killed for job in jobs)
        with pytest.raises(SessionClosed):
            socket.spawn(print)

    def test_one_that_fails(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        session, socket = site.connect()
        socket.spawn(lambda: 1 / 0).run()
        assert caplog.records or session.complaints
        assert socket.connected


class TestFacts:
    def test_connection(self, site: Site) -> None:
        session, socket = site.connect()
        assert socket.socket.id == session.id
        assert socket.socket.transport == "websocket"
        assert socket.socket.protocol == 4
        assert socket.socket.remote_addr == "192.0.2.7"
        assert socket.handshake is session.handshake
        assert socket.request == f"a request of {socket.sid}"
        assert repr(socket) == f"<Room / {socket.sid}>"

    def test_a_dict_of_its_own(self, site: Site) -> None:
        _, first = site.connect()
        _, second = site.connect()
        first.session["a"] = 1
        assert first.session == {"a": 1}
        assert second.session == {}

    def test_the_same_dict_each_time_it_is_looked_at(self, site: Site) -> None:
        _, socket = site.connect()
        assert socket.session is socket.session

    def test_attributes_of_its_own(self, site: Site) -> None:
        _, socket = site.connect()
        socket.anything = 1
        assert socket.anything == 1
        assert socket.context is None
        assert dict(socket.matchdict) == {}


def test_what_was_emitted_before_it_was_in_and_sent_afterwards_arrives(site: Site) -> None:
    """As by a transaction that another client's handler is in."""
    kept: list[Any] = []
    site.sio.deliver = lambda func, *args: kept.append((func, args))

    class Emitting(Room):
        def on_connect(self, auth: Any) -> None:
            self.emit("early", 1)

    site.define(Emitting, "/early")
    session, _ = site.connect("0/early,")
    assert session.take() == []
    ((func, args),) = kept
    assert func(*args)
    assert session.take() == ['2/early,["early",1]']
