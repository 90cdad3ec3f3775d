"""What an adapter does for clients of other servers, whatever carries it.

Derive a class named ``Test...`` from :class:`ClusterContract` and give it the fixture
``new_factory``; pytest finds the rest. Several servers live in one process here; what runs
between them is real.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import gevent
import pytest
from gevent.event import Event

from pyramid_sio.adapters.remote import RemoteSocket
from pyramid_sio.errors import AckTimeout, SessionClosed
from pyramid_sio.loopcalls import loop_calls
from pyramid_sio.protocol.socket_v5 import Encoder
from pyramid_sio.sockets.namespace import Namespace
from pyramid_sio.sockets.server import Definition, SioServer
from tests.contract.users import UsersContract
from tests.fakes import FakeInvoker, FakeSession, until

#: Makes what makes adapters, for one more server.
NewFactory = Callable[[], Callable[[dict[str, Any]], Any]]


class Client(FakeSession):
    """A client that has joined, and answers what it is asked."""

    def __init__(self, accept: Callable[[FakeSession], Any], answer: str | None) -> None:
        #: What its acknowledgements carry, as JSON; None: it sends none.
        self.answer = answer
        super().__init__(accept)

    def make_event(self) -> Any:
        return Event()

    def send(self, message: Any, volatile: bool = False, compress: bool = True) -> bool:
        text = message.text.decode()
        if self.answer is not None and text[0] == "2" and text[1].isdigit():
            id = text[1 : text.index("[")]
            gevent.spawn(self.receive, f"3{id}{self.answer}")
        return super().send(message, volatile, compress)

    @property
    def events(self) -> list[str]:
        """What it got since the last time, without acknowledgement ids."""
        return [
            text if isinstance(text, bytes) else text.lstrip("0123456789-") for text in self.take()
        ]


class Server:
    """One member of the cluster, with the main namespace."""

    def __init__(self, factory: Callable[[dict[str, Any]], Any]) -> None:
        self.made: list[Any] = []
        made = self.made

        class Room(Namespace):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args)
                made.append(self)

        self.sio = SioServer(
            invoker=FakeInvoker(),
            adapter_factory=factory,
            make_event=Event,
            in_loop=in_loop,
            spawn=gevent.spawn,
            encoder=Encoder(),
            connect_timeout=45.0,
            attachment_timeout=10.0,
            disconnect_grace=5.0,
            ack_timeout=20.0,
            max_attachments=10,
            max_attachment_bytes=1000,
            max_held=1000,
        )
        self.sio.define(Definition("/", Room))
        self.nsp = self.sio.of("/")

    def connect(self, *rooms: str, answer: str | None = None, **session: Any) -> tuple[Client, Any]:
        """A client that is in rooms, and its instance."""
        client = Client(self.sio.accept, answer)
        client.receive("0")
        client.run()
        client.take()
        socket = self.made[-1]
        socket.session.update(session)
        socket.join(*rooms)
        return client, socket

    def close(self) -> None:
        for socket in list(self.nsp.sockets.values()):
            socket.disconnect()
        self.nsp.adapter.close()


NewServer = Callable[[], Server]


def in_loop(func: Callable[..., Any], *args: Any) -> None:
    """Run something where the clients' connections live: in the test's own thread."""
    CALLS.call(func, *args)


CALLS = loop_calls()


class ClusterContract(UsersContract):
    """The contract. ``new_factory`` is what a derived class must add."""

    @pytest.fixture
    def new_factory(self) -> NewFactory:
        """Makes the adapters under test."""
        raise NotImplementedError

    @pytest.fixture
    def new_server(self, new_factory: NewFactory) -> Iterator[NewServer]:
        """Makes servers that know of each other."""
        with contextlib.ExitStack() as running:
            servers: list[Server] = []

            def make() -> Server:
                server = Server(new_factory())
                running.callback(server.close)
                servers.append(server)
                for other in servers:
                    until(
                        lambda other=other: other.nsp.server_count() == len(servers),
                        what="all servers to know of each other",
                    )
                return server

            yield make

    @pytest.fixture
    def here(self, new_server: NewServer) -> Server:
        return new_server()

    @pytest.fixture
    def there(self, here: Server, new_server: NewServer) -> Server:
        return new_server()

    def settle(self, server: Server, *others: Server) -> None:
        """Wait until what was said before has been heard everywhere."""
        seen: list[str] = []
        # What goes to clients need not go the same way as what goes to servers.
        witnesses = [other.connect("settled?")[0] for other in others]
        for other in others:
            other.nsp.server_listeners["settled?"] = [lambda: seen.append("yes")]
        server.nsp.server_side_emit("settled?")
        server.nsp.to("settled?").emit("settled?")
        until(lambda: len(seen) == len(others), what="other servers to hear")
        for other, witness in zip(others, witnesses, strict=True):
            until(lambda witness=witness: '2["settled?"]' in witness.sent, what="clients to hear")
            witness.lose()
            witness.run()
            other.made.pop()

    # Broadcasts.

    def test_everybody_hears_a_broadcast_once(self, here: Server, there: Server) -> None:
        near, _ = here.connect()
        far, _ = there.connect()
        here.nsp.emit("news", 1, {"a": [None, "ü🎉"]})
        self.settle(here, there)
        assert near.events == far.events == ['["news",1,{"a":[null,"ü🎉"]}]']

    @pytest.mark.parametrize(
        ("rooms", "excluded", "whom"),
        [
            ("1", "", "ab"),
            ("12", "", "abc"),
            ("9", "", ""),
            ("", "1", "cd"),
            ("12", "1", "c"),
            ("", "9", "abcd"),
        ],
    )
    def test_rooms_and_exceptions(
        self, here: Server, there: Server, rooms: str, excluded: str, whom: str
    ) -> None:
        clients = {
            "a": there.connect("1")[0],
            "b": there.connect("1", "2")[0],
            "c": there.connect("2")[0],
            "d": there.connect()[0],
        }
        here.nsp.to(*rooms).except_(*excluded).emit("news")
        self.settle(here, there)
        assert "".join(name for name, client in clients.items() if client.events) == whom

    @pytest.mark.parametrize("room", ["a#b", "*", "?[x]", "ünï 🎉", "exactly-twenty-chars", "42"])
    def test_strange_names_of_rooms(self, here: Server, there: Server, room: str) -> None:
        member, _ = there.connect(room)
        other, _ = there.connect(room + "x", "a")
        here.nsp.to(room).emit("news")
        self.settle(here, there)
        assert (member.events, other.events) == (['["news"]'], [])

    def test_one_client_by_its_id(self, here: Server, there: Server) -> None:
        far, socket = there.connect()
        other, _ = there.connect()
        here.nsp.to(socket.sid).emit("psst")
        self.settle(here, there)
        assert (far.events, other.events) == (['["psst"]'], [])

    def test_a_client_to_all_others(self, here: Server, there: Server) -> None:
        near, socket = here.connect()
        far, _ = there.connect()
        socket.broadcast.emit("hello")
        self.settle(here, there)
        assert (near.events, far.events) == ([], ['["hello"]'])

    def test_local_is_for_this_server(self, here: Server, there: Server) -> None:
        near, _ = here.connect()
        far, _ = there.connect("room")
        here.nsp.local.emit("news")
        here.nsp.local.join("room")
        here.nsp.local.leave("room")
        here.nsp.to("room").local.disconnect()
        self.settle(here, there)
        assert (near.events, far.events) == (['["news"]'], [])
        assert len(here.nsp.local.fetch()) == 1

    def test_flags(self, here: Server, there: Server) -> None:
        far, _ = there.connect()
        far.how.clear()
        here.nsp.emit("a")
        here.nsp.volatile.compress(False).emit("b")
        self.settle(here, there)
        assert far.how == [(False, True), (True, False)]

    def test_values(self, here: Server, there: Server) -> None:
        far, _ = there.connect()
        moment = datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=UTC)
        values = [b"\1\2", {"n": b"x" * 300, "t": moment}, None, 1.5, 2**40, "ä" * 40, float("nan")]
        here.nsp.emit("values", *values)
        here.nsp.emit("time", moment)
        self.settle(here, there)
        text, first, second, plain = far.events
        assert (first, second) == (b"\1\2", b"x" * 300)
        assert text == (
            '["values",{"_placeholder":true,"num":0},{"n":{"_placeholder":true,"num":1},'
            f'"t":"2023-11-14T22:13:20.123Z"}},null,1.5,1099511627776,"{"ä" * 40}",null]'
        )
        assert plain == '["time","2023-11-14T22:13:20.123Z"]'

    def test_what_cannot_be_sent_is_heard_nowhere(self, here: Server, there: Server) -> None:
        near, _ = here.connect()
        far, _ = there.connect()
        for bad in (object(), 2**70, "\ud800"):
            with pytest.raises(TypeError):
                here.nsp.emit("news", bad)
        self.settle(here, there)
        assert (near.events, far.events) == ([], [])

    def test_order(self, here: Server, there: Server) -> None:
        far, _ = there.connect()
        for number in range(300):
            here.nsp.emit("n", number)
        self.settle(here, there)
        events = far.events
        assert events == [f'["n",{number}]' for number in range(300)]

    # Many at once.

    def test_join_and_leave(self, here: Server, there: Server) -> None:
        _, near = here.connect("1")
        _, far = there.connect("1")
        _, other = there.connect("2")
        here.nsp.to("1").join("3", "4")
        self.settle(here, there)
        assert near.rooms == {near.sid, "1", "3", "4"}
        assert far.rooms == {far.sid, "1", "3", "4"}
        assert other.rooms == {other.sid, "2"}
        here.nsp.except_("2").leave("3")
        self.settle(here, there)
        assert near.rooms == {near.sid, "1", "4"}
        assert far.rooms == {far.sid, "1", "4"}
        here.nsp.to("4").emit("news")
        self.settle(here, there)

    @pytest.mark.parametrize("close", [False, True])
    def test_disconnect(self, here: Server, there: Server, close: bool) -> None:
        far, socket = there.connect("1")
        other, _ = there.connect()
        here.nsp.to("1").disconnect(close)
        self.settle(here, there)
        assert far.sent == ["1"]
        assert far.is_open is not close
        assert other.is_open
        assert list(there.nsp.sockets.values()) == [there.made[-1]]
        assert socket.gone

    def test_a_room_joined_is_heard(self, here: Server, there: Server) -> None:
        """What is sent to a room once join() has returned arrives."""
        far, socket = there.connect()
        for number in range(50):
            socket.join(f"room {number}")
            here.nsp.to(f"room {number}").emit("n", number)
        self.settle(here, there)
        assert far.events == [f'["n",{number}]' for number in range(50)]

    def test_a_room_left_is_not_heard(self, here: Server, there: Server) -> None:
        far, socket = there.connect("room")
        socket.leave("room")
        socket.join("other")
        here.nsp.to("room").emit("news")
        self.settle(here, there)
        assert far.events == []

    # Asking clients.

    def test_everybody_answers(self, here: Server, there: Server, new_server: NewServer) -> None:
        third = new_server()
        near, _ = here.connect(answer='["near"]')
        far, _ = there.connect(answer='["far","more"]')
        there.connect(answer="[]")
        third.connect(answer='[{"a":[1,"🎉"]}]')
        answers = here.nsp.call("question", 7)
        assert sorted(answers, key=str) == sorted(["near", "far", None, {"a": [1, "🎉"]}], key=str)
        assert near.events == far.events == ['["question",7]']

    def test_binary_answer(self, here: Server, there: Server) -> None:
        far, socket = there.connect()

        def answer(message: Any, *how: bool) -> bool:
            text, _, rest = message.text.partition(b"[")
            if rest:
                gevent.spawn(socket.resolve_ack, int(text[1:]), [b"\7\10"])
            return True

        far.send = answer  # type: ignore[assignment]
        assert here.nsp.to(socket.sid).call("question") == [b"\7\10"]

    def test_nobody_to_ask_elsewhere(self, here: Server, there: Server) -> None:
        here.connect(answer="[1]")
        assert here.nsp.call("question") == [1]
        assert here.nsp.to("nowhere").call("question") == []

    def test_one_does_not_answer(self, here: Server, there: Server) -> None:
        here.connect(answer="[1]")
        there.connect(answer="[2]")
        there.connect()
        # The others answer at once, but that may take a while on a busy machine.
        for seconds in (0.3, 3, 20):
            with pytest.raises(AckTimeout) as caught:
                here.nsp.call("question", timeout=seconds)
            if len(caught.value.responses) == 2:
                break
        assert sorted(caught.value.responses) == [1, 2]

    def test_callback(self, here: Server, there: Server) -> None:
        there.connect(answer="[2]")
        called: list[Any] = []
        here.nsp.emit("question", callback=lambda *args: called.append(args))
        until(lambda: called, what="the callback")
        assert called == [(None, [2])]

    # Looking.

    def test_fetch(self, here: Server, there: Server) -> None:
        _, near = here.connect("1")
        _, far = there.connect("1", "2", name="ada")
        there.connect()
        assert len(here.nsp.fetch()) == 3
        found = {socket.sid: socket for socket in here.nsp.to("1").fetch()}
        assert set(found) == {near.sid, far.sid}
        assert found[near.sid] is near
        remote = found[far.sid]
        assert isinstance(remote, RemoteSocket)
        assert remote.rooms == {far.sid, "1", "2"}
        assert remote.session == {"name": "ada"}
        assert remote.handshake.address == "192.0.2.7"
        assert [socket.sid for socket in here.nsp.to("1").except_(near.sid).fetch()] == [far.sid]

    def test_what_is_done_to_a_fetched_one(self, here: Server, there: Server) -> None:
        client, far = there.connect(answer='["yes"]')
        (remote,) = here.nsp.fetch()
        remote.emit("hello", 1)
        assert remote.call("question") == "yes"
        remote.join("1", "2")
        remote.leave("1")
        self.settle(here, there)
        # Questions may go another way.
        assert sorted(client.events) == ['["hello",1]', '["question"]']
        assert far.rooms == {far.sid, "2"}
        remote.disconnect()
        self.settle(here, there)
        assert far.gone
        with pytest.raises(SessionClosed):
            remote.call("question")

    def test_data_that_cannot_be_sent(self, here: Server, there: Server) -> None:
        """They are the application's own; the client is found all the same."""
        _, far = there.connect(lock=object(), name="ada", blob=b"\1")
        (remote,) = here.nsp.fetch()
        assert remote.sid == far.sid
        assert remote.session == {"lock": None, "name": "ada", "blob": b"\1"}

    def test_all_rooms(self, here: Server, there: Server) -> None:
        _, near = here.connect("1", "2")
        _, far = there.connect("2", "3")
        assert here.nsp.all_rooms() == {near.sid, far.sid, "1", "2", "3"}

    def test_who_leaves_is_not_counted(self, here: Server, new_server: NewServer) -> None:
        leaver = new_server()
        assert here.nsp.server_count() == 2
        leaver.close()
        until(lambda: here.nsp.server_count() == 1, what="the other to be gone")
        here.connect(answer="[1]")
        assert here.nsp.call("question") == [1]
        assert len(here.nsp.fetch()) == 1

    # Servers among themselves.

    def test_server_side_emit(self, here: Server, there: Server) -> None:
        heard: list[Any] = []
        for server in (here, there):
            server.nsp.on_server("hi", lambda *args: heard.append(args))
        here.nsp.server_side_emit("hi", 1, {"a": b"\1"}, "🎉")
        here.nsp.server_side_emit("nobody listens")
        self.settle(here, there)
        until(lambda: heard, what="the listener")
        assert heard == [(1, {"a": b"\1"}, "🎉")]

    def test_server_side_call(self, here: Server, there: Server, new_server: NewServer) -> None:
        third = new_server()

        def slow(question: str) -> str:
            gevent.sleep(0.01)
            return f"{question} there"

        there.nsp.on_server("ask", slow)
        third.nsp.on_server("ask", lambda question: None)
        assert sorted(here.nsp.server_side_call("ask", "who"), key=str) == [None, "who there"]

    def test_a_server_that_has_no_answer(self, here: Server, there: Server) -> None:
        with pytest.raises(AckTimeout) as caught:
            here.nsp.server_side_call("ask", timeout=0.3)
        assert caught.value.responses == []

    def test_alone(self, here: Server) -> None:
        _, near = here.connect("1", answer="[1]")
        assert here.nsp.server_side_call("ask") == []
        assert here.nsp.fetch() == [near]
        assert here.nsp.all_rooms() == {near.sid, "1"}
        assert here.nsp.call("question") == [1]
        assert here.nsp.server_count() == 1
