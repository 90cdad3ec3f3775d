"""Socket.IO 5 by hand, over polling and over a WebSocket: packets, and what is none.

What the official client does is tested with the official client; this is about the packets
themselves, and about what it never sends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.functional.wire import Polling, Session, SessionEnded, WebSocket, ask
from tests.support import Server

KINDS = {"polling": Polling, "websocket": WebSocket}


@pytest.fixture(params=KINDS)
def session(request: pytest.FixtureRequest, server: Server) -> Iterator[Session]:
    opened: Session = KINDS[request.param](server)
    yield opened
    opened.close()


def sid_of(packet: str | bytes, head: str) -> str:
    """The socket's id in the server's CONNECT."""
    assert isinstance(packet, str)
    assert packet.startswith(head)
    payload = json.loads(packet.removeprefix(head))
    assert list(payload) == ["sid"]
    assert isinstance(payload["sid"], str)
    return str(payload["sid"])


def enter(session: Session, namespace: str = "/") -> str:
    """Join a namespace; the socket's id there."""
    head = "40" if namespace == "/" else f"40{namespace},"
    session.send(head)
    return sid_of(session.receive(), head)


def assert_closed(session: Session) -> None:
    """The server closes the session, and says nothing more."""
    with pytest.raises(SessionEnded):
        session.receive()
    assert session.is_over()


# Entering.


@pytest.mark.parametrize("head", ["40", "40/other,", "40/other"])
@pytest.mark.parametrize("payload", ["", "{}", '{"token":"123","deep":[{"a":null}]}'])
def test_connect(session: Session, head: str, payload: str) -> None:
    if payload and head == "40/other":
        head += ","
    session.send(head + payload)

    sid = sid_of(session.receive(), head if head.endswith((",", "0")) else head + ",")

    assert len(sid) >= 20
    assert sid != session.handshake["sid"]


def test_connect_to_main_namespace_by_name(session: Session) -> None:
    session.send("40/,")

    sid_of(session.receive(), "40")


def test_each_namespace_has_an_id_of_its_own(session: Session) -> None:
    ids = {enter(session), enter(session, "/other"), enter(session, "/odd")}

    assert len(ids) == 3


@pytest.mark.parametrize(
    "name", ["/nowhere", "/nowhere?token=1", "/Other", "/other/", "/__class__", "/日本"]
)
@pytest.mark.parametrize("payload", ["", '{"token":"123"}'])
def test_connect_to_nowhere(session: Session, name: str, payload: str) -> None:
    session.send(f"40{name},{payload}")

    assert session.receive() == f'44{name},{{"message":"Invalid namespace"}}'
    enter(session)


def test_refused_with_data(session: Session) -> None:
    session.send("40/guarded,")

    assert session.receive() == (
        '44/guarded,{"message":"wrong token","data":{"code":42,"hint":["sesame",null]}}'
    )
    session.send('40/guarded,{"token":"sesame"}')
    sid_of(session.receive(), "40/guarded,")


def test_refused_without_data(session: Session) -> None:
    session.send("40/silent,")

    assert session.receive() == '44/silent,{"message":"not today"}'


def test_events_behind_connect_wait_for_it(session: Session) -> None:
    session.send("40/welcome,", '42/welcome,0["echo","at once"]')

    heads = [str(session.receive()) for _ in range(6)]
    sid_of(heads[0], "40/welcome,")
    assert heads[1] == '451-/welcome,["early",1,{"_placeholder":true,"num":0}]'
    assert heads[3:] == [
        '42/welcome,["early",2]',
        '42/welcome,["early",3]',
        '43/welcome,0["at once"]',
    ]


# Leaving.


@pytest.mark.parametrize("namespace", ["/", "/other"])
def test_leave_and_enter_again(session: Session, namespace: str) -> None:
    first = enter(session, namespace)
    rest = enter(session, "/odd")

    session.send("41" if namespace == "/" else f"41{namespace},")

    assert enter(session, namespace) not in (first, rest)
    session.send('42/odd,0["echo this"]')
    assert session.receive() == '43/odd,0[["echo this"]]'


def test_enter_again_without_waiting(session: Session) -> None:
    first = enter(session, "/other")

    session.send("41/other,", "40/other,", '42/other,1["echo","in again"]')

    assert sid_of(session.receive(), "40/other,") != first
    assert session.receive() == '43/other,1["in again"]'
    session.send("40/other,")
    assert_closed(session)


def test_leave_all_and_stay_connected(session: Session) -> None:
    enter(session)
    session.send("41")

    enter(session, "/other")


def test_events_after_leaving_are_fatal(session: Session) -> None:
    enter(session)
    session.send("41")
    enter(session, "/other")
    session.send('42["echo"]')

    assert_closed(session)


def test_event_before_leaving_is_handled(session: Session, server: Server) -> None:
    key = f"leaves {session.handshake['sid']}"
    session.send(f'40{{"key":"{key}"}}')
    session.receive()

    session.send('42["note","last"]', "41")

    entries = ask(server, path=f"/journal/{quote(key)}", query="count=3").json
    assert entries == [
        ["connect", "/"],
        ["note", "last"],
        ["disconnect", "/", "client namespace disconnect"],
    ]


# Events and acknowledgements.

BLOB = '{"_placeholder":true,"num":0}'


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ('42["reflect","back",1,"2",[3],{"four":null}]', '42["back",1,"2",[3],{"four":null}]'),
        ('42/,["reflect","back"]', '42["back"]'),
        ('420["echo"]', "430[]"),
        ('4212["one",null]', "4312[]"),
        ('42000012["echo","zeros in front"]', '4312["zeros in front"]'),
        ('42999999999999999["echo"]', "43999999999999999[]"),
        ('421["echo",{"_placeholder":true,"num":0}]', '431[{"_placeholder":true,"num":0}]'),
        ('421["echo",1.0,1e3,-0.5]', "431[1.0,1000.0,-0.5]"),
        ('421["echo","\\u65e5\\ud83d\\ude00\\u001e"]', '431["日😀\\u001e"]'),
        ('421["echo", "spaces" , "inside"]', '431["spaces","inside"]'),
    ],
)
def test_event(session: Session, sent: str, expected: str) -> None:
    enter(session)

    session.send(sent)

    assert session.receive() == expected


def test_attachments(session: Session) -> None:
    enter(session, "/other")
    session.send(
        f'452-/other,5["echo",{{"a":[{{"_placeholder":true,"num":1}}]}},{BLOB}]', b"zero", b""
    )

    assert session.receive() == (
        '462-/other,5[{"a":[{"_placeholder":true,"num":0}]},{"_placeholder":true,"num":1}]'
    )
    assert [session.receive(), session.receive()] == [b"", b"zero"]


def test_one_attachment_named_twice(session: Session) -> None:
    enter(session)
    session.send(f'451-1["echo",{BLOB},{BLOB}]', b"x")

    assert str(session.receive()).startswith("462-1[")
    assert [session.receive(), session.receive()] == [b"x", b"x"]


def test_heartbeat_between_packet_and_attachment(session: Session) -> None:
    enter(session)
    session.send(f'451-1["outline",{BLOB}]', "3", b"x")

    assert session.receive() == '431["bytes"]'


def test_answer_to_the_server(session: Session) -> None:
    enter(session)
    session.send('421["ask","double",[21],10]')
    asked = str(session.receive())
    assert asked.startswith("42")
    assert asked.endswith('["double",21]')
    id = asked.removeprefix("42").removesuffix('["double",21]')

    session.send(f"43{id}[42]")

    assert session.receive() == '431[{"answer":42}]'


def test_binary_answer_to_the_server(session: Session) -> None:
    enter(session)
    session.send('42["ask back","blob"]')
    id = str(session.receive()).removeprefix("42").removesuffix('["blob"]')

    session.send(f"461-{id}[{BLOB}]", b"\0\1")

    assert session.receive() == f'451-["answered",{BLOB}]'
    assert session.receive() == b"\0\1"


@pytest.mark.parametrize("packet", ["43999[]", "4399999[1,2]", "43999", "43[]"])
def test_answers_nobody_waits_for_are_ignored(session: Session, packet: str) -> None:
    enter(session)

    session.send(packet, '421["echo"]')

    assert session.receive() == "431[]"


def test_second_answer_is_ignored(session: Session) -> None:
    enter(session)
    session.send('42["ask back","again"]')
    id = str(session.receive()).removeprefix("42").removesuffix('["again"]')

    session.send(f"43{id}[1]", f"43{id}[2]", '421["echo"]')

    assert sorted(str(session.receive()) for _ in range(2)) == ['42["answered",1]', "431[]"]


# What is no Socket.IO.

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
