from __future__ import annotations

from typing import Any

import pytest
from pyramid.testing import DummyRequest

from pyramid_sio import AckTimeout, EventError, Namespace
from pyramid_sio.testing import Sent, make_socket


class Desk(Namespace):
    def on_connect(self, auth: Any) -> None:
        self.join("desk")
        self.emit("welcome", self.request.params.get("name"))

    def on_say(self, text: str) -> str:
        if not text:
            raise EventError("nothing to say")
        self.to("desk").emit("said", text, b"blob")
        self.nsp.emit("counted", len(text))
        return "ok"

    def on_confirm(self) -> Any:
        return self.call("sure?", 1)

    def on_work(self) -> Any:
        return self.spawn(self.on_say, "worked")


def test_what_handlers_emit_is_written_down() -> None:
    desk, server = make_socket(Desk, request=DummyRequest({"name": "ann"}), sid="s1")
    desk.on_connect(None)
    assert desk.on_say("hello") == "ok"
    assert server.sent == [
        Sent("welcome", ("ann",), frozenset({"s1"})),
        Sent("said", ("hello", b"blob"), frozenset({"desk"}), frozenset({"s1"})),
        Sent("counted", (5,)),
    ]
    assert desk.rooms == {"s1", "desk"}


def test_what_they_raise_is_raised() -> None:
    desk, _ = make_socket(Desk)
    with pytest.raises(EventError, match="nothing to say"):
        desk.on_say("")


def test_answers_of_the_client() -> None:
    desk, server = make_socket(Desk)
    server.answers["sure?"] = lambda number: number + 1
    assert desk.on_confirm() == 2
    server.answers["sure?"] = "yes"
    assert desk.on_confirm() == "yes"
    del server.answers["sure?"]
    with pytest.raises(AckTimeout):
        desk.on_confirm()


def test_facts() -> None:
    context = object()
    desk, _ = make_socket(Desk, path="/desk", auth={"a": 1}, user="ann", context=context)
    assert (desk.nsp.name, desk.auth, desk.user) == ("/desk", {"a": 1}, "ann")
    assert desk.context is context
    assert desk.connected
    assert desk.socket.transport == "websocket"
    assert desk.handshake.address == "127.0.0.1"


def test_facts_of_the_request() -> None:
    desk, _ = make_socket(Desk, request=DummyRequest(environ={"REMOTE_ADDR": "192.0.2.1"}))
    assert desk.user is None, "nobody has logged in"
    assert desk.handshake.environ()["REMOTE_ADDR"] == "192.0.2.1"


def test_nobody_is_asked_for_rights() -> None:
    desk, server = make_socket(Desk)
    desk.nsp.revoke()
    assert desk.connected
    invoker, error = server.sio.invoker, LookupError()
    assert invoker.recheck(desk) == ()
    assert invoker.shape(desk, error) is error
    assert invoker.choose(desk, ["few", "most"]) == "most"


def test_what_would_be_logged_as_a_fault_is_raised() -> None:
    desk, _ = make_socket(Desk)
    desk.complain("a client is odd", "very")
    with pytest.raises(ZeroDivisionError):
        desk.complain("a hook failed", "here", ZeroDivisionError())


def test_spawned_work() -> None:
    desk, server = make_socket(Desk)
    desk.on_work().join(5)
    assert [sent.event for sent in server.sent] == ["said", "counted"]


def test_leaving() -> None:
    desk, _ = make_socket(Desk)
    desk.disconnect(close=True)
    assert not desk.connected
