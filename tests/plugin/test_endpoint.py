from __future__ import annotations

import logging
from dataclasses import fields
from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.response import Response

from pyramid_sio import get_sio
from pyramid_sio.engine.server import EngineSettings
from pyramid_sio.plugin import directives
from pyramid_sio.plugin.settings import parse_settings
from pyramid_sio.sockets.namespace import Namespace
from tests.plugin.conftest import NewSite, Site


def test_creating_one_starts_nothing(site: Site) -> None:
    engine = site.endpoint.engine
    assert engine.sessions == {}
    assert len(engine.wheel) == 0
    assert engine.dispatcher.running == 0


#: A value for each setting of the engine that is not its default.
ENGINE: dict[str, tuple[str, Any]] = {
    "transports": ("polling", ("polling",)),
    "allow_upgrades": ("false", False),
    "ping_interval": ("7", 7.0),
    "ping_timeout": ("8", 8.0),
    "upgrade_timeout": ("9", 9.0),
    "close_timeout": ("11", 11.0),
    "max_http_buffer_size": ("1001", 1001),
    "max_buffer_size": ("1002", 1002),
    "max_inbox": ("1003", 1003),
    "max_inbox_bytes": ("1004", 1004),
    "max_handlers": ("1005", 1005),
}


def test_each_setting_of_the_engine_arrives(new_site: NewSite) -> None:
    assert ENGINE.keys() == {field.name for field in fields(EngineSettings)}
    settings = new_site(
        **{name: text for name, (text, _) in ENGINE.items()}
    ).endpoint.engine.settings
    assert {name: getattr(settings, name) for name in ENGINE} == {
        name: value for name, (_, value) in ENGINE.items()
    }
    assert settings != EngineSettings(**{name: parse_settings({})[name] for name in ENGINE})


def test_each_setting_of_the_namespaces_arrives(new_site: NewSite) -> None:
    sio = new_site(
        connect_timeout="3",
        upgrade_timeout="4",
        disconnect_grace="5.5",
        ack_timeout="6",
        max_attachments="2",
        max_http_buffer_size="100",
        max_buffer_size="1000",
        cleanup_empty_child_namespaces="false",
    ).endpoint.sio
    assert sio.connect_timeout == 3
    assert sio.attachment_timeout == 4
    assert sio.disconnect_grace == 5.5
    assert sio.ack_timeout == 6
    assert sio.max_attachments == 2
    assert sio.max_attachment_bytes == 200
    assert sio.max_held == 1000
    assert sio.keep_empty


def test_json_default_is_asked(new_site: NewSite) -> None:
    client = new_site(json_default=lambda value: f"<{type(value).__name__}>").open()
    client.join()
    client.site.endpoint.sio.emit("news", object())
    assert client.poll() == ['42["news","<object>"]']


class TestAnnouncement:
    def said(self, caplog: pytest.LogCaptureFixture, new_site: NewSite, **options: Any) -> str:
        with caplog.at_level(logging.INFO, "pyramid_sio"):
            new_site(**options)
        (line,) = [text for text in caplog.messages if text.startswith("Socket.IO at")]
        return line

    def test_what_is_enabled(self, caplog: pytest.LogCaptureFixture, new_site: NewSite) -> None:
        line = self.said(caplog, new_site)
        assert "/socket.io/: polling and websocket" in line
        assert "namespaces: /;" in line

    def test_what_is_not(self, caplog: pytest.LogCaptureFixture, new_site: NewSite) -> None:
        line = self.said(
            caplog, new_site, namespace=None, transports="polling", serve_client="false"
        )
        assert ": polling;" in line
        assert "none declared" in line
        assert "not served" in line
        assert "is a config.scan() missing" in caplog.text


class TestRequestSio:
    def test_the_server_of_the_application(self, new_site: NewSite) -> None:
        def view(request: Any) -> Response:
            same = request.sio is get_sio(request.registry) is request.sio
            return Response(f"{same} {type(request.sio).__name__}")

        def configure(config: Configurator) -> None:
            config.add_route("look", "/look")
            config.add_view(view, route_name="look")

        assert new_site(configure).web.get("/look").text == "True SioServer"

    def test_in_handlers_too(self, new_site: NewSite) -> None:
        class Room(Namespace):
            def on_ask(self) -> bool:
                return self.request.sio is self.nsp.server

        client = new_site(namespace=Room).open()
        client.join()
        client.post('420["ask"]')
        assert client.poll() == ["430[true]"]


def test_a_namespace_without_an_endpoint() -> None:
    """The directive of another configurator, whose registry has none."""
    config = Configurator()
    config.add_directive("add_sio_namespace", directives.add_sio_namespace)
    config.add_sio_namespace("/chat", Namespace)
    with pytest.raises(Exception, match=r"needs config\.include\('pyramid_sio'\) first"):
        config.commit()
