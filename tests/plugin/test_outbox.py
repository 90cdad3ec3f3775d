"""What is emitted in a transaction goes out after its commit, and not after an abort."""

from __future__ import annotations

from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.scripting import prepare
from pyramid_tm import tm_tween_factory

from pyramid_sio import get_sio
from pyramid_sio.sockets.namespace import Namespace
from tests.plugin.conftest import Client, NewSite, Site


class Desk(Namespace):
    def on_connect(self, auth: Any) -> None:
        self.emit("welcome", 1)

    def on_write(self, fate: str, *how: str) -> str:
        text = {"said": [fate]}
        self.emit("own", text)
        self.nsp.emit("all", text)
        self.nsp.emit("now", text, immediate=True)
        self.emit("now too", immediate=True)
        self.emit("bytes", b"\0")
        text["said"].append("changed later")
        if "leave" in how:
            self.disconnect()
            assert self.connected
        end(self.request.tm, fate)
        return fate

    def on_saving(self) -> None:
        self.emit("before")
        savepoint = self.request.tm.get().savepoint()
        self.emit("rolled back")
        savepoint.rollback()
        self.emit("after")

    def on_own_end(self) -> None:
        self.emit("first")
        self.request.tm.commit()
        self.emit("between")
        self.request.tm.begin()
        self.emit("second")

    def on_ask(self) -> None:
        self.emit("question", callback=lambda *answer: self.emit("answered", *answer))

    def on_kick(self) -> None:
        self.nsp.emit("bye")
        self.nsp.disconnect()

    def on_ping(self) -> str:
        return "pong"


def end(manager: Any, fate: str) -> None:
    if fate == "doomed":
        manager.get().doom()
    if fate == "failed":
        raise LookupError


def view(request: Any) -> Response:
    fate = request.params["fate"]
    request.sio.emit("all", fate)
    get_sio(request.registry).emit("now", fate, immediate=True)
    end(request.tm, fate)
    return Response("done")


@pytest.fixture
def site(new_site: NewSite) -> Site:
    def configure(config: Configurator) -> None:
        config.add_settings({"tm.manager_hook": "pyramid_tm.explicit_manager"})
        config.include("pyramid_tm")
        config.add_route("view", "/view")
        config.add_view(view, route_name="view")

    return new_site(configure, namespace=Desk)


def enter(site: Site) -> Client:
    client = site.open()
    client.post("40")
    assert client.ask("ping") == "pong"
    connected, welcome = client.heard
    assert connected.startswith("40{")
    assert welcome == '42["welcome",1]'
    client.heard.clear()
    return client


NOW = ['42["now",{"said":["NAME"]}]', '42["now too"]']
LATER = [
    '42["own",{"said":["NAME"]}]',
    '42["all",{"said":["NAME"]}]',
    '451-["bytes",{"_placeholder":true,"num":0}]',
    "bAA==",
]


def named(packets: list[str], name: str) -> list[str]:
    return [packet.replace("NAME", name) for packet in packets]


def test_after_the_commit_as_it_was_then(site: Site) -> None:
    client = enter(site)
    assert client.ask("write", "kept") == "kept"
    assert client.heard == named([*NOW, *LATER], "kept")


@pytest.mark.parametrize("fate", ["doomed", "failed"])
def test_not_after_an_abort(site: Site, fate: str) -> None:
    client = enter(site)
    client.post(f'42["write","{fate}"]')
    assert client.ask("ping") == "pong"
    assert client.heard == named(NOW, fate)


def test_not_what_a_savepoint_took_back(site: Site) -> None:
    client = enter(site)
    client.ask("saving")
    assert client.heard == ['42["before"]', '42["after"]']


def test_with_the_transaction_it_was_emitted_in(site: Site) -> None:
    client = enter(site)
    client.ask("own_end")
    assert client.heard == ['42["first"]', '42["between"]', '42["second"]']


@pytest.mark.parametrize(
    ("fate", "status", "heard"),
    [
        ("kept", 200, ['42["now","kept"]', '42["all","kept"]']),
        ("doomed", 200, ['42["now","doomed"]']),
        ("failed", None, ['42["now","failed"]']),
    ],
)
def test_of_views(site: Site, fate: str, status: int | None, heard: list[str]) -> None:
    client = enter(site)
    if status is None:
        with pytest.raises(LookupError):
            site.web.get(f"/view?fate={fate}")
    else:
        assert site.web.get(f"/view?fate={fate}").status_int == status
    assert client.ask("ping") == "pong"
    assert client.heard == heard


@pytest.mark.parametrize("fate", ["kept", "doomed"])
def test_disconnects_wait_for_the_end(site: Site, fate: str) -> None:
    client = enter(site)
    client.post(f'42["write","{fate}","leave"]')
    heard: list[str] = []
    while "41" not in heard:
        heard += client.poll()
    expected = named([*NOW, *LATER] if fate == "kept" else NOW, fate)
    assert heard == [*expected, "41"]


def test_disconnects_of_many_come_after_what_they_are_told(site: Site) -> None:
    client = enter(site)
    client.post('42["kick"]')
    heard: list[str] = []
    while "41" not in heard:
        heard += client.poll()
    assert heard == ['42["bye"]', "41"]


def test_questions_too(site: Site) -> None:
    client = enter(site)
    client.ask("ask")
    assert client.heard == ['420["question"]']
    client.post('430["yes"]')
    assert client.poll() == ['42["answered","yes"]']


def test_with_another_parser(new_site: NewSite) -> None:
    """A packet is kept as a client would read it, whatever parser that takes."""
    site = new_site(lambda config: config.include("pyramid_tm"), parser="msgpack")
    sent: list[Any] = []
    nsp = site.endpoint.sio.of("/")
    nsp.adapter.broadcast = lambda packet, *args: sent.append(packet.data)  # type: ignore[method-assign]

    def view(request: Any) -> Response:
        words = ["a"]
        request.sio.emit("all", words, b"\0")
        words.append("b")
        return Response()

    env = prepare(registry=site.registry)
    tm_tween_factory(view, site.registry)(env["request"])
    env["closer"]()
    assert [list(data) for data in sent] == [["all", ["a"], b"\0"]]


def test_without_pyramid_tm_at_once(new_site: NewSite) -> None:
    class Plain(Namespace):
        def on_write(self) -> None:
            self.emit("own")
            raise LookupError

        def on_ping(self) -> str:
            return "pong"

    site = new_site(namespace=Plain)
    assert site.endpoint.sio.deliver is site.endpoint.sio.in_loop
    client = site.open()
    client.join()
    client.post('42["write"]')
    assert client.ask("ping") == "pong"
    assert client.heard == ['42["own"]']


def test_what_cannot_be_sent_hurts_nothing_else(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any) -> None:
        raise LookupError("no way")

    client = enter(site)
    monkeypatch.setattr(site.endpoint.sio.of("/").adapter, "broadcast", fail)
    client.post('42["kick"]')
    assert client.poll() == ["41"]
    assert "no way" in caplog.text
