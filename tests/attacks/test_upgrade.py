"""Upgrades that name the wrong session, come twice, come to nothing, or never end."""

from __future__ import annotations

import json
import threading

import pytest

from tests.attacks.site import MARK, Site
from tests.rawclient import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    PeerClosed,
    Polling,
    WebSocket,
    frame,
    text_frame,
)
from tests.support import wait_until


@pytest.fixture
def polling(site: Site) -> Polling:
    """A session in the main namespace, for others to lay hands on."""
    client = Polling(site.server)
    client.enter()
    return client


def complete(site: Site, polling: Polling) -> WebSocket:
    """Carry out an upgrade; the session's WebSocket."""
    candidate = WebSocket(site.server, sid=polling.sid)
    candidate.send("2probe")
    assert candidate.text() == "3probe"
    candidate.send("5")
    assert candidate.ask("echo", "upgraded") == ["upgraded"]
    return candidate


# Whose session it is.


@pytest.mark.parametrize("sid", ["nobody", "__proto__", "x" * 5000, "%00", "../../etc", "a'b\"c"])
def test_unknown_session(site: Site, sid: str) -> None:
    with WebSocket(site.server, sid=sid) as client:
        assert (client.answer.status, client.answer.text) == (400, "Session ID unknown")
        client.wire.wait_closed()


def test_public_id_of_another_client_is_not_its_session(site: Site) -> None:
    """What others get to see, the id in a namespace, opens nothing."""
    with WebSocket(site.server) as other:
        public = other.enter()
        assert public != other.sid
        with WebSocket(site.server, sid=public) as thief:
            assert (thief.answer.status, thief.answer.text) == (400, "Session ID unknown")
        polled = Polling(site.server)
        public = polled.enter()
        assert public != polled.sid
        polled.sid = public
        assert polled.get().json["code"] == 1


def test_start_of_an_id_as_the_log_shows_it_is_not_enough(site: Site, polling: Polling) -> None:
    with WebSocket(site.server, sid=polling.sid[:6]) as thief:
        assert thief.answer.status == 400
    assert polling.ask("echo", 1) == [1]


def test_session_that_was_opened_on_a_websocket_is_not_taken_over(site: Site) -> None:
    with WebSocket(site.server) as owner:
        owner.enter()
        with WebSocket(site.server, sid=owner.sid) as thief:
            assert thief.answer.status == 101
            thief.send_raw(text_frame("2probe") + text_frame("5"))
            with pytest.raises(PeerClosed):
                thief.text()
        assert owner.ask("echo", 1) == [1]


def test_session_that_has_ended(site: Site) -> None:
    client = Polling(site.server)
    client.enter()
    client.post("1")
    with WebSocket(site.server, sid=client.sid) as late:
        assert (late.answer.status, late.answer.text) == (400, "Session ID unknown")


@pytest.mark.parametrize("eio", ["3", "2", "04", "", "abc"])
def test_another_revision(site: Site, polling: Polling, eio: str) -> None:
    with WebSocket(
        site.server, sid=polling.sid, query=f"EIO={eio}&transport=websocket"
    ) as candidate:
        assert candidate.answer.status == 400
    assert polling.ask("echo", 1) == [1]


def test_upgrade_with_the_other_transports_name(site: Site, polling: Polling) -> None:
    with WebSocket(site.server, sid=polling.sid, query="EIO=4&transport=polling") as candidate:
        assert candidate.answer.status == 400
    assert polling.ask("echo", 1) == [1]


# Two at once.


def test_second_candidate_while_one_is_at_it(site: Site, polling: Polling) -> None:
    with WebSocket(site.server, sid=polling.sid) as first:
        first.send("2probe")
        assert first.text() == "3probe"
        with WebSocket(site.server, sid=polling.sid) as second:
            assert second.answer.status == 101
            second.send_raw(text_frame("2probe") + text_frame("5"))
            with pytest.raises(PeerClosed):
                second.text()
        first.send("5")
        assert first.ask("echo", 1) == [1]


def test_second_websocket_after_the_upgrade(site: Site, polling: Polling) -> None:
    with complete(site, polling) as owner:
        for _ in range(20):
            with WebSocket(site.server, sid=polling.sid) as second:
                assert second.answer.status == 101
                second.send_raw(text_frame("2probe") + text_frame("5") + text_frame("42[1]"))
                with pytest.raises(PeerClosed):
                    second.text()
        assert owner.ask("echo", 1) == [1]


def test_polls_and_posts_after_the_upgrade(site: Site, polling: Polling) -> None:
    with complete(site, polling) as owner:
        for answer in (polling.get(), polling.post(f'42["echo","{MARK}"]'), polling.post("1")):
            assert (answer.status, answer.json["code"]) == (400, 3)
        assert owner.ask("echo", 1) == [1]


def test_poll_and_post_under_way_when_the_upgrade_is_completed(
    site: Site, polling: Polling
) -> None:
    body = '42["echo"]'
    with (
        polling.park() as parked,
        polling.begin("POST", **{"Content-Length": len(body)}) as post,
        WebSocket(site.server, sid=polling.sid) as candidate,
    ):
        post.send(body[:4].encode())
        candidate.send("2probe")
        assert candidate.text() == "3probe"
        assert parked.read_answer().text == "6"
        candidate.send("5")
        assert candidate.ask("echo", 1) == [1]
        post.send(body[4:].encode())
        assert post.read_answer("POST").status in (200, 400)
        assert candidate.ask("echo", 2) == [2]


# Candidates that fail; the session does not notice.

NO_CANDIDATE = [
    pytest.param(text_frame("2"), id="heartbeat"),
    pytest.param(text_frame("2probe?"), id="other-probe"),
    pytest.param(text_frame("3probe"), id="answer-to-a-probe"),
    pytest.param(text_frame('42["echo"]'), id="event"),
    pytest.param(text_frame("1"), id="close"),
    pytest.param(text_frame(""), id="empty"),
    pytest.param(text_frame(MARK), id="words"),
    pytest.param(frame(BINARY, b"\x01"), id="binary"),
    pytest.param(frame(TEXT, b"\xff"), id="bad-utf8"),
    pytest.param(frame(TEXT, b"2probe", mask=None), id="unmasked"),
    pytest.param(frame(TEXT, length=2**40), id="too-large"),
    pytest.param(frame(CLOSE), id="goodbye"),
    pytest.param(b"GET / HTTP/1.1\r\n\r\n" * 10, id="http"),
    pytest.param(bytes(1000), id="zeros"),
    pytest.param(text_frame("2probe") + text_frame('42["echo"]'), id="event-after-the-probe"),
    pytest.param(text_frame("2probe") + frame(CLOSE), id="goodbye-after-the-probe"),
]


@pytest.mark.parametrize("data", NO_CANDIDATE)
def test_candidate_that_is_none(site: Site, polling: Polling, data: bytes) -> None:
    with WebSocket(site.server, sid=polling.sid) as candidate:
        candidate.send_raw(data)
        assert candidate.close_code() is not None
    assert polling.ask("echo", 1) == [1]
    with complete(site, polling) as owner:
        assert owner.ask("echo", 2) == [2]


@pytest.mark.parametrize("data", [bytes(1000), text_frame("no"), frame(TEXT, b"\xff")])
def test_junk_in_one_piece_with_the_request(site: Site, polling: Polling, data: bytes) -> None:
    with WebSocket(site.server, sid=polling.sid, behind=data) as candidate:
        assert candidate.close_code() is not None
    assert polling.ask("echo", 1) == [1]


@pytest.mark.parametrize("probed", [False, True])
def test_candidate_that_is_gone(site: Site, polling: Polling, probed: bool) -> None:
    for _ in range(10):
        candidate = WebSocket(site.server, sid=polling.sid)
        if probed:
            candidate.send("2probe")
        candidate.wire.reset()
        assert polling.ask("echo", 1) == [1]

    def upgrades() -> bool:
        with WebSocket(site.server, sid=polling.sid) as candidate:
            candidate.send_raw(text_frame("2probe"))
            try:
                return candidate.text() == "3probe"
            except PeerClosed:
                return False

    wait_until(upgrades, what="the next candidate to be let in")


def test_log_says_that_an_upgrade_failed(site: Site) -> None:
    def attack() -> None:
        polling = Polling(site.server)
        with WebSocket(site.server, sid=polling.sid) as candidate:
            candidate.send(MARK)
            candidate.close_code()

    site.provoke(attack, "upgrade failed")


@pytest.mark.parametrize("said", [b"", b"\x81", text_frame("2probe"), frame(PING)])
def test_candidate_that_does_not_go_on(hasty_site: Site, said: bytes) -> None:
    polling = Polling(hasty_site.server)
    polling.enter()
    with WebSocket(hasty_site.server, sid=polling.sid) as candidate:
        candidate.send_raw(said)
        stop = threading.Event()
        alive = threading.Thread(target=keep_alive, args=(polling, stop), daemon=True)
        alive.start()
        assert candidate.close_code() == 1005
        stop.set()
        alive.join()
    assert polling.ask("echo", 1) == [1]
    hasty_site.expect_log("upgrade timed out", "sio.upgrade_timeout")


def keep_alive(polling: Polling, stop: threading.Event) -> None:
    """Poll, and answer heartbeats, as a client does that is waiting for its upgrade."""
    while not stop.is_set():
        for packet in polling.get().text.split("\x1e"):
            if packet == "2":
                polling.post("3")
    polling.post("6")


def test_session_that_ends_takes_its_candidate_along(site: Site, polling: Polling) -> None:
    with WebSocket(site.server, sid=polling.sid) as candidate:
        candidate.send("2probe")
        assert candidate.text() == "3probe"
        polling.post("1")
        assert candidate.close_code() == 1005
    assert not polling.is_known


def test_upgrade_while_events_come_and_go(site: Site, polling: Polling) -> None:
    """Fifty events each way, half of them before the switch: none is lost, none comes twice."""
    for number in range(25):
        polling.post(f'42{number}["echo",{number}]')
    got = [json.loads(packet[packet.index("[") :])[0] for packet in polling.packets()]
    with WebSocket(site.server, sid=polling.sid) as candidate:
        candidate.send("2probe")
        assert candidate.text() == "3probe"
        for number in range(25, 50):
            polling.post(f'42{number}["echo",{number}]')
        candidate.send("5")
        for number in range(50, 75):
            candidate.send(f'42{number}["echo",{number}]')
        while len(got) < 75:
            packet = candidate.text()
            got.append(json.loads(packet[packet.index("[") :])[0])
    assert got == list(range(75))


def test_candidates_by_the_hundred(site: Site, polling: Polling) -> None:
    site.bound = 24
    for number in range(300):
        with WebSocket(site.server, sid=polling.sid) as candidate:
            if number % 3:
                candidate.send_raw(text_frame("2probe" if number % 2 else "no"))
    assert polling.ask("echo", 1) == [1]
