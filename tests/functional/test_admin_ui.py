"""The official admin UI, its built pages in Chromium, against this server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
import socketio
from playwright.sync_api import Locator, Page, expect

from tests.conftest import Serve
from tests.functional.test_admin import APP, CREDENTIALS, SERVER_ID, settings
from tests.support import PATIENCE, ROOT, Server

PAGES = ROOT / "node_modules" / "@socket.io" / "admin-ui" / "ui" / "dist"
DIALOG = ".v-dialog--active"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Nothing: the test's own output is enough."""


@pytest.fixture
def ui() -> Iterator[str]:
    """Where the UI's pages are: another origin than the server's, as the hosted ones are."""
    assert PAGES.is_dir(), "the admin UI is not installed; make test does that, or: npm ci"
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(PAGES))) as server:
        Thread(target=server.serve_forever, name="the UI's pages", daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def server(serve: Serve, ui: str) -> Server:
    return serve(APP, **settings(cors_origins=ui))


@pytest.fixture
def client(server: Server) -> Iterator[socketio.Client]:
    """Somebody to be watched."""
    connection = socketio.Client(reconnection=False)
    connection.connect(server.url, transports=["websocket"], wait_timeout=PATIENCE)
    with closing(_Disconnecting(connection)):
        yield connection


class _Disconnecting:
    def __init__(self, client: socketio.Client) -> None:
        self.close = client.disconnect


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A window that finds nothing outside of this machine: the pages ask for fonts."""
    page = new_page(viewport={"width": 1300, "height": 900}, reduced_motion="reduce")
    page.route(lambda url: "://127.0.0.1:" not in url, lambda route: route.abort())
    return page


def log_in(page: Page, ui: str, server: Server, password: str = CREDENTIALS["password"]) -> None:
    page.goto(ui)
    dialog = page.locator(DIALOG)
    dialog.get_by_label("Server URL").fill(server.url)
    dialog.get_by_label("Username").fill(CREDENTIALS["username"])
    dialog.get_by_label("Password").fill(password)
    dialog.get_by_role("button", name="Connect").click()


def expect_connected(page: Page) -> None:
    expect(page.locator(DIALOG)).to_be_hidden()
    expect(page.locator("header").get_by_text("connected", exact=True).first).to_be_visible()


def visit(page: Page, title: str) -> None:
    page.get_by_role("navigation").get_by_text(title, exact=True).click()
    # While one page gives way to another, both are there.
    expect(page.locator("main .v-breadcrumbs")).to_have_count(1)
    expect(page.locator("main .v-breadcrumbs__item--disabled")).to_have_text(title)


def row(page: Page, *texts: str) -> Locator:
    """The line of a table in which these texts stand."""
    found = page.locator("main tr")
    for text in texts:
        found = found.filter(has_text=text)
    return found


def test_watches_and_disconnects(
    ui: str, server: Server, client: socketio.Client, page: Page
) -> None:
    gone = Event()
    client.on("disconnect", lambda reason: gone.set())
    sid = client.get_sid()
    log_in(page, ui, server)
    expect_connected(page)
    expect(row(page, "/admin", "1")).to_be_visible()

    client.call("enter", "the red room", timeout=PATIENCE)
    visit(page, "Rooms")
    expect(row(page, "the red room", "1")).to_be_visible()
    visit(page, "Events")
    expect(row(page, sid, "Event received", "enter")).to_be_visible()
    expect(row(page, sid, "Room joined", "the red room")).to_be_visible()
    visit(page, "Sockets")
    expect(row(page, sid, "127.0.0.1", "WebSocket")).to_be_visible()

    row(page, sid).get_by_role("button").click()

    assert gone.wait(PATIENCE)
    # A click on the button is one on the line too, which shows the connection's details.
    visit(page, "Sockets")
    expect(page.locator("main").get_by_text("No data available")).to_be_visible()
    expect(row(page, sid)).to_have_count(0)
    visit(page, "Events")
    expect(row(page, sid, "Disconnection", "server namespace disconnect")).to_be_visible()
    expect(row(page, sid, "Room left", "the red room")).to_be_visible()


def test_wrong_password_is_said(ui: str, server: Server, page: Page) -> None:
    log_in(page, ui, server, "guessed")

    expect(page.locator(DIALOG).get_by_text("Invalid credentials")).to_be_visible()
    log_in(page, ui, server)
    expect_connected(page)


def test_password_is_asked_once(ui: str, server: Server, page: Page) -> None:
    log_in(page, ui, server)
    expect_connected(page)
    page.wait_for_function("localStorage.getItem('session_id')")

    page.reload()

    expect_connected(page)


def test_production(ui: str, serve: Serve, page: Page) -> None:
    server = serve(APP, **settings(cors_origins=ui, admin_mode="production", admin_readonly=True))
    log_in(page, ui, server)
    expect_connected(page)

    visit(page, "Servers")
    expect(row(page, SERVER_ID)).to_be_visible()
    expect(page.get_by_role("navigation").get_by_text("Sockets", exact=True)).to_have_count(0)


def test_all_workers(ui: str, serve: Serve, page: Page) -> None:
    server = serve(APP, server={"workers": 2}, **settings(cors_origins=ui, admin_server_id="w"))
    server.expect("Serving on")
    clients = [socketio.Client(reconnection=False) for _ in range(6)]
    for client in clients:
        client.connect(server.url, transports=["websocket"], wait_timeout=PATIENCE)
    log_in(page, ui, server)
    expect_connected(page)
    visit(page, "Sockets")
    for client in clients:
        expect(row(page, client.get_sid(), "WebSocket")).to_be_visible()
    visit(page, "Servers")
    for name in ("w#1", "w#2"):
        expect(row(page, name, "healthy")).to_be_visible()
    for client in clients:
        client.disconnect()
