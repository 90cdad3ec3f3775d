"""Wire samples and what they mean, used in both directions, and samples that mean nothing.

Sources: the Engine.IO (revision 4) and Socket.IO (revision 5) protocol documents, and what
official clients and servers were seen to send.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pyramid_sio.protocol.packets import EnginePacket, EngineType, SocketPacket, SocketType

CONNECT, DISCONNECT, EVENT = SocketType.CONNECT, SocketType.DISCONNECT, SocketType.EVENT
ACK, CONNECT_ERROR = SocketType.ACK, SocketType.CONNECT_ERROR


def message(data: str | bytes) -> EnginePacket:
    """An Engine.IO message."""
    return EnginePacket(EngineType.MESSAGE, data)


class Sample(NamedTuple):
    """One Socket.IO packet on the wire, without the Engine.IO digit, and decoded."""

    text: str
    packet: SocketPacket
    blobs: tuple[bytes, ...] = ()


def hole(number: int) -> str:
    """A placeholder, as text."""
    return f'{{"_placeholder":true,"num":{number}}}'


#: The form in which this package writes them too.
SOCKET_V5 = [
    Sample("0", SocketPacket(CONNECT)),
    Sample("0/admin,", SocketPacket(CONNECT, "/admin")),
    Sample('0{"token":"123"}', SocketPacket(CONNECT, "/", {"token": "123"})),
    Sample('0/admin,{"sid":"oSO0"}', SocketPacket(CONNECT, "/admin", {"sid": "oSO0"})),
    Sample("1", SocketPacket(DISCONNECT)),
    Sample("1/admin,", SocketPacket(DISCONNECT, "/admin")),
    Sample('2["hello",1]', SocketPacket(EVENT, "/", ["hello", 1])),
    Sample('212["foo"]', SocketPacket(EVENT, "/", ["foo"], 12)),
    Sample('20["foo"]', SocketPacket(EVENT, "/", ["foo"], 0)),
    Sample('2/admin,["bar"]', SocketPacket(EVENT, "/admin", ["bar"])),
    Sample('2/admin,13["bar"]', SocketPacket(EVENT, "/admin", ["bar"], 13)),
    Sample('2/a[b],1["x"]', SocketPacket(EVENT, "/a[b]", ["x"], 1)),
    Sample('2/a?token=1,["x"]', SocketPacket(EVENT, "/a?token=1", ["x"])),
    Sample('2/7,["x"]', SocketPacket(EVENT, "/7", ["x"])),
    Sample('2/größe\n,["é","\u2028",""]', SocketPacket(EVENT, "/größe\n", ["é", "\u2028", ""])),
    Sample('2["",{"a":[null,true,1.5]}]', SocketPacket(EVENT, "/", ["", {"a": [None, True, 1.5]}])),
    Sample("2[1,2]", SocketPacket(EVENT, "/", [1, 2])),
    Sample("2[1.5]", SocketPacket(EVENT, "/", [1.5])),
    Sample('2["error"]', SocketPacket(EVENT, "/", ["error"])),
    Sample('2["connection"]', SocketPacket(EVENT, "/", ["connection"])),
    Sample('2["__proto__"]', SocketPacket(EVENT, "/", ["__proto__"])),
    Sample(f'2["a",{hole(0)}]', SocketPacket(EVENT, "/", ["a", {"_placeholder": True, "num": 0}])),
    Sample("312[]", SocketPacket(ACK, "/", [], 12)),
    Sample('3/admin,13["bar"]', SocketPacket(ACK, "/admin", ["bar"], 13)),
    Sample("30[null]", SocketPacket(ACK, "/", [None], 0)),
    Sample('4{"message":"no"}', SocketPacket(CONNECT_ERROR, "/", {"message": "no"})),
    Sample('4/x,"no"', SocketPacket(CONNECT_ERROR, "/x", "no")),
    Sample(f'51-["baz",{hole(0)}]', SocketPacket(EVENT, "/", ["baz", b"\x01\x02"]), (b"\x01\x02",)),
    Sample(
        f'52-/admin,7["baz",{hole(0)},{{"a":[{hole(1)}]}}]',
        SocketPacket(EVENT, "/admin", ["baz", b"", {"a": [b"\xff"]}], 7),
        (b"", b"\xff"),
    ),
    Sample(f'61-15["bar",{hole(0)}]', SocketPacket(ACK, "/", ["bar", b"\x00"], 15), (b"\x00",)),
    Sample(f"61-/x,0[{hole(0)}]", SocketPacket(ACK, "/x", [b"4"], 0), (b"4",)),
]

#: What others may write differently.
SOCKET_V5_ACCEPTED = [
    Sample("0/custom", SocketPacket(CONNECT, "/custom")),
    Sample("1/custom", SocketPacket(DISCONNECT, "/custom")),
    Sample("0/", SocketPacket(CONNECT)),
    Sample('2/,["a"]', SocketPacket(EVENT, "/", ["a"])),
    Sample('20012["x"]', SocketPacket(EVENT, "/", ["x"], 12)),
    Sample('2["a", 1 ]', SocketPacket(EVENT, "/", ["a", 1])),
    Sample('2 ["a"]', SocketPacket(EVENT, "/", ["a"])),
    Sample('012{"a":1}', SocketPacket(CONNECT, "/", {"a": 1})),
    Sample("112", SocketPacket(DISCONNECT)),
    Sample("3", SocketPacket(ACK, "/", [])),
    Sample("3/x,7", SocketPacket(ACK, "/x", [], 7)),
    Sample('3["x"]', SocketPacket(ACK, "/", ["x"])),
    Sample('2["a",18446744073709551616]', SocketPacket(EVENT, "/", ["a", 2.0**64])),
    Sample('2["a",{"b":1,"b":2}]', SocketPacket(EVENT, "/", ["a", {"b": 2}])),
    Sample(f'501-["a",{hole(0)}]', SocketPacket(EVENT, "/", ["a", b"x"]), (b"x",)),
    # one attachment twice, another never
    Sample(
        f'52-["a",{hole(1)},{hole(1)}]', SocketPacket(EVENT, "/", ["a", b"y", b"y"]), (b"x", b"y")
    ),
    # only a true one is a placeholder
    Sample(
        '51-["a",{"_placeholder":1,"num":0},{"_placeholder":"true"},{"num":0}]',
        SocketPacket(
            EVENT, "/", ["a", {"_placeholder": 1, "num": 0}, {"_placeholder": "true"}, {"num": 0}]
        ),
        (b"x",),
    ),
    Sample("61-3", SocketPacket(ACK, "/", [], 3), (b"x",)),
]

#: Refused when the text arrives.
SOCKET_V5_INVALID = [
    "",
    "7",
    "9..",
    "x",
    "-1",
    "/",
    "[]",
    "\u0662[]",
    "\u00b2[]",
    # data that the type may not have
    "0[]",
    "0null",
    "01.5",
    '0"x"',
    '0/admin,"x"',
    "0/admin,[]",
    "1{}",
    "1null",
    "1/admin,{}",
    "2",
    "212",
    "2/x,",
    "2[]",
    "2{}",
    '2"x"',
    "2null",
    "2true",
    "2[true]",
    "2[false]",
    "2[null]",
    "2[[]]",
    '2[{"toString":"x"}]',
    "2/x,[]",
    "3{}",
    '3"x"',
    "31null",
    "4",
    "4[]",
    "4/x,1",
    # reserved names
    '2["connect"]',
    '2["connect_error"]',
    '2["disconnect"]',
    '2["disconnecting"]',
    '2["newListener"]',
    '2["removeListener"]',
    '2/x,1["connect"]',
    f'51-["connect",{hole(0)}]',
    # no JSON, or more than that
    "2[",
    '2["a"',
    '2["a",]',
    '2["a"]x',
    '2["a"]\x1e',
    '2["a",NaN]',
    '2["a",Infinity]',
    '2["a",-Infinity]',
    '2["a",1e999]',
    '2["a",01]',
    '2["a",undefined]',
    "2['a']",
    '2["a\x00"]',
    '2["\ud800"]',
    '2["a",' + "9" * 400 + "]",
    '2\ufeff["a"]',
    '2["a",' + "[" * 2000 + "]" * 2000 + "]",
    "2[" + '{"a":' * 2000,
    # acknowledgement ids that are none
    '2abc["x"]',
    '2-1["x"]',
    '2+1["x"]',
    '21_0["x"]',
    '21.5["x"]',
    '2\u0661["x"]',
    '2\u00b2["x"]',
    '2 1["x"]',
    # attachment counts
    "5",
    "51",
    "5a-",
    "51.23-",
    "5-",
    '5-["a"]',
    '5["a"]',
    '50-["a"]',
    '500-["a"]',
    '5-1-["a"]',
    '5 1-["a"]',
    '5\u0661-["a"]',
    "51-",
    "51-[]",
    "51-{}",
    "60-[]",
    "61-1{}",
    '212-["a"]',
    '21-["a"]',
    '01-{"a":1}',
    '30-1["x"]',
]

#: Refused for their size. The limits: 10 attachments, 512 characters, 15 digits.
SOCKET_V5_TOO_LARGE = [
    '511-["a"]',
    '5999999999999999-["a"]',
    "5" + "9" * 5000 + '-["a"]',
    "0/" + "a" * 512,
    "2/" + "a" * 512 + ',["x"]',
    "2/" + "a" * 100_000,
    "2" + "1" * 16 + '["x"]',
    "2" + "0" * 16 + '["x"]',
    "3/x," + "1" * 5000 + "[]",
]

#: Placeholders without their attachment, in a packet that announces one.
SOCKET_V5_BAD_PLACEHOLDERS: list[Any] = [
    f'51-["a",{{"_placeholder":true{num}}}]'
    for num in (
        "",
        ',"num":-1',
        ',"num":1',
        ',"num":10000000000',
        ',"num":"0"',
        ',"num":0.0',
        ',"num":0.5',
        ',"num":true',
        ',"num":false',
        ',"num":null',
        ',"num":[]',
        ',"num":{}',
        ',"num":"length"',
    )
]

#: Payloads of polling, in both directions.
ENGINE_V4_PAYLOADS = [
    (b"4hello", [message("hello")]),
    (b"4", [message("")]),
    ("4é\u20ac\U0001f600".encode(), [message("é\u20ac\U0001f600")]),
    (b'42["a"]\x1e42["b"]', [message('2["a"]'), message('2["b"]')]),
    (b"4hello\x1ebAQIDBA==", [message("hello"), message(b"\x01\x02\x03\x04")]),
    (b"b", [message(b"")]),
    (b"b+/8=\x1e4", [message(b"\xfb\xff"), message("")]),
]
