"""Polls that are answered without a request of Pyramid's: with the same bytes, or not at all."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.conftest import Serve
from tests.functional.certificate import Certificate
from tests.support import PATIENCE, Server

WATCHED = "tests.functional.short_way_app:"


class Raw:
    """One connection: requests as they are written, answers as they come."""

    def __init__(self, server: Server, context: Certificate | None = None) -> None:
        self._server = server
        self.sock: socket.socket = server.connect()
        if context is not None:
            self.sock = context.context().wrap_socket(self.sock, server_hostname=server.host)
        self._file = self.sock.makefile("rb")
        self.sid = ""

    def ask(self, method: str, query: str = "", body: bytes = b"", *headers: str) -> bytes:
        self.begin(method, query, body, *headers)
        return self.answer()

    def begin(self, method: str, query: str = "", body: bytes = b"", *headers: str) -> None:
        lines = [f"{method} /socket.io/?EIO=4&transport=polling{query} HTTP/1.1", *headers]
        lines.append(f"Host: 127.0.0.1:{self._server.port}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def answer(self) -> bytes:
        """The answer, without its date."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._file.readline()
            assert line, head
            head += line
        length = int(re.findall(rb"Content-Length: (\d+)", head)[0])
        return re.sub(rb"Date: [^\r]*", b"Date: x", head) + self._file.read(length)

    def close(self) -> None:
        self._file.close()
        self.sock.close()


#: Headers that an answer may depend on.
HEADERS: list[tuple[str, ...]] = [
    (),
    ("Origin: http://127.0.0.1:{port}",),
    ("Origin: https://listed.example.com", "Accept-Encoding: gzip, deflate"),
    ("Origin: https://stranger.example.org",),
    ("Accept-Encoding: deflate", "Cookie: a=b", "User-Agent: x"),
    ("Accept-Encoding: gzip;q=0",),
    ("Connection: close",),
    ("Connection: keep-alive", "X-Twice: 1", "x-twice: 2"),
    ("Content-Type: text/plain;charset=UTF-8",),
    ("Content-Type: application/octet-stream",),
    ("Expect: 100-continue",),
]
#: What a session's client may do, once it has entered.
STEPS: list[tuple[str, str, bytes]] = [
    ("POST", "", b'421["echo","\xc3\xa4"]'),
    ("GET", "&t=abc", b""),
    ("POST", "", b'421["echo","' + b"x" * 2000 + b'"]'),
    ("GET", "", b""),
    ("POST", "", b'421["echo","' + b"x" * 100_000 + b'"]'),
    ("GET", "&b64=1", b""),
    ("POST", "&t=a%20b", b'42["nothing"]\x1e421["echo"]'),
    ("GET", "&t=1+1", b""),
    ("POST", "", b"nonsense"),
    ("GET", "", b""),
]


def transcript(server: Server, headers: tuple[str, ...], *, origins: str = "") -> list[bytes]:
    """What a client is answered, whatever it does; ids are replaced."""
    given = tuple(header.format(port=server.port) for header in headers)
    answers = []
    with closing(Raw(server)) as opener:
        opened = opener.ask("GET")
    sid = re.findall(rb'"sid":"([^"]+)"', opened)[0].decode()
    with closing(Raw(server)) as one:
        one.ask("POST", f"&sid={sid}", b"40")
        one.ask("GET", f"&sid={sid}")
    for method, query, body in STEPS:
        with closing(Raw(server)) as one:
            one.begin(method, f"&sid={sid}{query}", body, *given)
            if "Expect: 100-continue" in given and body:
                assert one._file.readline() == b"HTTP/1.1 100 Continue\r\n"
                one._file.readline()
            answer = one.answer().replace(sid.encode(), b"SID")
            answers.append(answer.replace(str(server.port).encode(), b"PORT"))
            if b" 400 " in answer or b" 403 " in answer:
                break
    return answers


@pytest.fixture(scope="module", params=["", "https://listed.example.com", "*"])
def both(
    request: pytest.FixtureRequest, serve_shared: Callable[..., Server]
) -> tuple[Server, Server]:
    """The same application, with a tween and without."""
    return (
        serve_shared(WATCHED + "plain", cors_origins=request.param),
        serve_shared(WATCHED + "with_tween", cors_origins=request.param),
    )


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: "; ".join(headers) or "plain")
def test_answers_are_the_same_to_the_byte(
    both: tuple[Server, Server], headers: tuple[str, ...]
) -> None:
    short, long = both
    assert transcript(short, headers) == transcript(long, headers)


def requests_seen(server: Server) -> int:
    # All that it prints is there only at the end.
    server.stop()
    return server.output.count("requests made: socket.io")


def talk(server: Server, context: Certificate | None = None) -> None:
    """A handshake, and four requests of the session."""
    with closing(Raw(server, context)) as one:
        sid = re.findall(rb'"sid":"([^"]+)"', one.ask("GET"))[0].decode()
        assert one.ask("POST", f"&sid={sid}", b"40").endswith(b"ok")
        assert b'40{"sid"' in one.ask("GET", f"&sid={sid}")
        assert one.ask("POST", f"&sid={sid}", b'421["echo",1]').endswith(b"ok")
        assert one.ask("GET", f"&sid={sid}").endswith(b"431[1]")


@pytest.mark.parametrize("name", ["plain", "with_session_and_policy"])
def test_only_the_handshake_is_a_request(serve: Serve, name: str) -> None:
    server = serve(WATCHED + name)
    talk(server)
    talk(server)
    assert requests_seen(server) == 2


def test_over_tls(serve: Serve, certificate: Certificate) -> None:
    files = {"certfile": certificate.certfile, "keyfile": certificate.keyfile}
    server = serve(WATCHED + "plain", server=files)
    talk(server, certificate)
    assert requests_seen(server) == 1


@pytest.mark.parametrize(
    "name",
    [
        "with_tween",
        "with_middleware",
        "with_subscriber",
        "with_subscriber_to_everything",
        "with_request_hook",
        "with_request_factory",
        "with_root_factory",
        "with_execution_policy",
        "with_view_deriver",
        "with_view_mapper",
        "with_traverser",
        "with_explicit_tweens",
        "with_another_route",
    ],
)
def test_whoever_looks_sees_every_request(serve: Serve, name: str) -> None:
    server = serve(WATCHED + name)
    talk(server)
    assert requests_seen(server) == 5


def test_the_access_log_has_every_request(serve: Serve) -> None:
    server = serve(WATCHED + "plain", server={"access_log": "true"})
    talk(server)
    server.stop()
    assert server.output.count(' HTTP/1.1" 200') == 5


def test_a_second_poll_ends_the_session(server: Server) -> None:
    with closing(Raw(server)) as one, closing(Raw(server)) as other:
        sid = re.findall(rb'"sid":"([^"]+)"', one.ask("GET"))[0].decode()
        one.begin("GET", f"&sid={sid}")
        assert other.ask("POST", f"&sid={sid}", b"3").endswith(b"ok")
        # Which connection is read first is the system's business.
        answers = [other.ask("GET", f"&sid={sid}"), one.answer()]
    assert sum(b" 400 " in answer for answer in answers) == 1
    assert sum(answer.endswith(b"\r\n1") for answer in answers) == 1


def test_a_client_that_goes_in_the_middle_of_a_post(server: Server) -> None:
    with closing(Raw(server)) as one:
        sid = re.findall(rb'"sid":"([^"]+)"', one.ask("GET"))[0].decode()
        one.ask("POST", f"&sid={sid}", b"40")
        head = f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: x\r\n"
        one.sock.sendall(f"{head}Content-Length: 10\r\n\r\n42".encode())
        one.sock.shutdown(socket.SHUT_WR)
        assert b" 400 " in one.answer()
    with closing(Raw(server)) as other:
        assert b"Session ID unknown" in other.ask("GET", f"&sid={sid}")


def test_a_client_that_goes_while_it_polls(server: Server) -> None:
    with closing(Raw(server)) as one, closing(Raw(server)) as other:
        sid = re.findall(rb'"sid":"([^"]+)"', one.ask("GET"))[0].decode()
        one.begin("GET", f"&sid={sid}")
        assert other.ask("POST", f"&sid={sid}", b"3").endswith(b"ok")
        one.sock.shutdown(socket.SHUT_RDWR)
        other.sock.settimeout(PATIENCE)
        while b"Session ID unknown" not in other.ask("POST", f"&sid={sid}", b"3"):
            pass


@pytest.mark.parametrize(
    "head",
    [
        b"GET /page/x HTTP/1.1\nHost: x\n\n",
        b"GET /page/x HTTP/1.1\r\nHost: x\n\r\n",
        b"\r\nGET /page/x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /page/x HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20000 + b"\r\n\r\n",
    ],
    ids=["bare line feeds", "one of them", "an empty line first", "longer than a buffer"],
)
def test_heads_that_are_read_by_line_are_understood_as_ever(server: Server, head: bytes) -> None:
    with closing(server.connect()) as raw:
        raw.sendall(head)
        assert re.match(rb"HTTP/1.1 (404|400|200) ", raw.recv(100))


def test_a_head_in_pieces(server: Server) -> None:
    with closing(Raw(server)) as one:
        sid = re.findall(rb'"sid":"([^"]+)"', one.ask("GET"))[0].decode()
        head = f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: x\r\n"
        text = f"{head}Content-Length: 2\r\n\r\n40"
        for char in text:
            one.sock.sendall(char.encode())
        assert one.answer().endswith(b"ok")
