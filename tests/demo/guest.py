"""Somebody at the chat: a page of a real browser, and what a person does with it."""

from __future__ import annotations

import re

from playwright.sync_api import ConsoleMessage, Locator, Page, expect


class Guest:
    """A page, and what a person does with it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        #: What a page must never do: raise, or ask for what its policy forbids.
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._hear)
        page.goto(url)

    def _hear(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.faults.append(message.text)

    def __call__(self, selector: str, **options: str | re.Pattern[str]) -> Locator:
        return self.page.locator(selector, **options)

    def ask_in(self, nick: str) -> None:
        self("#enter-nick").fill(nick)
        self("#enter [type=submit]").click()

    def enter(self, nick: str) -> Guest:
        self.ask_in(nick)
        expect(self("#app")).to_be_visible()
        expect(self("#me-nick")).to_have_text(nick)
        return self

    def say(self, text: str) -> None:
        self("#text").fill(text)
        self("#text").press("Enter")

    def open_room(self, name: str) -> None:
        """Ask for a room; what is said before the answer comes is said in the old one."""
        self("#new-room-name").fill(name)
        self("#new-room-name").press("Enter")

    def enter_room(self, name: str) -> None:
        self.open_room(name)
        expect(self("#room-name")).to_have_text(f"# {name}")

    def sees(self, *texts: str) -> None:
        """Exactly these statements, in this order."""
        expect(self("#messages .bubble")).to_have_text(list(texts))

    def notices(self, text: str) -> None:
        expect(self("#messages .notice").last).to_contain_text(text)

    def has_people(self, *nicks: str) -> None:
        expect(self("#people-list .name")).to_have_text(list(nicks))
