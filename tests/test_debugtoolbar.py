"""The panel, looked at in Chromium; what it records, in process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import socketio
from playwright.sync_api import Page, expect

from pyramid_sio.debugtoolbar import KEPT, LONGEST, MINUTES, IRecorder, Recorder, SioPanel
from pyramid_sio.testing import ConnectionRefused, SioTestApp, VirtualClock
from tests.conftest import Serve
from tests.functional.toolbar_app import main
from tests.support import PATIENCE

SETTINGS = {
    "debugtoolbar.hosts": "127.0.0.1",
    "debugtoolbar.exclude_prefixes": "/socket.io/",
    "debugtoolbar.includes": "pyramid_sio.debugtoolbar",
}


@pytest.fixture
def app(sio_test_app: Callable[..., SioTestApp]) -> SioTestApp:
    return sio_test_app(main(None, **SETTINGS))


@pytest.fixture
def recorder(app: SioTestApp) -> Recorder:
    found: Recorder = app.app.registry.getUtility(IRecorder)
    return found


def told(recorder: Recorder) -> list[tuple[str, str]]:
    return [(entry.kind, entry.what) for entry in reversed(recorder.entries())]


def test_what_is_recorded(app: SioTestApp, recorder: Recorder) -> None:
    ann = app.connect("/chat")
    assert ann.call("say", "hello") == "ok"
    ann.emit("fail")
    ann.expect_nothing("nothing")
    ann.disconnect()
    with pytest.raises(ConnectionRefused):
        app.connect("/chat", auth={"refuse": True})

    assert told(recorder) == [
        ("connect", "over websocket"),
        ("emit", "said('hello', <4 bytes>)"),
        ("event", "say('hello')"),
        ("event", "fail()"),
        ("error", "fail: RuntimeError('failed on purpose')"),
        ("disconnect", "client namespace disconnect"),
        ("error", "refused: ConnectRefused('not you')"),
    ]
    (timed,) = [entry for entry in recorder.entries() if entry.what == "say('hello')"]
    assert timed.took is not None
    assert 0 <= timed.took < PATIENCE * 1000


def test_what_is_kept_is_bounded(app: SioTestApp) -> None:
    clock = VirtualClock()
    recorder = Recorder(clock)
    ann: Any = app.connect("/chat")
    (socket,) = app.sio.of("/chat").fetch()
    for number in range(KEPT + 10):
        recorder.add("emit", socket, str(number))
    assert len(recorder.entries()) == KEPT
    recorder.add("emit", socket, "x" * 10_000)
    assert len(recorder.entries()[0].what) == LONGEST + 3
    clock.advance(MINUTES + 1)
    assert recorder.entries() == []
    assert ann.connected


def test_nothing_that_clients_say_becomes_html(app: SioTestApp, recorder: Recorder) -> None:
    ann = app.connect("/chat")
    ann.call("say", "<script>alert(1)</script>")
    request: Any = type("Request", (), {"registry": app.app.registry})
    panel = SioPanel(request)
    assert panel.nav_subtitle == "1"
    html = panel.render_content(request)
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>" not in html


@pytest.fixture
def client() -> Iterator[socketio.Client]:
    client = socketio.Client(reconnection=False)
    yield client
    client.disconnect()


def test_in_chromium(serve: Serve, new_page: Callable[..., Page], client: socketio.Client) -> None:
    server = serve("tests.functional.toolbar_app:main", settings=SETTINGS)
    client.connect(server.url, namespaces=["/chat"], wait_timeout=PATIENCE)
    assert client.call("say", "hello", namespace="/chat", timeout=PATIENCE) == "ok"

    page = new_page()
    page.goto(f"{server.url}/")
    page.goto(f"{server.url}/_debug_toolbar/")
    page.locator("#pDebugPanel-socketio, a[href='#pDebugPanel-socketio']").first.click()

    panel = page.locator("table.socketio")
    expect(page.get_by_text("1 connections of this process")).to_be_visible()
    expect(panel.first).to_contain_text("lobby")
    expect(panel.last).to_contain_text("say('hello')")
    expect(panel.last).to_contain_text("said('hello', <4 bytes>)")
