"""Socket.IO 5 by hand, over polling and over a WebSocket: the packets themselves.

What the official client does is tested with the official client.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.functional.wire import BLOB, Session, ask, assert_closed, enter, sid_of
from tests.support import Server

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
