"""Binary attachments that are announced and not sent, sent and not announced, or too many."""

from __future__ import annotations

import json

import pytest

from tests.attacks.site import MARK, Site
from tests.rawclient import PeerClosed, Polling, WebSocket
from tests.support import wait_until

PLACEHOLDER = '{"_placeholder":true,"num":0}'


@pytest.mark.parametrize(
    "header",
    [
        pytest.param('50-["echo"]', id="zero"),
        pytest.param('500-["echo"]', id="zero-twice"),
        pytest.param(f'511-["echo",{PLACEHOLDER}]', id="eleven"),
        pytest.param(f'599999999999999999999-["echo",{PLACEHOLDER}]', id="huge"),
        pytest.param(f'5{"9" * 5000}-["echo",{PLACEHOLDER}]', id="5000-digits"),
        pytest.param(f'5["echo",{PLACEHOLDER}]', id="missing"),
        pytest.param(f'5-["echo",{PLACEHOLDER}]', id="empty"),
        pytest.param(f'5a-["echo",{PLACEHOLDER}]', id="letter"),
        pytest.param(f'5-1-["echo",{PLACEHOLDER}]', id="negative"),
        pytest.param(f'51.23-["echo",{PLACEHOLDER}]', id="fraction"),
        pytest.param(f'5\u0661-["echo",{PLACEHOLDER}]', id="arabic-digit"),
        pytest.param("5", id="alone"),
        pytest.param("51", id="count-alone"),
        pytest.param("51-", id="no-data"),
        pytest.param("60-1[]", id="ack-zero"),
        pytest.param(f"611-1[{PLACEHOLDER}]", id="ack-eleven"),
        pytest.param(f'21-["echo",{PLACEHOLDER}]', id="event-with-count"),
    ],
)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_bad_count_is_refused_at_the_header(site: Site, transport: str, header: str) -> None:
    if transport == "websocket":
        with WebSocket(site.server) as client:
            client.enter()
            client.send(f"4{header}")
            assert client.close_code() == 1005
    else:
        polling = Polling(site.server)
        polling.enter()
        polling.post(f"4{header}")
        assert polling.get().text == "1"
        assert polling.get().json == {"code": 1, "message": "Session ID unknown"}


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        ('450-["echo"]', "no attachments"),
        (f'4511-["echo",{PLACEHOLDER}]', "more than 10 attachments"),
        (f'45["echo",{PLACEHOLDER}]', "without an attachment count"),
        ('451-["echo",{"_placeholder":true,"num":1}]', "a placeholder for an attachment"),
        (f'451-["echo",{PLACEHOLDER}]\x1e42["echo"]', "text while attachments are due"),
        ("b" + MARK, "an attachment that no packet announced"),
    ],
)
def test_log_names_the_rule(site: Site, packet: str, words: str) -> None:
    def attack() -> None:
        polling = Polling(site.server)
        polling.enter()
        polling.post(packet)

    site.provoke(attack, "protocol violation", words)


@pytest.mark.parametrize(
    "number",
    ["-1", "1", "1e300", "99999999999999999999", '"0"', "null", "true", "0.5", "[0]", "{}"],
)
def test_placeholder_for_what_does_not_come_is_refused(site: Site, number: str) -> None:
    with WebSocket(site.server) as client:
        client.enter()
        client.send(f'451-1["echo",{{"_placeholder":true,"num":{number}}}]')
        assert client.close_code() == 1005


def test_placeholder_without_a_number_is_refused(site: Site) -> None:
    with WebSocket(site.server) as client:
        client.enter()
        client.send('451-1["echo",{"_placeholder":true}]')
        assert client.close_code() == 1005


def test_attachment_may_be_used_twice_or_not_at_all(site: Site) -> None:
    with WebSocket(site.server) as client:
        client.enter()
        client.send(f'452-1["size",{PLACEHOLDER},{PLACEHOLDER}]')
        client.send(b"abc")
        client.send(b"unused")
        assert client.text() == "431[[3,3]]"


def test_what_only_looks_like_a_placeholder_is_data(site: Site) -> None:
    values = [
        {"_placeholder": True, "num": 0},
        {"_placeholder": True, "num": -1},
        {"_placeholder": "yes"},
    ]
    with WebSocket(site.server) as client:
        client.enter()
        assert client.ask("echo", *values) == values
        one = {"_placeholder": 1, "num": 7}
        client.send(f'451-9["echo",{json.dumps(one)},{PLACEHOLDER}]')
        client.send(b"\x00")
        answer = client.text()
        assert answer.startswith("461-9["), answer
        assert json.loads(answer[5:])[0] == one
        assert client.read_frame() == (0x82, b"\x00")


def test_text_in_place_of_an_attachment_is_refused(site: Site) -> None:
    with WebSocket(site.server) as client:
        client.enter()
        client.send(f'451-1["echo",{PLACEHOLDER}]')
        client.emit("echo", MARK)
        assert client.close_code() == 1005


def test_attachment_nobody_announced_is_refused(site: Site) -> None:
    with WebSocket(site.server) as client:
        client.enter()
        client.send(MARK.encode())
        assert client.close_code() == 1005


def test_attachments_that_never_come_are_not_waited_for(hasty_site: Site) -> None:
    with WebSocket(hasty_site.server) as client:
        client.enter()
        client.send(f'452-1["size",{PLACEHOLDER}]')
        client.send(b"one of two")
        with pytest.raises(PeerClosed):
            client.text()
    hasty_site.expect_log("protocol violation", "did not come in time")


def test_heartbeat_between_header_and_attachment_is_no_offence(hasty_site: Site) -> None:
    with WebSocket(hasty_site.server) as client:
        client.enter()
        client.send(f'451-1["size",{PLACEHOLDER}]')
        client.send("3")
        client.send(b"abc")
        assert client.text() == "431[[3]]"


def test_attachments_may_not_be_larger_than_so_many_messages(site: Site) -> None:
    """Ten attachments of a megabyte each are the most one client can have collected."""
    site.bound = 40
    with WebSocket(site.server) as client:
        client.enter()
        client.send(f'4510-1["size",{PLACEHOLDER}]')
        blob = bytes(999_990)
        for _ in range(10):
            client.send(blob)
        assert client.text() == f"431[[{len(blob)}]]"
        client.send(f'451-2["size",{PLACEHOLDER}]')
        client.send_raw(b"\x82\xff" + (1_000_001).to_bytes(8, "big") + bytes(4))
        assert client.close_code() == 1009


def test_session_that_ends_with_attachments_due_leaves_nothing(site: Site) -> None:
    before = site.sessions
    for _ in range(20):
        client = WebSocket(site.server)
        client.enter()
        client.send(f'453-1["size",{PLACEHOLDER}]')
        client.send(bytes(500_000))
        client.wire.reset()
    wait_until(lambda: site.sessions <= before, what="the end of their sessions")
