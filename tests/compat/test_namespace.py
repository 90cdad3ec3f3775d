from __future__ import annotations

import functools
import json
from collections.abc import Callable, Collection
from typing import Any

import pytest

from pyramid_sio.compat.namespace import BaseNamespace
from pyramid_sio.protocol.socket_v09 import Encoder
from tests.compat.conftest import OldSite, say, socket_of
from tests.fakes import FakeSession

ServeOld = Callable[..., OldSite]


def event(name: str, *args: Any, id: int | str = "") -> str:
    return f"2/chat,{id}{json.dumps([name, *args])}"


def error(name: str, text: str) -> str:
    return f"2/chat,{json.dumps(['error', name, text], separators=(',', ':'))}"


def old(session: FakeSession) -> Any:
    """The instance of the one namespace."""
    return socket_of(session)["/chat"]


class TestDispatch:
    def test_event_and_its_acknowledgement(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def on_add(self, a: int, b: int = 1) -> int:
                return a + b

            def on_pair(self) -> tuple[int, int]:
                return 1, 2

            def on_nothing(self) -> None: ...

        session = serve_old(Chat).connect()
        assert say(session, event("add", 1, 2, id=7)) == ["3/chat,7[3]"]
        assert say(session, event("add", 1, id=0)) == ["3/chat,0[2]"]
        assert say(session, event("pair", id=8)) == ["3/chat,8[1,2]"]
        assert say(session, event("nothing", id=9)) == ["3/chat,9[null]"]
        assert say(session, event("pair")) == []

    def test_spaces_in_a_name_are_underscores(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def on_user_typing(self) -> str:
                return "seen"

        session = serve_old(Chat).connect()
        assert say(session, event("user typing", id=1)) == ['3/chat,1["seen"]']
        assert say(session, event("user_typing", id=2)) == ['3/chat,2["seen"]']

    @pytest.mark.parametrize("name", ["a-b", "a.b", "_x", "__init__", "1a", "", "ä", "a\n"])
    def test_names_that_lead_nowhere(self, serve_old: ServeOld, name: str) -> None:
        class Chat(BaseNamespace):
            def on__x(self) -> str:
                return "private"

        session = serve_old(Chat).connect()
        (answer,) = say(session, event(name))
        assert answer.startswith('2/chat,["error","unallowed_event_name",')
        assert say(session, event(name, id=3))[-1] == "3/chat,3[null]"

    def test_names_that_are_numbers(self, serve_old: ServeOld) -> None:
        session = serve_old(BaseNamespace).connect()
        (answer,) = say(session, "2/chat,[5]")
        assert "unallowed_event_name" in answer

    @pytest.mark.parametrize("name", ["emit", "process_packet", "recv_connect", "nothing"])
    def test_only_handlers_can_be_reached(self, serve_old: ServeOld, name: str) -> None:
        session = serve_old(BaseNamespace).connect()
        text = f"nothing here handles the event '{name}'"
        assert say(session, event(name)) == [error("no_such_method", text)]

    def test_handler_that_is_no_function(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            on_data = 5

        assert "no_such_method" in say(serve_old(Chat).connect(), event("data"))[0]

    def test_wrong_number_of_arguments_is_an_error_and_no_more(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def on_add(self, a: int, b: int) -> int:
                return a + b

        session = serve_old(Chat).connect()
        text = "the event 'add': missing a required argument: 'b'"
        assert say(session, event("add", 1)) == [error("invalid_method_args", text)]
        assert "too many" in say(session, event("add", 1, 2, 3))[0]
        assert say(session, event("add", 1, 2, id=1)) == ["3/chat,1[3]"]

    def test_packet_as_the_only_argument(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def on_raw(self, packet: dict[str, Any]) -> Any:
                return packet

            def on_both(self, packet: Any, other: Any) -> Any:
                return [packet, other]

        session = serve_old(Chat).connect()
        (answer,) = say(session, event("raw", 1, 2, id=5))
        assert json.loads(answer[len("3/chat,5") :]) == [
            {
                "type": "event",
                "name": "raw",
                "args": [1, 2],
                "endpoint": "/chat",
                "id": 5,
                "ack": "data",
            }
        ]
        assert say(session, event("both", 1, 2, id=6)) == ["3/chat,6[[1,2]]"]

    def test_decorated_handlers_and_those_without_self(self, serve_old: ServeOld) -> None:
        def passing(func: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(func)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                return func(*args, **kwargs)

            return wrapper

        def hiding(func: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *args: func(*args)

        class Chat(BaseNamespace):
            @passing
            def on_wrapped(self, packet: Any) -> Any:
                return packet["name"]

            @hiding
            def on_hidden(self, x: Any) -> Any:
                return x

            def on_me(this, x: Any) -> Any:  # noqa: N805
                return [this.ns_name, x]

            @staticmethod
            def on_static(x: Any) -> Any:
                return x

        session = serve_old(Chat).connect()
        assert say(session, event("wrapped", 0, id=1)) == ['3/chat,1["wrapped"]']
        assert say(session, event("hidden", 2, id=2)) == ["3/chat,2[2]"]
        assert say(session, event("me", 3, id=3)) == ['3/chat,3[["/chat",3]]']
        assert say(session, event("static", 4, id=4)) == ["3/chat,4[4]"]

    def test_messages_without_an_event(self, serve_old: ServeOld) -> None:
        session = serve_old(BaseNamespace).connect()
        assert say(session, event("message", "text", id=1)) == ['3/chat,1["text"]']
        assert say(session, event("message", {"a": 1}, id=2)) == ['3/chat,2[{"a":1}]']

    def test_handler_of_messages(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def on_message(self, *args: Any) -> Any:
                return list(args)

        session = serve_old(Chat).connect()
        assert say(session, event("message", "text", id=1)) == ['3/chat,1[["text"]]']

    def test_all_packets_pass_one_method(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            seen: list[Any]

            def initialize(self) -> None:
                self.seen = []

            def process_packet(self, packet: dict[str, Any]) -> Any:
                self.seen.append(packet["type"])
                return "taken"

        session = serve_old(Chat).connect()
        chat = old(session)
        assert say(session, event("anything", id=1)) == ['3/chat,1["taken"]']
        say(session, event("message", "x"))
        say(session, "1/chat,")
        assert chat.seen == ["connect", "event", "message", "disconnect"]

    def test_packets_of_other_types(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def recv_error(self, packet: dict[str, Any]) -> None:
                self.emit("told", packet["reason"])

        session = serve_old(Chat).connect()
        chat = old(session)
        chat.process_packet({"type": "error", "reason": "0"})
        assert session.take() == ['2/chat,["told","0"]']
        assert chat.process_packet({"type": "noop"}) is None
        assert BaseNamespace.recv_error(chat, {}) is None

    def test_errors_that_a_client_reports(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def recv_error(self, packet: dict[str, Any]) -> None:
                self.emit("told", packet)

        session = serve_old(Chat).connect()
        link = old(session)._link
        link.hear_error({"reason": "unauthorized", "advice": ""})
        packet = {"type": "error", "endpoint": "/chat", "reason": "unauthorized", "advice": ""}
        assert json.loads(session.take()[0][len("2/chat,") :]) == ["told", packet]
        old(session).add_acl_method("on_nothing")
        link.hear_error({"reason": "", "advice": ""})
        assert "method_access_denied" in session.take()[0]

    def test_hook_for_errors_that_fails(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def recv_error(self, packet: dict[str, Any]) -> None:
                raise RuntimeError("as asked")

        errors: list[Any] = []
        site = serve_old({"/chat": Chat}, error_handler=lambda *args: errors.append(args[1:3]))
        session = site.connect()
        old(session)._link.hear_error({"reason": "", "advice": ""})
        assert [detail for _, detail in session.complaints] == [
            "error that the client reports in /chat"
        ]
        assert errors == [
            ("handler_failed", "the error that the client reports could not be handled")
        ]


class TestExceptionHandlerDecorator:
    def test_wraps_handlers_and_what_is_spawned(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def exception_handler_decorator(self, func: Callable[..., Any]) -> Callable[..., Any]:
                def wrapper(*args: Any, **kwargs: Any) -> Any:
                    try:
                        return func(*args, **kwargs)
                    except ZeroDivisionError:
                        self.emit("caught", func.__name__)

                return wrapper

            def on_divide(self) -> float:
                return 1 / 0

            def on_later(self, zero: int) -> None:
                def divide(by: int) -> float:
                    return 1 / by

                self.spawn(divide, by=zero)

        session = serve_old(Chat).connect()
        assert say(session, event("divide", id=1)) == [
            '2/chat,["caught","on_divide"]',
            "3/chat,1[null]",
        ]
        say(session, event("later", 0))
        session.spawned[-1].run()
        assert session.take() == ['2/chat,["caught","divide"]']
        assert old(session).jobs == []

    def test_that_returns_nothing_says_so(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def exception_handler_decorator(self, func: Callable[..., Any]) -> Any:
                return None

            def recv_connect(self) -> None: ...

        session = serve_old(Chat).open()
        session.receive("0/chat,")
        session.run()
        ((rule, _),) = session.complaints
        assert rule == "on_connect failed"
        assert "Internal server error" in session.take()[0]


@pytest.mark.parametrize("kind", [list, set, tuple, frozenset])
class TestAcl:
    @pytest.fixture
    def chat(self, serve_old: ServeOld, kind: Callable[[Any], Collection[str]]) -> Any:
        class Chat(BaseNamespace):
            def get_initial_acl(self) -> Collection[str]:
                return kind(["recv_connect", "on_a"])

        return old(serve_old(Chat).connect())

    def test_open_and_closed(self, chat: Any) -> None:
        assert chat.is_method_allowed("on_a")
        assert not chat.is_method_allowed("on_b")

    def test_add(self, chat: Any) -> None:
        chat.add_acl_method("on_b")
        assert chat.is_method_allowed("on_a")
        assert chat.is_method_allowed("on_b")

    def test_delete(self, chat: Any) -> None:
        chat.del_acl_method("on_a")
        assert not chat.is_method_allowed("on_a")
        with pytest.raises(KeyError):
            chat.del_acl_method("on_a")
        assert chat.is_method_allowed("recv_connect")

    def test_lift_and_reset(self, chat: Any) -> None:
        chat.lift_acl_restrictions()
        assert chat.is_method_allowed("on_b")
        chat.reset_acl()
        assert not chat.is_method_allowed("on_b")


class TestNoAcl:
    def test_everything_is_open_until_one_is_added(self, serve_old: ServeOld) -> None:
        chat = old(serve_old(BaseNamespace).connect())
        assert chat.is_method_allowed("on_a")
        with pytest.raises(ValueError, match="no method is closed"):
            chat.del_acl_method("on_a")
        chat.add_acl_method("on_b")
        assert not chat.is_method_allowed("on_a")

    def test_nobody_is_kept_from_leaving(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            left = False

            def get_initial_acl(self) -> list[str]:
                return []

            def recv_connect(self) -> None:
                raise AssertionError("closed")

            def recv_disconnect(self) -> None:
                self.left = True

        session = serve_old(Chat).open()
        session.receive("0/chat,")
        session.run()
        entered, refused = session.take()
        assert "sid" in entered
        assert refused == error("method_access_denied", "connect is not open to you")
        chat = old(session)
        session.lose()
        session.run()
        assert chat.left


class TestSending:
    def test_emit(self, serve_old: ServeOld) -> None:
        session = serve_old(BaseNamespace).connect()
        old(session).emit("news", 1, {"a": "😀"})
        assert session.take() == ['2/chat,["news",1,{"a":"😀"}]']

    def test_emit_takes_no_other_keywords(self, serve_old: ServeOld) -> None:
        chat = old(serve_old(BaseNamespace).connect())
        with pytest.raises(ValueError, match=r"emit\(\) has no id, text"):
            chat.emit("news", text="x", id=1)

    def test_emit_with_a_callback(self, serve_old: ServeOld) -> None:
        session = serve_old(BaseNamespace).connect()
        answers: list[Any] = []
        old(session).emit("ask", callback=lambda *args: answers.append(args))
        assert session.take() == ['2/chat,0["ask"]']
        session.receive("3/chat,0[1,2]")
        session.receive("3/chat,0[1,2]")
        session.run()
        assert answers == [(1, 2)]

    def test_send(self, serve_old: ServeOld) -> None:
        session = serve_old(BaseNamespace).connect()
        answers: list[Any] = []
        chat = old(session)
        chat.send("text")
        chat.send(5)
        chat.send({"a": 1}, json=True)
        chat.send("got it?", callback=lambda: answers.append("yes"))
        assert session.take() == [
            '2/chat,["message","text"]',
            '2/chat,["message","5"]',
            '2/chat,["message",{"a":1}]',
            '2/chat,0["message","got it?"]',
        ]
        session.receive("3/chat,0[1,2]")
        session.run()
        assert answers == ["yes"]

    def test_clients_of_old_confirm_messages_by_themselves(self, serve_old: ServeOld) -> None:
        session = serve_old(BaseNamespace).connect()
        answers: list[Any] = []
        chat = old(session)
        session.revision = 1
        chat._link.codec = Encoder()
        chat.send("got it? 😀", callback=lambda: answers.append("yes"))
        chat.send([1], json=True, callback=lambda: answers.append("that too"))
        assert session.take() == ["3:0:/chat:got it? 😀", "4:1:/chat:[1]"]
        session.receive("3/chat,1[]")
        session.receive("3/chat,0[]")
        session.run()
        assert answers == ["that too", "yes"]


class TestJobs:
    def test_end_with_the_connection(self, serve_old: ServeOld) -> None:
        session = serve_old(BaseNamespace).connect()
        job = old(session).spawn(lambda: None)
        session.lose()
        session.run()
        assert job.killed

    def test_can_be_killed_before(self, serve_old: ServeOld) -> None:
        session = serve_old(BaseNamespace).connect()
        chat = old(session)
        job = chat.spawn(lambda: None)
        assert chat.jobs == [job]
        chat.kill_local_jobs()
        assert job.killed
        job.run()
        assert chat.jobs == []


class TestDisconnect:
    def test_tells_the_client_and_calls_no_hook(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def on_bye(self) -> None:
                self.spawn(lambda: None)
                self.disconnect()
                self.disconnect(silent=True)

            def recv_disconnect(self) -> None:
                raise AssertionError("it is the end itself that was called")

        session = serve_old(Chat).connect()
        assert say(session, event("bye")) == ["1/chat,"]
        assert session.is_open
        assert session.complaints == []
        assert session.spawned[-1].killed

    def test_in_recv_connect_refuses(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def recv_connect(self) -> None:
                self.disconnect()

        site = serve_old(Chat)
        session = site.connect()
        assert session.is_open
        assert site.registry.sockets == {}

    def test_override_is_called_once_when_the_client_goes(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            ends = 0

            def disconnect(self, *args: Any, **kwargs: Any) -> None:
                self.ends += 1
                super().disconnect(*args, **kwargs)

        session = serve_old(Chat).connect()
        chat = old(session)
        session.lose()
        session.run()
        assert chat.ends == 1
