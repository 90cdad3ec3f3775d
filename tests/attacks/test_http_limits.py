"""Requests that are too large, lie about their size, break off, overlap, or use odd methods."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.attacks.site import MARK, MEGABYTE, Site
from tests.rawclient import PATH, Answer, PeerClosed, Polling, WebSocket, Wire, head, request
from tests.support import PATIENCE, find_program, wait_until

LIMIT = 1_000_000
HUGE = 100 * MEGABYTE
REQUESTS = 10_000
#: A state in ``/proc/net/tcp``.
ESTABLISHED = "01"


def pieces(size: int) -> Iterator[bytes]:
    """``size`` bytes of one long message, piece by piece."""
    piece = (MARK * 8192).encode()
    for start in range(0, size, len(piece)):
        yield piece[: size - start]


def push(wire: Wire, parts: Iterator[bytes]) -> Answer | None:
    """Send all parts, or as many as the server takes; its answer, if there is one."""
    try:
        for part in parts:
            wire.send(part)
    except ConnectionError:
        pass
    try:
        return wire.read_answer("POST")
    except PeerClosed:
        return None


def chunked(parts: Iterator[bytes], *, end: bool = True) -> Iterator[bytes]:
    for part in parts:
        yield b"%x\r\n%b\r\n" % (len(part), part)
    if end:
        yield b"0\r\n\r\n"


@pytest.fixture
def polling(site: Site) -> Polling:
    """A session that must survive what happens to one of its requests."""
    client = Polling(site.server)
    client.enter()
    return client


def message(size: int) -> str:
    """An event of exactly so many bytes."""
    start, end = '42["note","', '"]'
    return start + "x" * (size - len(start) - len(end)) + end


def test_as_long_as_allowed_is_accepted_and_one_byte_more_is_not(
    site: Site, polling: Polling
) -> None:
    assert polling.post(message(LIMIT)).status == 200
    refused = polling.post(message(LIMIT + 1))
    assert (refused.status, refused.body) == (413, b"")
    assert polling.ask("echo", 1) == [1]
    site.provoke(lambda: polling.post(message(LIMIT + 1)) and None, "message too large", str(LIMIT))


def test_characters_of_several_bytes_count_as_such(polling: Polling) -> None:
    text = '42["note","' + "\u20ac" * (LIMIT // 3) + '"]'
    assert len(text) < LIMIT < len(text.encode())
    assert polling.post(text).status == 413
    assert polling.ask("echo", 1) == [1]


def test_huge_post_with_its_length(site: Site, polling: Polling) -> None:
    site.bound = 16
    with polling.begin("POST", **{"Content-Length": HUGE}) as wire:
        answer = push(wire, pieces(HUGE))
    assert answer is None or (answer.status, answer.body) == (413, b"")
    assert polling.ask("echo", 1) == [1]


def test_huge_post_is_refused_before_it_comes(polling: Polling) -> None:
    with polling.begin("POST", **{"Content-Length": 10**15}) as wire:
        assert wire.read_answer("POST").status == 413
    assert polling.ask("echo", 1) == [1]


def test_huge_chunked_post(site: Site, polling: Polling) -> None:
    site.bound = 16
    with polling.begin("POST", **{"Transfer-Encoding": "chunked"}) as wire:
        answer = push(wire, chunked(pieces(HUGE)))
    assert answer is None or (answer.status, answer.body) == (413, b"")
    assert polling.ask("echo", 1) == [1]


def test_one_huge_chunk(site: Site, polling: Polling) -> None:
    site.bound = 16
    with polling.begin("POST", **{"Transfer-Encoding": "chunked"}) as wire:
        wire.send(b"%x\r\n" % HUGE)
        answer = push(wire, pieces(HUGE))
    assert answer is None or (answer.status, answer.body) == (413, b"")
    assert polling.ask("echo", 1) == [1]


def test_chunked_post_in_tiny_chunks_is_read(polling: Polling) -> None:
    body = '421["echo","\u00e9\u20ac"]'.encode()
    with polling.begin("POST", **{"Transfer-Encoding": "chunked"}) as wire:
        wire.send(b"".join(chunked(body[i : i + 1] for i in range(len(body)))))
        assert wire.read_answer("POST").text == "ok"
    assert polling.packets() == ['431["\u00e9\u20ac"]']


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\nxx\r\n",
        b"-5\r\nxxxxx\r\n0\r\n\r\n",
        b"ffffffffffffffffffffffff\r\n",
        b"5;" + b"x" * 100_000,
        b"5\r\n4abcdXX0\r\n\r\n",
        b"0\r\n" + b"X" * 100_000,
        b"\r\n\r\n",
    ],
)
def test_broken_chunks_end_one_session_only(site: Site, polling: Polling, chunks: bytes) -> None:
    with polling.begin("POST", **{"Transfer-Encoding": "chunked"}) as wire:
        wire.send(chunks)
        wire.sock.shutdown(socket.SHUT_WR)
        rest = wire.wait_closed()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 400 ")
    assert not polling.is_known


@pytest.mark.parametrize("length", ["-1", "abc", "1_000", "+5", "5, 6", "0x10", "5 5", "\u0665"])
def test_length_that_is_no_number_is_refused(site: Site, polling: Polling, length: str) -> None:
    with Wire(site.server) as wire:
        text = head("POST", f"{PATH}?{polling.query}").decode()[:-2]
        wire.send(f"{text}Content-Length: {length}\r\n\r\n42[1]4".encode())
        assert wire.read_answer().status == 400
        wire.wait_closed()
    assert polling.is_known


def test_body_that_is_longer_than_it_said_is_no_second_message(
    site: Site, polling: Polling
) -> None:
    with polling.begin("POST", **{"Content-Length": 1, "Connection": "keep-alive"}) as wire:
        wire.send(b'642["echo",1]\r\n\r\n')
        assert wire.read_answer("POST").text == "ok"
        with pytest.raises((AssertionError, PeerClosed)):
            # If there is a second answer at all it says that this was no request.
            assert wire.read_answer().status != 400
    assert polling.ask("echo", 2) == [2]


@pytest.mark.parametrize("how", ["orderly", "reset"])
@pytest.mark.parametrize("framing", [{"Content-Length": 100}, {"Transfer-Encoding": "chunked"}])
def test_post_that_breaks_off_ends_its_session(
    site: Site, how: str, framing: dict[str, object]
) -> None:
    client = Polling(site.server)
    client.post('40{"name":"broken-off"}')
    client.packets()
    noted = len(site.journal("broken-off"))
    parked = client.park()
    wire = client.begin("POST", **framing)
    wire.send(b'5\r\n42["n' if "Transfer-Encoding" in framing else b'42["note","never"]')
    if how == "reset":
        wire.reset()
    else:
        wire.close()
    assert parked.read_answer().text == "1"
    assert not client.is_known
    assert site.wait_noted("broken-off", noted + 1)[noted:] == [["disconnect", "transport error"]]


@pytest.mark.parametrize("how", ["orderly", "reset"])
def test_poll_that_breaks_off_ends_its_session(site: Site, how: str) -> None:
    client = Polling(site.server)
    client.enter()
    wire = client.park()
    # Answered behind it, so the poll has been taken up.
    assert client.post("6").text == "ok"
    if how == "reset":
        wire.reset()
    else:
        wire.close()
    wait_until(lambda: not client.is_known, what="the end of the session")


def test_second_poll_ends_the_session(site: Site) -> None:
    client = Polling(site.server)
    client.enter()
    with client.park() as first:
        assert client.post("6").text == "ok"
        second = client.get()
        assert (second.status, second.body) == (400, b"")
        assert first.read_answer().text == "1"
    third = client.get()
    assert third.json == {"code": 1, "message": "Session ID unknown"}


def test_second_post_ends_the_session(site: Site) -> None:
    client = Polling(site.server)
    client.enter()
    with client.park() as parked, client.begin("POST", **{"Content-Length": 10}) as first:
        first.send(b"42")
        second = client.post('42["echo"]')
        assert (second.status, second.body) == (400, b"")
        assert parked.read_answer().text == "1"
        assert not client.is_known


def test_second_post_while_the_first_waits_for_handlers_ends_the_session(site: Site) -> None:
    """Or a client could hand in without end what its handlers do not get round to."""
    client = Polling(site.server)
    client.enter()
    body = b"\x1e".join(b'42["slow",%d]' % index for index in range(5000))
    with site.closed_gate(), client.begin("POST", **{"Content-Length": len(body)}) as first:
        first.send(body)
        refused = wait_until(
            lambda: answer if (answer := client.post("6")).status != 200 else None,
            what="a POST to be refused",
        )
        assert (refused.status, refused.body) == (400, b"")
        assert first.read_answer("POST").status in (200, 400)
    assert not client.is_known


@pytest.mark.parametrize(
    "body",
    [
        "abc",
        "7",
        "9x",
        "",
        "\x1e4a",
        '42["echo"]\x1e',
        '42["echo"]\x1e\x1e42["echo"]',
        '42["echo"]\x1exyz\x1e42["echo"]',
        "2",
        "2probe",
        "\ufffd",
        "\x00",
        "\u0664" + '2["echo"]',
    ],
)
def test_body_that_is_no_payload_ends_the_session(site: Site, body: str) -> None:
    client = Polling(site.server)
    client.enter()
    with client.park() as parked:
        assert client.post("6").text == "ok"
        assert client.post(body).status in (200, 400)
        assert parked.read_answer().status == 200
    assert not client.is_known


def test_more_packets_than_a_payload_may_have(site: Site) -> None:
    client = Polling(site.server)
    client.enter()
    assert client.post("\x1e".join(["6"] * 65_536)).text == "ok"
    assert client.is_known
    assert client.post("\x1e".join(["6"] * 65_537)).status in (400, 413)
    assert not client.is_known


@pytest.mark.parametrize("body", [b"4\xff\xfe", b'42["echo","\xc3"]', b"b!!!!", b"b", b"3", b"5"])
def test_odd_bodies_end_no_server(site: Site, body: bytes) -> None:
    client = Polling(site.server)
    client.enter()
    assert client.post(body).status in (200, 400)


def test_binary_payload_is_refused_and_ends_the_session(site: Site) -> None:
    client = Polling(site.server)
    client.enter()
    answer = request(
        site.server,
        "POST",
        client.query,
        body=MARK.encode(),
        headers={"Content-Type": "application/octet-stream"},
    )
    assert answer.status == 400
    assert client.get().json["code"] == 1
    site.expect_log("request refused: Bad request", "binary payloads")


@pytest.mark.parametrize("method", ["HEAD", "PUT", "OPTIONS", "DELETE", "PATCH"])
def test_other_methods_do_not_touch_a_session(site: Site, polling: Polling, method: str) -> None:
    answer = request(site.server, method, polling.query)
    assert answer.status == 400
    assert polling.ask("echo", method) == [method]


@pytest.mark.parametrize("method", ["HEAD", "PUT", "OPTIONS", "DELETE", "POST", "PATCH"])
def test_other_methods_open_no_session(site: Site, method: str) -> None:
    before = site.sessions
    answer = request(site.server, method)
    assert answer.status == 400
    if method != "HEAD":
        assert answer.json == {"code": 2, "message": "Bad handshake method"}
    assert site.sessions <= before


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", 0),
        ("EIO=4", 0),
        ("transport=polling", 5),
        ("EIO=3&transport=polling", 5),
        ("EIO=04&transport=polling", 5),
        ("EIO=4%00&transport=polling", 5),
        ("EIO=%D9%A4&transport=polling", 5),
        ("EIO=4&transport=__proto__", 0),
        ("EIO=4&transport=constructor", 0),
        ("EIO=4&transport=Polling", 0),
        ("EIO=4&transport=webtransport", 0),
        ("EIO=4&transport=websocket", 3),
        ("EIO=4&transport=polling&sid=constructor", 1),
        ("EIO=4&transport=polling&sid=__proto__", 1),
        ("EIO=4&transport=polling&sid=%00", 1),
        ("EIO=4&transport=polling&sid=" + "x" * 7000, 1),
        ("EIO=4&transport=polling&" + "&".join("a" * 200), 3),
    ],
)
def test_bad_query_gets_the_code_the_protocol_has(site: Site, query: str, code: int) -> None:
    with Wire(site.server) as wire:
        wire.send(head("GET", f"{PATH}?{query}"))
        answer = wire.read_answer()
    assert (answer.status, answer.json["code"]) == (400, code)


def test_request_that_is_no_http_is_logged_without_its_words(site: Site) -> None:
    def attack() -> None:
        with Wire(site.server) as wire:
            wire.send(f"{MARK} {MARK}\r\n\r\n".encode())
            wire.wait_closed()

    site.provoke(attack, "bad request")
    for _ in range(300):
        attack()
    assert len(site.log.splitlines()) < 200


@pytest.mark.parametrize(
    "junk",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), id="tls"),
        pytest.param(bytes(100_000), id="zeros"),
        pytest.param(b"\xff" * 100_000, id="ones"),
        pytest.param(b"GET " + b"/" * 100_000, id="long-target"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"x" * 200_000, id="long-header"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 50_000, id="many-headers"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", id="version"),
        pytest.param(b"\r\n" * 50_000, id="empty-lines"),
    ],
)
def test_junk_on_a_connection(site: Site, junk: bytes) -> None:
    for end in (Wire.close, Wire.reset):
        wire = Wire(site.server)
        with suppress(ConnectionError):
            wire.send(junk)
        end(wire)


def test_headers_of_a_session_are_kept_within_limits(site: Site) -> None:
    """The opening request is kept for handlers to see, so it may not be large."""
    site.bound = 24
    before = site.sessions
    headers = {f"X-Filling-{number}": "x" * 6000 for number in range(10)}
    for _ in range(300):
        assert request(site.server, "GET", headers=headers).status in (400, 431)
    assert site.sessions <= before


@pytest.mark.parametrize("kind", ["HEAD", "PUT", "OPTIONS", "octet-stream", "unknown-sid"])
def test_thousands_of_bad_requests_leave_nothing(site: Site, kind: str) -> None:
    """In sum 10,000; many on each connection, so that they come quickly."""
    site.bound = 16
    count = REQUESTS // 5
    query = "EIO=4&transport=polling&sid=nobody"
    if kind == "octet-stream":
        fields = {"Content-Type": "application/octet-stream", "Content-Length": 4}
        one = head("POST", f"{PATH}?{query}", fields) + b"zzzz"
    elif kind == "unknown-sid":
        one = head("GET", f"{PATH}?{query}")
    else:
        one = head(kind, f"{PATH}?EIO=4&transport=polling")
    before = site.sessions
    for _ in range(count // 100):
        with Wire(site.server) as wire:
            wire.send(one * 100)
            for _ in range(100):
                assert wire.read_answer("HEAD" if kind == "HEAD" else "GET").status == 400
    assert site.sessions <= before


def test_pipelined_requests_of_one_client_are_answered_in_order(site: Site) -> None:
    with Wire(site.server) as wire:
        wire.send(head("GET", f"{PATH}?EIO=4&transport=polling") * 50)
        sids = [json.loads(wire.read_answer().text[1:])["sid"] for _ in range(50)]
    assert len(set(sids)) == 50


@pytest.fixture(scope="module")
def shared_impatient_site(build_site: Callable[..., Site]) -> Site:
    return build_site(server={"idle_timeout": 1})


@pytest.fixture
def impatient_site(shared_impatient_site: Site, watch: Callable[[Site], Site]) -> Site:
    """One that waits a second for a request, and for taking an answer."""
    return watch(shared_impatient_site)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /socket.io/?EIO", id="half-a-line"),
        pytest.param(b"GET /sessions HTTP/1.1\r\nHost: x\r\n", id="half-a-head"),
        pytest.param(b"GET /sessions HTTP/1.1\r\nHost: x\r\n\r\n", id="no-second-request"),
        pytest.param(
            b"POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234",
            id="half-a-body",
        ),
    ],
)
def test_whoever_does_not_go_on_is_cut_off(impatient_site: Site, said: bytes) -> None:
    with Wire(impatient_site.server) as wire:
        wire.send(said)
        wire.wait_closed()


def test_post_that_does_not_go_on_ends_its_session(impatient_site: Site) -> None:
    client = Polling(impatient_site.server)
    client.enter()
    with client.begin("POST", **{"Content-Length": 9}) as wire:
        wire.send(b"42")
        wire.wait_closed()
    assert not client.is_known


def test_endless_chunks_nobody_wants_are_cut_off(impatient_site: Site) -> None:
    """A body that the application leaves alone is read for a while only."""
    impatient_site.bound = 16
    with Wire(impatient_site.server) as wire:
        wire.send(head("POST", "/sessions", {"Transfer-Encoding": "chunked"}))
        with pytest.raises(ConnectionError):
            send_chunks_for_long(wire)


#: So many at once that they come faster than they are read.
CHUNKS = (b"10\r\n" + bytes(16) + b"\r\n") * 10_000


def send_chunks_for_long(wire: Wire) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        wire.send(CHUNKS)


@pytest.mark.parametrize(
    ("beginning", "more"),
    [
        pytest.param(b"", head("GET", "/sessions") * 1000, id="requests"),
        pytest.param(b"", head("GET", f"{PATH}?EIO=4&transport=polling&sid=x") * 1000, id="polls"),
        pytest.param(
            head("POST", "/sessions", {"Transfer-Encoding": "chunked"}) + b"0\r\n",
            b"x: y\r\n" * 10_000,
            id="trailers",
        ),
    ],
)
def test_who_sends_without_end_does_not_have_the_server_to_itself(
    site: Site, polling: Polling, beginning: bytes, more: bytes
) -> None:
    with Wire(site.server) as wire, flooded(wire, beginning, more):
        for number in range(5):
            assert polling.ask("echo", number) == [number]


@contextmanager
def flooded(wire: Wire, beginning: bytes, more: bytes) -> Iterator[None]:
    """Meanwhile somebody sends as fast as it goes, and takes each answer."""
    over = threading.Event()

    def flood() -> None:
        sock, rest = wire.sock, memoryview(beginning + more)
        sock.setblocking(False)
        with suppress(ConnectionError):
            while not over.is_set():
                readable, writable, _ = select.select([sock], [sock], [], PATIENCE)
                if readable and not sock.recv(1 << 20):
                    break
                if writable:
                    rest = rest[sock.send(rest) :] or memoryview(more)

    flooder = threading.Thread(target=flood, daemon=True)
    flooder.start()
    try:
        yield
    finally:
        over.set()
        flooder.join(PATIENCE)


def test_whoever_takes_no_answer_is_cut_off(impatient_site: Site) -> None:
    with Wire(impatient_site.server, receive_buffer=4096) as wire:
        wire.send(head("GET", f"{PATH}socket.io.js.map") * 100)
        wait_until(lambda: not is_held_open(wire), what="the server to close")


def is_held_open(wire: Wire) -> bool:
    """Is the server's end open? Whoever reads nothing is not told that it has been closed."""
    ends = [f"{port:04X}" for port in (wire.sock.getpeername()[1], wire.sock.getsockname()[1])]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        if [local[-4:], remote[-4:]] == ends:
            return state == ESTABLISHED
    return False


@pytest.fixture(scope="module")
def shared_tls_site(
    build_site: Callable[..., Site], tmp_path_factory: pytest.TempPathFactory
) -> Site:
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    command = [find_program("openssl"), "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-keyout", str(pem), "-out", str(pem)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    return build_site(server={"certfile": pem, "idle_timeout": 2})


@pytest.fixture
def tls_site(shared_tls_site: Site, watch: Callable[[Site], Site]) -> Site:
    return watch(shared_tls_site)


@pytest.mark.parametrize(
    "junk",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="plain-http"),
        pytest.param(b"\x16\x03\x01\xff\xff" + bytes(70_000), id="broken-hello"),
        pytest.param(b"\x16\x03\x01\x02\x00", id="half-a-hello"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_junk_on_a_tls_port(tls_site: Site, junk: bytes) -> None:
    for _ in range(20):
        with tls_site.server.connect() as plain:
            plain.sendall(junk)
    with tls_site.server.connect() as plain:
        plain.sendall(junk)
        with suppress(ConnectionError):
            while plain.recv(4096):
                pass


def test_tls_clients_that_break_off_leave_nothing(tls_site: Site) -> None:
    """The witness goes on over TLS meanwhile, with both transports."""
    before = tls_site.sessions
    for _ in range(20):
        client = WebSocket(tls_site.server)
        client.enter()
        client.wire.reset()
        polling = Polling(tls_site.server)
        parked = polling.park()
        # Answered behind it, so the poll has been taken up.
        assert polling.post("6").text == "ok"
        parked.reset()
    wait_until(lambda: tls_site.sessions <= before, what="the end of their sessions")
