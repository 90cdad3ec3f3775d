"""Packets that come before a client is in a namespace, or while it is being let in."""

from __future__ import annotations

import pytest

from tests.attacks.site import MARK, Site
from tests.rawclient import PeerClosed, Polling, WebSocket, text_frame


@pytest.mark.parametrize(
    "packet",
    [
        f'42["echo","{MARK}"]',
        f'421["echo","{MARK}"]',
        '42/door,["note","early"]',
        "431[1]",
        "41",
        "41/door",
        '451-["echo",{"_placeholder":true,"num":0}]',
        '44{"message":"no"}',
        "461-1[]",
    ],
)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_packet_for_a_namespace_that_was_not_joined(
    site: Site, transport: str, packet: str
) -> None:
    if transport == "websocket":
        with WebSocket(site.server) as client:
            client.send(packet)
            assert client.close_code() == 1005
    else:
        polling = Polling(site.server)
        polling.post(packet)
        assert polling.get().text == "1"
        assert not polling.is_known


def send_early(site: Site, packet: str) -> None:
    with WebSocket(site.server) as client:
        client.send(packet)
        assert client.close_code() == 1005


def test_pong_flood_before_connect(site: Site) -> None:
    with WebSocket(site.server) as client:
        for _ in range(10):
            client.wire.send(text_frame("3") * 10_000)
        client.enter()
        assert client.ask("echo", 1) == [1]


def test_pong_flood_by_post(site: Site) -> None:
    client = Polling(site.server)
    for _ in range(5):
        assert client.post("\x1e".join(["3"] * 20_000)).text == "ok"
    client.enter()
    assert client.ask("echo", 1) == [1]


def test_pong_flood_does_not_keep_alive_who_never_connects(hasty_site: Site) -> None:
    with WebSocket(hasty_site.server) as client:
        while True:
            try:
                client.wire.send(text_frame("3") * 10)
                first, _ = client.read_frame()
            except (ConnectionError, PeerClosed):
                break
            if first == 0x88:
                break
    hasty_site.expect_log("no namespace was joined in time")


def test_ignored_packets_before_connect(site: Site) -> None:
    with WebSocket(site.server) as client:
        for packet in ("0", "0{}", "5", "6", "6x", "3probe"):
            client.send(packet)
        client.enter()
        assert client.ask("echo", 1) == [1]


def test_events_wait_for_on_connect(site: Site) -> None:
    """What is sent behind CONNECT is not handled before on_connect has returned."""
    with WebSocket(site.server) as client:
        with site.closed_gate():
            client.send('40/door,{"name":"early-bird"}')
            site.wait_noted("early-bird", 1)
            for number in range(50):
                client.send(f'42/door,["note",{number}]')
            client.send('42/door,7["note","last"]')
            # The main namespace of the same connection waits as well: order is per connection.
            assert site.journal("early-bird") == [["knock"]]
        assert client.text().startswith('40/door,{"sid"')
        assert client.text() == "43/door,7[]"
    noted = site.wait_noted("early-bird", 53)
    assert noted[:53] == [["knock"], ["connect"], *([number] for number in range(50)), ["last"]]


def test_events_behind_a_refused_connect_are_dropped(site: Site) -> None:
    with WebSocket(site.server) as client:
        client.send_raw(
            text_frame("40") + text_frame("40/nowhere,") + text_frame('42/nowhere,1["echo"]')
        )
        assert client.text().startswith('40{"sid"')
        assert client.text() == '44/nowhere,{"message":"Invalid namespace"}'
        assert client.ask("echo", 1) == [1]


@pytest.mark.parametrize("namespace", ["/", "/catch", "/door"])
def test_second_connect_while_the_first_waits(site: Site, namespace: str) -> None:
    where = "" if namespace == "/" else namespace + ","
    with site.closed_gate(), WebSocket(site.server) as client:
        client.send_raw(text_frame("40/door,") + text_frame(f"40{where}") * 2)
        assert client.close_code() == 1005


def test_leaving_while_on_connect_runs(site: Site) -> None:
    with WebSocket(site.server) as client:
        with site.closed_gate():
            client.send('40/door,{"name":"turns-round"}')
            site.wait_noted("turns-round", 1)
            client.send("41/door,")
        assert client.text().startswith('40/door,{"sid"')
        noted = site.wait_noted("turns-round", 3)
        assert noted == [["knock"], ["connect"], ["disconnect", "client namespace disconnect"]]
        client.enter()
        assert client.ask("echo", 1) == [1]


def test_gone_while_on_connect_runs(site: Site) -> None:
    """What had come before is still handled, and on_disconnect comes last."""
    before = site.sessions
    with site.closed_gate():
        with WebSocket(site.server) as client:
            client.send('40/door,{"name":"in-and-out"}')
            site.wait_noted("in-and-out", 1)
            client.send('42/door,["note","before it left"]')
        site.wait_sessions(before)
    assert site.wait_noted("in-and-out", 4) == [
        ["knock"],
        ["connect"],
        ["before it left"],
        ["disconnect", "transport close"],
    ]


def test_flood_of_events_while_on_connect_runs(site: Site) -> None:
    """They count as waiting events do: no more is read than is allowed to wait."""
    site.bound = 24
    data = text_frame(f'42/door,["note","{"x" * 1000}"]') * 20_000
    with site.closed_gate(), WebSocket(site.server) as client:
        client.send("40/door,")
        sent = client.wire.send_what_fits(data, 0.5)
        assert sent < len(data)


def test_session_is_told_apart_from_others_in_the_log(site: Site) -> None:
    """A line names the client's address and the start of its id, which is a secret."""
    seen = []

    def attack() -> None:
        with WebSocket(site.server) as client:
            seen.append(client.sid)
            client.send("42[1]")
            assert client.close_code() == 1005

    line = site.provoke(attack, "protocol violation", "not joined")
    assert "127.0.0.1" in line
    assert any(f"{sid[:6]}..." in line for sid in seen)
    assert not any(sid in site.log for sid in seen)


def test_flood_of_violations_does_not_fill_the_log(site: Site) -> None:
    for _ in range(300):
        send_early(site, "42[1]")
    lines = [line for line in site.log.splitlines() if "protocol violation" in line]
    assert len(lines) < 100
    line = site.provoke(lambda: send_early(site, "42[1]"), "more left out")
    assert "protocol violation" in line
