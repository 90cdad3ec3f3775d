from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pyramid_sio.errors import ConnectRefused, DisconnectReason, EventError, ProtocolError
from pyramid_sio.sockets.client import MAX_NAMESPACES
from pyramid_sio.sockets.handlers import on
from pyramid_sio.sockets.namespace import Namespace
from tests.fakes import FakeSession
from tests.sockets.conftest import Room, Site


@pytest.fixture
def both() -> Site:
    """The namespaces ``/`` and ``/b``."""
    site = Site()
    site.define()
    site.define(Room, "/b")
    return site


def violated(session: FakeSession) -> None:
    """The client was found out: it is told nothing more, and closed in the way of a server."""
    assert session.closed_for == DisconnectReason.FORCED_CLOSE
    assert [rule for rule, _ in session.complaints] == ["protocol violation"]


class TestConnect:
    def test_answer_and_hook(self, site: Site) -> None:
        session = site.open()
        session.receive('0{"token":"abc"}')
        assert session.take() == [], "on_connect runs in a greenlet, not in the loop"
        session.run()

        (socket,) = site.made
        assert socket.log == [("connect", {"token": "abc"})]
        assert session.take() == [f'0{{"sid":"{socket.sid}"}}']
        assert socket.auth == {"token": "abc"}
        assert socket.connected
        assert site.sio.of("/").sockets == {socket.sid: socket}

    def test_without_auth(self, site: Site) -> None:
        _, socket = site.connect()
        assert socket.auth is None

    def test_ids_are_public_and_differ_from_each_other(self, both: Site) -> None:
        session, _ = both.connect("0", "0/b,")
        ids = {socket.sid for socket in both.made}
        assert len(ids) == 2
        assert session.id not in ids
        assert {len(id) for id in ids} == {20}

    @pytest.mark.parametrize("packet", ["0/b", "0/b,", "0/b,{}"])
    def test_another_namespace(self, both: Site, packet: str) -> None:
        session = both.open()
        session.receive(packet)
        session.run()
        assert session.take() == [f'0/b,{{"sid":"{both.made[0].sid}"}}']

    @pytest.mark.parametrize("name", ["/unknown", "/b?token=1", "/B", "/b/"])
    def test_unknown_namespace(self, both: Site, name: str) -> None:
        session = both.open()
        session.receive(f"0{name},", "0")
        session.run()
        refusal, answer = session.take()
        assert refusal == f'4{name},{{"message":"Invalid namespace"}}'
        assert session.complaints == [("no such namespace", name)]
        assert str(answer).startswith("0{")
        assert session.is_open

    @pytest.mark.parametrize(
        ("error", "payload"),
        [
            (ConnectRefused("not you"), {"message": "not you"}),
            (ConnectRefused("no", {"code": 42}), {"message": "no", "data": {"code": 42}}),
            (ConnectRefused("no", []), {"message": "no", "data": []}),
            (ConnectRefused(), {"message": "refused"}),
            (ValueError("secret details"), {"message": "Internal server error"}),
        ],
    )
    def test_refused(self, error: Exception, payload: dict[str, Any]) -> None:
        class Strict(Room):
            def on_connect(self, auth: Any) -> None:
                self.join("lobby")
                self.emit("never seen")
                raise error

        site = Site()
        site.define(Strict)
        session, socket = site.connect()
        session = site.open()
        session.receive("0")
        session.run()

        (packet,) = session.take()
        assert json.loads(str(packet)[1:]) == payload
        assert str(packet)[0] == "4"
        nsp = site.sio.of("/")
        assert nsp.sockets == {}
        assert nsp.adapter.rooms == []  # type: ignore[attr-defined]
        assert session.is_open
        assert not socket.connected
        assert socket.reasons == [], "who never was in does not leave"
        session.receive("0")
        session.run()
        assert str(session.take()[0]).startswith("4")

    def test_the_permission_comes_first(self, site: Site) -> None:
        site.invoker.refusal = ConnectRefused("Forbidden")
        session = site.open()
        session.receive("0")
        session.run()
        assert session.take() == ['4{"message":"Forbidden"}']
        assert site.made[0].log == []

    def test_an_instance_that_cannot_be_made(self) -> None:
        class Broken(Room):
            def __init__(self, *args: Any) -> None:
                raise RuntimeError

        site = Site()
        site.define(Broken)
        session = site.open()
        session.receive("0")
        session.run()
        assert session.take() == ['4{"message":"Internal server error"}']
        assert [rule for rule, _ in session.complaints] == ["on_connect failed"]

    def test_one_that_is_killed_leaves_nothing(self) -> None:
        class Killed(Room):
            def on_connect(self, auth: Any) -> None:
                raise KeyboardInterrupt

        site = Site()
        site.define(Killed)
        session = site.open()
        session.receive("0")
        with pytest.raises(KeyboardInterrupt):
            session.run()
        assert site.sio.of("/").sockets == {}

    def test_disconnecting_in_on_connect_refuses(self) -> None:
        class Unwilling(Room):
            def on_connect(self, auth: Any) -> None:
                self.disconnect()

        site = Site()
        site.define(Unwilling)
        session = site.open()
        session.receive("0")
        session.run()
        (packet,) = session.take()
        assert str(packet).startswith("4")
        assert not site.made[0].connected
        assert site.sio.of("/").sockets == {}
        assert session.is_open
        session.receive("0")

    def test_so_many_namespaces_and_no_more(self) -> None:
        site = Site()
        for number in range(MAX_NAMESPACES + 1):
            site.define(Room, f"/{number}")
        session = site.open()
        for number in range(MAX_NAMESPACES):
            session.receive(f"0/{number},")
            if number % 2:
                session.run()
        assert session.is_open
        session.receive(f"0/{MAX_NAMESPACES},")
        violated(session)


class TestTimeouts:
    def test_who_joins_nothing_is_closed(self, site: Site) -> None:
        session = site.open()
        session.advance(44.9)
        assert session.is_open
        session.advance(0.2)
        assert session.closed_for == DisconnectReason.FORCED_CLOSE
        assert session.complaints == [
            ("no namespace was joined in time", "see sio.connect_timeout")
        ]

    def test_a_refusal_does_not_count(self, site: Site) -> None:
        session = site.open()
        session.receive("0/unknown,")
        session.run()
        session.advance(45.1)
        assert not session.is_open

    def test_once_is_enough(self, site: Site) -> None:
        session, _ = site.connect()
        assert session.live_timers == 0
        session.receive("1")
        session.run()
        session.advance(1000)
        assert session.is_open

    def test_a_closed_connection_has_no_timers(self, site: Site) -> None:
        session = site.open()
        session.lose()
        assert session.live_timers == 0


class TestEvents:
    def test_handler_and_ack(self, site: Site) -> None:
        session, socket = site.connect()
        session.receive('2["message","a",1]', '27["message","b"]')
        assert len(socket.log) == 1, "handlers run in a greenlet, not in the loop"
        session.run()
        assert socket.log[1:] == [("message", "a", 1), ("message", "b")]
        assert session.take() == ['37["b"]']

    def test_in_order(self, both: Site) -> None:
        session, _ = both.connect("0", "0/b,")
        order: list[Any] = []
        for socket in both.made:
            socket.log = order
        session.receive(*(f'2{"/b," if n % 2 else ""}["message",{n}]' for n in range(10)))
        session.run()
        assert order == [("message", n) for n in range(10)]

    @pytest.mark.parametrize(
        ("result", "ack"),
        [
            (None, "31[]"),
            ("x", '31["x"]'),
            ([1, 2], "31[[1,2]]"),
            ((1, 2), "31[1,2]"),
            ((), "31[]"),
            (False, "31[false]"),
            ((None,), "31[null]"),
            ({"a": 1}, '31[{"a":1}]'),
        ],
    )
    def test_what_a_handler_returns(self, result: Any, ack: str) -> None:
        class Answering(Room):
            def on_ask(self) -> Any:
                return result

        site = Site()
        site.define(Answering)
        session, _ = site.connect()
        session.receive('21["ask"]', '2["ask"]')
        session.run()
        assert session.take() == [ack]

    def test_binary_both_ways(self, site: Site) -> None:
        session, socket = site.connect()
        session.receive(
            '52-5["message",{"_placeholder":true,"num":1},{"a":{"_placeholder":true,"num":0}}]',
            b"\x01",
            b"\x02",
        )
        session.run()
        assert socket.log[-1] == ("message", b"\x02", {"a": b"\x01"})
        assert session.take() == [
            '62-5[{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]',
            b"\x02",
            b"\x01",
        ]
        assert session.live_timers == 0

    def test_names_of_all_kinds(self) -> None:
        class Named(Room):
            @on(7)
            def seven(self) -> str:
                return "seven"

            @on("*")
            def rest(self, event: Any, *args: Any) -> Any:
                return event, *args

        site = Site()
        site.define(Named)
        session, _ = site.connect()
        session.receive("20[7]", '21["other",1]', '22["*"]', '23["__init__"]', '24[""]', "25[1.5]")
        session.run()
        assert session.take() == [
            '30["seven"]',
            '31["other",1]',
            '32["*"]',
            '33["__init__"]',
            '34[""]',
            "35[1.5]",
        ]

    def test_one_nobody_handles(self, site: Site) -> None:
        session, socket = site.connect()
        session.receive('21["unknown"]', '2["on_connect",{}]')
        session.run()
        assert session.take() == []
        assert len(socket.log) == 1
        assert session.is_open

    def test_pipelined_behind_connect(self, site: Site) -> None:
        session = site.open()
        session.receive("0", '21["message","early"]', "30[]")
        session.run()
        assert [str(packet)[:2] for packet in session.take()] == ["0{", "31"]

    def test_unordered_ones_do_not_queue(self) -> None:
        class Mixed(Room):
            @on("free", ordered=False)
            def free(self) -> None:
                self.log.append("free")

        site = Site()
        site.define(Mixed)
        session, _ = site.connect()
        session.receive('2["message"]', '2["free"]', '2["unknown"]')
        assert len(session.jobs) == 2
        assert len(session.beside) == 1
        session.run()

    def test_after_the_client_left(self, site: Site) -> None:
        session, socket = site.connect()
        session.receive("1", '2["message","late"]')
        session.run()
        assert socket.log[1:] == [("disconnect", "client namespace disconnect")]


class TestFailures:
    """No handler stops a connection's later events."""

    class Fragile(Room):
        def on_fail(self) -> None:
            raise ValueError("secret details")

        def on_exact(self, one: Any) -> None: ...

        def on_refuse(self) -> None:
            raise EventError("not now")

        def on_unsendable(self) -> Any:
            return object()

        @on("guarded", permission="write")
        def guarded(self) -> str:
            return "done"

    @pytest.fixture
    def site(self) -> Site:
        site = Site()
        site.define(self.Fragile)
        return site

    @pytest.mark.parametrize(
        ("event", "answer", "error"),
        [
            ('["fail"]', None, "ValueError"),
            ('["refuse"]', "not now", "EventError"),
            ('["exact"]', "event 'exact' takes 1 arguments, not 0", "EventError"),
            ('["exact",1,2]', "event 'exact' takes 1 arguments, not 2", "EventError"),
            ('["guarded"]', "Forbidden", "EventError"),
        ],
    )
    def test_one(self, site: Site, event: str, answer: str | None, error: str) -> None:
        session, socket = site.connect()
        session.receive(f"21{event}", f"2{event}", '22["message","next"]')
        session.run()

        name = json.loads(event)[0]
        assert socket.log[1:] == [
            ("error", name, error),
            ("error", name, error),
            ("message", "next"),
        ]
        expected = [] if answer is None else [f'31[{{"error":"{answer}"}}]']
        assert session.take() == [*expected, '32["next"]']
        assert session.is_open
        assert len(session.complaints) == 2

    def test_an_answer_that_cannot_be_sent(self, site: Site) -> None:
        session, socket = site.connect()
        session.receive('2["unsendable"]', '21["unsendable"]', '22["message"]')
        session.run()
        assert socket.log[1:] == [("error", "unsendable", "TypeError"), ("message",)]
        assert session.take() == ["32[]"]

    def test_with_the_permission(self, site: Site) -> None:
        session, _ = site.connect()
        site.invoker.permissions.add("write")
        session.receive('21["guarded"]')
        session.run()
        assert session.take() == ['31["done"]']

    def test_hooks_that_fail_themselves(self) -> None:
        class Hopeless(self.Fragile):  # type: ignore[name-defined, misc]
            def on_error(self, event: Any, exc: Exception) -> None:
                raise RuntimeError

            def on_disconnect(self, reason: Any) -> None:
                super().on_disconnect(reason)
                raise RuntimeError

        site = Site()
        site.define(Hopeless)
        site.define(Room, "/b")
        session, other = site.connect("0", "0/b,")
        session.receive('2["fail"]', '21["message"]')
        session.run()
        assert session.take() == ["31[]"]
        session.lose()
        session.run()
        assert other.reasons == ["transport close"]
        rules = [rule.rpartition("<locals>.")[2] for rule, _ in session.complaints]
        assert rules[1:] == ["Hopeless.on_error failed", "Hopeless.on_disconnect failed"]


class TestViolations:
    """The table of invalid input: what each kind is answered with."""

    @pytest.mark.parametrize(
        "packet",
        [
            *("9", "", "x", "2", "2[]", "2{}", '2["connect"]', "2[true]", "2[null]", "2[{}]"),
            *('2["a",NaN]', '2["a"', '2abc["a"]', "1{}", "0[]", '0"x"', "3{}", "3null", "4", "41"),
            *("5", "51", '5a-["a"]', '50-["a"]', '511-["a"]', '51.5-["a"]', '2-1["a"]', "2[[]]"),
            *('51-["a",{"_placeholder":true,"num":1}]', '51-["a",{"_placeholder":true}]'),
        ],
    )
    def test_what_cannot_be_decoded(self, both: Site, packet: str) -> None:
        session, _ = both.connect("0", "0/b,")
        session.receive(packet)
        violated(session)
        session.run()
        assert [socket.reasons for socket in both.made] == [["forced close"]] * 2

    @pytest.mark.parametrize("packet", ['2/b,["x"]', "3/b,1[]", "1/b,", '51-/b,["x"]'])
    @pytest.mark.parametrize("left", [False, True], ids=["never joined", "left"])
    def test_for_a_namespace_it_is_not_in(self, both: Site, packet: str, left: bool) -> None:
        session, _ = both.connect(*(["0", "0/b,"] if left else ["0"]))
        if left:
            session.receive("1/b,")
            session.run()
        session.receive(packet)
        violated(session)
        session.run()
        assert both.made[0].reasons == ["forced close"]

    def test_before_it_joined_anything(self, site: Site) -> None:
        session = site.open()
        session.receive('2["message"]')
        violated(session)

    def test_connect_to_where_it_is(self, site: Site) -> None:
        session, socket = site.connect()
        session.receive("0")
        violated(session)
        session.run()
        assert socket.reasons == ["forced close"]

    def test_connect_twice_at_once(self, site: Site) -> None:
        session = site.open()
        session.receive("0", "0")
        violated(session)
        session.run()
        assert len(site.made) == 1

    @pytest.mark.parametrize("packet", ['4{"message":"x"}', '4"x"'])
    def test_connect_error(self, site: Site, packet: str) -> None:
        session, _ = site.connect()
        session.receive(packet)
        violated(session)

    def test_text_where_attachments_are_due(self, both: Site) -> None:
        session, _ = both.connect("0", "0/b,")
        session.receive('51-["message",{"_placeholder":true,"num":0}]', '2/b,["message"]')
        violated(session)
        assert session.live_timers == 1, "that of the grace; not that of the attachments"

    def test_an_attachment_nobody_announced(self, site: Site) -> None:
        session, _ = site.connect()
        session.receive(b"\x01")
        violated(session)

    def test_attachments_that_are_too_large_together(self, site: Site) -> None:
        session, _ = site.connect()
        session.receive('52-["message"]', b"x" * 600, b"x" * 401)
        violated(session)

    def test_attachments_that_do_not_come(self, site: Site) -> None:
        session, _ = site.connect()
        session.receive('52-["message"]', b"x")
        session.advance(9.9)
        assert session.is_open
        session.advance(0.2)
        violated(session)

    @pytest.mark.parametrize("packet", ["399[]", "3[]", '399["x"]', '61-99["x"]'])
    def test_an_answer_nobody_asked_for_is_ignored(self, site: Site, packet: str) -> None:
        session, _ = site.connect()
        session.receive(packet)
        if packet.startswith("6"):
            session.receive(b"x")
        assert session.is_open
        assert session.complaints == []


class TestLeaving:
    def test_the_client_leaves(self, both: Site) -> None:
        session, socket = both.connect("0", "0/b,")
        socket.join("lobby")
        session.receive("1/b,")
        session.run()
        assert socket.reasons == ["client namespace disconnect"]
        assert session.take() == []
        assert session.is_open
        assert both.made[0].connected
        assert not socket.connected
        assert both.sio.of("/b").sockets == {}

    def test_and_comes_back(self, site: Site) -> None:
        session, first = site.connect()
        session.receive("1")
        session.run()
        session.receive("0")
        session.run()
        assert site.made[1].connected
        assert site.made[1].sid != first.sid

    def test_and_comes_back_in_the_same_breath(self, site: Site) -> None:
        session, first = site.connect()
        session.receive('2["message",1]', "1", "0", '2["message",2]')
        assert session.is_open
        session.run()
        assert first.log[1:] == [("message", 1), ("disconnect", "client namespace disconnect")]
        assert site.made[1].log == [("connect", None), ("message", 2)]

    def test_before_it_is_in(self, site: Site) -> None:
        session = site.open()
        session.receive("0", "1")
        session.run()
        assert site.made[0].reasons == ["client namespace disconnect"]
        assert session.is_open

    def test_the_server_disconnects(self, both: Site) -> None:
        session, socket = both.connect("0", "0/b,")
        socket.disconnect()
        assert session.take() == ["1/b,"]
        assert socket.reasons == [], "not from within"
        assert not socket.connected
        session.run()
        assert socket.reasons == ["server namespace disconnect"]
        assert session.is_open

    def test_the_server_disconnects_everything(self, both: Site) -> None:
        session, socket = both.connect("0", "0/b,")
        socket.disconnect(close=True)
        assert session.take() == ["1", "1/b,"]
        assert session.closed_for == DisconnectReason.FORCED_CLOSE
        session.run()
        assert [s.reasons for s in both.made] == [["server namespace disconnect"]] * 2

    def test_disconnecting_twice(self, site: Site) -> None:
        session, socket = site.connect()
        socket.disconnect()
        socket.disconnect()
        socket.disconnect(close=True)
        session.run()
        assert session.take() == ["1"]
        assert socket.reasons == ["server namespace disconnect"]

    def test_a_handler_disconnects_its_own_client(self) -> None:
        class Exit(Room):
            def on_quit(self, close: bool) -> str:
                self.disconnect(close)
                self.log.append("still here")
                return "bye"

        for close in (False, True):
            site = Site()
            site.define(Exit)
            session, socket = site.connect()
            session.receive(f'21["quit",{str(close).lower()}]', '2["message","late"]')
            session.run()
            assert socket.log[1:] == ["still here", ("disconnect", "server namespace disconnect")]
            assert session.take() == ["1"]

    def test_the_connection_breaks(self, both: Site) -> None:
        session, socket = both.connect("0", "0/b,")
        socket.join("lobby")
        session.receive('2/b,["message","before"]')
        session.lose()
        assert both.sio.of("/b").sockets == {}, "nobody reaches it any more, from this moment on"
        session.run()
        assert socket.log[1:] == [("message", "before"), ("disconnect", "transport close")]
        assert socket.rooms == {"lobby", socket.sid}
        assert session.live_timers == 0

    def test_the_connection_breaks_while_on_connect_runs(self) -> None:
        class Slow(Room):
            def on_connect(self, auth: Any) -> None:
                super().on_connect(auth)
                session.lose()

        site = Site()
        site.define(Slow)
        session = site.open()
        session.receive("0")
        session.run()
        (socket,) = site.made
        assert socket.log == [("connect", None), ("disconnect", "transport close")]
        assert site.sio.of("/").sockets == {}
        assert session.take() == []

    def test_a_handler_that_does_not_end(self, site: Site) -> None:
        """``on_disconnect`` waits for it, but not for long."""
        session, socket = site.connect()
        session.receive('2["message","never handled"]')
        session.lose()
        stuck = session.jobs.copy()
        session.jobs.clear()

        session.advance(4.9)
        session.run()
        assert socket.reasons == []
        session.advance(0.2)
        session.run()
        assert socket.reasons == ["transport close"]

        session.jobs.extend(stuck)
        session.run()
        assert socket.log[1:] == [("disconnect", "transport close")]


ENDINGS: dict[str, Callable[[Site, FakeSession, Any], Any]] = {
    "leave": lambda site, session, socket: session.receive("1"),
    "disconnect": lambda site, session, socket: socket.disconnect(),
    "disconnect all": lambda site, session, socket: socket.disconnect(close=True),
    "loss": lambda site, session, socket: session.lose(),
    "violation": lambda site, session, socket: session.receive("9"),
    "broadcast": lambda site, session, socket: site.sio.of("/").disconnect(),
    "grace": lambda site, session, socket: session.advance(6),
    "run": lambda site, session, socket: session.run(),
}


@pytest.mark.parametrize("first", ["leave", "disconnect", "disconnect all", "loss", "violation"])
@pytest.mark.parametrize("second", ENDINGS)
@pytest.mark.parametrize("third", ENDINGS)
def test_on_disconnect_exactly_once(first: str, second: str, third: str) -> None:
    site = Site()
    site.define()
    session, socket = site.connect()
    job = socket.spawn(print)
    socket.join("lobby")
    answers: list[Any] = []
    socket.expect_ack(7, answers.append)
    for step in (first, second, third):
        # What a closed connection sends is not heard.
        if session.is_open or step not in ("leave", "violation"):
            ENDINGS[step](site, session, socket)
    session.run()
    session.advance(10)
    session.run()

    assert len(socket.reasons) == 1
    assert job.killed
    assert answers == [None]
    nsp = site.sio.of("/")
    assert nsp.sockets == {}
    assert nsp.adapter.rooms == []  # type: ignore[attr-defined]
    assert session.live_timers == 0


def test_nobody_is_told_of_who_joined_nothing(site: Site) -> None:
    session = site.open()
    session.lose()
    assert not session.jobs


def test_repr_names_namespaces(site: Site) -> None:
    session, _ = site.connect()
    assert repr(session.handler).endswith("in ['/']>")


def test_the_base_class_has_empty_hooks() -> None:
    site = Site()
    site.define(Namespace)
    session, socket = site.connect()
    socket.on_error("event", ProtocolError())
    session.lose()
    session.run()
    assert session.complaints == []
