from __future__ import annotations

from gevent.event import Event

from pyramid_sio.adapters.questions import Inquiry, Question, Questions
from pyramid_sio.errors import AdapterError
from pyramid_sio.protocol.cluster import ClientAck, ClientCount, Rooms, ServerAnswer, Sockets


class Asked:
    """A question to clients of other servers, and how often it was noticed that it changed."""

    def __init__(self, servers: int | None) -> None:
        self.servers = servers
        self.changes = 0
        self.ended = 0
        self.question = Question(self._change, self._count, self._end)

    def _change(self) -> None:
        self.changes += 1

    def _end(self) -> None:
        self.ended += 1

    def _count(self, timeout: float) -> int:
        if self.servers is None:
            raise AdapterError("nobody knows")
        return self.servers


class TestQuestion:
    def test_complete_when_servers_and_clients_have_answered(self) -> None:
        asked = Asked(servers=3)
        question = asked.question
        question.count(1.0)
        assert not question.complete
        question.hear(ClientCount("1", 2))
        question.hear(ClientAck("1", "a"))
        question.hear(ClientAck("1", "b"))
        # One server has not said how many clients it has.
        assert not question.complete
        question.hear(ClientCount("1", 0))
        assert question.complete
        assert question.clients == 2
        assert question.answers == ["a", "b"]
        assert asked.changes == 4

    def test_answers_may_come_before_it_is_said_how_many(self) -> None:
        question = Asked(servers=2).question
        question.hear(ClientAck("1", "a"))
        question.hear(ClientCount("1", 1))
        assert not question.complete
        question.count(1.0)
        assert question.complete

    def test_alone(self) -> None:
        question = Asked(servers=1).question
        question.count(1.0)
        assert question.complete

    def test_how_many_servers_there_are_is_not_known(self) -> None:
        question = Asked(servers=None).question
        question.count(1.0)
        question.hear(ClientCount("1", 1))
        question.hear(ClientAck("1", "a"))
        assert not question.complete
        assert question.answers == ["a"]

    def test_what_is_no_answer_to_it(self) -> None:
        question = Asked(servers=2).question
        question.count(1.0)
        question.hear(Rooms("1", ["red"]))
        assert not question.complete
        assert question.answers == []

    def test_the_end(self) -> None:
        asked = Asked(servers=2)
        asked.question.end()
        assert asked.ended == 1


class TestInquiry:
    def test_done_when_all_have_answered(self) -> None:
        inquiry = Inquiry(3, Event())
        inquiry.hear(Sockets("1", [{"id": "a"}]))
        inquiry.hear(Rooms("1", ["red"]))
        assert not inquiry.done.is_set()
        inquiry.hear(ServerAnswer("1", None))
        assert inquiry.done.is_set()
        assert inquiry.answers == [[{"id": "a"}], ["red"], None]

    def test_what_is_no_answer_to_it(self) -> None:
        inquiry = Inquiry(1, Event())
        inquiry.hear(ClientCount("1", 1))
        assert not inquiry.done.is_set()
        assert inquiry.answers == []


class TestQuestions:
    def test_an_answer_reaches_its_question(self) -> None:
        questions = Questions()
        one, two = Inquiry(1, Event()), Inquiry(1, Event())
        questions.add("1", one)
        questions.add("2", two)
        questions.answer(ServerAnswer("2", "b"))
        assert (one.answers, two.answers) == ([], ["b"])

    def test_an_answer_that_nobody_waits_for_is_ignored(self) -> None:
        questions = Questions()
        inquiry = Inquiry(1, Event())
        questions.add("1", inquiry)
        questions.forget("1")
        questions.forget("1")
        questions.answer(ServerAnswer("1", "a"))
        questions.answer(ServerAnswer("none", "a"))
        assert inquiry.answers == []
        assert len(questions) == 0
