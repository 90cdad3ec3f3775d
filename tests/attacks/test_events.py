"""Events with names and arguments that no decent client sends, and handlers that fail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.attacks.site import MARK, Site
from tests.rawclient import Polling, WebSocket, text_frame

DEEP = 100_000


@pytest.mark.parametrize(
    "data",
    [
        "",
        "null",
        "true",
        '"echo"',
        "{}",
        '{"0":"echo"}',
        "[]",
        "[null]",
        "[true]",
        "[false]",
        "[[]]",
        "[{}]",
        '[["echo"]]',
        '[{"toString":"echo"}]',
        '["connect"]',
        '["connect_error"]',
        '["disconnect"]',
        '["disconnecting"]',
        '["newListener"]',
        '["removeListener"]',
        "[NaN]",
        "[Infinity]",
        '["echo",]',
        '["echo"',
        '["echo"] trailing',
        "['echo']",
        'abc["echo"]',
        '-1["echo"]',
        '1.5["echo"]',
        '+1["echo"]',
        '\u0661["echo"]',
        f'{"9" * 400}["echo"]',
    ],
)
def test_what_is_no_event_closes_the_connection(site: Site, data: str) -> None:
    with WebSocket(site.server) as client:
        client.enter()
        client.send(f"42{data}")
        assert client.close_code() == 1005


@pytest.mark.parametrize(
    "packet",
    [
        "7",
        "9..",
        "a",
        "",
        "-1",
        " 2",
        "0[]",
        '0"x"',
        '0/admin,"x"',
        "0/catch,[]",
        "0",  # a second one
        '1/catch,{"reason":1}',
        "1{}",
        '4{"message":"no client sends this"}',
        "3{}",
        '31"x"',
        "3/nowhere,1[]",
        '2/nowhere,["echo"]',
        '2/catch,["echo"]',  # was not joined
        "1/catch",
        "0/" + "x" * 600,
    ],
)
def test_packet_that_may_not_come_closes_the_connection(site: Site, packet: str) -> None:
    with WebSocket(site.server) as client:
        client.enter()
        client.send(f"4{packet}")
        assert client.close_code() == 1005
    # The same by POST: the poll that follows brings the end, the next finds nothing.
    polling = Polling(site.server)
    polling.enter()
    assert polling.post(f"4{packet}").status == 200
    assert polling.get().text == "1"
    assert polling.get().status == 400


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        ("47", "unknown Socket.IO packet type"),
        ("42[", "not JSON"),
        ('42["connect"]', "EVENT with data it may not have"),
        ('44{"message":"no"}', "a client does not send CONNECT_ERROR"),
        ("41/catch,", "a disconnect from a namespace that was not joined"),
    ],
)
def test_log_names_the_rule(site: Site, packet: str, words: str) -> None:
    def attack() -> None:
        with WebSocket(site.server) as client:
            client.enter()
            client.send(packet)
            assert client.close_code() == 1005

    site.provoke(attack, "protocol violation", words)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "__class__",
        "__init__",
        "__proto__",
        "constructor",
        "on_connect",
        "on_disconnect",
        "on_error",
        "on_echo",
        "secret",
        "emit",
        "join",
        "disconnect_",
        "_client",
        "session",
        "error",
        "connection",
        "ping",
        "*",
        "\x00",
        "%s%n{0.__class__}",
        "e" * 100_000,
    ],
)
def test_name_nobody_declared_reaches_nothing(site: Site, name: str) -> None:
    with WebSocket(site.server) as client:
        client.send('40{"name":"stranger"}')
        assert client.text().startswith("40{")
        client.emit(name, MARK)
        client.emit(name)
        # Had one been answered, or handled, this answer would not be the next packet.
        assert client.ask("echo", "still here") == ["still here"]
    assert [entry for entry in site.journal("stranger") if entry[0] == "error"] == []


@pytest.mark.parametrize("name", ["", "__class__", "on_connect", "%s", 0, -1, 1.5, 2**53, "\u2028"])
def test_catch_all_gets_every_name_as_it_is(site: Site, name: Any) -> None:
    with WebSocket(site.server) as client:
        client.enter("/catch")
        client.send(f"42/catch,7{json.dumps([name, MARK])}")
        packet = client.text()
        assert packet.startswith("43/catch,7[")
        assert json.loads(packet[10:]) == [[name, MARK]]


@pytest.mark.parametrize("args", [[], [1, 2, 3], [MARK] * 50])
def test_wrong_number_of_arguments_is_told_to_who_asked(site: Site, args: list[Any]) -> None:
    with WebSocket(site.server) as client:
        client.enter()
        (answer,) = client.ask("pair", *args)
        assert answer == {"error": f"event 'pair' takes 1 to 2 arguments, not {len(args)}"}
        client.emit("pair", *args)
        assert client.ask("pair", 1) == [[1, None]]


def test_handler_that_raises_hurts_nobody(site: Site) -> None:
    site.may_raise = True
    with WebSocket(site.server) as client:
        client.send('40{"name":"clumsy"}')
        assert client.text().startswith("40{")
        client.emit("fail", "on purpose")
        assert client.ask("echo", 1) == [1]
        client.send('421["fail","on purpose, and asked for an answer"]')
        assert client.ask("echo", 2) == [2]
        noted = [["connect"], *[["error", "fail", "RuntimeError"]] * 2]
        assert site.wait_noted("clumsy", 3) == noted
    site.expect_log("a handler of Main failed", "event 'fail' in /")


def test_handler_that_raises_for_each_event_does_not_fill_the_log(site: Site) -> None:
    site.may_raise = True
    with WebSocket(site.server) as client:
        client.enter()
        for _ in range(2000):
            client.emit("fail", "again")
        assert client.ask("echo", "after all") == ["after all"]
    assert site.log.count("Traceback") < 500
    site.provoke(lambda: fail_once(site), "more left out")


def fail_once(site: Site) -> None:
    with WebSocket(site.server) as client:
        client.enter()
        client.emit("fail", "again")
        client.ask("echo")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('42["echo",' + "[" * DEEP + "]" * DEEP + "]", id="lists"),
        pytest.param('42["echo",' + '{"a":' * DEEP + "1" + "}" * DEEP + "]", id="objects"),
        pytest.param('42["echo",' + "[" * DEEP, id="open"),
        pytest.param("40" + '{"a":' * DEEP + "1" + "}" * DEEP, id="auth"),
        pytest.param("431" + "[" * DEEP + "]" * DEEP, id="ack"),
        pytest.param('451-["echo",' + "[" * DEEP + "]" * DEEP + "]", id="attachment"),
    ],
)
def test_deep_json_is_a_clean_close_and_a_line(site: Site, text: str) -> None:
    with WebSocket(site.server) as client:
        if not text.startswith("40"):
            client.enter()
        client.send(text)
        assert client.close_code() == 1005
    site.provoke(lambda: attack_before_connect(site, text), "protocol violation")


def attack_before_connect(site: Site, text: str) -> None:
    with WebSocket(site.server) as client:
        client.send(text)
        assert client.close_code() == 1005


@pytest.mark.parametrize("depth", [250, 253, 254, 255, 300, 1000])
def test_depth_between_what_is_read_and_what_is_written(site: Site, depth: int) -> None:
    """More levels can be read than written: an answer that cannot be sent fails alone."""
    site.may_raise = True
    with WebSocket(site.server) as client:
        client.enter()
        client.send('421["echo",' + "[" * depth + "]" * depth + "]")
        client.send('422["echo","next"]')
        packets = [client.text()]
        if packets[-1].startswith("431"):
            packets.append(client.text())
        assert packets[-1] == '432["next"]'


@pytest.mark.parametrize(
    "value",
    ["1e999", "-1e999", "1" * 5000, "9" * 19, "0.1e-999", '"\\ud800"', '"\\u0000"', '"\u2028"'],
)
def test_odd_values_end_no_connection_of_others(site: Site, value: str) -> None:
    """Each is either answered or refused; the witness sees to it that nobody else notices."""
    site.may_raise = True
    with WebSocket(site.server) as client:
        client.enter()
        client.send(f'421["echo",{value}]')
        first, payload = client.read_frame()
        assert payload.startswith(b"431[") or first == 0x88


def test_two_packets_of_wrong_kind_do_not_close_twice(site: Site) -> None:
    with WebSocket(site.server) as client:
        client.enter()
        client.send_raw(b"".join([b"\x81\x82\0\0\0\x004a"] * 1000))
        assert client.close_code() == 1005


def test_rejoining_right_behind_leaving_is_allowed(site: Site) -> None:
    """Clients that disconnect and connect again on a shared connection write it in one go."""
    with WebSocket(site.server) as client:
        client.enter()
        first = client.enter("/catch")
        client.send_raw(text_frame("41/catch,") + text_frame("40/catch,"))
        packet = client.text()
        assert packet.startswith("40/catch,")
        assert json.loads(packet[9:])["sid"] != first
        client.send('42/catch,1["hello"]')
        assert client.text() == '43/catch,1[["hello"]]'


def test_endless_joining_and_leaving_does_not_grow_anything(site: Site) -> None:
    with WebSocket(site.server) as client:
        client.enter()
        for _ in range(3000):
            client.send("40/nowhere,")
            assert client.text() == '44/nowhere,{"message":"Invalid namespace"}'
        assert client.ask("echo", 1) == [1]


def test_more_namespaces_than_allowed_on_one_connection(site: Site) -> None:
    def attack() -> None:
        with WebSocket(site.server) as client:
            client.send("40/door,")
            client.send_raw(b"".join(text_frame(f"40/n{number},") for number in range(200)))
            assert client.close_code() == 1005

    with site.closed_gate():
        site.provoke(attack, "protocol violation", "more than 100 namespaces")


def test_acknowledgements_nobody_waits_for_are_ignored(site: Site) -> None:
    with WebSocket(site.server) as client:
        client.enter()
        for number in range(5000):
            client.send(f"43{number}[{json.dumps(MARK)}]")
        client.send("43[]")
        assert client.ask("echo", 1) == [1]
