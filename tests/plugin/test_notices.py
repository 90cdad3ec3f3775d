"""Subscribers hear what happens to clients."""

from __future__ import annotations

from typing import Any

import pytest
from pyramid.config import Configurator
from zope.interface import Interface

import pyramid_sio
from pyramid_sio import (
    ConnectRefused,
    SioConnected,
    SioConnectRefused,
    SioDisconnected,
    SioEventFailed,
)
from pyramid_sio.events import SioEvent
from pyramid_sio.sockets.namespace import Namespace
from tests.plugin.conftest import NewSite, Site


class Hall(Namespace):
    def on_connect(self, auth: Any) -> None:
        if auth:
            raise ConnectRefused("no")

    def on_fail(self) -> None:
        raise LookupError("lost")

    def on_ping(self) -> str:
        return "pong"


@pytest.fixture
def heard() -> list[Any]:
    return []


def make(new_site: NewSite, heard: list[Any], kind: Any = SioEvent, **predicates: Any) -> Site:
    def configure(config: Configurator) -> None:
        config.add_sio_namespace("/hall", Hall)
        config.add_subscriber(heard.append, kind, **predicates)

    return new_site(configure, namespace=Hall)


def test_all_of_a_visit(new_site: NewSite, heard: list[Any]) -> None:
    site = make(new_site, heard)
    client = site.open()
    client.join()
    client.post('42["fail"]')
    assert client.ask("ping") == "pong"
    client.post("41")
    client.join('40/hall,{"refuse":1}')

    assert [type(event) for event in heard] == [
        SioConnected,
        SioEventFailed,
        SioDisconnected,
        SioConnectRefused,
    ]
    connected, failed, left, refused = heard
    assert connected.namespace == "/"
    assert connected.registry is site.registry
    assert (failed.event, str(failed.error)) == ("fail", "lost")
    assert left.reason == "client namespace disconnect"
    assert left.socket is connected.socket
    assert str(refused.error) == "no"
    assert repr(connected).startswith("<SioConnected <Hall / ")


def test_predicates(new_site: NewSite, heard: list[Any]) -> None:
    client = make(new_site, heard, sio_namespace="hall").open()
    client.join()
    client.join("40/hall,")
    assert [event.namespace for event in heard] == ["/hall"]


def test_predicate_of_events(new_site: NewSite, heard: list[Any]) -> None:
    client = make(new_site, heard, SioEventFailed, sio_event="ping").open()
    client.join()
    client.post('42["fail"]')
    client.ask("ping", "too many")
    assert [event.event for event in heard] == ["ping"]


def test_they_may_look_at_the_request(new_site: NewSite) -> None:
    heard: list[Any] = []

    def subscriber(event: SioConnected) -> None:
        heard.append(event.request.cookies["who"])

    site = new_site(lambda config: config.add_subscriber(subscriber, SioConnected))
    site.open(headers={"Cookie": "who=ada"}).join()
    assert heard == ["ada"]


def test_one_that_fails_hurts_nobody(new_site: NewSite, caplog: pytest.LogCaptureFixture) -> None:
    def subscriber(event: Any) -> None:
        raise LookupError("in the subscriber")

    client = new_site(lambda config: config.add_subscriber(subscriber, SioConnected)).open()
    assert client.join().startswith("40{")
    assert client.ask("message", 1) == 1
    assert "a subscriber of SioConnected failed" in caplog.text


def test_without_listeners_nothing_is_made(
    new_site: NewSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    monkeypatch.setattr(SioEvent, "__init__", lambda self, *args: made.append(args))
    site = new_site(namespace=Hall)
    client = site.open()
    client.join()
    client.post('42["fail"]')
    assert client.ask("ping") == "pong"
    assert made == []


def test_who_listens_to_everything_hears_them_too(new_site: NewSite, heard: list[Any]) -> None:
    make(new_site, heard, Interface).open().join()
    assert SioConnected in map(type, heard)


def test_they_are_public() -> None:
    for name in ("SioConnected", "SioConnectRefused", "SioDisconnected", "SioEventFailed"):
        assert getattr(pyramid_sio, name).__name__ == name
