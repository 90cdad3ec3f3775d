"""What is done about what other servers say, with a line that notes the answers."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from pyramid_sio.adapters.hearing import Hearing
from pyramid_sio.adapters.questions import Inquiry, Questions
from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster import (
    AllRooms,
    AllSids,
    Broadcast,
    ClientAck,
    ClientCount,
    Disconnect,
    Done,
    Envelope,
    Fetch,
    Join,
    Leave,
    Options,
    Rooms,
    ServerAnswer,
    ServerEmit,
    Sids,
    Sockets,
)
from tests.adapters.alone import alone
from tests.fakes import until

RED = Options(frozenset(("red",)))
EVERYBODY = Options()


class Line:
    """Notes answers, and whom they are for. What cannot be sent is refused, if told so."""

    def __init__(self) -> None:
        self.answers: list[tuple[Any, str | None]] = []
        self.refuses: Any = lambda answer: False

    def answer(self, answer: Any, to: str | None) -> None:
        if self.refuses(answer):
            raise TypeError("cannot be sent")
        self.answers.append((answer, to))


class Ears:
    """A namespace with ears."""

    def __init__(self) -> None:
        self.server = alone()
        self.line = Line()
        self.questions = Questions()
        nsp = self.server.nsp
        self.hearing = Hearing(
            lambda: nsp,
            "/",
            line=self.line,  # type: ignore[arg-type]
            local=nsp.adapter,  # type: ignore[arg-type]
            questions=self.questions,
            complaints=Complaints(logging.getLogger("test")),
        )

    def hear(self, message: Any, sender: str | None = "A") -> list[Any]:
        """Hear a message; what is answered by that."""
        self.hearing.hear(Envelope(sender, message))
        assert not self.hearing.busy
        answers, self.line.answers = self.line.answers, []
        assert {to for _, to in answers} <= {sender}
        return [answer for answer, _ in answers]


@pytest.fixture
def ears() -> Ears:
    return Ears()


class TestBroadcasts:
    def test_whom_it_is_for(self, ears: Ears) -> None:
        red, _ = ears.server.connect("red")
        both, _ = ears.server.connect("red", "blue")
        other, _ = ears.server.connect()
        options = Options(frozenset(("red",)), frozenset(("blue",)))
        assert ears.hear(Broadcast(options, lambda: ["news", 1])) == []
        assert (red.events, both.events, other.events) == (['["news",1]'], [], [])

    def test_what_is_for_nobody_here_is_not_decoded(self, ears: Ears) -> None:
        ears.server.connect("blue")
        ears.hear(Broadcast(RED, lambda: pytest.fail("decoded")))
        assert ears.hearing.ignored == 0

    def test_what_cannot_be_decoded_is_ignored(self, ears: Ears) -> None:
        client, _ = ears.server.connect()

        def load() -> Any:
            raise ProtocolError("no event")

        ears.hear(Broadcast(EVERYBODY, load))
        assert ears.hearing.ignored == 1
        ears.hear(Broadcast(EVERYBODY, lambda: ["news"]))
        assert client.events == ['["news"]']

    def test_a_room_with_a_number_for_a_name(self, ears: Ears) -> None:
        client, _ = ears.server.connect("42")
        ears.hear(Broadcast(Options(frozenset((42,))), lambda: ["news"]))
        assert client.events == []


class TestQuestions:
    def test_clients_are_counted_first(self, ears: Ears) -> None:
        ears.server.connect("red", answer='["yes",2]')
        ears.server.connect("red", answer="[]")
        question = Broadcast(RED, lambda: ["question"], "1")
        assert ears.hear(question) == [ClientCount("1", 2)]
        until(lambda: len(ears.line.answers) == 2, what="the clients to answer")
        wanted = [(ClientAck("1", "yes"), "A"), (ClientAck("1", None), "A")]
        assert sorted(ears.line.answers, key=str) == sorted(wanted, key=str)

    def test_nobody_is_here(self, ears: Ears) -> None:
        question = Broadcast(RED, lambda: pytest.fail("decoded"), "1")
        assert ears.hear(question) == [ClientCount("1", 0)]

    def test_a_client_that_goes_does_not_answer(self, ears: Ears) -> None:
        client, socket = ears.server.connect()
        ears.hear(Broadcast(EVERYBODY, lambda: ["question"], "1"))
        socket.disconnect()
        client.run()
        assert ears.line.answers == []

    def test_a_time_out_of_the_other_server(self, ears: Ears) -> None:
        client, _ = ears.server.connect()
        options = Options(timeout=0.5)
        ears.hear(Broadcast(options, lambda: ["question"], "1"))
        client.advance(0.6)
        client.receive('30["late"]')
        client.run()
        assert ears.line.answers == []

    def test_answers_to_what_was_asked_here(self, ears: Ears) -> None:
        inquiry = Inquiry(1, ears.server.sio.make_event())
        ears.questions.add("1", inquiry)
        ears.hear(ServerAnswer("other", 1), sender=None)
        ears.hear(ServerAnswer("1", 2), sender=None)
        assert inquiry.answers == [2]


class TestOrders:
    def test_join_and_leave(self, ears: Ears) -> None:
        _, socket = ears.server.connect("red")
        _, other = ears.server.connect()
        assert ears.hear(Join(RED, frozenset(("blue", 7)))) == []
        assert socket.rooms == {socket.sid, "red", "blue"}
        assert other.rooms == {other.sid}
        ears.hear(Leave(EVERYBODY, frozenset(("red", "blue"))))
        assert socket.rooms == {socket.sid}

    @pytest.mark.parametrize("close", [False, True])
    def test_disconnect(self, ears: Ears, close: bool) -> None:
        client, socket = ears.server.connect("red")
        _, other = ears.server.connect()
        ears.hear(Disconnect(RED, close))
        assert socket.gone
        assert not other.gone
        assert client.is_open is not close

    def test_an_old_version_that_wants_to_know(self, ears: Ears) -> None:
        """Who has the client answers, and nobody else."""
        assert ears.hear(Join(RED, frozenset(("blue",)), "1")) == []
        ears.server.connect("red")
        assert ears.hear(Join(RED, frozenset(("blue",)), "2")) == [Done("2")]
        assert ears.hear(Leave(RED, frozenset(("red",)), "3")) == [Done("3")]


class TestLooking:
    def test_fetch(self, ears: Ears) -> None:
        _, socket = ears.server.connect("red", name="ada")
        ears.server.connect()
        ((id, (found,)),) = ears.hear(Fetch(RED, "1"))
        assert id == "1"
        assert found["id"] == socket.sid
        assert found["data"] == {"name": "ada"}

    def test_data_that_cannot_be_sent(self, ears: Ears) -> None:
        lock = object()
        ears.server.connect(lock=lock, name="ada")
        ears.line.refuses = lambda answer: answer.sockets[0]["data"]["lock"] is lock
        (answer,) = ears.hear(Fetch(EVERYBODY, "1"))
        assert isinstance(answer, Sockets)
        assert answer.sockets[0]["data"] == {"lock": None, "name": "ada"}

    def test_rooms(self, ears: Ears) -> None:
        _, socket = ears.server.connect("red", "blue")
        (answer,) = ears.hear(AllRooms("1"))
        assert isinstance(answer, Rooms)
        assert set(answer.rooms) == {socket.sid, "red", "blue"}

    def test_ids(self, ears: Ears) -> None:
        _, socket = ears.server.connect("red")
        ears.server.connect()
        assert ears.hear(AllSids(frozenset(("red", 7)), "1")) == [Sids("1", [socket.sid])]


class TestServers:
    def test_a_listener_that_answers(self, ears: Ears) -> None:
        ears.server.nsp.on_server("ask", lambda *args: ["told", *args])
        assert ears.hear(ServerEmit(["ask", 1], "1")) == []
        until(lambda: ears.line.answers, what="the answer")
        assert ears.line.answers == [(ServerAnswer("1", ["told", 1]), "A")]

    def test_one_that_is_only_told(self, ears: Ears) -> None:
        told: list[Any] = []
        ears.server.nsp.on_server("tell", lambda *args: told.append(args))
        ears.hear(ServerEmit(["tell", 1]))
        until(lambda: told, what="the listener")
        assert ears.line.answers == []

    def test_an_event_nobody_listens_to_is_not_answered(self, ears: Ears) -> None:
        assert ears.hear(ServerEmit(["ask"], "1")) == []
        assert ears.hearing.ignored == 0

    def test_an_answer_that_cannot_be_sent(
        self, ears: Ears, caplog: pytest.LogCaptureFixture
    ) -> None:
        ears.line.refuses = lambda answer: answer.value == "unfit"
        ears.server.nsp.on_server("ask", lambda value: value)
        ears.hear(ServerEmit(["ask", "unfit"], "1"))
        ears.hear(ServerEmit(["ask", "fit"], "2"))
        until(lambda: ears.line.answers, what="the answer")
        assert ears.line.answers == [(ServerAnswer("2", "fit"), "A")]
        assert "an answer cannot be sent" in caplog.text


def test_a_fault_of_ours_is_logged_as_one(ears: Ears, caplog: pytest.LogCaptureFixture) -> None:
    client, _ = ears.server.connect()
    ears.hear(Broadcast(EVERYBODY, lambda: 1 / 0))  # type: ignore[arg-type,return-value]
    assert ears.hearing.ignored == 1
    assert "ZeroDivisionError" in caplog.text
    ears.hear(Broadcast(EVERYBODY, lambda: ["news"]))
    assert client.events == ['["news"]']
