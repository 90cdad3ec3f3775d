"""Polls whose connections break off while they are answered, by a client that resets them.

Clients of 0.9 poll again, and must miss nothing; those of later generations give up, as their
servers do.
"""

from __future__ import annotations

import json
import select
import socket
import struct
from collections.abc import Callable

import pytest

from tests.functional.legacy_wire import JsonpPolling, Polling
from tests.functional.wire import Polling as EnginePolling
from tests.functional.wire import ask, assert_unknown
from tests.support import PATIENCE, Server, wait_until

#: More than a client's system takes as long as the client does not read, so that it cannot confirm
#: all of it; and more than the server's takes as well, so that writing it fails.
SIZES = (20_000, 900_000)
APP = "tests.functional.legacy_app:main"


@pytest.fixture(scope="module")
def server(serve_shared: Callable[..., Server]) -> Server:
    return serve_shared(APP, legacy="true", allow_eio3="true")


def reset_while_answered(server: Server, target: str) -> None:
    """Ask, see that the answer comes, and reset the connection without reading it."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.settimeout(PATIENCE)
        sock.connect((server.host, server.port))
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: {server.host}\r\n\r\n".encode())
        assert select.select([sock], [], [], PATIENCE)[0], "no answer"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [Polling, JsonpPolling])
def test_clients_of_old_miss_nothing(server: Server, kind: type[Polling], size: int) -> None:
    client = kind(server)
    assert client.receive() == "1::"
    texts = [letter * size for letter in "abc"]

    for text in texts:
        client.send(f'5:::{{"name":"reflect","args":["back","{text}"]}}')
        reset_while_answered(server, f"{client.path}?t=1&i=7")

    for text in texts:
        assert client.receive() == f'5:::{{"name":"back","args":["{text}"]}}'


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("query", ["EIO=4", "EIO=4&on=the+long+way", "EIO=3"])
def test_sessions_of_later_clients_end(server: Server, query: str, size: int) -> None:
    """Rather than to go on without what was lost."""
    key = f"lost-{query[4]}-{len(query)}-{size}"
    opened = ask(server, query=f"{query}&transport=polling&key={key}").text
    sid = json.loads(opened[opened.index("{") : opened.index("}") + 1])["sid"]
    target = f"{query}&transport=polling&sid={sid}"
    event = f'42["reflect","back","{"a" * size}"]'
    if "EIO=3" in query:
        event = f"{len(event)}:{event}"
    else:
        assert ask(server, "POST", target, body=b"40").text == "ok"
    assert "40" in ask(server, query=target).text

    assert ask(server, "POST", target, body=event.encode()).text == "ok"
    reset_while_answered(server, f"/socket.io/?{target}")

    def ends() -> list[str]:
        entries = ask(server, path=f"/journal/{key}").json
        return [reason for _, what, reason in entries if what == "disconnect"]

    assert wait_until(ends, what="the end of the session") == ["transport error"]
    assert_unknown(ask(server, query=target))


def test_client_that_comes_back_gets_what_was_lost(serve_shared: Callable[..., Server]) -> None:
    """Where the server keeps it for them: in a new session."""
    server = serve_shared("tests.functional.returning:main", recovery=True)
    client = EnginePolling(server)
    client.send("40")
    pid = json.loads(str(client.receive())[2:])["pid"]
    client.send('42["reflect","first"]')
    _, offset = json.loads(str(client.receive())[2:])

    text = "a" * SIZES[0]
    client.send(f'42["reflect","lost","{text}"]')
    reset_while_answered(server, f"/socket.io/?{client.query}")
    wait_until(client.is_over, what="the end of the session")

    back = EnginePolling(server)
    back.send(f"40{json.dumps({'pid': pid, 'offset': offset})}")
    event, said, _ = json.loads(str(back.receive())[2:])
    assert (event, said) == ("lost", text)
    assert json.loads(str(back.receive())[2:])["pid"] == pid
