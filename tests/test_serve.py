"""The server's entry point, as far as that needs no server; see also tests/functional."""

from __future__ import annotations

import sys
import threading
import types
from typing import Any

import pytest
from gevent import monkey
from gevent.local import local

from pyramid_sio.http.server import HttpServer
from pyramid_sio.serve import (
    OPTIONS,
    TOO_EARLY,
    make_server,
    patch,
    server_factory,
    tls_files,
    too_late_message,
)


def application(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return []


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nothing of this process is patched; what would have been is written down."""
    calls: list[str] = []
    monkeypatch.setattr(monkey, "patch_all", lambda: calls.append("all"))
    monkeypatch.setattr(threading, "enumerate", list)
    monkeypatch.delitem(sys.modules, TOO_EARLY, raising=False)
    return calls


def load_pyramid(monkeypatch: pytest.MonkeyPatch, *, stack: type = object) -> None:
    """As if Pyramid had been imported, its stack derived from ``stack``."""
    module = types.ModuleType(TOO_EARLY)
    module.ThreadLocalManager = type("ThreadLocalManager", (stack,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, TOO_EARLY, module)


class TestPatch:
    def test_in_time(self, patched: list[str]) -> None:
        patch()
        assert patched == ["all"]

    def test_threads_that_run_already_end_without_a_word(
        self, patched: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Patched, the standard library looks for them by another identity than theirs."""
        other = types.SimpleNamespace(_delete=lambda: pytest.fail("not found any more"))
        monkeypatch.setattr(threading, "enumerate", lambda: [threading.main_thread(), other])
        patch()
        other._delete()
        assert "_delete" not in vars(threading.main_thread())

    def test_once_is_enough(self, patched: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(monkey, "is_module_patched", lambda name: True)
        patch()
        load_pyramid(monkeypatch, stack=local)
        patch()
        assert patched == []

    def test_too_late(self, patched: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        load_pyramid(monkeypatch)
        with pytest.raises(SystemExit, match="too late to patch"):
            patch()
        assert patched == []

    def test_patched_but_not_before_pyramid_was_imported(
        self, patched: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(monkey, "is_module_patched", lambda name: True)
        load_pyramid(monkeypatch)
        with pytest.raises(SystemExit, match="requests of different users"):
            patch()


class TestTooLate:
    @pytest.fixture
    def only(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        """The modules that are loaded; empty to begin with."""
        modules: dict[str, Any] = {}
        monkeypatch.setattr("pyramid_sio.serve.sys", types.SimpleNamespace(modules=modules))
        return modules

    def importer(self, name: str, *, of: str) -> types.ModuleType:
        """A module that has something of another one in it."""
        module = types.ModuleType(name)
        module.thing = type("thing", (), {"__module__": of})  # type: ignore[attr-defined]
        return module

    def test_names_who_imported_pyramid(self, only: dict[str, Any]) -> None:
        only["myapp.views"] = self.importer("myapp.views", of="pyramid.view")
        only["innocent"] = self.importer("innocent", of="json")
        only["a_plugin"] = self.importer("a_plugin", of="pyramid.threadlocal")
        message = too_late_message()
        assert "for gevent: a_plugin, myapp.views has imported pyramid.threadlocal" in message
        assert "innocent" not in message
        assert "use = egg:pyramid_sio" in message
        assert "monkey.patch_all()" in message

    def test_pyramid_itself_is_no_culprit(self, only: dict[str, Any]) -> None:
        for name in ("pyramid.view", "pyramid_sio.plugin.views", "__main__", "__mp_main__"):
            only[name] = self.importer(name, of="pyramid.request")
        assert "for gevent: this program has imported" in too_late_message()

    def test_not_too_many_names(self, only: dict[str, Any]) -> None:
        for number in range(20):
            only[f"m{number:02}"] = self.importer("m", of="pyramid.view")
        assert "m00, m01, m02, m03, m04 has" in too_late_message()

    def test_modules_that_are_none(self, only: dict[str, Any]) -> None:
        only["xml.blocked"] = None
        assert "this program has imported" in too_late_message()


class TestOptions:
    @pytest.fixture(autouse=True)
    def nothing_to_patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pyramid_sio.serve.patch", lambda: None)

    def test_unknown_ones_are_named_with_those_there_are(self) -> None:
        with pytest.raises(SystemExit) as caught:
            server_factory({}, threads="4", host="localhost", processes="1")
        message = str(caught.value)
        assert message.startswith("[server:main]: unknown processes, threads; known: access_log, ")
        assert all(option in message for option in OPTIONS)

    def test_a_key_without_a_certificate(self) -> None:
        with pytest.raises(SystemExit, match=r"\[server:main\]: keyfile without certfile"):
            server_factory({}, keyfile="key.pem")

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("port", "http"),
            ("port", ""),
            ("backlog", "1.5"),
            ("shutdown_timeout", "soon"),
            ("idle_timeout", "1 minute"),
            ("unix_socket_perms", "rw"),
            ("unix_socket_perms", "689"),
        ],
    )
    def test_what_is_no_number(self, option: str, value: str) -> None:
        """Said before the application is made: later the exit status would be that of success."""
        with pytest.raises(SystemExit) as caught:
            server_factory({}, **{option: value})
        assert f"[server:main]: {option} = {value}: " in str(caught.value)

    def test_nothing_is_served_yet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        served: list[HttpServer] = []
        monkeypatch.setattr(HttpServer, "serve_until_stopped", lambda self: served.append(self))
        serve = server_factory(None, port="0", shutdown_timeout="3", idle_timeout="7")
        assert served == []
        serve(application)
        (server,) = served
        assert server.application is application
        assert server.shutdown_timeout == 3
        assert server.idle_timeout == 7

    def test_every_option_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The list of names and the function that takes them say the same."""
        options = make_server.__kwdefaults__
        assert options.keys() == OPTIONS
        served: list[Any] = []
        monkeypatch.setattr(HttpServer, "serve_until_stopped", lambda self: served.append(self))
        texts = {name: str(value) for name, value in options.items()}
        server_factory({}, **texts)(application)
        assert len(served) == 1


class TestMakeServer:
    def test_defaults(self) -> None:
        server = make_server(application)
        assert server.address == ("127.0.0.1", 6543)
        assert server.backlog == 2048
        assert not server.ssl_enabled
        assert not server.writes_access_log

    @pytest.mark.parametrize(
        ("text", "writes"),
        [("true", True), ("Yes", True), ("1", True), ("false", False), ("", False)],
    )
    def test_access_log(self, text: str, writes: bool) -> None:
        assert make_server(application, access_log=text).writes_access_log is writes

    def test_tls(self) -> None:
        assert tls_files("", "") == {}
        assert tls_files("both.pem", "") == {"certfile": "both.pem"}
        assert tls_files("c.pem", "k.pem") == {"certfile": "c.pem", "keyfile": "k.pem"}
        server = make_server(application, certfile="c.pem", keyfile="k.pem")
        assert server.ssl_enabled
