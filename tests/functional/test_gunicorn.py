"""The same application under the real gunicorn: its own gevent worker, and ours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from signal import SIGHUP, SIGTERM
from ssl import SSLContext
from typing import Any

import pytest
import websockets.sync.client

from tests.functional.certificate import Certificate
from tests.functional.scenarios import Scenarios
from tests.functional.wire import Polling, SessionEnded, WebSocket, ask, enter
from tests.support import PATIENCE, Program, free_port, wait_until

OURS = "pyramid_sio.gunicorn.Worker"
THEIRS = "gevent"
APP = "tests.functional.app:main(None)"


class Gunicorn(Program):
    """A gunicorn, with one worker. What speaks to a :class:`Server` speaks to it as well."""

    def __init__(self, worker: str, *options: str, app: str = APP) -> None:
        self.host, self.port = "127.0.0.1", free_port()
        self.url = f"http://{self.host}:{self.port}"
        command = [Path(sys.executable).with_name("gunicorn"), "--worker-class", worker]
        if not any(option.startswith("--bind") for option in options):
            command.append(f"--bind={self.host}:{self.port}")
        super().__init__([*command, *options, app], name=f"gunicorn -k {worker}")


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Any]]:
    with ExitStack() as running:

        def start(worker: str, *options: str, **more: Any) -> Any:
            program: Any = Gunicorn(worker, *options, **more)
            running.enter_context(closing(program))
            program.expect("Booting worker")
            return program

        yield start


@pytest.fixture(scope="module")
def ours(start: Callable[..., Any]) -> Any:
    return start(OURS)


@pytest.fixture(scope="module")
def theirs(start: Callable[..., Any]) -> Any:
    return start(THEIRS)


@pytest.fixture(params=[OURS, THEIRS])
def gunicorn(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("ours" if request.param == OURS else "theirs")


@pytest.mark.parametrize("transport", ["polling", "websocket", "upgrade"])
@pytest.mark.parametrize(
    "scenario",
    [
        "acks.both_at_once",
        "binary.mixed_with_text",
        "connect.several_namespaces",
        "events.large",
        "events.thousand_in_order",
        "events.one_client_does_not_hold_up_another",
        "leaving.connection_lost",
        "rooms.who_hears_what",
    ],
)
def test_official_client(
    scenarios: Scenarios, gunicorn: Any, scenario: str, transport: str
) -> None:
    scenarios(scenario, gunicorn.url, transport=transport)


def test_several_connections_and_pages_at_once(gunicorn: Any) -> None:
    sessions = [kind(gunicorn) for kind in (WebSocket, Polling) * 5]
    for session in sessions:
        enter(session)
    assert ask(gunicorn, path="/page/socket.io.js").status == 200
    for number, session in enumerate(sessions):
        session.send(f'421["echo",{number}]')
    for number, session in enumerate(sessions):
        assert session.receive() == f"431[{number}]"
        session.close()
    assert "Traceback" not in gunicorn.output


def test_a_poll_whose_client_is_gone_ends_its_session(gunicorn: Any) -> None:
    session = Polling(gunicorn)
    session.park().abandon()
    wait_until(session.is_over, what="the session to end")


def test_sigterm_lets_handlers_end_and_says_good_bye(start: Callable[..., Any]) -> None:
    server = start(OURS)
    busy, poller = WebSocket(server), Polling(server)
    busy.send('40{"key":"busy"}')
    busy.receive()
    enter(poller)
    poll = poller.park()
    busy.send('421["nap",0.7,"long"]', '422["nap",0,"next"]')
    # Its handler has begun: what is sent behind SIGTERM may come too late.
    entries = ask(server, path="/journal/busy", query="count=2").json
    assert entries[1] == ["begin", "long"]
    server.signal(SIGTERM)
    assert busy.receive() == '431["long"]'
    assert wait_until(lambda: ended(busy))
    assert poll.answer().text == "1"
    assert server.wait() == 0
    assert "Traceback" not in server.output


def ended(session: WebSocket) -> bool:
    try:
        session.receive()
    except SessionEnded:
        return True
    return False


def test_graceful_reload(start: Callable[..., Any]) -> None:
    """SIGHUP: a new worker, to which clients of the old one connect again; nobody is refused."""
    server = start(OURS)
    before = WebSocket(server)
    enter(before)

    server.signal(SIGHUP)

    server.expect("Booting worker")
    assert ended(before)
    before.close()
    after = WebSocket(server)
    enter(after)
    after.send('421["echo",1]')
    assert after.receive() == "431[1]"
    after.close()
    assert server.stop() == 0


def test_unix_socket_is_left_to_gunicorn(start: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "s"
    server = start(OURS, f"--bind=unix:{path}")
    uri = "ws://localhost/socket.io/?EIO=4&transport=websocket"
    # A worker that has only been forked does not hear the arbiter yet.
    with websockets.sync.client.unix_connect(str(path), uri) as client:
        assert str(client.recv(PATIENCE))[0] == "0"
        server.signal(SIGHUP)
        wait_until(lambda: "Worker exiting" in server.output, what="the old worker to end")
    with websockets.sync.client.unix_connect(str(path), uri) as client:
        assert str(client.recv(PATIENCE))[0] == "0"
    assert server.stop() == 0
    assert not path.exists()


def test_tls_and_two_addresses(start: Callable[..., Any], certificate: Certificate) -> None:
    ports = free_port(), free_port()
    binds = [f"--bind=127.0.0.1:{port}" for port in ports]
    files = [f"--certfile={certificate.certfile}", f"--keyfile={certificate.keyfile}"]
    server = start(OURS, *binds, *files)
    context: SSLContext = certificate.context()
    for port in ports:
        uri = f"wss://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
        with websockets.sync.client.connect(uri, ssl=context, proxy=None) as client:
            assert str(client.recv(PATIENCE))[0] == "0"
    assert server.stop() == 0


def test_access_log_of_gunicorn(start: Callable[..., Any]) -> None:
    server = start(OURS, "--access-logfile=-")
    ask(server, path="/page/socket.io.js")
    server.expect('"GET /page/socket.io.js HTTP/1.1" 200')


def test_an_application_loaded_before_the_worker_is_refused() -> None:
    server = Gunicorn(OURS, "--preload")
    with closing(server):
        server.expect("too late to patch the standard library for gevent")
