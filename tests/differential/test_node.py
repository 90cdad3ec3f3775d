"""The same packets and requests for Node's server and for this one: the same answers.

What may differ, and why, is in ``docs/wire.rst``.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.support import PATIENCE, Node, Server, free_port

#: Of this and of Node's server.
Ports = tuple[int, int]
Frame = str | bytes

END = '4299["echo","end"]'
ENDED = '4399["end"]'
#: What a close frame without a code counts as.
CLOSED = 1005
HOLE = '{"_placeholder":true,"num":0}'


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """Both servers, as patient as they are by themselves."""
    settings = {"sio.allow_eio3": "true"}
    ini = tmp_path_factory.mktemp("ours") / "server.ini"
    port = free_port()
    with (
        closing(Server("tests.differential.echo:main", ini, server={}, settings=settings)) as ours,
        closing(Node()) as node,
    ):
        node.start("reference.js", port).expect("listening")
        ours.wait_ready()
        yield ours.port, port


def same(ports: Ports, ask: Callable[[int], object]) -> object:
    """What both have said. Fails the test if it is not the same."""
    ours = ask(ports[0])
    # Node's server, when it closes a connection, at times loses what it has just said there.
    for _ in range(5):
        nodes = ask(ports[1])
        if nodes == ours:
            break
    assert ours == nodes
    return ours


# WebSocket.


def opened(port: int, revision: int) -> ClientConnection:
    """For ``with``."""
    return connect(
        f"ws://127.0.0.1:{port}/socket.io/?EIO={revision}&transport=websocket",
        open_timeout=PATIENCE,
        close_timeout=PATIENCE,
        ping_interval=None,
        compression=None,
        max_size=None,
        proxy=None,
    )


class Talk:
    """A client, and what it has heard so far; at last the code of the close frame.

    :param enter: is it to enter the main namespace? In revision 3 it is there in any case
    """

    def __init__(self, socket: ClientConnection, revision: int, *, enter: bool = True) -> None:
        self.heard: list[object] = []
        self.socket = socket
        assert str(self.socket.recv(PATIENCE)).startswith("0{")
        if revision == 4 and enter:
            self.socket.send("40")
        if revision == 3 or enter:
            assert str(self.socket.recv(PATIENCE)).startswith("40")

    def say(self, *frames: Frame) -> bool:
        """Send all of them, and hear the answers; False if the connection has ended."""
        try:
            for frame in frames:
                self.socket.send(frame)
            # Twice, because Node's server lets clients enter a little later.
            for _ in range(2):
                self.socket.send(END)
                while (said := self.socket.recv(PATIENCE)) != ENDED:
                    self.heard.append(meaning(said))
        except ConnectionClosed as end:
            self.heard.append(end.rcvd.code if end.rcvd else None)
            return False
        return True


def talk(port: int, revision: int, *frames: Frame, enter: bool = True) -> list[object]:
    """What is answered to ``frames``, sent in one go."""
    with opened(port, revision) as socket:
        one = Talk(socket, revision, enter=enter)
        one.say(*frames)
    return one.heard


def talk_in_turn(port: int, revision: int, *frames: Frame) -> list[object]:
    """The same, with an answer awaited after each."""
    with opened(port, revision) as socket:
        one = Talk(socket, revision)
        all(map(one.say, frames))
    return one.heard


def meaning(said: Frame) -> object:
    """A packet without ids, and its JSON as a value: that may be written in several ways."""
    if isinstance(said, bytes):
        return said
    head, data = re.fullmatch('([^\\[{"]*)(.*)', said, re.DOTALL).groups()  # type: ignore[union-attr]
    value = json.loads(data) if data else None
    if isinstance(value, dict) and "sid" in value:
        value["sid"] = "?"
    return head, value


#: Texts that each revision takes for the same.
PACKETS = [
    '42["reflect"]',
    '42["reflect",1,"2",{"3":[true,null]}]',
    '42["reflect","\u2028 \\u00e9 \\u0000 \\/"]',
    '42[ "reflect" , 1 ] ',
    '42["reflect",-0,0.5,1e3,-1E-2]',
    '42["reflect",{"__proto__":1,"constructor":[]}]',
    '42["reflect","' + "x" * 100_000 + '"]',
    '421["echo"]',
    '420["echo",{}]',
    '42007["echo",[[]]]',
    '42123456789012345["echo"]',
    '42/other,["reflect"]',
    '42/,["reflect",1]',
    '42["nobody listens",1]',
    '425["nobody listens",1]',
    '42[7,"a number"]',
    '42["__proto__"]',
    '42["leave",true]',
    "40/other",
    "40/other,",
    "40/nowhere",
    "40/nowhere,",
    "40/other/",
    "40",
    "40/,",
    "41/other",
    "41/nowhere,",
    "43",
    "430[]",
    "437[1]",
    "437",
    '43["no id"]',
    "437{}",
    "437null",
    "44",
    '44{"message":"x"}',
    "450-[]",
    f'45["reflect",{HOLE}]',
    f'45-["reflect",{HOLE}]',
    f'4511-["reflect",{HOLE}]',
    f'451-["connect",{HOLE}]',
    f'45a-["reflect",{HOLE}]',
    f'42["reflect",{HOLE}]',
    "46",
    "47",
    "4",
    "4a",
    "42[]",
    "42{}",
    '42"x"',
    "42[null]",
    "42[true]",
    "42[{}]",
    '42["reflect"',
    '42["reflect",]',
    '42["reflect",NaN]',
    '42["reflect"]x',
    '42["connect"]',
    '42["connect_error"]',
    '42["disconnect"]',
    '42["disconnecting"]',
    '42["newListener"]',
    '42["removeListener"]',
    '42-1["echo"]',
    '421.5["echo"]',
    '42abc["echo"]',
    "",
    "7",
    "x",
    "é",
    "0",
    "5",
    "6",
]


@pytest.mark.parametrize("revision", [3, 4])
@pytest.mark.parametrize("packet", PACKETS, ids=lambda packet: ascii(packet[:40]))
def test_packet(ports: Ports, revision: int, packet: str) -> None:
    same(ports, lambda port: talk(port, revision, packet))


#: What is said in one go, in revision 4 and before a namespace has been entered.
EARLY = [
    ["40[]"],
    ['40"x"'],
    ["40null"],
    ["41"],
    ['42["reflect"]'],
    ["431[]"],
    ["2"],
    ["2probe"],
    ["3"],
    ["3probe"],
    [b"\x01"],
    ["bAQID"],
]


@pytest.mark.parametrize("frames", EARLY, ids=ascii)
def test_before_a_namespace_was_entered(ports: Ports, frames: list[Frame]) -> None:
    same(ports, lambda port: talk(port, 4, *frames, enter=False))


BINARY: list[list[Frame]] = [
    [f'451-["reflect",{HOLE}]', b"\x04\x01\x02"],
    [f'451-7["echo",{{"a":[{HOLE}]}}]', b"\x04"],
    [f'452-["reflect",{HOLE}]', b"\x04a", b"\x04b"],
    [f'451-["reflect",{HOLE},{HOLE}]', b"\x04a"],
    ['451-["reflect",1]', b"\x04a"],
    ['451-["reflect",{"_placeholder":1,"num":0}]', b"\x04a"],
    ['451-["reflect",{"_placeholder":true,"num":1}]', b"\x04a"],
    ['451-["reflect",{"_placeholder":true,"num":-1}]', b"\x04a"],
    ['451-["reflect",{"_placeholder":true,"num":"0"}]', b"\x04a"],
    [f"461-3[{HOLE}]", b"\x04a"],
    [f'451-["reflect",{HOLE}]', '42["reflect"]'],
    [b"\x04a"],
    [b"\x042[]"],
]


@pytest.mark.parametrize("revision", [3, 4])
@pytest.mark.parametrize("frames", BINARY, ids=lambda frames: ascii(frames[0]))
def test_attachments(ports: Ports, revision: int, frames: list[Frame]) -> None:
    same(ports, lambda port: talk(port, revision, *frames))


@pytest.mark.parametrize("revision", [3, 4])
@pytest.mark.parametrize(
    "frames",
    [
        ["40/other,", '42/other,["reflect",1]', "41/other,", '42["reflect",2]'],
        ["40/other,", '42/other,["leave"]', '42["reflect"]'],
        ["40/other,", '42/other,["leave",true]'],
        ["40/nowhere,", "40/nowhere,", '42["reflect"]'],
    ],
    ids=ascii,
)
def test_two_namespaces(ports: Ports, revision: int, frames: list[Frame]) -> None:
    same(ports, lambda port: talk_in_turn(port, revision, *frames))


@pytest.mark.parametrize("revision", [3, 4])
def test_events_after_leaving(ports: Ports, revision: int) -> None:
    def ask(port: int) -> list[object]:
        with opened(port, revision) as socket:
            one = Talk(socket, revision)
            socket.send('42["leave"]')
            assert socket.recv(PATIENCE) == "41"
            assert not one.say()
        return one.heard

    same(ports, ask)


#: What is answered here, and not there; ``docs/wire.rst`` says why.
DIFFERENT: dict[str, list[object]] = {
    "1": [CLOSED],
    "42": [CLOSED],
    '421000000000000000["echo"]': [CLOSED],
    '42 1["echo"]': [CLOSED],
    '42["reflect",1e999]': [CLOSED],
    '42["reflect","\\ud83d"]': [("42", ["back", "\ufffd"])],
    "40/" + "n" * 512: [CLOSED],
}


@pytest.mark.parametrize("packet", DIFFERENT, ids=lambda packet: ascii(packet[:40]))
def test_what_differs(ports: Ports, packet: str) -> None:
    ours, nodes = (talk(port, 4, packet) for port in ports)
    assert ours == DIFFERENT[packet]
    assert ours != nodes


# HTTP.


def request(port: int, method: str, query: str) -> tuple[int, str | None, object]:
    """Status, content type and what the body says, without ids."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request(method, f"/socket.io/{query}")
        answer = connection.getresponse()
        body = re.sub('"sid":"[^"]+"', '"sid":"?"', answer.read().decode())
    kind = answer.headers["content-type"]
    said = json.loads(body) if kind == "application/json" else body
    return answer.status, kind, said


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "query",
    [
        "",
        "?EIO=4",
        "?transport=abc",
        "?EIO=4&transport=constructor",
        "?EIO=4&transport=polling",
        "?EIO=3&transport=polling",
        "?transport=polling",
        "?EIO=4&transport=websocket",
        "?EIO=4&transport=polling&sid=abc",
        "?EIO=3&transport=websocket&sid=abc",
        "?EIO=4&transport=polling&sid=__proto__",
        "?EIO=4&transport=polling&sid=&t=abc&b64=1",
        "?EIO=%34&transport=%70olling",
    ],
)
def test_request(ports: Ports, method: str, query: str) -> None:
    same(ports, lambda port: request(port, method, query))


@pytest.mark.parametrize(
    "query", ["EIO=4", "EIO=4&transport=abc", "EIO=4&transport=websocket&sid=abc"]
)
def test_refused_upgrade(ports: Ports, query: str) -> None:
    def ask(port: int) -> tuple[int, bytes]:
        url = f"ws://127.0.0.1:{port}/socket.io/?{query}"
        with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None):
            pass
        return refused.value.response.status_code, bytes(refused.value.response.body)

    same(ports, ask)
