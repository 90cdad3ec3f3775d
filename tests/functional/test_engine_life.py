"""Engine.IO 4 by hand: the heartbeat, the end of a session, the change to a WebSocket."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.functional.wire import (
    KINDS,
    Polling,
    SessionEnded,
    WebSocket,
    ask,
    assert_unknown,
    open_websocket,
)
from tests.support import PATIENCE, Server, wait_until

# Heartbeat.


@pytest.mark.parametrize("kind", KINDS)
def test_ping_and_pong(lively_server: Server, kind: str) -> None:
    session = KINDS[kind](lively_server)

    for _ in range(3):
        assert session.receive() == "2"
        session.send("3")

    assert not session.is_over()
    session.close()


@pytest.mark.parametrize("kind", KINDS)
def test_ping_without_pong_ends_the_session(lively_server: Server, kind: str) -> None:
    session = KINDS[kind](lively_server)
    begin_waiting = time.monotonic()

    assert session.receive() == "2"
    with pytest.raises(SessionEnded):
        session.receive()

    # 0.3 s to the ping and 2 s for the pong; it was a moment ago that the server began.
    assert time.monotonic() - begin_waiting > 1.5
    wait_until(session.is_over, what="the session to be forgotten")


def test_abandoned_poller_is_forgotten(lively_server: Server) -> None:
    session = Polling(lively_server)

    wait_until(session.is_over, what="the session to be forgotten")


# Closing.


def test_client_closes_while_it_polls(polling: Polling) -> None:
    poll = polling.park()

    assert polling.post("1").text == "ok"

    assert poll.answer().text == "6"
    assert_unknown(polling.poll())


def test_nothing_behind_a_close_is_looked_at(polling: Polling, server: Server) -> None:
    key = f"closes {polling.sid}"
    polling.send(f'40{{"key":"{key}"}}')
    polling.receive()

    polling.post('42["note","before"]\x1e1\x1e42["note","behind"]')

    entries = ask(server, path=f"/journal/{quote(key)}", query="count=3").json
    assert [entry[:2] for entry in entries] == [
        ["connect", "/"],
        ["note", "before"],
        ["disconnect", "/"],
    ]
    assert entries[2][2] == "transport close"


def test_client_closes_its_websocket(websocket: WebSocket) -> None:
    websocket.socket.close()

    assert websocket.socket.close_code == 1000
    wait_until(websocket.is_over, what="the session to be forgotten")


@pytest.mark.parametrize("is_parked", [True, False])
def test_server_closes_a_poller(polling: Polling, is_parked: bool) -> None:
    polling.send("40")
    polling.receive()
    if is_parked:
        poll = polling.park()
        polling.post('42["quit",true]')
        packets = poll.answer().text.split("\x1e")
    else:
        polling.post('42["quit",true]')
        packets = polling.poll().text.split("\x1e")

    while len(packets) < 3:
        packets += polling.poll().text.split("\x1e")
    assert packets == ['42["last words"]', "41", "1"]
    assert_unknown(polling.poll())


def test_server_closes_a_websocket(websocket: WebSocket) -> None:
    websocket.send("40")
    websocket.receive()

    websocket.send('42["quit",true]')

    assert [websocket.receive(), websocket.receive()] == ['42["last words"]', "41"]
    with pytest.raises(SessionEnded):
        websocket.receive()
    # A close frame without a code.
    assert websocket.socket.close_code == 1005
    assert websocket.is_over()


# Upgrading.


def candidate(polling: Polling) -> ClientConnection:
    """A WebSocket that names the session."""
    return open_websocket(polling.server, f"EIO=4&transport=websocket&sid={polling.sid}")


def test_upgrade(polling: Polling) -> None:
    polling.send("40")
    polling.receive()
    poll = polling.park()
    with candidate(polling) as socket:
        socket.send("2probe")
        assert socket.recv(PATIENCE) == "3probe"
        assert poll.answer().text == "6"

        socket.send("5")
        socket.send('421["echo",1]')

        assert socket.recv(PATIENCE) == "431[1]"


def test_poll_that_comes_late_is_released_too(polling: Polling) -> None:
    with candidate(polling) as socket:
        socket.send("2probe")
        assert socket.recv(PATIENCE) == "3probe"

        assert polling.poll().text == "6"
        assert polling.poll().text == "6"


def test_upgrade_without_a_probe(polling: Polling) -> None:
    with candidate(polling) as socket:
        socket.send("5")
        socket.send("40")

        assert str(socket.recv(PATIENCE))[:2] == "40"


def test_what_waits_goes_over_the_websocket(polling: Polling) -> None:
    polling.send("40")
    polling.receive()
    with candidate(polling) as socket:
        socket.send("2probe")
        socket.recv(PATIENCE)
        polling.post('42["count","n",20]')

        socket.send("5")
        socket.send('421["echo","behind"]')

        received = [socket.recv(PATIENCE) for _ in range(21)]
    assert received == [*(f'42["n",{index}]' for index in range(20)), '431["behind"]']


def test_polls_after_the_upgrade_are_refused(polling: Polling) -> None:
    with candidate(polling) as socket:
        socket.send("5")
        socket.send("40")
        socket.recv(PATIENCE)

        for answer in (polling.poll(), polling.post("42")):
            assert (answer.status, answer.json["code"]) == (400, 3)

        socket.send('421["echo",1]')
        assert socket.recv(PATIENCE) == "431[1]"


@pytest.mark.parametrize("upgraded", [True, False])
def test_second_websocket_is_closed(polling: Polling, upgraded: bool) -> None:
    with candidate(polling) as socket:
        socket.send("2probe")
        socket.recv(PATIENCE)
        if upgraded:
            socket.send("5")
        with candidate(polling) as second, pytest.raises(ConnectionClosed):
            second.recv(PATIENCE)
        if not upgraded:
            socket.send("5")

        socket.send("40")
        assert str(socket.recv(PATIENCE))[:2] == "40"


def test_session_opened_on_a_websocket_is_not_taken_over(websocket: WebSocket) -> None:
    query = f"EIO=4&transport=websocket&sid={websocket.sid}"
    with open_websocket(websocket.server, query) as second, pytest.raises(ConnectionClosed):
        second.recv(PATIENCE)

    websocket.send("40")
    assert str(websocket.receive())[:2] == "40"


@pytest.mark.parametrize("packet", ["40", "2", "2xxx", "3probe", "garbage", "", b"\x01"])
def test_candidate_that_says_something_else(polling: Polling, packet: str | bytes) -> None:
    with candidate(polling) as socket:
        socket.send(packet)
        with pytest.raises(ConnectionClosed):
            socket.recv(PATIENCE)

    polling.send("40")
    assert str(polling.receive())[:2] == "40"
    with candidate(polling) as socket:
        socket.send("5")
        socket.send('421["echo",1]')
        assert socket.recv(PATIENCE) == "431[1]"


def test_candidate_that_breaks_off(polling: Polling) -> None:
    polling.send("40")
    polling.receive()
    with candidate(polling) as socket:
        socket.send("2probe")
        socket.recv(PATIENCE)

    polling.post('421["echo",1]')
    packets = [polling.receive()]
    while packets[-1] == "6":
        packets.append(polling.receive())
    assert packets[-1] == "431[1]"


def test_silent_candidate_is_given_up(hasty_server: Server) -> None:
    polling = Polling(hasty_server)
    polling.send("40")
    polling.receive()
    with candidate(polling) as socket, pytest.raises(ConnectionClosed):
        socket.recv(PATIENCE)

    polling.post('421["echo",1]')
    assert polling.receive() == "431[1]"


def test_session_that_ends_closes_its_candidate(polling: Polling) -> None:
    with candidate(polling) as socket:
        polling.post("1")

        with pytest.raises(ConnectionClosed):
            socket.recv(PATIENCE)


def test_heart_beats_on_after_the_upgrade(lively_server: Server) -> None:
    polling = Polling(lively_server)
    with candidate(polling) as socket:
        socket.send("5")
        for _ in range(3):
            assert socket.recv(PATIENCE) == "2"
            socket.send("3")


def test_ping_before_the_upgrade_wants_its_pong(lively_server: Server) -> None:
    polling = Polling(lively_server)
    assert polling.receive() == "2"

    with candidate(polling) as socket:
        socket.send("5")
        with pytest.raises(ConnectionClosed):
            socket.recv(PATIENCE)
    wait_until(polling.is_over, what="the session to be forgotten")
