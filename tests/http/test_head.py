from __future__ import annotations

import pytest

from pyramid_sio.http.head import Head


@pytest.mark.parametrize("request_line", ["GET / HTTP/{}", "POST / HTTP/{}\r\nContent-Length: 3"])
@pytest.mark.parametrize(
    ("version", "connection", "keeps_alive"),
    [
        ("1.1", "x: y", True),
        ("1.1", "Connection: keep-alive", True),
        ("1.1", "Connection: close", False),
        ("1.0", "x: y", False),
        ("1.0", "Connection: keep-alive", True),
        ("1.0", "Connection: close", False),
    ],
)
def test_connection_stays_open_as_the_client_wants(
    request_line: str, version: str, connection: str, keeps_alive: bool
) -> None:
    text = f"{request_line.format(version)}\r\nHost: a\r\n{connection}\r\n\r\n"
    assert Head(text.encode()).keeps_alive is keeps_alive


def test_headers_by_name_and_as_an_environ_has_them() -> None:
    lines = [
        b"GET / HTTP/1.1",
        b"Host: a",
        b"X-One: first",
        b"x-one: second",
        b"X_Two: like another",
        b"Content-Type: text/plain",
        b"Content-Length: 0",
        b"X-" + b"Long-" * 100 + b": kept",
        b"",
        b"",
    ]
    head = Head(b"\r\n".join(lines))
    assert (head.get("X-ONE"), head.get("x_two"), head.get("none", "-")) == (
        "first",
        "like another",
        "-",
    )
    assert head.typeheader == "text/plain"
    assert head.variables == [
        ("HTTP_HOST", "a"),
        ("HTTP_X_ONE", "first"),
        ("HTTP_X_ONE", "second"),
        ("HTTP_X_" + "LONG_" * 100, "kept"),
    ]
