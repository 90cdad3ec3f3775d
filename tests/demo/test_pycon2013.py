"""The page of 2013 and today's talk to each other: real Chromium pages, ``development.ini``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from demo.pycon2013.news import event_of
from demo.records import Entry
from tests.conftest import Serve
from tests.demo.guest import Guest
from tests.support import Server


class OldPage:
    """Somebody with the client of that year."""

    def __init__(self, page: Page, demo: Server) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(f"{demo.url}/pycon2013/")
        expect(page.locator("#title")).to_have_text("lobby")

    @property
    def lines(self) -> Locator:
        return self.page.locator("#lines li")

    def say(self, text: str) -> None:
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")

    def submit(self, field: str, value: str) -> None:
        self.page.fill(f"#{field}", value)
        self.page.press(f"#{field}", "Enter")

    def expect_status(self, text: str) -> None:
        expect(self.page.locator("#status")).to_have_text(text)


@pytest.fixture
def demo(serve: Serve) -> Server:
    return serve("development.ini")


@pytest.fixture
def old(new_page: Callable[..., Page], demo: Server) -> Iterator[OldPage]:
    page = OldPage(new_page(), demo)
    yield page
    assert page.faults == []


@pytest.fixture
def today(new_page: Callable[..., Page], demo: Server) -> Iterator[Guest]:
    guest = Guest(new_page(reduced_motion="reduce"), f"{demo.url}/").enter("Ada")
    yield guest
    assert guest.faults == []


def test_each_hears_the_other(old: OldPage, today: Guest) -> None:
    old.submit("nick", "Grace")
    old.expect_status("You are Grace")

    old.say("hello from 2013 😀")
    today.page.get_by_text("hello from 2013 😀").wait_for()
    today.say("and from today ☃")

    expect(old.lines.last).to_contain_text("Ada: and from today ☃")
    expect(old.lines.filter(has_text="hello from 2013 😀")).to_have_class("statement mine")
    today.has_people("Ada", "Grace")


def test_rooms_and_topics_are_the_same(old: OldPage, today: Guest) -> None:
    old.submit("room", "Garden")
    expect(old.page.locator("#title")).to_have_text("garden")
    today.page.locator("#other-list").get_by_text("garden").click()
    expect(old.lines.last).to_contain_text("Ada joined the room")

    old.say("/topic Roses")

    expect(old.page.locator("#topic")).to_have_text("Roses")
    today.page.get_by_text("Roses").first.wait_for()
    old.page.get_by_role("button", name="lobby").click()
    expect(old.page.locator("#title")).to_have_text("lobby")
    old.page.get_by_role("button", name="garden").click()
    old.page.get_by_role("button", name="Leave the room").click()
    expect(old.page.locator("#title")).to_have_text("lobby")
    old.expect_status("You left garden")


def test_refusals_are_told(old: OldPage, today: Guest) -> None:
    old.submit("nick", "Ada")
    old.expect_status("The nick Ada is taken. Try another one.")


def test_who_closes_the_page_is_gone(old: OldPage, today: Guest) -> None:
    old.submit("nick", "Grace")
    today.has_people("Ada", "Grace")
    old.page.goto("about:blank")
    today.has_people("Ada")


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("say", "hi", {"type": "statement", "message": "hi"}),
        ("join", "", {"type": "user_joined", "message": "Ada joined the room"}),
        ("leave", "", {"type": "user_left", "message": "Ada left the room"}),
        ("rename", "Bob", {"type": "user_renamed", "message": "Ada is now Bob"}),
        (
            "topic",
            "Roses",
            {"type": "topic_set", "message": "Ada changed the topic to: Roses", "topic": "Roses"},
        ),
    ],
)
def test_what_is_recorded_in_the_words_of_the_talk(
    kind: str, text: str, said: dict[str, str]
) -> None:
    entry = Entry(1, "lobby", kind, "Ada", text, 0.0)
    common = {"room": "lobby", "user": "Ada", "timestamp": "1970-01-01 00:00:00"}
    assert event_of(entry) == common | said
