from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyramid_sio.compat.adapted import as_namespace
from pyramid_sio.compat.namespace import BaseNamespace
from pyramid_sio.errors import ConnectRefused, EventError
from pyramid_sio.sockets.server import Definition
from tests.compat.conftest import OldSite, say, socket_of
from tests.fakes import FakeSession
from tests.sockets.conftest import Site

ServeOld = Callable[..., OldSite]


def knock(site: OldSite, path: str = "/chat", payload: str = "", **options: Any) -> FakeSession:
    """A client that wants in."""
    session = site.open(**options)
    session.receive(f"0{path},{payload}")
    session.run()
    return session


class TestConnect:
    def test_initialize_of_every_class_once_most_derived_first(self, serve_old: ServeOld) -> None:
        order: list[str] = []

        class Base(BaseNamespace):
            def initialize(self) -> None:
                order.append("Base")

        class Mixin:
            def initialize(self) -> None:
                order.append("Mixin")

        class Middle(Base, Mixin):
            pass

        class Chat(Middle):
            def initialize(self) -> None:
                order.append("Chat")

            def recv_connect(self) -> None:
                order.append("connected")

        serve_old(Chat).connect()
        assert order == ["Chat", "Base", "Mixin", "connected"]

    def test_packet_tells_what_the_client_said(self, serve_old: ServeOld) -> None:
        seen: list[Any] = []

        class Chat(BaseNamespace):
            def recv_connect(self, packet: dict[str, Any]) -> None:  # type: ignore[override]
                seen.append(packet)

        site = serve_old(Chat)
        knock(site)
        knock(site, payload='{"a":"b c"}')
        common = {"type": "connect", "endpoint": "/chat"}
        assert seen == [
            {**common, "qs": "", "auth": None},
            {**common, "qs": "?a=b+c", "auth": {"a": "b c"}},
        ]

    def test_what_is_emitted_arrives_after_the_welcome(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def recv_connect(self) -> None:
                self.emit("hello")

        entered, hello = knock(serve_old(Chat)).take()
        assert str(entered).startswith('0/chat,{"sid":')
        assert hello == '2/chat,["hello"]'

    @pytest.mark.parametrize(
        ("fault", "answer"),
        [
            (ConnectRefused("no", {"why": 1}), '{"message":"no","data":{"why":1}}'),
            (RuntimeError("oops"), '{"message":"Internal server error"}'),
        ],
    )
    def test_refusal_leaves_nothing_behind(
        self, serve_old: ServeOld, fault: Exception, answer: str
    ) -> None:
        class Chat(BaseNamespace):
            def recv_connect(self) -> None:
                self.spawn(lambda: None)
                raise fault

            def recv_disconnect(self) -> None:
                raise AssertionError("it was never in")

        site = serve_old({"": BaseNamespace, "/chat": Chat})
        session = site.connect("")
        assert say(session, "0/chat,") == [f"4/chat,{answer}"]
        assert list(socket_of(session).active_ns) == [""]
        assert session.spawned[-1].killed
        assert len(site.registry.sockets) == 1
        session.lose()
        session.run()
        assert site.registry.sockets == {}

    def test_names_the_view_did_not_say(self, serve_old: ServeOld) -> None:
        site = serve_old({"/chat": BaseNamespace})
        session = site.open()
        session.receive("0")
        session.run()
        assert session.take() == ['4{"message":"Invalid namespace"}']

    def test_connection_that_no_view_has_seen(self, serve_old: ServeOld) -> None:
        site = serve_old(BaseNamespace)
        session = site.open()
        session.handshake.attached = None
        session.receive("0/chat,")
        session.run()
        assert session.take() == ['4/chat,{"message":"Invalid namespace"}']

    def test_main_namespace_by_its_new_name(self, serve_old: ServeOld) -> None:
        session = serve_old({"/": BaseNamespace}).connect("")
        assert socket_of(session)[""].ns_name == ""


class TestEvents:
    def test_refused_event_answers(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def on_x(self) -> None:
                raise EventError("not now")

        session = serve_old(Chat).connect()
        assert say(session, '2/chat,4["x"]') == ['3/chat,4[{"error":"not now"}]']

    def test_answer_that_cannot_be_sent_is_a_fault(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def on_x(self) -> object:
                return object()

        session = serve_old(Chat).connect()
        assert say(session, '2/chat,4["x"]') == []
        assert len(session.complaints) == 1

    def test_filters_and_listeners_see_events_first(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def on_x(self, value: int) -> int:
                return value

        site = serve_old(Chat)
        session = site.connect()
        (link,) = site.below.sio.of("/chat").fetch()
        seen: list[Any] = []
        link.on_any(lambda *args: seen.append(args))
        link.use(lambda data: data[1] > 0)
        assert say(session, '2/chat,1["x",5]') == ["3/chat,1[5]"]
        assert say(session, '2/chat,2["x",0]') == []
        assert seen == [("x", 5), ("x", 0)]

    def test_event_after_the_end_is_for_nobody(self, serve_old: ServeOld) -> None:
        site = serve_old(BaseNamespace)
        session = site.connect()
        (link,) = site.below.sio.of("/chat").fetch()
        session.lose()
        session.run()
        link.old = None
        link.dispatch(["x"], None)
        link.acknowledge(1, ())
        link.on_disconnect("again")
        assert session.complaints == []


class TestDisconnect:
    def test_hook_is_told_why(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            seen: Any = None

            def recv_disconnect(self, packet: dict[str, Any]) -> None:  # type: ignore[override]
                self.seen = packet

        session = serve_old(Chat).connect()
        chat: Any = socket_of(session)["/chat"]
        session.lose()
        session.run()
        assert chat.seen == {
            "type": "disconnect",
            "endpoint": "/chat",
            "reason": "transport close",
        }
        assert type(chat.seen["reason"]) is str

    def test_hook_that_fails_keeps_nothing(self, serve_old: ServeOld) -> None:
        class Chat(BaseNamespace):
            def recv_disconnect(self) -> None:
                raise RuntimeError("oops")

        site = serve_old(Chat)
        session = site.connect()
        session.lose()
        session.run()
        assert [rule for rule, _ in session.complaints] == ["Adapted.on_disconnect failed"]
        assert site.registry.sockets == {}

    def test_client_comes_back_on_the_same_connection(self, serve_old: ServeOld) -> None:
        site = serve_old(BaseNamespace)
        session = site.connect()
        socket = socket_of(session)
        socket.session["kept"] = True
        say(session, "1/chat,")
        assert site.registry.sockets == {}
        say(session, "0/chat,")
        assert socket["/chat"].session == {"kept": True}
        assert list(site.registry.sockets.values()) == [socket]


class TestTrust:
    """Whom a request's cookies name counts only where the server trusts the page."""

    class Chat(BaseNamespace):
        pass

    def test_trusted(self, serve_old: ServeOld) -> None:
        site = serve_old(self.Chat, request="the request")
        session = site.open({"HTTP_COOKIE": "a=b", "wsgi.input": "x", "pyramid_sio.peer": "x"})
        session.handshake._environ["HTTP_COOKIE"] = "a=b"
        session.receive("0/chat,")
        session.run()
        chat = socket_of(session)["/chat"]
        assert chat.request == "the request"
        assert chat.environ["HTTP_COOKIE"] == "a=b"
        assert chat.environ["wsgi.input"].read() == b""
        assert "pyramid_sio.peer" not in chat.environ

    def test_not_trusted(self, serve_old: ServeOld) -> None:
        site = serve_old(self.Chat, request="the request")
        session = site.open({"HTTP_COOKIE": "a=b"})
        session.receive("0/chat,")
        session.run()
        chat = socket_of(session)["/chat"]
        assert chat.request == f"a request of {chat._link.sid}"
        assert "HTTP_COOKIE" not in chat.environ


class TestAsNamespace:
    """A class of old among namespaces of Pyramid's."""

    class Chat(BaseNamespace):
        """The chat."""

        def on_who(self) -> Any:
            return [self.request, self.environ["socketio"].sessid]

        def on_other(self) -> None:
            self.request = "another"

    def test_is_served_without_a_view(self) -> None:
        site = Site()
        cls = as_namespace(self.Chat)
        assert (cls.__name__, cls.__doc__) == ("Chat", "The chat.")
        site.sio.define(Definition("/chat", cls))
        session = site.open()
        session.receive("0/chat,")
        session.run()
        session.take()
        (link,) = site.sio.of("/chat").fetch()
        answer = [f"a request of {link.sid}", session.id]
        assert say(session, '2/chat,1["who"]') == [
            f'3/chat,1["{answer[0]}","{answer[1]}"]'.replace('1["', '1[["') + "]"
        ]
        say(session, '2/chat,["other"]')
        assert '"another"' in say(session, '2/chat,1["who"]')[0]
