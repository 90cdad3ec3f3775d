"""Clients that do not read, do not answer, do not go on, or send more than is handled."""

from __future__ import annotations

import resource
import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.attacks.site import MARK, MEGABYTE, Site
from tests.rawclient import (
    PATH,
    PeerClosed,
    Polling,
    WebSocket,
    Wire,
    frame,
    head,
    text_frame,
)
from tests.support import PATIENCE, wait_until

#: What waits for one client at most (``sio.max_buffer_size``), in megabytes.
OUTBOX = 10
HANDSHAKES = 10_000


@pytest.fixture
def site(bare_site: Site, watch: Callable[[Site], Site]) -> Site:
    """The server with its default settings, watched; not measured."""
    return watch(bare_site)


@pytest.fixture
def fresh_site(new_site: Callable[..., Site]) -> Site:
    """A server of the test's own."""
    return new_site()


def flood(site: Site, room: str, *, megabytes: int, volatile: bool = False) -> None:
    """Have another client emit to a room, in messages of 100 kB."""
    with WebSocket(site.server) as other:
        other.enter()
        other.wire.sock.settimeout(PATIENCE * 3)
        assert other.ask("flood", room, megabytes * 10, 100_000, volatile) == ["flooded"]


def test_300_megabytes_to_a_websocket_that_never_reads(fresh_site: Site) -> None:
    site = fresh_site
    site.bound = OUTBOX + 14
    with WebSocket(site.server, receive_buffer=4096) as victim:
        victim.send('40{"name":"never-reads"}')
        victim.text()
        assert victim.ask("enter", "victims") == [["victims"]]
        flood(site, "victims", megabytes=300)
        noted = site.wait_noted("never-reads", 2)
        assert noted == [["connect"], ["disconnect", "slow client"]]
    site.expect_log("sio.max_buffer_size", "does not read")


def test_300_megabytes_to_a_poller_that_never_polls(fresh_site: Site) -> None:
    site = fresh_site
    site.bound = OUTBOX + 14
    victim = Polling(site.server)
    victim.post('40{"name":"never-polls"}')
    victim.packets()
    assert victim.ask("enter", "victims") == [["victims"]]
    flood(site, "victims", megabytes=300)
    noted = site.wait_noted("never-polls", 2)
    assert noted == [["connect"], ["disconnect", "slow client"]]
    site.expect_log("sio.max_buffer_size", "does not poll")
    assert victim.get().json["code"] == 1


def test_300_megabytes_to_a_poller_that_never_takes_its_answer(
    new_site: Callable[..., Site],
) -> None:
    """One answer is under way, one outbox full: then it is over, for the connection too."""
    site = new_site(server={"idle_timeout": 2})
    site.bound = 2 * OUTBOX + 40
    victim = Polling(site.server)
    victim.post('40{"name":"never-takes"}')
    victim.packets()
    assert victim.ask("enter", "victims") == [["victims"]]
    before = site.descriptors
    with Wire(site.server, receive_buffer=4096) as wire:
        # What waits already makes the answer a large one.
        flood(site, "victims", megabytes=9)
        wire.send(head("GET", f"{PATH}?{victim.query}"))
        flood(site, "victims", megabytes=300)
        assert site.wait_noted("never-takes", 2)[1][0] == "disconnect"
        wait_until(lambda: site.descriptors <= before, what="the end of its connection")


def test_300_megabytes_of_what_may_be_dropped(fresh_site: Site) -> None:
    """Volatile messages make no outbox longer, so the client may stay."""
    site = fresh_site
    site.bound = 16
    with WebSocket(site.server, receive_buffer=4096) as victim:
        victim.enter()
        assert victim.ask("enter", "victims") == [["victims"]]
        flood(site, "victims", megabytes=300, volatile=True)
        victim.emit("echo")
        victim.send('429["echo","here"]')
        read = 0
        while True:
            first, payload = victim.read_frame()
            read += len(payload)
            if first == 0x81 and payload.startswith(b"439"):
                break
        assert payload == b'439["here"]'
        assert read < 50 * MEGABYTE


def test_many_that_never_read_share_what_waits_for_them(fresh_site: Site) -> None:
    """Thirty outboxes of ten megabytes hold the same messages, not thirty times as many."""
    site = fresh_site
    site.bound = 40
    with ExitStack() as victims:
        for _ in range(30):
            victim = WebSocket(site.server, receive_buffer=4096)
            victims.enter_context(victim)
            victim.enter()
            assert victim.ask("enter", "victims") == [["victims"]]
        flood(site, "victims", megabytes=40)


def test_reads_in_time_and_misses_nothing(site: Site) -> None:
    """A client that is slow for a while, within the limit, gets everything in order."""
    with WebSocket(site.server, receive_buffer=4096) as client:
        client.enter()
        client.ask("enter", "patient")
        flood(site, "patient", megabytes=5)
        blobs = 0
        while blobs < 50:
            first, payload = client.read_frame()
            if first == 0x82:
                assert len(payload) == 100_000
                blobs += 1


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_never_connects_to_a_namespace(hasty_site: Site, transport: str) -> None:
    if transport == "websocket":
        with WebSocket(hasty_site.server) as client, pytest.raises(PeerClosed):
            client.text()
    else:
        polling = Polling(hasty_site.server)
        assert polling.park().read_answer().text in ("1", "2")
        wait_until(lambda: not polling.is_known, what="the end of the session")
    hasty_site.expect_log("no namespace was joined in time", "sio.connect_timeout")


def test_connects_to_namespaces_that_do_not_exist(hasty_site: Site) -> None:
    """Being refused does not count as having come in."""
    with WebSocket(hasty_site.server) as client, pytest.raises(PeerClosed):
        be_refused_for_ever(client)


def be_refused_for_ever(client: WebSocket) -> None:
    while True:
        client.send("40/nowhere,")
        assert client.text() == '44/nowhere,{"message":"Invalid namespace"}'


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_never_answers_a_heartbeat(hasty_site: Site, transport: str) -> None:
    name = f"no-pong-{transport}"
    if transport == "websocket":
        with WebSocket(hasty_site.server) as client:
            client.send(f'40{{"name":"{name}"}}')
            client.text()
            assert client.read_frame() == (0x81, b"2")
            assert client.close_code() == 1005
    else:
        polling = Polling(hasty_site.server)
        polling.post(f'40{{"name":"{name}"}}')
        assert polling.get().text.startswith("40{")
        assert polling.get().text == "2"
        assert polling.get().text == "1"
    assert hasty_site.wait_noted(name, 2)[1] == ["disconnect", "ping timeout"]


def test_abandoned_handshakes(new_site: Callable[..., Site]) -> None:
    """Ten thousand: the session of each is small, and gone when its heartbeat fails."""
    site = new_site(ping_interval=4, ping_timeout=4)
    site.bound = 64
    opening = head("GET", f"{PATH}?EIO=4&transport=polling")
    upgrade = (
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    direct = head("GET", f"{PATH}?EIO=4&transport=websocket")[:-2] + upgrade
    for number in range(HANDSHAKES // 10):
        # Eight sessions over polling, one on a WebSocket, and one that is not even asked for.
        with Wire(site.server) as wire:
            wire.send(opening * 8)
            for _ in range(8):
                assert wire.read_answer().status == 200
            wire.send(opening[:40])
        socket = Wire(site.server)
        socket.send(direct)
        if number % 2:
            socket.reset()
        else:
            socket.close()
    assert site.sessions > 0
    wait_until(lambda: site.sessions <= 0, what="the end of all sessions", patience=PATIENCE * 2)


@pytest.mark.parametrize("parts", [1, 3])
def test_half_open_connections_by_the_hundred(site: Site, parts: int) -> None:
    """Connections that say nothing, or half of something, cost little and go with the client."""
    site.bound = 48
    request = head("GET", f"{PATH}?EIO=4&transport=polling")
    with ExitStack() as connections:
        for _ in range(500):
            wire = connections.enter_context(Wire(site.server))
            wire.send(request[: len(request) // parts] if parts > 1 else b"")


# Clients that send faster than their events are handled.


def test_flood_at_a_slow_handler(fresh_site: Site) -> None:
    """40 MB of events while the handler waits: TCP holds them back, and none is lost."""
    site = fresh_site
    site.bound = 24
    count, filling = 40_000, "x" * 1000
    data = b"".join(text_frame(f'42["slow",{index},"{filling}"]') for index in range(count))
    with site.closed_gate(), WebSocket(site.server) as client:
        client.send('40{"name":"flooder"}')
        client.text()
        sent = client.wire.send_what_fits(data, 1)
        assert sent < len(data) - 10 * MEGABYTE
        assert site.journal("flooder") == [["connect"]]
        site.open_gate()
        client.wire.send(data[sent:])
        noted = site.wait_noted("flooder", count + 1)
        assert noted[1:] == [[index] for index in range(count)]
        assert client.ask("echo", "after all") == ["after all"]


def test_flood_of_small_events_at_a_slow_handler(fresh_site: Site) -> None:
    """Many small events are bounded by their number."""
    site = fresh_site
    site.bound = 24
    data = b"".join(text_frame(f'42["slow",{index}]') for index in range(150_000))
    with site.closed_gate(), WebSocket(site.server) as client:
        client.enter()
        sent = client.wire.send_what_fits(data, 1)
        site.open_gate()
        client.wire.send(data[sent:])
        assert client.ask("echo", "after all") == ["after all"]


def test_flood_by_post_at_a_slow_handler(fresh_site: Site) -> None:
    """The answer to a POST waits until its client may send the next; none is lost."""
    site = fresh_site
    site.bound = 24
    filling = "x" * 100
    client = Polling(site.server)
    client.post('40{"name":"poster"}')
    client.packets()

    def body(first: int) -> str:
        return "\x1e".join(f'42["slow",{first + n},"{filling}"]' for n in range(5000))

    with site.closed_gate():
        data = body(0).encode()
        with client.begin("POST", **{"Content-Length": len(data)}) as wire:
            wire.send(data)
            wire.sock.settimeout(1)
            with pytest.raises(TimeoutError):
                wire.read_answer("POST")
            wire.sock.settimeout(PATIENCE)
            site.open_gate()
            assert wire.read_answer("POST").text == "ok"
        assert client.post(body(5000)).text == "ok"
        noted = site.wait_noted("poster", 10_001)
    assert noted[1:] == [[index] for index in range(10_000)]


def test_flood_of_a_client_that_then_leaves(site: Site) -> None:
    """Its events are not kept when nobody is there for whom they could be handled."""
    site.bound = 24
    data = text_frame(f'42["slow",1,"{"x" * 1000}"]') * 20_000
    before = site.sessions
    with site.closed_gate():
        for _ in range(3):
            with WebSocket(site.server) as client:
                client.enter()
                client.wire.send_what_fits(data, 0.5)
    wait_until(lambda: site.sessions <= before, what="the end of their sessions")


def test_slow_handlers_of_many_do_not_stop_the_others(site: Site) -> None:
    with site.closed_gate(), ExitStack() as clients:
        for _ in range(200):
            client = clients.enter_context(WebSocket(site.server))
            client.enter()
            client.emit("slow", 1)
        site.witness.check()


def test_emitting_while_the_client_floods(site: Site) -> None:
    """Both directions at once: neither waits for the other."""
    with WebSocket(site.server) as client:
        client.enter()
        data = text_frame(f'42["echo","{MARK}"]') * 5000 + text_frame('421["size","end"]')
        sender = threading.Thread(target=client.wire.send, args=(data,), daemon=True)
        sender.start()
        assert client.text() == "431[[3]]"
        sender.join(PATIENCE)


def test_large_frames_and_heartbeats_at_once(hasty_site: Site) -> None:
    """While a large message is on its way the heartbeat is not late."""
    with WebSocket(hasty_site.server) as client:
        client.enter()
        data = frame(1, b'421["size","' + b"x" * 900_000 + b'"]')
        for _ in range(10):
            client.wire.send(data)
            assert client.text() == "431[[900000]]"
        assert client.ask("echo", 1) == [1]


def test_descriptors_run_out_and_come_back(new_site: Callable[..., Site]) -> None:
    """Whoever is in stays in, and whoever comes later gets in once there is room again."""
    site = new_site()
    site.may_raise = True
    with WebSocket(site.server) as client:
        client.enter()
        limit = site.descriptors + 20
        before = resource.prlimit(site.server.pid, resource.RLIMIT_NOFILE)
        with ExitStack() as connections, site.witness.between_rounds:
            resource.prlimit(site.server.pid, resource.RLIMIT_NOFILE, (limit, before[1]))
            for _ in range(60):
                connections.enter_context(Wire(site.server))
            for number in range(50):
                assert client.ask("echo", number) == [number]
        site.witness.check()
        resource.prlimit(site.server.pid, resource.RLIMIT_NOFILE, before)
    site.expect_log("Too many open files")
