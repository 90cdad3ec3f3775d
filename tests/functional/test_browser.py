"""The client that the server itself serves, in a real browser."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection

import pytest
from playwright.sync_api import Page

from tests.functional.wire import ask
from tests.support import PATIENCE, ROOT, Server

CLIENT = ROOT / "pyramid_sio" / "client"
BUNDLES = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js")
MAPS = tuple(f"{name}.map" for name in BUNDLES)
VERSION = (CLIENT / "VERSION").read_text(encoding="utf-8").strip()

_ECHO = """\
async () => {
  const blob = new Uint8Array([0, 1, 30, 255]);
  const answer = await socket.emitWithAck("one", { text: "日本", blob: blob.buffer });
  const pushed = new Promise((resolve) => socket.once("back", resolve));
  socket.emit("reflect", "back", "pushed");
  return [answer.text, [...new Uint8Array(answer.blob)], await pushed];
}
"""
ECHOED = ["日本", [0, 1, 30, 255], "pushed"]


@pytest.fixture(params=["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"])
def bundle(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def wait_for_transport(page: Page, name: str) -> None:
    page.wait_for_function(
        "name => window.socket && socket.connected && socket.io.engine.transport.name === name",
        arg=name,
    )


def test_page_changes_to_a_websocket(
    server: Server, new_page: Callable[..., Page], bundle: str
) -> None:
    page = new_page()
    page.goto(f"{server.url}/page/{bundle}")

    wait_for_transport(page, "websocket")

    assert page.evaluate(_ECHO) == ECHOED


def test_page_that_only_polls(server: Server, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto(f"{server.url}/page/socket.io.min.js?transports=polling")

    wait_for_transport(page, "polling")

    assert page.evaluate(_ECHO) == ECHOED


def test_page_that_only_uses_a_websocket(server: Server, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto(f"{server.url}/page/socket.io.min.js?transports=websocket")

    wait_for_transport(page, "websocket")

    assert page.evaluate(_ECHO) == ECHOED


def test_page_that_is_left_disconnects(server: Server, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto(f"{server.url}/page/socket.io.min.js?key=page-is-left")
    wait_for_transport(page, "websocket")

    page.goto("about:blank")

    entries = ask(server, path="/journal/page-is-left", query="count=2").json
    assert entries == [["connect", "/"], ["disconnect", "/", "transport close"]]


# The bundles as such.


@pytest.mark.parametrize("name", [*BUNDLES, *MAPS])
def test_file(server: Server, name: str) -> None:
    answer = ask(server, path=f"/socket.io/{name}")

    assert answer.status == 200
    kind = "json" if name.endswith(".map") else "javascript"
    assert answer.headers["content-type"].lower() == f"application/{kind}; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=0"
    assert answer.headers["etag"] == f'"{VERSION}"'
    if name.endswith(".map"):
        assert answer.json["version"] == 3
    else:
        assert f"v{VERSION}" in answer.text[:100]
        assert f"sourceMappingURL={name}.map" in answer.text[-100:]


@pytest.mark.parametrize("tag", [f'"{VERSION}"', f'W/"{VERSION}"', f'"0.0.0", "{VERSION}"'])
def test_unchanged_file(server: Server, tag: str) -> None:
    answer = ask(server, path="/socket.io/socket.io.js", If_None_Match=tag)

    assert (answer.status, answer.text) == (304, "")
    assert answer.headers["etag"] == f'"{VERSION}"'


def test_changed_file(server: Server) -> None:
    assert ask(server, path="/socket.io/socket.io.js", If_None_Match='"0.0.0"').status == 200


@pytest.mark.parametrize("query", [f"v={VERSION}", VERSION])
def test_file_of_a_known_version_never_changes(server: Server, query: str) -> None:
    answer = ask(server, path="/socket.io/socket.io.min.js", query=query)

    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_file_of_another_version_does(server: Server) -> None:
    answer = ask(server, path="/socket.io/socket.io.min.js", query="v=0.0.0")

    assert answer.headers["cache-control"] == "public, max-age=0"


def test_compressed_file(server: Server) -> None:
    with closing(HTTPConnection(server.host, server.port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/socket.io/socket.io.js", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()

    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert gzip.decompress(body) == (CLIENT / "socket.io.js").read_bytes()


def test_msgpack_bundle_loads(server: Server, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto(f"{server.url}/page/socket.io.min.js")
    page.add_script_tag(url="/socket.io/socket.io.msgpack.min.js")

    assert page.evaluate("typeof io.Manager") == "function"


@pytest.mark.parametrize(
    "name",
    [
        "VERSION",
        "LICENSE",
        "socket.io.exe",
        "../client/VERSION",
        "..%2f..%2fserve.py",
        "%2e%2e/serve.py",
        "..\\serve.py",
        "socket.io.js%00",
        "//etc/passwd",
    ],
)
def test_no_other_file(server: Server, name: str) -> None:
    answer = ask(server, path=f"/socket.io/{name}")

    assert answer.status in (400, 404)
    assert "server_factory" not in answer.text
    assert VERSION not in answer.text
