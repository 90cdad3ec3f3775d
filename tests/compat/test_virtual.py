from __future__ import annotations

import decimal
import json
from collections.abc import Callable
from typing import Any

import pytest

from pyramid_sio.compat.namespace import BaseNamespace
from pyramid_sio.compat.virtual import Socket
from tests.compat.conftest import OldSite, say, socket_of

ServeOld = Callable[..., OldSite]


class Echo(BaseNamespace):
    def on_echo(self, *args: Any) -> tuple[Any, ...]:
        return args

    def on_ask(self, packet: dict[str, Any]) -> None:
        self.session["asked"] = packet["id"]


@pytest.fixture
def site(serve_old: ServeOld) -> OldSite:
    return serve_old({"": Echo, "/chat": Echo})


class TestFacts:
    def test_names_and_states(self, site: OldSite) -> None:
        session = site.connect("")
        socket = socket_of(session)
        assert socket.sessid == session.id
        assert session.id not in repr(socket)
        assert socket.connected
        assert socket.state == Socket.STATE_CONNECTED
        assert socket.namespaces is site.namespaces
        assert socket.environ["socketio"] is socket
        assert socket.request is None
        assert socket.config == {}
        session.lose()
        session.run()
        assert not socket.connected
        assert socket.state == Socket.STATE_DISCONNECTED

    def test_neighbours(self, site: OldSite) -> None:
        socket = socket_of(site.connect(""))
        assert socket[Socket.GLOBAL_NS] is socket.active_ns[""]
        assert "" in socket
        assert "/chat" not in socket
        with pytest.raises(KeyError):
            socket["/chat"]

    def test_one_session_for_all_namespaces_of_a_connection(self, site: OldSite) -> None:
        session = site.connect("", "/chat")
        socket = socket_of(session)
        assert socket[""].session is socket["/chat"].session is socket.session
        assert socket_of(site.connect("")).session is not socket.session

    def test_all_connections_are_listed(self, site: OldSite) -> None:
        sessions = [site.connect(""), site.connect("")]
        sockets = site.registry.sockets
        assert set(sockets) == {session.id for session in sessions}
        first = socket_of(sessions[0])
        assert first.server is site.registry
        assert first.server.get_socket(sessions[1].id) is socket_of(sessions[1])
        assert first.server.get_socket("x") is None
        sessions[0].lose()
        sessions[0].run()
        assert list(sockets) == [sessions[1].id]


class TestSendPacket:
    def test_each_type(self, site: OldSite) -> None:
        session = site.connect("", "/chat")
        socket = socket_of(session)
        socket.send_packet({"type": "event", "name": "x", "args": [1], "endpoint": "/chat"})
        socket.send_packet({"type": "event", "name": "y"})
        socket.send_packet({"type": "message", "data": "text"})
        socket.send_packet({"type": "json", "data": [1], "endpoint": "/chat"})
        socket.send_packet({"type": "heartbeat"})
        socket.send_packet({"type": "disconnect", "endpoint": "/chat"})
        assert session.take() == [
            '2/chat,["x",1]',
            '2["y"]',
            '2["message","text"]',
            '2/chat,["message",[1]]',
            "1/chat,",
        ]

    def test_acknowledgement_by_hand(self, site: OldSite) -> None:
        session = site.connect("/chat")
        say(session, '2/chat,5["ask"]')
        socket = socket_of(session)
        id = socket.session["asked"]
        socket.send_packet({"type": "ack", "ackId": id, "args": [1, 2], "endpoint": "/chat"})
        assert session.take() == ["3/chat,5[1,2]"]

    def test_nothing_goes_where_the_client_is_not(self, site: OldSite) -> None:
        session = site.connect("")
        socket = socket_of(session)
        socket.send_packet({"type": "event", "name": "x", "endpoint": "/chat"})
        socket.send_message("/chat", "x", json=False)
        assert session.take() == []


class TestErrors:
    def test_the_client_is_told(self, site: OldSite) -> None:
        session = site.connect("/chat")
        chat = socket_of(session)["/chat"]
        chat.error("bad", "a sentence", msg_id=3)
        chat.error("bad", "for the log only", quiet=True)
        assert session.take() == ['2/chat,["error","bad","a sentence"]']

    def test_handler_of_the_application(self, serve_old: ServeOld) -> None:
        class Failing(BaseNamespace):
            def on_fail(self) -> None:
                raise RuntimeError("as asked")

        errors: list[Any] = []
        site = serve_old({"": Failing}, error_handler=lambda *args: errors.append(args[1:]))
        session = site.connect()
        say(session, '2["nothing"]')
        assert say(session, '21["fail"]') == []
        assert session.complaints == [
            ("a handler of " + Failing.__qualname__ + " failed", "event 'fail' in /")
        ]
        assert errors == [
            ("no_such_method", "nothing here handles the event 'nothing'", "", None, False),
            ("handler_failed", "the event 'fail' could not be handled", "", None, True),
        ]


def test_json_of_the_application(serve_old: ServeOld) -> None:
    def dumps(data: Any) -> str:
        return json.dumps(data, default=str)

    def loads(text: str) -> Any:
        return json.loads(text, parse_float=decimal.Decimal)

    site = serve_old({"": Echo}, json_dumps=dumps, json_loads=loads)
    session = site.connect()
    assert say(session, '21["echo",1.50]') == ['31["1.5"]']
    socket_of(session)[""].emit("x", decimal.Decimal("2.5"))
    assert session.take() == ['2["x","2.5"]']


class TestJobs:
    def test_end_with_the_last_namespace(self, site: OldSite) -> None:
        session = site.connect("", "/chat")
        socket = socket_of(session)
        done = socket.spawn(lambda value: None, value=1)
        job = socket.spawn(lambda: None)
        assert socket.jobs == [done, job]
        done.run()
        assert socket.jobs == [job]
        say(session, "1/chat,")
        assert not job.killed
        say(session, "1")
        assert job.killed
        job.run()
        assert socket.jobs == []
        assert site.registry.sockets == {}


@pytest.mark.parametrize("end", [Socket.disconnect, Socket.kill])
def test_end_of_a_connection_is_told_to_all_its_namespaces(
    serve_old: ServeOld, end: Callable[[Socket], None]
) -> None:
    left: list[str] = []

    class Chat(BaseNamespace):
        def recv_disconnect(self) -> None:
            left.append(self.ns_name)

    session = serve_old({"": Chat, "/chat": Chat}).connect()
    end(socket_of(session))
    session.run()
    assert not session.is_open
    assert left == ["", "/chat"]
