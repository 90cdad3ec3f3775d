"""Socket.IO 0.9 on the wire, spoken by hand. See also the tests with real clients.

What no client of today can do is tested only here: ``flashsocket`` and ``xhr-multipart``.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.conftest import Serve
from tests.functional.legacy_wire import (
    UNKNOWN,
    FlashSocket,
    JsonpPolling,
    Polling,
    Stream,
    WebSocket,
    shake_hands,
)
from tests.functional.raw import read_exactly, read_head
from tests.functional.test_legacy_javascript import LEGACY_APP
from tests.functional.wire import ask
from tests.support import Server, free_port, wait_until

ECHO = '5:9+::{"name":"echo","args":["still here"]}'
ECHOED = '6:::9+["still here"]'
OFFERED = "websocket,flashsocket,htmlfile,xhr-multipart,xhr-polling,jsonp-polling"

KINDS: dict[str, Callable[[Server], Any]] = {
    "xhr-polling": Polling,
    "jsonp-polling": JsonpPolling,
    "websocket": WebSocket,
}


#: What older servers ignored, so that this one has to.
MEANINGLESS = (
    *("0", "x", "9::", "99::", "5:::", "5:::{", "5:::[1]", "5:::null", "4:::{", "6:::abc"),
    *("7:::zz", "8::", "2::", "2:::", "6:::77", "1::", "5::/nowhere", "3::chat:x", "0::/chat"),
)
BAD_LENGTHS = (
    "\ufffd5\ufffd2::",
    "\ufffd9999999999\ufffd2::",
    "\ufffd3\ufffd2::junk",
    "\ufffd1\ufffd😀x😀",
)


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, legacy_server: Server) -> Iterator[Any]:
    """One that is connected."""
    with closing(KINDS[request.param](legacy_server)) as opened:
        assert opened.receive() == "1::"
        yield opened


@pytest.fixture(scope="module")
def hasty_legacy(serve_shared: Callable[..., Server]) -> Server:
    names = OFFERED.replace(",", " ")
    quick = {"ping_interval": 0.3, "ping_timeout": 2}
    return serve_shared(LEGACY_APP, legacy="true", legacy_transports=names, **quick)


def is_forgotten(server: Server, sid: str) -> bool:
    """Is there no such session? Asks in a way that changes nothing but opens none."""
    return ask(server, path=f"/socket.io/1/xhr-polling/{sid}").text == UNKNOWN


def entries(server: Server, key: str, count: int) -> list[Any]:
    def enough() -> list[Any]:
        found: list[Any] = ask(server, path=f"/journal/{key}").json
        return found if len(found) >= count else []

    return wait_until(enough, what=f"{count} entries of {key}")


class TestHandshake:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("path", ["/socket.io/1", "/socket.io/1/"])
    def test_four_fields(self, legacy_server: Server, method: str, path: str) -> None:
        answer = ask(legacy_server, method, "t=1", path=path)
        sid, heartbeat, close, transports = answer.text.split(":")
        assert len(sid) == 20
        assert (heartbeat, close, transports) == ("45", "45", OFFERED)
        assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
        assert "access-control-allow-origin" not in answer.headers

    def test_as_a_script(self, legacy_server: Server) -> None:
        own = f"{legacy_server.url}/page"
        answer = ask(legacy_server, path="/socket.io/1/", query="jsonp=3", Referer=own)
        assert answer.text.startswith('io.j[3]("')
        assert answer.text.endswith(f':45:45:{OFFERED}");')

    def test_no_script_calls_what_it_is_told(self, legacy_server: Server) -> None:
        assert "alert" not in ask(legacy_server, path="/socket.io/1/", query="jsonp=alert(1)").text

    def test_page_of_another_site(self, legacy_server: Server) -> None:
        far = "http://far.example"
        assert ask(legacy_server, path="/socket.io/1/", Origin=far).status == 403
        for headers in ({"Referer": f"{far}/page"}, {}):
            refused = ask(legacy_server, path="/socket.io/1/", query="jsonp=0", **headers)
            assert (refused.status, refused.text) == (200, 'io.j[0](new Error("Forbidden"));')

    def test_page_of_a_site_that_may(self, serve: Serve) -> None:
        far = "http://far.example"
        for allowed in (far, "*"):
            server = serve(LEGACY_APP, legacy="true", cors_origins=allowed)
            answer = ask(server, path="/socket.io/1/", Origin=far)
            assert answer.headers["access-control-allow-origin"] == far
            assert answer.headers["access-control-allow-credentials"] == "true"

    def test_origin_without_a_scheme(self, legacy_server: Server) -> None:
        """As the JavaScript client in Node.js says it."""
        own = f"{legacy_server.host}:{legacy_server.port}"
        assert ask(legacy_server, path="/socket.io/1/", Origin=own).status == 200
        for other in ("far.example", "null", "://", own + "1"):
            assert ask(legacy_server, path="/socket.io/1/", Origin=other).status == 403

    def test_query_and_headers_stay_known(self, legacy_server: Server) -> None:
        sid = shake_hands(legacy_server, "my=param%20x&t=1")
        client = Polling(legacy_server, sid)
        client.send()
        assert client.receive() == "1::"
        client.send('5:1+::{"name":"about"}')
        assert '"my":"param x"' in client.receive()

    @pytest.mark.parametrize("method", ["PUT", "OPTIONS", "DELETE"])
    def test_other_methods(self, legacy_server: Server, method: str) -> None:
        assert ask(legacy_server, method, path="/socket.io/1/").status == 400

    def test_that_nothing_follows_is_forgotten(self, hasty_legacy: Server) -> None:
        sids = [shake_hands(hasty_legacy) for _ in range(20)]
        assert len(set(sids)) == 20
        # Asking for the first opens it, so that the last is asked for.
        first = WebSocket(hasty_legacy, sids[0])
        with closing(first):
            assert first.receive() == "1::"
            # Longer than anybody is waited for.
            for _ in range(9):
                while first.receive() != "2::":
                    pass
                first.send("2::")
            wait_until(lambda: is_forgotten(hasty_legacy, sids.pop()), what="the end of one")

    @pytest.mark.parametrize("path", ["/socket.io/2/", "/socket.io/1/nonsense/x"])
    def test_what_is_none(self, legacy_server: Server, path: str) -> None:
        assert ask(legacy_server, path=path).status == 400

    def test_unless_it_is_enabled(self, server: Server) -> None:
        assert ask(server, path="/socket.io/1/").status == 400


class TestPackets:
    @pytest.mark.parametrize("packet", MEANINGLESS)
    def test_that_mean_nothing_do_no_harm(self, client: Any, packet: str) -> None:
        client.send(packet, ECHO)
        assert client.receive() == ECHOED

    def test_ids_without_plus_are_answered_at_once(self, client: Any) -> None:
        client.send("3:1::x", "4:2::{}", '5:3::{"name":"fail"}', '5:4::{"name":"nobody"}')
        seen = [client.receive() for _ in range(6)]
        assert [packet for packet in seen if packet.startswith("6")] == [
            "6:::1",
            "6:::2",
            "6:::3",
            "6:::4",
        ]
        assert [packet for packet in seen if packet[0] in "34"] == ["3:::x", "4:::{}"]

    def test_messages_want_answers_too(self, client: Any) -> None:
        client.send("3:4+::hey")
        assert {client.receive(), client.receive()} == {"3:::hey", '6:::4+["seen"]'}

    def test_server_asks_once(self, client: Any) -> None:
        client.send('5:::{"name":"ask","args":["+"]}')
        question = client.receive()
        id = question.split(":")[1].removesuffix("+")
        assert question == f'5:{id}+::{{"name":"question","args":["+"]}}'
        client.send(f'6:::{id}+["a+b"]', f'6:::{id}+["again"]', ECHO)
        assert {client.receive(), client.receive()} == {
            '5:::{"name":"answered","args":["a+b"]}',
            ECHOED,
        }

    def test_several_in_one_body(self, legacy_server: Server) -> None:
        client = Polling(legacy_server)
        assert client.receive() == "1::"
        client.send(*('5:::{"name":"reflect","args":["back","😀"]}' for _ in range(50)), ECHO)
        packets = []
        while len(packets) < 51:
            packets += client.poll()
        assert packets == ['5:::{"name":"back","args":["😀"]}'] * 50 + [ECHOED]


class TestEndpoints:
    @pytest.mark.parametrize(
        ("packet", "auth"),
        [
            ("1::/chat", "null"),
            ("1::/chat:", "null"),
            ("1::/chat:?a=b", '{"a":"b"}'),
            ("1::/chat?a=b", '{"a":"b"}'),
        ],
    )
    def test_connect(self, client: Any, packet: str, auth: str) -> None:
        client.send(packet)
        assert client.receive() == "1::/chat"
        assert client.receive() == f'5::/chat:{{"name":"welcome","args":[{auth}]}}'

    def test_connecting_again_changes_nothing(self, client: Any) -> None:
        client.send("1::/chat", "1::/chat", '5:1+:/chat:{"name":"echo"}', "1::/chat", ECHO)
        seen = [client.receive() for _ in range(4)]
        assert seen[0] == "1::/chat"
        assert sorted(seen) == sorted({*seen})
        assert ECHOED in seen

    def test_event_ahead_of_its_connect(self, client: Any) -> None:
        """As the JavaScript client sends them when it has come back."""
        client.send('5:1+:/chat:{"name":"echo","args":["early"]}', "1::/chat")
        seen = [client.receive() for _ in range(3)]
        assert seen[0] == "1::/chat"
        assert '6::/chat:1+["early"]' in seen

    def test_event_after_leaving_does_not_lead_back(self, client: Any) -> None:
        client.send("1::/chat", "0::/chat", '5:1+:/chat:{"name":"echo"}', ECHO)
        seen = []
        while ECHOED not in seen:
            seen.append(client.receive())
        assert seen.count("1::/chat") == 1
        assert not any(packet.startswith("6::/chat") for packet in seen)
        client.send("1::/chat")
        assert client.receive() == "1::/chat"

    @pytest.mark.parametrize("name", ["/nowhere", "/guarded"])
    def test_refused(self, client: Any, name: str) -> None:
        client.send(f"1::{name}", f'5:1+:{name}:{{"name":"echo"}}', ECHO)
        assert client.receive() == f"7::{name}:2"
        assert client.receive() == ECHOED


class TestPolling:
    def test_idle_poll_is_answered_with_nothing(self, hasty_legacy: Server) -> None:
        client = Polling(hasty_legacy)
        assert [client.poll() for _ in range(4)] == [["1::"], ["8::"], ["8::"], ["8::"]]

    def test_second_poll_takes_over(self, legacy_server: Server) -> None:
        client = Polling(legacy_server)
        assert client.receive() == "1::"
        first = client.begin_poll()
        second = client.begin_poll()
        assert first.answer().text == "8::"
        client.send(ECHO)
        assert second.answer().text == ECHOED

    def test_poll_that_breaks_off_loses_nothing(self, legacy_server: Server) -> None:
        client = Polling(legacy_server)
        assert client.receive() == "1::"
        for _ in range(3):
            client.begin_poll().abandon()
        client.send(ECHO)
        assert client.receive() == ECHOED

    def test_post_that_breaks_off_loses_only_itself(self, legacy_server: Server) -> None:
        client = Polling(legacy_server)
        assert client.receive() == "1::"
        poll = client.begin_poll()
        with closing(legacy_server.connect()) as sock:
            head = f"POST {client.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
            sock.sendall(head.encode() + ECHO.encode())
        assert poll.answer().text == "8::"
        client.send(ECHO)
        assert client.receive() == ECHOED

    def test_client_that_does_not_come_back(self, hasty_legacy: Server) -> None:
        sid = shake_hands(hasty_legacy, "key=away")
        client = Polling(hasty_legacy, sid)
        assert client.receive() == "1::"
        client.begin_poll().abandon()
        assert entries(hasty_legacy, "away", 2)[1] == ["/", "disconnect", "ping timeout"]
        assert is_forgotten(hasty_legacy, sid)

    @pytest.mark.parametrize("kind", [Polling, JsonpPolling])
    def test_unknown_session(self, legacy_server: Server, kind: Any) -> None:
        client = kind(legacy_server, "unknown")
        assert client.poll() == [UNKNOWN]
        client.send(ECHO)
        assert client.poll() == [UNKNOWN]

    @pytest.mark.parametrize("body", BAD_LENGTHS)
    def test_lengths_that_do_not_fit(self, legacy_server: Server, body: str) -> None:
        client = Polling(legacy_server)
        assert client.receive() == "1::"
        assert client.post(body.encode()).status == 400
        assert client.poll() == [UNKNOWN]

    def test_too_much(self, legacy_server: Server) -> None:
        client = Polling(legacy_server)
        assert client.receive() == "1::"
        assert client.post(b"3:::" + b"x" * 1_000_000).status == 413
        client.send(ECHO)
        assert client.receive() == ECHOED

    @pytest.mark.parametrize(
        "body", [b"", b"d=", b"d=junk", b"d=7", b"e=%222%3A%3A%22", b"d=%22%5Cud83d%22"]
    )
    def test_form_that_is_none(self, legacy_server: Server, body: bytes) -> None:
        client = JsonpPolling(legacy_server)
        assert client.receive() == "1::"
        assert client.post_form(body).status == 400

    @pytest.mark.parametrize("slot", ["alert(1)", "-1", "", "1;x"])
    def test_script_slot_that_is_none(self, legacy_server: Server, slot: str) -> None:
        path = f"/socket.io/1/jsonp-polling/{shake_hands(legacy_server)}"
        answer = ask(legacy_server, path=path, query=f"i={slot}")
        assert (answer.status, answer.text) == (400, "Bad request")

    def test_post_of_another_transport(self, legacy_server: Server) -> None:
        client = Polling(legacy_server)
        assert client.receive() == "1::"
        other = JsonpPolling(legacy_server, client.sid)
        assert other.post_form(b"junk").text == "1"
        client.send(ECHO)
        assert client.receive() == ECHOED

    @pytest.mark.parametrize("method", ["PUT", "OPTIONS"])
    def test_other_methods(self, legacy_server: Server, method: str) -> None:
        client = Polling(legacy_server)
        assert ask(legacy_server, method, path=client.path).status == 400


class TestWebSocket:
    def test_heartbeats(self, hasty_legacy: Server) -> None:
        with closing(WebSocket(hasty_legacy)) as client:
            assert client.receive() == "1::"
            for _ in range(5):
                assert client.receive() == "2::"
                client.send("2::")

    def test_silence_ends_it(self, hasty_legacy: Server) -> None:
        sid = shake_hands(hasty_legacy, "key=silent")
        with closing(WebSocket(hasty_legacy, sid)):
            assert entries(hasty_legacy, "silent", 2)[1] == ["/", "disconnect", "ping timeout"]

    def test_binary_is_ignored(self, legacy_server: Server) -> None:
        with closing(WebSocket(legacy_server)) as client:
            assert client.receive() == "1::"
            client.raw.send(b"\x00\x01")
            client.raw.send(["5:9+::", '{"name":"echo","args":', '["still here"]}'])
            assert client.receive() == ECHOED

    def test_compression_is_not_agreed_on(self, serve: Serve) -> None:
        server = serve(LEGACY_APP, legacy="true", per_message_deflate="true")
        with closing(WebSocket(server)) as client:
            assert client.raw.protocol.extensions == []
            assert client.receive() == "1::"

    def test_unknown_session(self, legacy_server: Server) -> None:
        with closing(WebSocket(legacy_server, "unknown")) as client:
            assert client.receive() == UNKNOWN

    def test_request_without_an_upgrade(self, legacy_server: Server) -> None:
        path = f"/socket.io/1/websocket/{shake_hands(legacy_server)}"
        assert ask(legacy_server, path=path).status == 400

    def test_upgrade_of_what_is_none(self, legacy_server: Server) -> None:
        path = f"/socket.io/1/xhr-polling/{shake_hands(legacy_server)}"
        assert ask(legacy_server, path=path, Upgrade="websocket").status == 400

    def test_page_of_another_site(self, legacy_server: Server) -> None:
        path = f"/socket.io/1/websocket/{shake_hands(legacy_server)}"
        answer = ask(legacy_server, path=path, Upgrade="websocket", Origin="http://far.example")
        assert answer.status == 403

    def test_next_transport_after_one_that_did_not_carry(self, legacy_server: Server) -> None:
        """A client that has heard nothing for ten seconds tries the next with the same id."""
        sid = shake_hands(legacy_server, "key=next")
        with closing(WebSocket(legacy_server, sid)):
            assert entries(legacy_server, "next", 1)
            client = Polling(legacy_server, sid)
            assert client.receive() == "1::"
            client.send(ECHO)
            assert client.receive() == ECHOED

    def test_flashsocket_of_today(self, legacy_server: Server) -> None:
        with closing(WebSocket(legacy_server, name="flashsocket")) as client:
            assert client.receive() == "1::"
            client.send('5:1+::{"name":"about"}')
            assert '"transport":"flashsocket"' in client.receive()


class TestStreams:
    """By hand; for ``htmlfile`` see also the tests in a browser."""

    def test_htmlfile(self, legacy_server: Server) -> None:
        with closing(Stream(legacy_server, "htmlfile")) as client:
            assert "content-type: text/html; charset=utf-8" in client.head.lower()
            assert len(client.preamble) == 256
            assert client.chunk() == b'<script>_("1::");</script>'
            client.send('5:::{"name":"reflect","args":["back","</script>"]}')
            part = client.chunk()
            assert part.count(b"</script>") == 1
            client.send("0::")
            assert client.chunk() == b'<script>_("0::");</script>'
            assert client.chunk() == b""

    def test_xhr_multipart(self, legacy_server: Server) -> None:
        with closing(Stream(legacy_server, "xhr-multipart")) as client:
            assert 'multipart/x-mixed-replace;boundary="socketio"' in client.head
            assert client.preamble == b"--socketio\r\n"
            head = b"Content-Type: text/plain; charset=UTF-8\r\nContent-Length: %d\r\n\r\n"
            assert client.chunk() == head % 3 + b"1::\r\n--socketio\r\n"
            client.send(ECHO)
            assert client.chunk() == head % 20 + ECHOED.encode() + b"\r\n--socketio\r\n"

    def test_heartbeats(self, hasty_legacy: Server) -> None:
        with closing(Stream(hasty_legacy, "htmlfile")) as client:
            assert client.chunk() == b'<script>_("1::");</script>'
            for _ in range(4):
                assert client.chunk() == b'<script>_("2::");</script>'
                client.send("2::")

    def test_that_breaks_off_ends_the_session(self, legacy_server: Server) -> None:
        client = Stream(legacy_server, "htmlfile")
        assert client.chunk() == b'<script>_("1::");</script>'
        client.close()
        wait_until(lambda: is_forgotten(legacy_server, client.sid), what="its end")

    @pytest.mark.parametrize("name", ["htmlfile", "xhr-multipart"])
    def test_unknown_session(self, legacy_server: Server, name: str) -> None:
        answer = ask(legacy_server, path=f"/socket.io/1/{name}/unknown")
        assert answer.status == 200
        assert UNKNOWN in answer.text

    def test_second_get_takes_over(self, legacy_server: Server) -> None:
        with closing(Stream(legacy_server, "htmlfile")) as client:
            assert client.chunk() == b'<script>_("1::");</script>'
            with closing(legacy_server.connect()) as second:
                path = f"/socket.io/1/htmlfile/{client.sid}"
                second.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                read_head(second)
                assert client.chunk() == b""


class TestFlash:
    """By hand: no client can be had that speaks this any more."""

    @pytest.mark.parametrize("name", ["flashsocket", "websocket"])
    def test_whole_life(self, legacy_server: Server, name: str) -> None:
        with closing(FlashSocket(legacy_server, name=name)) as client:
            head = client.open()
            assert head.startswith("HTTP/1.1 101 WebSocket Protocol Handshake\r\n")
            assert f"Sec-WebSocket-Origin: {legacy_server.url}\r\n" in head
            location = f"{legacy_server.host}:{legacy_server.port}/socket.io/1/{name}/{client.sid}"
            assert f"Sec-WebSocket-Location: ws://{location}\r\n" in head
            assert client.receive() == "1::"
            client.send(ECHO, "3:::é😀")
            assert {client.receive(), client.receive()} == {ECHOED, "3:::é😀"}
            client.send("0::")
            assert client.receive() == "0::"
            assert read_exactly(client.sock, 2) == b"\xff\x00"
            client.sock.sendall(b"\xff\x00")
            assert client.sock.recv(1) == b""

    def test_heartbeats(self, hasty_legacy: Server) -> None:
        with closing(FlashSocket(hasty_legacy)) as client:
            client.open()
            assert client.receive() == "1::"
            for _ in range(4):
                assert client.receive() == "2::"
                client.send("2::")

    def test_third_key_comes_late(self, legacy_server: Server) -> None:
        with closing(FlashSocket(legacy_server)) as client:
            client.sock.sendall(client.request)
            shake_hands(legacy_server)
            client.sock.sendall(client.KEY3 + b"\0" + ECHO.encode() + b"\xff")
            client.opened()
            assert [client.receive(), client.receive()] == ["1::", ECHOED]

    def test_key_without_a_number(self, legacy_server: Server) -> None:
        with closing(FlashSocket(legacy_server)) as client:
            client.request = client.request.replace(client.KEY1.encode(), b"none")
            client.sock.sendall(client.request + client.KEY3)
            assert read_head(client.sock).startswith("HTTP/1.1 400 ")

    def test_client_says_goodbye(self, legacy_server: Server) -> None:
        sid = shake_hands(legacy_server, "key=flash-goodbye")
        with closing(FlashSocket(legacy_server, sid)) as client:
            client.open()
            assert client.receive() == "1::"
            client.sock.sendall(b"\xff\x00")
            assert read_exactly(client.sock, 2) == b"\xff\x00"
            found = entries(legacy_server, "flash-goodbye", 2)
            assert found[1] == ["/", "disconnect", "transport close"]

    def test_unknown_session(self, legacy_server: Server) -> None:
        with closing(FlashSocket(legacy_server, "unknown")) as client:
            client.open()
            assert client.receive() == UNKNOWN

    @pytest.mark.parametrize("frame", [b"\x80\x01x", b"\0\xc3\xff"])
    def test_frame_that_is_none(self, legacy_server: Server, frame: bytes) -> None:
        with closing(FlashSocket(legacy_server)) as client:
            client.open()
            assert client.receive() == "1::"
            client.sock.sendall(frame)
            assert read_exactly(client.sock, 2) == b"\xff\x00"


def listening(server: Server) -> socket.socket | None:
    try:
        return server.connect()
    except ConnectionRefusedError:
        return None


class TestPolicy:
    REQUEST = b"<policy-file-request/>\0"

    def test_answer(self, serve: Serve) -> None:
        port = free_port()
        server = serve(LEGACY_APP, legacy="true", policy_server=port)
        server.port = port
        with closing(wait_until(lambda: listening(server), what="the policy server")) as sock:
            sock.sendall(self.REQUEST[:5])
            sock.sendall(self.REQUEST[5:])
            policy = b""
            while data := sock.recv(4096):
                policy += data
        assert policy.endswith(
            b'<allow-access-from domain="*" to-ports="*"/></cross-domain-policy>'
        )
        for other in (b"GET / HTTP/1.1\r\n\r\nxxxxx", self.REQUEST[:-1] + b"x"):
            with closing(server.connect()) as sock:
                sock.sendall(other)
                assert sock.recv(4096) == b""


class TestLeaving:
    def test_by_a_packet(self, client: Any, legacy_server: Server) -> None:
        client.send("0::")
        assert client.receive() == "0::"
        wait_until(lambda: is_forgotten(legacy_server, client.sid), what="its end")

    @pytest.mark.parametrize(
        "path",
        [
            "/socket.io/1/xhr-polling/{}?disconnect",
            "/socket.io/1/xhr-polling/{}/?disconnect=1",
            "/socket.io/1/websocket/{}?t=1&disconnect=True",
            "/socket.io/1//{}/?disconnect=1",
            "/socket.io/1/{}/?disconnect=1",
            "/socket.io/1/{}",
        ],
    )
    @pytest.mark.parametrize("polls", [True, False])
    def test_by_a_request(self, legacy_server: Server, path: str, polls: bool) -> None:
        client = Polling(legacy_server)
        assert client.receive() == "1::"
        poll = client.begin_poll() if polls else None
        client.send(ECHO)
        if poll is not None:
            assert poll.answer().text == ECHOED
            poll = client.begin_poll()
        target, _, query = path.format(client.sid).partition("?")
        answer = ask(legacy_server, path=target, query=query)
        assert (answer.status, answer.text) == (200, "")
        if poll is not None:
            assert poll.answer().text in ("0::", "8::")
        # Whoever polls once more gets what was left, and nothing after that.
        wait_until(lambda: client.poll() == [UNKNOWN], what="its end")

    def test_with_a_websocket(self, legacy_server: Server) -> None:
        with closing(WebSocket(legacy_server)) as client:
            assert client.receive() == "1::"
            ask(legacy_server, path=f"/socket.io/1//{client.sid}/", query="disconnect=1")
            assert client.receive() == "0::"

    def test_before_there_is_a_transport(self, legacy_server: Server) -> None:
        sid = shake_hands(legacy_server)
        assert ask(legacy_server, path=f"/socket.io/1/{sid}").status == 200
        assert is_forgotten(legacy_server, sid)

    def test_unknown_session(self, legacy_server: Server) -> None:
        answer = ask(legacy_server, path="/socket.io/1//unknown/", query="disconnect=1")
        assert (answer.status, answer.text) == (200, "")

    def test_by_the_server(self, client: Any, legacy_server: Server) -> None:
        client.send('5:::{"name":"boot"}')
        assert client.receive() == "0::"
        wait_until(lambda: is_forgotten(legacy_server, client.sid), what="its end")

    def test_sessions_of_other_generations_are_out_of_reach(self, legacy_server: Server) -> None:
        opened = ask(legacy_server, query="EIO=4&transport=polling").text
        sid = opened.partition('"sid":"')[2].partition('"')[0]
        assert Polling(legacy_server, sid).poll() == [UNKNOWN]
        ask(legacy_server, path=f"/socket.io/1/{sid}")
        old = Polling(legacy_server)
        assert old.receive() == "1::"
        answer = ask(legacy_server, query=f"EIO=4&transport=polling&sid={old.sid}")
        assert answer.status == 400
        still = ask(legacy_server, "POST", f"EIO=4&transport=polling&sid={sid}", body=b"40")
        assert still.status == 200
