"""Namespaces written for gevent-socketio, in views of every framework, with real clients."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.functional.scenarios import Scenarios
from tests.functional.test_gunicorn import Gunicorn
from tests.functional.wire import ask
from tests.support import ROOT, Node, Program, Server, free_port

APP = "tests.functional.compat_app:main"
#: What ``request`` a view of each framework hands on.
REQUESTS = {
    "wsgi": "builtins",
    "pyramid": "pyramid",
    "including": "pyramid",
    "flask": "flask",
    "django": "django",
}
SCENARIOS = (
    "events_and_acks",
    "rooms_and_broadcasts",
    "faults",
    "access",
    "refusals",
    "goodbye",
    "news",
)

each_framework = pytest.mark.parametrize("framework", list(REQUESTS))


@pytest.fixture(scope="session")
def serve_framework(serve_shared: Callable[..., Server]) -> Callable[[str], Server]:
    """One server for each framework, started when it is needed."""
    running: dict[str, Server] = {}

    def get(framework: str) -> Server:
        if framework not in running:
            # Where pyramid_sio is included, its settings are the application's own affair.
            on = {"legacy": "true", "allow_eio3": "true"}
            sio = on if framework == "including" else {}
            running[framework] = serve_shared(APP, settings={"framework": framework}, **sio)
        return running[framework]

    return get


@each_framework
@pytest.mark.parametrize("transport", ["polling", "websocket", "upgrade"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_old_namespaces_serve_clients_of_today(
    serve_framework: Callable[[str], Server],
    scenarios: Scenarios,
    framework: str,
    transport: str,
    scenario: str,
) -> None:
    url = serve_framework(framework).url
    request = REQUESTS[framework]
    scenarios(f"compat.{scenario}", url, transport=transport, request=request)


@each_framework
@pytest.mark.parametrize("transport", ["websocket", "xhr-polling"])
def test_old_namespaces_serve_all_generations_in_one_room(
    serve_framework: Callable[[str], Server], node: Node, framework: str, transport: str
) -> None:
    node("old_chat.js", serve_framework(framework).url, transport)


@pytest.mark.parametrize("framework", [name for name in REQUESTS if name != "including"])
def test_cookies_of_the_view_go_out_and_its_text_does_not(
    serve_framework: Callable[[str], Server], framework: str
) -> None:
    answer = ask(serve_framework(framework), query="EIO=4&transport=polling")
    assert answer.text.startswith('0{"sid":')
    assert answer.headers["set-cookie"] == "seen=yes"


@each_framework
def test_what_is_no_request_of_socket_io_is_told_so(
    serve_framework: Callable[[str], Server], framework: str
) -> None:
    answer = ask(serve_framework(framework), query="EIO=4&transport=pigeon")
    assert (answer.status, answer.json["message"]) == (400, "Transport unknown")


@pytest.fixture(scope="module")
def waitress(serve_shared: Callable[..., Server]) -> Server:
    settings = {"framework": "pyramid", "returns_answer": "yes"}
    return serve_shared(APP, server={"use": "egg:waitress", "threads": 8}, settings=settings)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_view_under_another_server_returns_the_answer(
    waitress: Server, scenarios: Scenarios, scenario: str
) -> None:
    scenarios(f"compat.{scenario}", waitress.url, transport="polling", request="pyramid")


class TestServers:
    """The servers of old, by their names."""

    def test_runner_with_its_options(
        self, serve_shared: Callable[..., Server], scenarios: Scenarios
    ) -> None:
        server = serve_shared(
            APP,
            server={
                "use": "egg:pyramid_sio#paster",
                "resource": "live/io",
                "transports": "xhr-polling, jsonp-polling",
                "heartbeat_interval": 7,
                "heartbeat_timeout": 10,
            },
            settings={"framework": "wsgi", "resource": "live/io"},
        )
        opened = ask(server, query="EIO=4&transport=polling", path="/live/io/")
        handshake = json.loads(opened.text[1:])
        assert (handshake["pingInterval"], handshake["pingTimeout"]) == (7000, 3000)
        assert handshake["upgrades"] == []
        assert ask(server, query="EIO=4&transport=polling").text == "not for clients of Socket.IO"
        scenarios(
            "compat.elsewhere", server.url, transport="polling", path="/live/io/", settings={}
        )

    def test_program_with_a_server_of_its_own(self, tmp_path: Path, scenarios: Scenarios) -> None:
        port = free_port()
        program = tmp_path / "server.py"
        program.write_text(
            "from gevent import monkey; monkey.patch_all()\n"
            "from pyramid_sio.compat.gevent_socketio import SocketIOServer\n"
            "from tests.functional.compat_app import main\n"
            "app = main({}, framework='flask')\n"
            f"server = SocketIOServer(('127.0.0.1', {port}), app, resource='socket.io')\n"
            "server.serve_forever()\n"
            "print('sockets left:', dict(server.sockets))\n"
        )
        env = {"PYTHONPATH": str(ROOT)}
        with closing(Program([sys.executable, program], name="SocketIOServer", env=env)) as running:
            running.expect("Serving on")
            for transport in ("polling", "websocket"):
                scenarios("compat.elsewhere", f"http://127.0.0.1:{port}", transport=transport)
            running.stop()
            running.expect("sockets left: {}")

    def test_gunicorns_own_worker(self, node: Node) -> None:
        """As far as it goes: the view has to return the answer there."""
        app = "tests.functional.compat_app:main({}, framework='pyramid', returns_answer='yes')"
        with closing(Gunicorn("gevent", app=app)) as running:
            running.expect("Booting worker")
            for transport in ("xhr-polling", "websocket"):
                node("old_chat.js", running.url, transport)

    @pytest.mark.parametrize("worker", ["GeventSocketIOWorker", "NginxGeventSocketIOWorker"])
    def test_worker_of_gunicorn(self, node: Node, worker: str) -> None:
        app = "tests.functional.compat_app:main({}, framework='django')"
        with closing(Gunicorn(f"pyramid_sio.compat.gunicorn.{worker}", app=app)) as running:
            running.expect("Booting worker")
            node("old_chat.js", running.url, "websocket")
