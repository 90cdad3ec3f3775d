"""Engine.IO 4 by hand: opening, messages, frames, sizes, overlap.

Each test is about something the specification promises, or about something a peer does
that it may not. Pings of the usual server come too late to be in the way.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus

from tests.functional.wire import (
    Polling,
    Session,
    SessionEnded,
    WebSocket,
    ask,
    assert_unknown,
    open_websocket,
)
from tests.support import PATIENCE, Server, wait_until

# Opening.


def test_handshake(session: Session) -> None:
    expected = {"upgrades", "pingInterval", "pingTimeout", "maxPayload", "sid"}

    assert set(session.handshake) == expected
    assert session.handshake["upgrades"] == (["websocket"] if isinstance(session, Polling) else [])
    assert session.handshake["pingInterval"] == 25000
    assert session.handshake["pingTimeout"] == 20000
    assert session.handshake["maxPayload"] == 1000000
    assert len(session.handshake["sid"]) >= 20


def test_headers_of_a_handshake(server: Server) -> None:
    answer = ask(server, query="EIO=4&transport=polling")

    assert answer.headers["content-type"].lower() == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["content-length"]) == len(answer.text)
    assert "set-cookie" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control")]


REFUSED = {
    "no transport": ("GET", "EIO=4", 0),
    "unknown transport": ("GET", "EIO=4&transport=abc", 0),
    "webtransport": ("GET", "EIO=4&transport=webtransport", 0),
    "a name of every object": ("GET", "EIO=4&transport=constructor", 0),
    "neither": ("GET", "", 0),
    "no revision": ("GET", "transport=polling", 5),
    "revision of 2.x": ("GET", "EIO=3&transport=polling", 5),
    "no number": ("GET", "EIO=abc&transport=polling", 5),
    "zero in front": ("GET", "EIO=04&transport=polling", 5),
    "unknown session": ("GET", "EIO=4&transport=polling&sid=abc", 1),
    "a name as a session": ("GET", "EIO=4&transport=polling&sid=__proto__", 1),
    "posting to nobody": ("POST", "EIO=4&transport=polling&sid=abc", 1),
    "POST": ("POST", "EIO=4&transport=polling", 2),
    "PUT": ("PUT", "EIO=4&transport=polling", 2),
    "OPTIONS": ("OPTIONS", "EIO=4&transport=polling", 2),
    "WebSocket without an upgrade": ("GET", "EIO=4&transport=websocket", 3),
}
MESSAGES = {
    0: "Transport unknown",
    1: "Session ID unknown",
    2: "Bad handshake method",
    3: "Bad request",
    5: "Unsupported protocol version",
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_over_http(server: Server, case: str) -> None:
    method, query, code = REFUSED[case]

    answer = ask(server, method, query)

    assert answer.status == 400
    assert answer.headers["content-type"].startswith("application/json")
    # Of a revision it is also said who sends it, and what to do.
    body = answer.json
    message, _, remedy = body.pop("message").partition(": ")
    assert (body, message) == ({"code": code}, MESSAGES[code])
    assert bool(remedy) is (code == 5)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("transport=websocket", "Unsupported protocol version"),
        ("EIO=abc&transport=websocket", "Unsupported protocol version"),
        ("EIO=4", "Transport unknown"),
        ("EIO=4&transport=abc", "Transport unknown"),
        ("EIO=4&transport=websocket&sid=abc", "Session ID unknown"),
    ],
)
def test_refused_before_the_upgrade(server: Server, query: str, message: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_websocket(server, query)

    assert refused.value.response.status_code == 400
    assert refused.value.response.body.decode().partition(": ")[0] == message


def test_encoded_and_repeated_parameters(server: Server) -> None:
    answer = ask(server, query="EIO=3&EIO=4&transport=%70olling&t=abc&other=%00")

    assert answer.status == 200


@pytest.mark.parametrize("path", ["/socket.io", "/SOCKET.IO/", "/socket.iox", "//socket.io/"])
def test_other_paths_are_the_applications(server: Server, path: str) -> None:
    answer = ask(server, query="EIO=4&transport=polling", path=path)

    assert answer.status == 404
    assert "The resource could not be found" in answer.text


@pytest.mark.parametrize("path", ["/socket.io/default/", "/socket.io/foo"])
def test_what_follows_the_path_does_not_matter(server: Server, path: str) -> None:
    assert ask(server, query="EIO=4&transport=polling", path=path).status == 200


# Messages. Socket.IO is on top here: a namespace joined, an event echoed.


def test_messages_come_back(session: Session) -> None:
    session.send("40")
    assert str(session.receive())[:2] == "40"

    session.send('421["echo","äöü 日本 👩"]', '422["echo",2]')

    assert session.receive() == '431["äöü 日本 👩"]'
    assert session.receive() == "432[2]"


def test_blobs_come_back(session: Session) -> None:
    session.send("40")
    session.receive()

    session.send('451-7["echo",{"_placeholder":true,"num":0}]', b"\x00\x01\x1e\xff")

    assert session.receive() == '461-7[{"_placeholder":true,"num":0}]'
    assert session.receive() == b"\x00\x01\x1e\xff"


def test_several_packets_in_one_answer(polling: Polling) -> None:
    polling.send("40")
    polling.receive()
    poll = polling.begin_poll()

    polling.send('42["count","n",3]')

    packets = poll.answer().text.split("\x1e")
    while len(packets) < 3:
        packets += polling.poll().text.split("\x1e")
    assert packets == ['42["n",0]', '42["n",1]', '42["n",2]']


def test_headers_of_polls_and_posts(polling: Polling) -> None:
    posted = polling.post("40")
    polled = polling.poll()

    assert (posted.status, posted.text) == (200, "ok")
    assert posted.headers["content-type"] == "text/html"
    assert polled.headers["content-type"].lower() == "text/plain; charset=utf-8"
    assert {posted.headers["cache-control"], polled.headers["cache-control"]} == {"no-store"}


@pytest.mark.parametrize(
    "content_type", ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "x"]
)
def test_content_type_of_a_post_does_not_matter(polling: Polling, content_type: str) -> None:
    assert polling.post("40", content_type=content_type).text == "ok"

    assert str(polling.receive())[:2] == "40"


def test_chunked_post_with_torn_characters(polling: Polling) -> None:
    polling.send("40")
    polling.receive()
    body = '421["echo","äöü 日本 👩"]'.encode()

    answer = polling.post(body[index : index + 1] for index in range(len(body)))

    assert answer.text == "ok"
    assert polling.receive() == '431["äöü 日本 👩"]'


def test_connection_close_is_no_abort(polling: Polling) -> None:
    polling.post("40", connection="close")
    first = ask(polling.server, query=polling.query, connection="close")

    assert first.text[:2] == "40"
    assert polling.post('421["echo",1]', connection="close").text == "ok"
    assert polling.poll().text == "431[1]"


@pytest.mark.parametrize("body", ["abc", "7", "9x", "", "\x1e4a", "2", "2probe"])
def test_bad_payload_ends_the_session(polling: Polling, body: str) -> None:
    poll = polling.park()

    assert polling.post(body).status in (200, 400)

    assert poll.answer()[::2] == (200, "1")
    assert_unknown(polling.poll())


def test_good_packets_before_a_bad_one_are_delivered(polling: Polling) -> None:
    polling.send("40")
    polling.receive()

    polling.post('421["echo",1]\x1ezzz\x1e422["echo",2]')

    assert_unknown(polling.poll())


@pytest.mark.parametrize("body", ["3", "3probe", "0x", "5", "6"])
def test_odd_packets_do_no_harm(polling: Polling, body: str) -> None:
    assert polling.post(f"{body}\x1e40").text == "ok"

    assert str(polling.receive())[:2] == "40"


@pytest.mark.parametrize("packet", ["abc", "9", "", "2", "2probe", "1"])
def test_bad_frame_ends_the_session(websocket: WebSocket, packet: str) -> None:
    websocket.send(packet)

    with pytest.raises(SessionEnded):
        websocket.receive()
    assert websocket.is_over()


@pytest.mark.parametrize("packet", ["3", "3probe", "0x", "5", "6"])
def test_odd_frames_do_no_harm(websocket: WebSocket, packet: str) -> None:
    websocket.send(packet, "40")

    assert str(websocket.receive())[:2] == "40"


def test_octet_stream_is_no_payload_of_this_revision(polling: Polling) -> None:
    answer = polling.post(b"\x04abc", content_type="application/octet-stream")

    assert answer.status == 400
    assert_unknown(polling.poll())


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_other_methods_leave_the_session_alone(polling: Polling, method: str) -> None:
    assert ask(polling.server, method, polling.query).status in (400, 500)

    polling.send("40")
    assert str(polling.receive())[:2] == "40"


# Frames.


def test_fragments_and_control_frames_between_them(websocket: WebSocket) -> None:
    websocket.send("40")
    websocket.receive()

    def fragments() -> Iterator[str]:
        yield '421["echo","one '
        assert websocket.socket.ping("between").wait(PATIENCE)
        yield "two "
        yield 'three"]'

    websocket.socket.send(fragments())

    assert websocket.receive() == '431["one two three"]'


def test_base64_in_a_text_frame_is_a_blob(websocket: WebSocket) -> None:
    websocket.send("40")
    websocket.receive()

    websocket.send('451-["reflect","back",{"_placeholder":true,"num":0}]', "bAQID")

    assert websocket.receive() == '451-["back",{"_placeholder":true,"num":0}]'
    assert websocket.receive() == b"\x01\x02\x03"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param(b"\x81\x03abc", 1002, id="not masked"),
        pytest.param(b"\x81\x82\0\0\0\0\xc3\x28", 1007, id="not UTF-8"),
        pytest.param(b"\xc1\x81\0\0\0\x003", 1002, id="reserved bit"),
        pytest.param(b"\x83\x81\0\0\0\x003", 1002, id="unknown opcode"),
        pytest.param(b"\x80\x81\0\0\0\x003", 1002, id="continues nothing"),
        pytest.param(b"\x82\xff" + b"\x7f" * 8 + b"\0\0\0\0", 1009, id="endless"),
    ],
)
def test_broken_frame_is_told_why(websocket: WebSocket, frame: bytes, code: int) -> None:
    websocket.socket.socket.sendall(frame)

    with pytest.raises(SessionEnded):
        websocket.receive()
    assert websocket.socket.close_code == code
    assert websocket.is_over()


# Size.


def test_post_of_the_longest_body(polling: Polling) -> None:
    limit = polling.handshake["maxPayload"]
    polling.send("40")
    polling.receive()
    poll = polling.park()
    start, end = '421["echo","', '"]'
    text = "x" * (limit - len(start) - len(end))

    assert polling.post(f"{start}{text}x{end}").status == 413
    assert polling.post(f"{start}{text}{end}").text == "ok"

    assert poll.answer().text == f'431["{text}"]'


def test_longest_frame(websocket: WebSocket) -> None:
    limit = websocket.handshake["maxPayload"]
    websocket.send("40")
    websocket.receive()
    start, end = '421["echo","', '"]'
    text = "x" * (limit - len(start) - len(end))

    websocket.send(f"{start}{text}{end}")
    assert websocket.receive() == f'431["{text}"]'
    websocket.send(f"{start}{text}x{end}")
    with pytest.raises(SessionEnded):
        websocket.receive()
    assert websocket.socket.close_code == 1009


# Overlap, and what breaks off.


def test_second_poll_ends_the_session(polling: Polling) -> None:
    first, second = polling.begin_poll(), polling.begin_poll()

    answers = sorted((answer.status, answer.text) for answer in (first.answer(), second.answer()))

    assert answers == [(200, "1"), (400, "")]
    assert_unknown(polling.poll())


def test_second_post_ends_the_session(polling: Polling) -> None:
    poll = polling.park()
    with polling.server.connect() as raw:
        raw.sendall(polling.head_of_post(100) + b'42["echo"')
        # The first one has to be there; then the session is not what it was.
        wait_until(lambda: polling.post("3").status == 400, what="the second to be refused")

    assert poll.answer().text == "1"
    assert_unknown(polling.poll())


def test_lost_poll_ends_the_session(polling: Polling) -> None:
    polling.begin_poll().abandon()

    wait_until(polling.is_over, what="the server to notice")


def test_lost_post_ends_the_session(polling: Polling) -> None:
    with polling.server.connect() as raw:
        raw.sendall(polling.head_of_post(100) + b'42["echo"')

    wait_until(polling.is_over, what="the server to notice")
