"""What is no Socket.IO, or comes at the wrong time: the session ends, and only that one."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.functional.wire import BLOB, Session, WebSocket, ask, assert_closed, enter
from tests.support import Server

INVALID = [
    "4abc",
    "49",
    "4-",
    "42",
    "42{}",
    "42[]",
    '42["echo"',
    '42["echo",]',
    '42["echo",NaN]',
    '42["echo",Infinity]',
    "42null",
    '42"echo"',
    "42[null]",
    "42[true]",
    "42[[]]",
    '42[{"toString":"echo"}]',
    '42["connect"]',
    '42["disconnect"]',
    '42["disconnecting"]',
    '42["connect_error"]',
    '42["newListener"]',
    '42["removeListener"]',
    '42abc["echo"]',
    '42/nowhere,["echo"]',
    '42-1["echo"]',
    '42 1["echo"]',
    '42²["echo"]',
    '421_0["echo"]',
    "421" + "0" * 400 + '["echo"]',
    "42" + "[" * 100000,
    '42["echo",' + "9" * 400000 + "]",
    "40",
    "40[]",
    '40"x"',
    "40null",
    "41{}",
    "41[]",
    "41/other",
    '43{"a":1}',
    "43/other,0[]",
    "44{}",
    '44"error"',
    "45",
    "451",
    '45["echo"]',
    '450-["echo"]',
    '45-["echo"]',
    '45a-["echo"]',
    '451.5-["echo"]',
    '45-1-["echo"]',
    '45٣-["echo"]',
    '4511-["echo"]',
    '4599999999999999999999-["echo"]',
    "46",
    "461",
    "47",
]


@pytest.mark.parametrize("packet", INVALID, ids=lambda packet: ascii(packet[:24]))
def test_invalid_packet_is_fatal(session: Session, packet: str) -> None:
    enter(session)

    session.send(packet)

    assert_closed(session)


@pytest.mark.parametrize("namespace", ["/nowhere", "/other"])
@pytest.mark.parametrize("packet", ['42{},["echo"]', "41{},", "43{},0[]", '451-{},["echo"]'])
def test_namespaces_that_were_not_joined(session: Session, namespace: str, packet: str) -> None:
    enter(session)

    session.send(packet.replace("{}", namespace))

    assert_closed(session)


def test_nothing_joined(session: Session) -> None:
    session.send('42["echo"]')

    assert_closed(session)


@pytest.mark.parametrize(
    "packets",
    [
        (b"unannounced",),
        (f'451-["echo",{BLOB}]', '42["echo"]'),
        (f'451-["echo",{BLOB}]', "40/other,"),
        ('451-["echo",{"_placeholder":true,"num":1}]', b"x"),
        ('451-["echo",{"_placeholder":true,"num":-1}]', b"x"),
        ('451-["echo",{"_placeholder":true,"num":"0"}]', b"x"),
        ('451-["echo",{"_placeholder":true,"num":0.5}]', b"x"),
        ('451-["echo",{"_placeholder":true,"num":true}]', b"x"),
        ('451-["echo",{"_placeholder":true}]', b"x"),
        ('451-["echo",{"_placeholder":true,"num":"splice"}]', b"x"),
    ],
    ids=lambda packets: ascii(packets[0][:40]),
)
def test_wrong_attachments_are_fatal(session: Session, packets: tuple[str | bytes, ...]) -> None:
    enter(session)

    session.send(*packets)

    assert_closed(session)


def test_attachments_that_do_not_come_are_fatal(hasty_server: Server) -> None:
    session = WebSocket(hasty_server)
    enter(session)
    session.send(f'451-["echo",{BLOB}]')

    assert_closed(session)
    session.close()


def test_violation_tells_every_namespace(session: Session, server: Server) -> None:
    key = f"violates {session.handshake['sid']}"
    session.send(f'40{{"key":"{key}"}}')
    session.receive()
    session.send(f'40/other,{{"key":"{key}"}}')
    session.receive()

    session.send("4abc")

    assert_closed(session)
    entries = ask(server, path=f"/journal/{quote(key)}", query="count=4").json
    assert sorted(entries[2:]) == [
        ["disconnect", "/", "forced close"],
        ["disconnect", "/other", "forced close"],
    ]


def test_violation_hurts_nobody_else(session: Session, server: Server) -> None:
    bystander = WebSocket(server)
    enter(bystander)
    enter(session)

    session.send("4abc")
    assert_closed(session)

    bystander.send('421["echo","here"]')
    assert bystander.receive() == '431["here"]'
    bystander.close()


def test_no_namespace_joined_in_time(hasty_server: Server) -> None:
    session = WebSocket(hasty_server)

    assert_closed(session)
    session.close()


def test_empty_attribute_names_reach_nothing(session: Session) -> None:
    enter(session)

    for name in ("__init__", "emit", "on_connect", "on_disconnect", "request", "", "*"):
        session.send(f'421["{name}"]')
    session.send('422["echo"]')

    # Nobody handles them: no answer, no effect, no end.
    assert session.receive() == "432[]"
