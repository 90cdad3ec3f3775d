"""The members' board: a login, a stranger who is refused, and rights that are taken away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect
from webtest import TestApp

import demo.members
from demo.members.people import People
from demo.members.pins import KEPT, LONGEST, Pins
from tests.conftest import Serve
from tests.support import PATIENCE, Server


@pytest.fixture
def site(serve: Serve) -> Server:
    return serve("members.ini")


@pytest.fixture
def visit(new_page: Callable[..., Page], site: Server) -> Callable[..., Page]:
    """Opens the board as somebody who logs in, or (None) at the door."""

    def come(name: str | None, password: str | None = None) -> Page:
        page = new_page()
        page.goto(site.url)
        if name is not None:
            page.get_by_label("Name").fill(name)
            page.get_by_label("Password").fill(name if password is None else password)
            page.get_by_role("button", name="Log in").click()
        return page

    return come


def state(page: Page, text: str) -> None:
    expect(page.locator("#state-text")).to_have_text(text)


def test_members_pin_and_strangers_are_refused(visit: Callable[..., Page]) -> None:
    ada, grace = visit("ada"), visit("grace")
    state(ada, "Connected")
    state(grace, "Connected")
    grace.get_by_label("What to pin").fill("hello, everybody")
    grace.get_by_role("button", name="Pin", exact=True).click()
    for page in (ada, grace):
        expect(page.locator("#pins li")).to_contain_text("hello, everybody")

    stranger = visit(None)
    stranger.get_by_role("button", name="Connect anyway").click()
    expect(stranger.locator("#answer")).to_have_text("connect_error: Forbidden")


def test_keepers_have_a_corner_and_may_suspend(visit: Callable[..., Page]) -> None:
    ada, grace = visit("ada"), visit("grace")
    state(grace, "Connected")
    grace.get_by_role("button", name="Keepers").click()
    expect(grace.locator("#trouble")).to_have_text("keepers: Forbidden")
    grace.locator("#people li", has_text="linus").get_by_role("button").click()
    expect(grace.locator("#trouble")).to_have_text("suspend: Forbidden")

    state(ada, "Connected")
    ada.get_by_role("button", name="Keepers").click()
    expect(ada.get_by_role("button", name="Keepers")).to_have_attribute("aria-pressed", "true")
    ada.locator("#people li", has_text="grace").get_by_role("button").click()
    state(grace, "You may not be here any more")
    expect(ada.locator("#people li", has_text="grace")).to_have_class("is-suspended")

    grace.reload()
    expect(grace.get_by_role("heading", name="The members' board")).to_be_visible()


def test_a_connection_that_broke_fetches_another_ticket(visit: Callable[..., Page]) -> None:
    page = visit("linus")
    state(page, "Connected")
    page.context.set_offline(True)
    page.context.set_offline(False)
    page.reload()
    state(page, "Connected")


@pytest.fixture
def app() -> TestApp:
    return TestApp(demo.members.main({}, **{"members.secret": "for tests"}))


class TestDoor:
    def enter(self, app: TestApp, name: str, password: str, **options: object) -> object:
        form = app.get("/login").form
        form["name"], form["password"] = name, password
        return form.submit(**options)

    def test_pages_need_a_login(self, app: TestApp) -> None:
        assert app.get("/", status=303).location.endswith("/login")
        self.enter(app, "ada", "ada", status=303)
        answer = app.get("/", status=200)
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        answer.forms[0].submit(status=303)
        app.get("/", status=303)

    @pytest.mark.parametrize(("name", "password"), [("ada", "grace"), ("<b>", "x"), ("", "")])
    def test_wrong_passwords(self, app: TestApp, name: str, password: str) -> None:
        answer = self.enter(app, name, password, status=403)
        assert "Nobody may enter" in answer.text  # type: ignore[attr-defined]
        assert "<b>" not in answer.text  # type: ignore[attr-defined]

    def test_forms_of_other_sites(self, app: TestApp) -> None:
        app.post("/login", {"name": "ada", "password": "ada"}, status=400)


def test_everything_the_pages_refer_to_is_there(site: Server) -> None:
    for path in sorted((Path(demo.members.__file__).parent / "static").iterdir()):
        with urlopen(f"{site.url}/static/members/{path.name}", timeout=PATIENCE) as answer:
            assert answer.read() == path.read_bytes()


def test_people_who_are_suspended_cannot_log_in() -> None:
    people = People()
    grace = people.get("grace")
    assert grace is not None
    assert people.login("grace", "grace") is grace
    grace.suspended = True
    assert people.login("grace", "grace") is None
    assert people.get(None) is None


def test_pins() -> None:
    pins = Pins()
    for number in range(KEPT + 5):
        pins.add("everybody", "ada", f" a   pin {number} ")
    assert len(pins.of("everybody")) == KEPT
    assert pins.of("everybody")[-1]["text"] == f"a pin {KEPT + 4}"
    assert pins.of("keepers") == []
    for text in ("", "  ", "x" * (LONGEST + 1)):
        with pytest.raises(ValueError, match="characters"):
            pins.add("keepers", "ada", text)
