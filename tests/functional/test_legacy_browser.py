"""The official client of Socket.IO 0.9 in a real browser, over each transport it has there.

``htmlfile`` was Internet Explorer's. Chromium uses it if the page pretends to have what it is made
of there: an object that is a page of its own.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.functional.test_legacy_javascript import LEGACY_APP, SCENARIOS
from tests.functional.wire import ask
from tests.support import Server, wait_until

TRANSPORTS = ("websocket", "xhr-polling", "jsonp-polling", "htmlfile")

PRETEND = """\
window.CollectGarbage = () => {};
window.ActiveXObject = function () {
  const frame = document.body.appendChild(document.createElement("iframe"));
  const inner = frame.contentWindow.document;
  inner.parentWindow = frame.contentWindow;
  return inner;
};
"""
RUN = "([name, transport, key]) => legacy.run(io, name, location.origin, transport, key)"


@pytest.fixture(scope="module")
def lively_legacy(serve_shared: Callable[..., Server]) -> Server:
    return serve_shared(LEGACY_APP, legacy="true", ping_interval=0.4, ping_timeout=2)


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    page = new_page()
    page.add_init_script(PRETEND)
    return page


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(page: Page, legacy_server: Server, scenario: str, transport: str) -> None:
    page.goto(f"{legacy_server.url}/page")
    key = f"browser-{scenario}-{transport}"
    assert page.evaluate(RUN, [scenario, transport, key]) == "ok"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_idle_page_stays(page: Page, lively_legacy: Server, transport: str) -> None:
    page.goto(f"{lively_legacy.url}/page")
    assert page.evaluate(RUN, ["idle", transport, "idle"]) == "ok"


@pytest.mark.parametrize("transport", ["websocket", "xhr-polling", "jsonp-polling"])
def test_page_of_another_site(
    page: Page, serve_shared: Callable[..., Server], legacy_server: Server, transport: str
) -> None:
    """It loads its handshake with XMLHttpRequest, as the setting allows any site to."""
    other = serve_shared(LEGACY_APP, legacy="true", cors_origins="*")
    page.goto(f"{legacy_server.url}/page")
    run = "([url, transport]) => legacy.run(io, 'values_come_back', url, transport, 'far')"
    assert page.evaluate(run, [other.url, transport]) == "ok"


def test_handshake_as_a_script(
    page: Page, serve: Callable[..., Server], legacy_server: Server
) -> None:
    """What browsers did before they could ask other sites."""
    other = serve(LEGACY_APP, legacy="true", cors_origins=legacy_server.url)
    page.goto(f"{legacy_server.url}/page")
    page.evaluate("io.util.ua.hasCORS = false")
    run = "url => legacy.run(io, 'values_come_back', url, 'jsonp-polling', 'far')"
    assert page.evaluate(run, other.url) == "ok"


def test_refused_script_reaches_the_page(
    page: Page, serve: Callable[..., Server], legacy_server: Server
) -> None:
    """As an error, although browsers tell a page nothing of an answer that is none."""
    other = serve(LEGACY_APP, legacy="true")
    page.goto(f"{legacy_server.url}/page")
    page.evaluate("io.util.ua.hasCORS = false")
    said = page.evaluate(
        "url => new Promise((resolve) => io.connect(url).on('error', (e) => resolve(String(e))))",
        other.url,
    )
    assert "Forbidden" in said


def test_page_of_its_time_untouched(page: Page, serve: Callable[..., Server]) -> None:
    """It loads its client by the name that is today's."""
    server = serve(LEGACY_APP, legacy="true", legacy_client="true")
    page.goto(f"{server.url}/page")
    page.evaluate("delete window.io")
    page.add_script_tag(url="/socket.io/socket.io.js")
    assert page.evaluate("io.version") == "0.9.17"
    assert page.evaluate(RUN, ["messages", "websocket", "untouched"]) == "ok"


def test_page_that_is_left(page: Page, legacy_server: Server) -> None:
    page.goto(f"{legacy_server.url}/page")
    page.evaluate(
        "() => new Promise((done) => { io.transports = ['websocket'];"
        " io.connect(location.origin + '/?key=left').on('connect', done); })"
    )
    page.goto("about:blank")

    def entries() -> list[list[object]]:
        found: list[list[object]] = ask(legacy_server, path="/journal/left").json
        return found[1:]

    assert wait_until(entries, what="the end") == [["/", "disconnect", "transport close"]]
