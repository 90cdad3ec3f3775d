"""The browser bundle's files, and nothing else below the path."""

from __future__ import annotations

import gzip

import pytest

from tests.attacks.site import Site
from tests.rawclient import PATH, Wire, head, request

NAMES = [
    f"{name}{end}"
    for name in (
        "socket.io.js",
        "socket.io.min.js",
        "socket.io.esm.min.js",
        "socket.io.msgpack.min.js",
    )
    for end in ("", ".map")
]

ELSEWHERE = [
    "VERSION",
    "LICENSE",
    "socket.io.js/x",
    "socket.io.js%00",
    "socket.io.js%00.map",
    "socket.io.js.bak",
    "socket.io.js~",
    "Socket.io.js",
    "SOCKET.IO.JS",
    "socket.io.js%20",
    "socket%2Eio.js%2F..%2F..%2F..%2Fsetup.cfg",
    "../setup.cfg",
    "../../setup.cfg",
    "../__init__.py",
    "../plugin/__init__.py",
    "..%2f__init__.py",
    "%2e%2e/__init__.py",
    "%2e%2e%2f__init__.py",
    "%252e%252e%252f__init__.py",
    "..%c0%af__init__.py",
    "..%c1%9c__init__.py",
    "%c0%ae%c0%ae/__init__.py",
    "..%5c__init__.py",
    "..\\__init__.py",
    "....//....//__init__.py",
    "..;/__init__.py",
    "./../__init__.py",
    "socket.io.js/../VERSION",
    "socket.io.js/..%2fVERSION",
    "/etc/passwd",
    "//etc/passwd",
    "..//..//..//..//..//etc/passwd",
    "../../../../../../../../etc/passwd",
    "..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2fetc%2fpasswd",
    "file:///etc/passwd",
    "C:/Windows/win.ini",
    "C:%5cWindows%5cwin.ini",
    "%ff",
    "%ff/socket.io.js.",
    "%",
    "%zz",
    "x" * 4000,
]


@pytest.mark.parametrize("name", NAMES)
def test_files_there_are(site: Site, name: str) -> None:
    answer = request(site.server, "GET", "", path=PATH + name)
    assert answer.status == 200
    assert int(answer.headers["content-length"]) == len(answer.body) > 10_000
    assert "content-encoding" not in answer.headers
    packed = request(site.server, "GET", "", path=PATH + name, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == answer.body
    etag = answer.headers["etag"]
    again = request(site.server, "GET", "", path=PATH + name, headers={"If-None-Match": etag})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize("query", ["", "?EIO=4&transport=polling&sid=nobody"])
def test_nothing_else_can_be_had(site: Site, name: str, query: str) -> None:
    with Wire(site.server) as wire:
        wire.send(head("GET", f"{PATH}{name}{query}", {"Connection": "close"}))
        answer = wire.read_answer()
    assert answer.status in (400, 404)
    for content in (b"root:", b"import ", b"[metadata]", b"4.8.", b"Permission is hereby"):
        assert content not in answer.body


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-" + ",0-" * 500},
        {"Range": "bytes=99999999999999999999-"},
        {"Range": "bytes=5-1"},
        {"Range": "lines=1"},
        {"If-None-Match": '"' + '","'.join("x" * 500) + '"'},
        {"If-None-Match": 'W/"\\'},
        {"If-Modified-Since": "never"},
        {"Accept-Encoding": ",".join(["gzip;q=0.1"] * 500)},
        {"Accept-Encoding": "gzip;q=nan"},
        {"Accept": "\x7f"},
    ],
)
def test_odd_headers_get_the_file_or_a_clear_no(site: Site, headers: dict[str, str]) -> None:
    answer = request(site.server, "GET", "", path=f"{PATH}socket.io.min.js", headers=headers)
    assert answer.status in (200, 206, 304, 400, 416)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_asked_for_a_thousand_times(site: Site, method: str) -> None:
    site.bound = 24
    with Wire(site.server) as wire:
        for _ in range(20):
            fields = {"Accept-Encoding": "gzip"}
            wire.send(head(method, f"{PATH}socket.io.min.js", fields) * 50)
            for _ in range(50):
                assert wire.read_answer(method).status == 200
