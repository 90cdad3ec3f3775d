from __future__ import annotations

import inspect
from importlib.metadata import entry_points
from typing import Any

import pytest

from pyramid_sio.compat import paster
from pyramid_sio.compat.server import SocketIOServer


@pytest.fixture(autouse=True)
def nothing_to_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paster, "patch", lambda: None)


def test_is_found_by_its_old_name() -> None:
    (found,) = entry_points(group="paste.server_factory", name="paster")
    assert found.value == "pyramid_sio.compat.paster:server_factory"


def test_serves_the_application_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[SocketIOServer] = []
    monkeypatch.setattr(SocketIOServer, "serve_until_stopped", lambda self: served.append(self))
    serve = paster.server_factory({}, port="0", resource="live", **{"sio.max_inbox": "3"})
    assert served == []
    app: Any = object()
    serve(app)
    assert served[0].application is app
    assert served[0].resource == "live"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"threads": "4"}, "unknown threads; known: _quiet, access_log, "),
        ({"port": "http"}, "http"),
        ({"transports": "pigeon"}, "no transport 'pigeon'"),
        ({"heartbeat_interval": "-1"}, "sio.ping_interval = -1.0"),
        ({"sio.nothing": "1"}, "unknown setting 'sio.nothing'"),
    ],
)
def test_wrong_options_end_it_before_the_application_is_made(
    options: dict[str, str], text: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        paster.server_factory({}, **options)
    assert str(caught.value).startswith("[server:main]: ")
    assert text in str(caught.value)


def test_every_option_of_the_server_can_be_said() -> None:
    keywords = inspect.signature(SocketIOServer).parameters.keys()
    taken = keywords - {"listener", "application", "settings", "options", "policy_listener"}
    more = {"policy_listener_host", "policy_listener_port"}
    more |= {"_quiet", "access_log", "backlog", "certfile", "host", "keyfile", "port"}
    assert taken | more == paster.OPTIONS
