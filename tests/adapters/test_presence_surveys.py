from __future__ import annotations

import logging
from typing import Any

import gevent
import pytest
from gevent.event import Event

from pyramid_sio.adapters import presence_surveys as surveys_module
from pyramid_sio.adapters.presence_surveys import Survey, Surveys
from pyramid_sio.engine.complaints import Complaints
from tests.fakes import until


class TestSurvey:
    def test_complete_when_all_have_answered(self) -> None:
        survey = Survey(frozenset(), Event())
        survey.hear("A", ["ada"])
        assert not survey.complete
        survey.expect(2)
        assert not survey.complete
        survey.hear("A", ["ada"])
        assert not survey.done.is_set()
        survey.hear("B")
        assert survey.complete
        assert survey.done.is_set()
        survey.hear("C", ["eve"])
        assert survey.answers == {"A": ["ada"], "B": None}

    def test_answers_may_come_before_it_is_known_how_many(self) -> None:
        survey = Survey(frozenset(), Event())
        survey.hear("A")
        survey.expect(1)
        assert survey.done.is_set()

    def test_no_more_answer_than_may(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(surveys_module, "MAX_SERVERS", 3)
        survey = Survey(frozenset(), Event())
        for number in range(10):
            survey.hear(str(number))
        assert survey.full
        assert list(survey.answers) == ["0", "1", "2"]

    def test_asked_anew(self) -> None:
        survey = Survey(frozenset(), Event())
        survey.expect(2)
        survey.hear("A")
        survey.restart()
        assert not survey.complete
        survey.expect(1)
        assert not survey.complete
        survey.hear("B")
        assert survey.complete


class Bus:
    """Notes what is asked, and says how many were."""

    def __init__(self, *counts: int) -> None:
        self.asked: list[bytes] = []
        self.counts = list(counts)

    def reach(self, channel: str, data: bytes, timeout: float) -> int:
        self.asked.append(data)
        return self.counts[min(len(self.asked), len(self.counts)) - 1]


def surveys_on(bus: Bus, timeout: float) -> Surveys:
    complaints = Complaints(logging.getLogger("test"))
    return Surveys(
        bus,  # type: ignore[arg-type]
        "channel",
        make_event=Event,
        timeout=timeout,
        complaints=complaints,
    )


def ask(surveys: Surveys) -> Any:
    return surveys.ask(frozenset(), lambda id: id.encode(), lambda deadline: None)


class TestSurveys:
    def test_nobody_is_there(self) -> None:
        bus = Bus(0)
        surveys = surveys_on(bus, 1000.0)
        assert ask(surveys).answers == {}
        assert len(bus.asked) == 1
        assert len(surveys) == 0

    def test_the_same_question_until_all_who_are_there_have_answered(self) -> None:
        bus = Bus(2, 1)
        surveys = surveys_on(bus, 1000.0)
        asking = gevent.spawn(ask, surveys)
        until(lambda: bus.asked, what="the question")
        survey = surveys.get(bus.asked[0].decode())
        assert survey is not None
        survey.hear("A", ["ada"])
        surveys.ask_anew()
        until(lambda: len(bus.asked) == 2, what="it to be asked anew")
        assert bus.asked[0] == bus.asked[1]
        assert not asking.ready()
        survey.hear("B", ["bob"])
        until(lambda: asking.ready(), what="the answer")
        assert asking.value.answers == {"B": ["bob"]}
        assert surveys.get(bus.asked[0].decode()) is None

    def test_one_answers_while_it_is_about_to_be_asked_anew(self) -> None:
        bus = Bus(1)
        surveys = surveys_on(bus, 1000.0)
        asking = gevent.spawn(ask, surveys)
        until(lambda: bus.asked, what="the question")
        survey = surveys.get(bus.asked[0].decode())
        assert survey is not None
        surveys.ask_anew()
        gevent.sleep(0)
        survey.hear("A")
        until(lambda: asking.ready(), what="the answer")
        assert len(bus.asked) == 1
