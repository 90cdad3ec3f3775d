from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from pyramid.exceptions import ConfigurationError

from pyramid_sio.compat import gevent_socketio as old
from pyramid_sio.compat.manage import SITE_KEY, Site, site_for
from pyramid_sio.compat.server import SocketIOServer, make_server, read_transports, serve_paste


def application(environ: Any, start_response: Any) -> list[bytes]:
    return []


class TestTransports:
    @pytest.mark.parametrize(
        ("names", "old", "new"),
        [
            ("websocket", "websocket", "websocket"),
            (
                "websocket, xhr-polling,jsonp-polling",
                "websocket xhr-polling jsonp-polling",
                "polling websocket",
            ),
            (["htmlfile"], "htmlfile", "polling"),
            (("flashsocket",), "flashsocket", "websocket"),
        ],
    )
    def test_old_names_mean_something_to_all_generations(
        self, names: Any, old: str, new: str
    ) -> None:
        assert read_transports(names) == {"sio.legacy_transports": old, "sio.transports": new}

    @pytest.mark.parametrize("names", [None, "", []])
    def test_none_in_particular(self, names: Any) -> None:
        assert read_transports(names) == {}

    def test_unknown_ones_are_refused(self) -> None:
        with pytest.raises(ValueError, match="no transport 'pigeon'; known: websocket, "):
            read_transports("websocket,pigeon")


class TestPolicyServer:
    """Somebody has to ask for it: several processes cannot share its port."""

    def settings(self, monkeypatch: pytest.MonkeyPatch, **options: Any) -> str:
        said: list[Any] = []
        real = Site.from_settings

        def note(settings: Any) -> Site:
            said.append(settings["sio.policy_server"])
            return real({**settings, "sio.policy_server": "false"})

        monkeypatch.setattr(Site, "from_settings", note)
        make_server(application, {"port": 0, **options})
        return str(said[0])

    @pytest.mark.parametrize(
        ("options", "setting"),
        [
            ({}, "false"),
            ({"policy_server": "no", "policy_listener_port": "99"}, "false"),
            ({"policy_server": "enable"}, "127.0.0.1:10843"),
            ({"policy_server": True, "policy_listener_port": "99"}, "127.0.0.1:99"),
            ({"policy_server": "1", "policy_listener_host": "127.0.0.2"}, "127.0.0.2:10843"),
        ],
    )
    def test_where_it_listens(
        self, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], setting: str
    ) -> None:
        assert self.settings(monkeypatch, **options) == setting


class TestSocketIOServer:
    def test_defaults(self) -> None:
        server = SocketIOServer(("127.0.0.1", 0), application)
        settings = server.site.endpoint.engine.settings
        assert server.resource == "socket.io"
        assert server.site.endpoint.path == "/socket.io/"
        assert server.transports == ("polling", "websocket")
        assert (settings.ping_interval, settings.ping_timeout) == (25, 35)
        assert settings.close_timeout == 60
        assert server.config["heartbeat_timeout"] == 60
        assert server.sockets == {}
        assert server.get_socket("x") is None
        assert not server.writes_access_log

    def test_what_is_said_arrives(self) -> None:
        server = SocketIOServer(
            ("127.0.0.1", 0),
            application,
            resource="a/b",
            transports=["websocket"],
            heartbeat_interval=5,
            heartbeat_timeout=3,
            close_timeout=7,
            environ={"x": "y"},
            settings={"sio.max_inbox": "3"},
        )
        settings = server.site.endpoint.engine.settings
        assert server.site.endpoint.path == "/a/b/"
        assert server.transports == ("websocket",)
        assert (settings.ping_interval, settings.ping_timeout) == (5, 3)
        assert settings.close_timeout == 7
        assert settings.max_inbox == 3
        assert server.environ["x"] == "y"
        assert server.site.connections.config["heartbeat_interval"] == 5

    def test_requests_know_their_server(self) -> None:
        server = SocketIOServer(("127.0.0.1", 0), application, namespace="/old/")
        assert server.resource == "old"
        assert site_for({SITE_KEY: server.environ[SITE_KEY]}) is server.site

    def test_log_file(self, tmp_path: Path) -> None:
        path = tmp_path / "access.log"
        server = SocketIOServer(("127.0.0.1", 0), application, log_file=str(path))
        assert server.writes_access_log
        assert server.log.name == str(path)
        server.log.close()

    def test_classes_of_old_are_named_and_not_used(self, caplog: pytest.LogCaptureFixture) -> None:
        SocketIOServer(("127.0.0.1", 0), application, handler_class=object, spawn=None)
        assert "handler_class=...) is not used" in caplog.text
        assert "spawn" not in caplog.text

    def test_wrong_values(self) -> None:
        with pytest.raises(ConfigurationError, match=r"sio\.ping_interval"):
            SocketIOServer(("127.0.0.1", 0), application, heartbeat_interval=-1)
        with pytest.raises(TypeError):
            SocketIOServer(("127.0.0.1", 0), application, heartbeats=1)

    def test_serves_until_it_is_told_to_stop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        served: list[float] = []
        server = SocketIOServer(("127.0.0.1", 0), application)
        monkeypatch.setattr(
            server, "serve_until_stopped", lambda: served.append(server.shutdown_timeout)
        )
        server.serve_forever()
        server.serve_forever(stop_timeout=3)
        assert served == [10, 3]


class TestServe:
    def test_options_as_texts(self) -> None:
        server = make_server(
            application,
            {
                "host": "127.0.0.2",
                "port": "8080",
                "resource": "live",
                "heartbeat_interval": "1.5",
                "backlog": "7",
                "access_log": "yes",
                "_quiet": True,
                "sio.max_inbox": "9",
            },
        )
        assert server.address == ("127.0.0.2", 8080)
        assert server.backlog == 7
        assert server.writes_access_log
        assert server.log._logger is logging.getLogger("pyramid_sio.access")
        settings = server.site.endpoint.engine.settings
        assert (settings.ping_interval, settings.max_inbox) == (1.5, 9)

    def test_for_paste(self, monkeypatch: pytest.MonkeyPatch) -> None:
        served: list[SocketIOServer] = []
        monkeypatch.setattr(SocketIOServer, "serve_until_stopped", lambda self: served.append(self))
        assert serve_paste(application, {}, port="0") == 0
        assert served[0].application is application


def test_everything_is_found_in_one_module() -> None:
    assert old.SocketIOServer is SocketIOServer
    for name in old.__all__:
        assert getattr(old, name) is not None
