"""The same packets to gevent-socketio and to this server: the same answers, or a reason.

The peer is a fork that runs on Python 3; its polling does too once ``chat.py`` has told its texts
from its bytes. Every reason below is also told to people who move over, in ``docs/migration.rst``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from pyramid_sio.errors import ProtocolError
from tests.differential.talk import CLOSED, DEAF, TRANSPORTS, Client
from tests.support import PATIENCE, ROOT, Program, free_port
from tests.venvs import python_with

PEER = (
    "gevent==26.9.0",
    "gevent-socketio-hartwork==0.3.6.post201803091952",
    "gevent-websocket==0.10.1",
    "greenlet==3.5.6",
    "six==1.17.0",
    "zope.event==6.2",
    "zope.interface==8.7",
)
ENTER = "1::/chat"


class Case(NamedTuple):
    """What clients A, B, ... send, one after the other: ``"B 1::/chat"``, or without a letter A."""

    says: list[str]
    #: Why the answers differ.
    reason: str
    #: What differs: of each client, what each server said and the other did not.
    theirs: Mapping[str, list[str]]
    ours: Mapping[str, list[str]]
    transport: str = "websocket"


def event(name: str, *args: str, id: str = "", endpoint: str = "/chat") -> str:
    listed = f',"args":[{",".join(args)}]' if args else ""
    return f'5:{id}:{endpoint}:{{"name":"{name}"{listed}}}'


SAME: dict[str, list[str]] = {
    "nothing": [],
    "namespace": [ENTER],
    "event": [ENTER, event("reflect", "1", '"a:b"')],
    "event without arguments": [ENTER, event("reflect")],
    "emoji": [ENTER, event("reflect", '"é☃😀"'), event("echo", '"😀"', id="1+")],
    "answer": [ENTER, event("echo", "1", '{"a":[null]}', id="1+")],
    "answer of a list": [ENTER, event("list", id="2+")],
    "answer of nothing": [ENTER, event("nothing", id="3+")],
    "empty answer": [ENTER, event("echo", id="4+")],
    "spaces in a name": [ENTER, event("two words", "1", id="1+"), event("two_words", "2", id="2+")],
    "defaults": [ENTER, event("two words", "1", "2", id="1+")],
    "raw packet": [ENTER, event("raw", "1", id="7+")],
    "message": [ENTER, "3::/chat:a text: with colons"],
    "message with answer": [ENTER, "3:5+:/chat:text"],
    "json": [ENTER, '4:6+:/chat:{"a":1}'],
    "question of the server": [ENTER, event("ask", '"why"'), '6::/chat:{id}+["because",1]'],
    "question without answer": [ENTER, event("ask", '"why"'), "6::/chat:{id}"],
    "answer nobody waits for": [ENTER, "6::/chat:99", event("reflect", "1")],
    "send": [ENTER, event("send")],
    "send and ask": [ENTER, event("send and ask"), "6::/chat:{id}"],
    "spawned": [ENTER, event("later", '"x"')],
    "sibling": [ENTER, event("sibling", '"x"', endpoint="")],
    "error": [ENTER, event("error here")],
    "bad name": [ENTER, event("a-b"), event("_x"), event("1")],
    "no handler": [ENTER, event("nowhere"), event("emit"), event("process_packet")],
    "no handler, answer": [ENTER, event("nowhere", id="1+")],
    "closed methods": ["1::/careful", event("treasure", id="1+", endpoint="/careful")],
    "opened and closed again": [
        "1::/careful",
        *(
            event(name, id=f"{number}+", endpoint="/careful")
            for number, name in enumerate(
                ("open", "treasure", "close", "treasure", "lift", "treasure"), 1
            )
        ),
    ],
    "caught": ["1::/careful", event("divide", endpoint="/careful")],
    "room": [
        ENTER,
        "B 1::/chat",
        "C 1::/chat",
        event("join", '"r"'),
        "B " + event("join", '"r"'),
        event("say", '"r"', '"hi 😀"'),
        "B " + event("leave", '"r"'),
        event("say", '"r"', '"again"'),
        "C " + event("say", '"r"', '"from outside"'),
    ],
    "broadcasts": [
        ENTER,
        "B 1::/chat",
        event("all", '"hi"'),
        event("others", '"hi"'),
    ],
    "leaving": [ENTER, "B 1::/chat", event("nick", '"Ada"'), "0::/chat", "B 3::/chat:still here"],
    "kicked": [ENTER, event("kick")],
    "coming back": [ENTER, "0::/chat", ENTER],
    "error of a client": ["7:::0+0", "7:::2", "7::"],
}

#: Their answers are not the strings that a script makes of them: lengths do not fit then.
NOT_FOR_SCRIPTS = {
    "emoji",
    "no handler",
    "no handler, answer",
    "closed methods",
    "opened and closed again",
    "room",
}
ESCAPES = "An answer that is a script may contain quotes and backslashes."
_STILL_THERE = event("reflect", "1")
_REFLECTED = '5::/chat:["reflected", 1]'
_ONE_ERROR = "A handler that fails, or does not fit its arguments, costs its own event only."
_ONE_PACKET = "A packet that cannot be read is ignored, and logged."

DIFFERENT: dict[str, Case] = {
    "handler that fails": Case(
        [ENTER, event("fail"), event("fail", id="1+"), _STILL_THERE],
        _ONE_ERROR,
        {"A": [DEAF]},
        {"A": [_REFLECTED]},
    ),
    "wrong arguments": Case(
        [ENTER, event("nick"), event("nick", "1", "2"), _STILL_THERE],
        _ONE_ERROR,
        {"A": [DEAF]},
        {"A": ['5::/chat:["error", "invalid_method_args"]'] * 2 + [_REFLECTED]},
    ),
    "decorated handler": Case(
        [ENTER, event("wrapped", '"x"', id="1+")],
        "Handlers may be decorated, and their first argument may have any name.",
        {"A": ['5::/chat:["error", "invalid_method_args"]', "6::/chat:1+[null]"]},
        {"A": ['6::/chat:1+["x"]']},
    ),
    **{
        f"unreadable packet {packet}": Case(
            [ENTER, packet, _STILL_THERE], _ONE_PACKET, {"A": [DEAF]}, {"A": [_REFLECTED]}
        )
        for packet in ("x", "9::/chat:", "5::/chat:{", '5::/chat:{"args":[]}', "4::/chat:{")
    },
    "answer with a plus": Case(
        [ENTER, event("ask", '"why"'), '6::/chat:{id}+["a+b"]'],
        "An answer may contain a plus sign.",
        {"A": [DEAF]},
        {"A": ['5::/chat:["answered", "a+b"]']},
    ),
    "leaving a room one is not in": Case(
        [ENTER, event("leave", '"x"'), _STILL_THERE],
        "Leaving a room that one is not in does nothing.",
        {"A": [DEAF]},
        {"A": [_REFLECTED]},
    ),
    "error about a packet": Case(
        [ENTER, event("error with id", id="1+"), _STILL_THERE],
        "An error may name the packet it is about.",
        {"A": [DEAF]},
        {"A": ['5::/chat:["error", "named"]', "6::/chat:1+[null]", _REFLECTED]},
    ),
    "plain id": Case(
        [ENTER, event("reflect", "1", id="2")],
        "A packet that asks for a plain acknowledgement gets one, before it is handled.",
        {},
        {"A": ["6::/chat:2"]},
    ),
    "plain id of a message": Case(
        [ENTER, "3:9:/chat:x"],
        "A packet that asks for a plain acknowledgement gets one, before it is handled.",
        {},
        {"A": ["6::/chat:9"]},
    ),
    "query of a namespace": Case(
        ["1::/chat:?a=b"],
        "The query of a namespace is in the packet that recv_connect gets; it is not sent back.",
        {"A": ["1::/chat:?a=b"]},
        {"A": ["1::/chat:"]},
    ),
    "unknown namespace": Case(
        ["1::/nowhere"],
        "An unknown namespace is refused as Socket.IO says, not by an event.",
        {"A": ['5::/nowhere:["error", "no_such_namespace"]']},
        {"A": ["7::/nowhere:2"]},
    ),
    "event before the namespace": Case(
        [event("echo", "1", id="1+")],
        "Who speaks to a namespace before entering it enters it by that, recv_connect included.",
        {},
        {"A": ["1::/chat:", '5::/chat:["welcome", "/chat"]']},
    ),
    "entering twice": Case(
        [ENTER, ENTER],
        "Entering a namespace that one is in changes nothing.",
        {"A": ["1::/chat:", '5::/chat:["welcome", "/chat"]']},
        {},
    ),
    "entering the main namespace": Case(
        ["1::"], "Entering a namespace that one is in changes nothing.", {"A": ["1:::"]}, {}
    ),
    "hook of the main namespace": Case(
        [event("was connected", id="1+", endpoint="")],
        "recv_connect is called in the main namespace too.",
        {"A": ["6:::1+[false]"]},
        {"A": ["6:::1+[true]"]},
    ),
    "initialize that is inherited": Case(
        [ENTER, event("session", id="1+")],
        "Each initialize is called once, also where a class inherits it.",
        {"A": ['6::/chat:1+[{"initialized": ["Inherited", "Inherited"]}]']},
        {"A": ['6::/chat:1+[{"initialized": ["Inherited"]}]']},
    ),
    "broadcast": Case(
        ["A", "B 1::/chat", "B " + event("all", '"x"')],
        "Broadcasts reach who is in the namespace, and nobody else.",
        {"A": ['5::/chat:["to all", "x"]']},
        {},
    ),
    "two lines": Case(
        [ENTER, "3::/chat:one\ntwo"],
        "A text that is posted may have several lines.",
        {"A": ['5::/chat:["heard", "one\\n"]']},
        {"A": ['5::/chat:["heard", "one\\ntwo"]']},
        "xhr-polling",
    ),
    "client says goodbye": Case(
        [ENTER, "0::"],
        "The end of a connection is told to the client, so that it does not come back.",
        {},
        {"A": ["0:::"]},
    ),
    "server says goodbye": Case(
        [ENTER, event("end")],
        "The end of a connection is told to the client, so that it does not come back.",
        {},
        {"A": ["0:::"]},
    ),
}


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Where both servers listen."""
    script = Path(__file__).with_name("chat.py")
    pythons = {"old": python_with(*PEER), "new": Path(sys.executable)}
    found = {}
    with ExitStack() as running:
        for kind, python in pythons.items():
            found[kind] = free_port()
            environment = {"PYTHONPATH": str(ROOT) if kind == "new" else ""}
            command = [python, script, kind, str(found[kind])]
            program = Program(command, name=f"chat.py {kind}", env=environment)
            running.enter_context(closing(program))
            program.expect("ready")
        yield found


def run(
    port: int, says: list[str], *, transport: str = "websocket", patience: float = PATIENCE
) -> dict[str, list[str]]:
    """What each client heard."""
    clients: dict[str, Client] = {}
    with ExitStack() as opened:
        for line in says or ["A"]:
            match = re.fullmatch(r"(?:([A-Z])(?: |$))?(.*)", line, re.DOTALL)
            assert match is not None
            name, packet = match[1] or "A", match[2]
            if name not in clients:
                client = Client(port, transport=transport, patience=patience)
                clients[name] = opened.enter_context(closing(client))
                clients[name].listen()
            if packet:
                clients[name].say(packet)
            # The sender first: then it has been handled, and others have been sent to.
            clients[name].listen()
            for client in clients.values():
                client.listen()
    return {name: client.heard for name, client in clients.items()}


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_same_answers(ports: dict[str, int], transport: str, name: str) -> None:
    says = SAME[name]
    new = run(ports["new"], says, transport=transport)
    if transport == "jsonp-polling" and name in NOT_FOR_SCRIPTS:
        with pytest.raises(ProtocolError):
            run(ports["old"], says, transport=transport)
        transport = "xhr-polling"
    assert new == run(ports["old"], says, transport=transport)


def differing(one: list[str], other: list[str]) -> tuple[list[str], list[str]]:
    """What is left of two lists without the beginning and the end that they share."""
    one, other = list(one), list(other)
    for position in (0, -1):
        while one and other and one[position] == other[position]:
            del one[position], other[position]
    return one, other


@pytest.mark.parametrize("name", DIFFERENT)
def test_other_answers_for_a_reason(ports: dict[str, int], name: str) -> None:
    case = DIFFERENT[name]
    over = case.transport
    new = run(ports["new"], case.says, transport=over)
    wanted = {name: (case.theirs.get(name, []), case.ours.get(name, [])) for name in new}

    # How long it takes until a busy machine answers nobody knows: first see whether it is short.
    for patience in (0.5, 5, PATIENCE) if DEAF in case.theirs.get("A", ()) else (PATIENCE,):
        old = run(ports["old"], case.says, transport=over, patience=patience)
        assert old.keys() == new.keys()
        found = {name: differing(old[name], new[name]) for name in old}
        if found == wanted:
            break
    assert found == wanted


def test_handshakes_differ_by_what_is_offered(ports: dict[str, int]) -> None:
    found = {}
    for kind, port in ports.items():
        with closing(Client(port)) as client:
            sid, heartbeat, close, transports = client.handshake
            assert CLOSED not in client.heard
            found[kind] = (heartbeat, close, set(transports.split(",")))
            assert (len(sid) == 20) == (kind == "new")
    assert found["old"][:2] == found["new"][:2] == ("60", "60")
    # Those that no browser of today has.
    assert found["old"][2] - found["new"][2] == {"xhr-multipart", "flashsocket"}


def test_every_reason_is_told_to_who_moves_over() -> None:
    text = (ROOT / "docs" / "migration.rst").read_text(encoding="utf-8")
    told = " ".join(text.replace("``", "").split())
    reasons = {ESCAPES, *(case.reason for case in DIFFERENT.values())}
    assert [reason for reason in sorted(reasons) if reason not in told] == []
