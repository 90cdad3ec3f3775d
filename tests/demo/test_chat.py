"""People chat: real Chromium pages, the real server, ``development.ini``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from demo.records import Limits
from tests.conftest import Serve
from tests.demo.cable import Cable
from tests.demo.guest import Guest
from tests.support import Program, Server, wait_until

PSERVE = Path(sys.executable).with_name("pserve")


@pytest.fixture
def demo(serve: Serve) -> Server:
    return serve("development.ini")


@pytest.fixture
def visit(new_page: Callable[..., Page], demo: Server) -> Iterator[Callable[..., Guest]]:
    """Opens the demo as somebody new: ``visit("Ada")``; without a nick, at the door."""
    guests: list[Guest] = []

    def come(
        nick: str | None = None,
        *,
        url: str = "",
        websocket: bool = True,
        memory: str = "",
        motion: str = "reduce",
    ) -> Guest:
        page = new_page(reduced_motion=motion)
        if not websocket:
            page.route_web_socket(re.compile(".*"), refuse)
        if memory:
            page.add_init_script(f"sessionStorage.setItem('pyramid_sio.chat', {memory!r})")
        guest = Guest(page, url if "://" in url else f"{demo.url}/{url}")
        guests.append(guest)
        return guest.enter(nick) if nick else guest

    yield come
    assert [guest.faults for guest in guests if guest.faults] == []


def refuse(websocket: WebSocketRoute) -> None:
    websocket.close()


# Talking.


@pytest.mark.parametrize(
    ("websocket", "url", "transport"),
    [
        (True, "", "WebSocket"),
        (False, "", "Polling"),
        (True, "?transports=polling", "Polling"),
        (True, "?transports=websocket", "WebSocket"),
    ],
    ids=["upgraded", "websocket blocked", "polling only", "websocket only"],
)
def test_two_people_talk(
    visit: Callable[..., Guest], websocket: bool, url: str, transport: str
) -> None:
    ada = visit("Ada", websocket=websocket, url=url)
    grace = visit("Grace", websocket=websocket, url=url)
    for guest in (ada, grace):
        expect(guest("#link-text")).to_have_text(re.compile(rf"^{transport} · \d+ ms$"))
    ada.say("hello")
    grace.sees("hello")
    grace.say("hello yourself")
    # What two people say at once may arrive in either order.
    ada.sees("hello", "hello yourself")
    ada.say("and goodbye")
    for guest in (ada, grace):
        guest.sees("hello", "hello yourself", "and goodbye")
        expect(guest("#pending li")).to_have_count(0)
    expect(ada(".say.mine .bubble")).to_have_text(["hello", "and goodbye"])
    expect(grace(".say:not(.mine) .meta b").first).to_have_text("Ada")


def test_who_comes_and_goes_is_noticed(visit: Callable[..., Guest]) -> None:
    ada = visit("Ada")
    ada.has_people("Ada")
    grace = visit("Grace")
    otto = visit("Otto")
    ada.notices("Otto joined")
    ada.has_people("Ada", "Grace", "Otto")
    otto.has_people("Otto", "Ada", "Grace")
    grace("#sign-out").click()
    expect(grace("#door")).to_be_visible()
    ada.notices("Grace left")
    otto.page.close()
    expect(ada("#messages .notice").last).to_contain_text(re.compile("Otto (left|lost)"))
    ada.has_people("Ada")
    expect(ada("#head-count")).to_have_text("1")
    grace.enter("Grace")
    ada.has_people("Ada", "Grace")


def test_who_comes_later_gets_the_backlog(visit: Callable[..., Guest]) -> None:
    ada = visit("Ada")
    texts = [f"statement {number}" for number in range(5)]
    for text in texts:
        ada.say(text)
    ada.sees(*texts)
    grace = visit("Grace")
    grace.sees(*texts)


def test_what_looks_like_markup_is_text(visit: Callable[..., Guest]) -> None:
    ada, grace = visit("Ada"), visit("Grace")
    text = "<img src=x onerror=alert(1)> & <b>bold</b> https://example.org/?a=<script>"
    ada.say(text)
    grace.sees(text)
    expect(grace("#messages img, #messages .bubble b, #messages script")).to_have_count(0)
    expect(grace("#messages .bubble a")).to_have_attribute("href", "https://example.org/?a=")
    ada("#topic").click()
    ada("#topic-input").fill("<i>topic</i>")
    ada("#topic-input").press("Enter")
    expect(grace("#topic-text")).to_have_text("<i>topic</i>")


def test_a_long_statement_keeps_its_lines(visit: Callable[..., Guest]) -> None:
    ada, grace = visit("Ada"), visit("Grace")
    ada("#text").press_sequentially("one")
    ada("#text").press("Shift+Enter")
    ada("#text").press_sequentially("two")
    ada("#text").press("Enter")
    expect(grace("#messages .bubble")).to_have_js_property("textContent", "one\ntwo")


def test_being_called_by_name_stands_out(visit: Callable[..., Guest]) -> None:
    ada, grace = visit("Ada"), visit("Grace")
    ada.say("in grace periods, Graceland excepted")
    ada.say("Grace: over to you")
    ada.say("or to Graces")
    grace.sees("in grace periods, Graceland excepted", "Grace: over to you", "or to Graces")
    expect(grace(".say.called")).to_have_count(2)
    expect(ada(".say.called")).to_have_count(0)


def write_until(seen: Callable[[], bool], *guests: Guest) -> None:
    """People write on until it is seen: whoever pauses for three seconds does so no more."""

    def write() -> bool:
        for guest in guests:
            guest("#text").press_sequentially("h")
        return seen()

    wait_until(write, what="what people who write are shown as")


def typing(guest: Guest) -> str:
    return " ".join((guest("#typing").text_content() or "").split())


def test_typing_is_shown_until_it_ends(visit: Callable[..., Guest]) -> None:
    ada, grace, otto = visit("Ada"), visit("Grace"), visit("Otto")
    write_until(lambda: typing(grace) == "Ada is typing…", ada)
    write_until(lambda: grace("[data-nick=Ada] .writes").is_visible(), ada)
    write_until(lambda: typing(grace) == "Ada and Otto are typing…", ada, otto)
    write_until(lambda: typing(ada) == "Otto is typing…", ada, otto)
    late = comes_while_they_write(visit, ada, otto)
    otto.say("done")
    expect(grace("#typing")).not_to_contain_text("Otto")
    # Ada writes no more, and says nothing: it ends by itself.
    for guest in (grace, late):
        expect(guest("#typing")).to_be_empty()


def comes_while_they_write(visit: Callable[..., Guest], *writers: Guest) -> Guest:
    """Somebody who is told of them on entering, unless that has taken too long."""
    come: list[Guest] = []

    def is_told() -> bool:
        come.append(visit())
        for guest in writers:
            guest("#text").press_sequentially("h")
        come[-1].enter(f"Late {len(come)}")
        return "typing…" in typing(come[-1])

    wait_until(is_told, what="somebody to come in time")
    return come[-1]


# Rooms and names.


def test_rooms_are_apart(visit: Callable[..., Guest]) -> None:
    ada, grace = visit("Ada"), visit("Grace")
    ada.open_room("Night Train")
    expect(ada("#room-name")).to_have_text("# night-train")
    entry = grace("#other-list [data-room=night-train]")
    expect(entry).to_contain_text("1")
    ada.say("only here")
    grace.say("only there")
    ada.sees("only here")
    grace.sees("only there")
    entry.click()
    grace.sees("only here")
    grace.has_people("Grace", "Ada")
    expect(ada("[data-room=lobby] .unread")).to_contain_text("1")
    ada("[data-room=lobby]").click()
    ada.sees("only there")
    expect(ada("[data-room=lobby] .unread")).to_have_count(0)


def test_leaving_a_room(visit: Callable[..., Guest]) -> None:
    ada, grace = visit("Ada"), visit("Grace")
    for guest in (ada, grace):
        guest.enter_room("python")
    ada("#leave-room").click()
    expect(ada("#room-name")).to_have_text("# lobby")
    expect(ada("#other-list [data-room=python]")).to_contain_text("1")
    grace.notices("Ada left")
    grace.has_people("Grace")
    grace.say("alone")
    ada.say("outside")
    ada.sees("outside")


def test_the_topic_is_everybodys(visit: Callable[..., Guest]) -> None:
    ada, grace = visit("Ada"), visit("Grace")
    ada("#topic").click()
    ada("#topic-input").fill("Cake on Friday")
    ada("#topic-input").press("Enter")
    for guest in (ada, grace):
        expect(guest("#topic-text")).to_have_text("Cake on Friday")
        guest.notices("Ada changed the topic to “Cake on Friday”")
    grace("#topic").click()
    grace("#topic-input").fill("not this")
    grace("#topic-input").press("Escape")
    expect(grace("#topic-text")).to_have_text("Cake on Friday")
    expect(visit("Late")("#topic-text")).to_have_text("Cake on Friday")


def test_a_nick_is_one_persons(visit: Callable[..., Guest]) -> None:
    visit("Ada")
    other = visit()
    other.ask_in("ADA")
    expect(other("#enter-error")).to_have_text("The nick ADA is taken. Try another one.")
    expect(other("#app")).to_be_hidden()
    other.ask_in(" ")
    expect(other("#enter-error")).to_contain_text("needs at least one letter")
    other.enter("Grace")
    other("#me").click()
    other("#rename-nick").fill("ada")
    other("#rename [type=submit]").click()
    expect(other("#rename-error")).to_have_text("The nick ada is taken. Try another one.")


def test_a_new_nick_shows_everywhere(visit: Callable[..., Guest]) -> None:
    ada, grace = visit("Ada"), visit("Grace")
    ada.say("before")
    ada("#me").click()
    ada("#rename-nick").fill("Countess")
    ada("#rename [type=submit]").click()
    expect(ada("#rename")).to_be_hidden()
    expect(ada("#me-nick")).to_have_text("Countess")
    for guest in (ada, grace):
        guest.notices("Ada is now Countess")
    ada.has_people("Countess", "Grace")
    grace.has_people("Grace", "Countess")
    ada.say("after")
    expect(grace(".say .meta b")).to_have_text(["Ada", "Countess"])
    visit("Ada")


def test_a_suggested_nick_gets_in(visit: Callable[..., Guest]) -> None:
    guest = visit()
    guest("#enter-dice").click()
    guest("#enter-nick").press("Enter")
    expect(guest("#me-nick")).to_have_text(re.compile(r"^\w+ \w+$"))


# What goes wrong.


def test_a_refusal_is_shown(visit: Callable[..., Guest]) -> None:
    ada = visit("Ada")
    ada.open_room("!!")
    toast = ada(".toast.error")
    expect(toast).to_contain_text("A room name is made of letters, digits")
    expect(ada("#room-name")).to_have_text("# lobby")
    toast.get_by_role("button", name="Close").click()
    expect(toast).to_have_count(0)


def test_a_statement_that_is_refused_stays_with_its_author(visit: Callable[..., Guest]) -> None:
    ada, grace = visit("Ada"), visit("Grace")
    texts = [str(number) for number in range(Limits().burst)]
    ada.page.evaluate(SAY_AT_ONCE, [*texts, "one too many"])
    expect(ada("#pending .failed .bubble")).to_have_text("one too many")
    expect(ada("#pending .state")).to_contain_text("That was a lot at once")
    expect(ada(".toast.error")).to_be_visible()
    grace.sees(*texts)
    again = ada("#pending").get_by_role("button", name="Try again")
    expect(again.or_(ada("#messages .bubble", has_text="one too many"))).to_be_visible()
    ada("#pending").get_by_role("button", name="Discard").click()
    expect(ada("#pending li")).to_have_count(0)
    grace.sees(*texts)


# Connections that end.


def test_a_reload_picks_up(visit: Callable[..., Guest]) -> None:
    ada, grace = visit("Ada"), visit("Grace")
    ada.enter_room("python")
    ada.say("one")
    ada.sees("one")
    ada.page.reload()
    expect(ada("#me-nick")).to_have_text("Ada")
    expect(ada("#room-name")).to_have_text("# python")
    expect(ada("#room-list .name")).to_have_text(["# lobby", "# python"])
    ada.sees("one")
    grace.has_people("Grace", "Ada")


def test_a_cut_connection_picks_up(visit: Callable[..., Guest], demo: Server) -> None:
    """The server has not noticed that the connection is dead when its page comes back."""
    with closing(Cable(demo.port)) as cable:
        ada, grace = visit("Ada", url=cable.url), visit("Grace")
        ada.say("before")
        grace.sees("before")
        ada.page.route("**/socket.io/**", lambda route: route.abort())
        expect(ada("#link-text")).to_contain_text("WebSocket")
        cable.cut(unnoticed=True)
        expect(ada("#offline")).to_be_visible()
        grace.say("meanwhile one")
        grace.say("meanwhile two")
        grace.sees("before", "meanwhile one", "meanwhile two")
        ada.say("written without a connection")
        expect(ada("#pending .state")).to_have_text("Goes out when the connection is back")
        ada.page.unroute_all()
        expect(ada("#offline")).to_be_hidden()
        said = ["before", "meanwhile one", "meanwhile two", "written without a connection"]
        for guest in (ada, grace):
            guest.sees(*said)
        expect(ada(".toast")).to_contain_text("2 messages were waiting for you")
        expect(ada("#pending li")).to_have_count(0)
        # For the others, nobody had gone.
        expect(grace("#messages .notice", has_text="Ada")).to_have_count(1)
        grace.has_people("Grace", "Ada")


def test_a_nick_of_a_lost_connection_is_kept(visit: Callable[..., Guest], demo: Server) -> None:
    with closing(Cable(demo.port)) as cable:
        ada, grace = visit("Ada", url=cable.url), visit("Grace")
        ada.page.route("**/socket.io/**", lambda route: route.abort())
        expect(ada("#link-text")).to_contain_text("WebSocket")
        cable.cut()
        grace.notices("Ada lost the connection")
        grace.has_people("Grace")
        other = visit()
        other.ask_in("ada")
        expect(other("#enter-error")).to_contain_text("kept for somebody who was cut off")
        ada.page.unroute_all()
        expect(ada("#offline")).to_be_hidden()
        grace.notices("Ada joined")
        grace.has_people("Grace", "Ada")


def test_the_page_that_goes_on_elsewhere_steps_back(visit: Callable[..., Guest]) -> None:
    here, grace = visit("Ada"), visit("Grace")
    memory = here.page.evaluate("sessionStorage.getItem('pyramid_sio.chat')")
    there = visit(memory=memory)
    expect(there("#me-nick")).to_have_text("Ada")
    expect(here("#displaced")).to_be_visible()
    grace.has_people("Grace", "Ada")
    here("#displaced-back").click()
    expect(there("#displaced")).to_be_visible()
    here.say("here again")
    grace.sees("here again")
    expect(grace("#messages .notice", has_text="Ada")).to_have_count(1)


def test_a_restart_of_the_server_picks_up(
    visit: Callable[..., Guest], serve: Serve, tmp_path: Path
) -> None:
    ini = tmp_path / "server.ini"
    first = Server("development.ini", ini, server={}, settings={})
    with closing(first):
        first.wait_ready()
        ada, grace = visit("Ada", url=f"{first.url}/"), visit("Grace", url=f"{first.url}/")
        for guest in (ada, grace):
            guest.enter_room("python")
        ada.say("before")
        for guest in (ada, grace):
            guest.sees("before")
    for guest in (ada, grace):
        expect(guest("#offline")).to_be_visible()
    expect(ada("#link-text")).to_have_text("Reconnecting…")
    ada.say("while it is down")
    with closing(Program([PSERVE, ini], name="the next server")):
        for guest in (ada, grace):
            expect(guest("#offline")).to_be_hidden()
            expect(guest("#room-name")).to_have_text("# python")
            guest.sees("before", "while it is down")
        ada.has_people("Ada", "Grace")
        grace.say("after")
        ada.sees("before", "while it is down", "after")
        expect(ada(".toast")).to_contain_text("Back again")


# The chart.


def test_the_chart_lives(visit: Callable[..., Guest]) -> None:
    guest = visit(motion="no-preference")
    expect(guest("#load-foot")).to_have_text("Pushed once a second to 1 page, 0 in the chat")
    expect(guest("[data-metric=memory] b")).to_have_text(re.compile(r"^\d+$"))
    blank = guest("#load-canvas").evaluate(INK)
    visit("Ada")
    expect(guest("#load-foot")).to_have_text("Pushed once a second to 2 pages, 1 in the chat")
    wait_until(lambda: guest("#load-canvas").evaluate(INK) > blank, what="ink on the canvas")
    guest("[data-metric=memory]").click()
    expect(guest("[data-metric=memory]")).to_have_attribute("aria-pressed", "true")
    expect(guest("[data-metric=cpu]")).to_have_attribute("aria-pressed", "false")
    expect(guest("#load-canvas")).to_have_attribute("aria-label", re.compile(r"Memory .*\d MB$"))


def test_a_later_page_gets_the_chart_so_far(visit: Callable[..., Guest]) -> None:
    first = visit()
    expect(first("[data-metric=cpu] b")).to_have_text(re.compile(r"\d"))
    page = visit()
    received: list[str] = []
    page.page.on("websocket", lambda ws: ws.on("framereceived", lambda data: received.append(data)))
    page.page.goto(page.page.url + "?transports=websocket")
    expect(page("[data-metric=cpu] b")).to_have_text(re.compile(r"\d"))
    history = next(data for data in received if data.startswith('42/load,["history"'))
    assert history.count('"cpu"') >= 1


#: Faster than fingers.
SAY_AT_ONCE = """texts => {
  for (const text of texts) {
    document.getElementById("text").value = text;
    document.getElementById("composer").requestSubmit();
  }
}"""

#: How many pixels of a canvas are painted.
INK = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 3; i < data.length; i += 4) count += data[i] > 0;
  return count;
}"""
