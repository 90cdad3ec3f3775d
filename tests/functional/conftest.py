"""Servers and a Node.js that many tests share: starting one takes longer than most tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.conftest import start_servers
from tests.functional.certificate import Certificate
from tests.functional.scenarios import Scenarios
from tests.functional.wire import KINDS, Polling, Session, WebSocket
from tests.support import Node, Server, ending_together

APP = "tests.functional.app:main"


@pytest.fixture(scope="session")
def serve_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts servers that last as long as the session."""
    with ending_together() as running:
        start = start_servers(running, lambda: tmp_path_factory.mktemp("shared"))
        yield lambda app=APP, **options: start(app, **options)


@pytest.fixture(scope="session")
def server(serve_shared: Callable[..., Server]) -> Server:
    """The test application with the usual patience."""
    return serve_shared()


@pytest.fixture(scope="session")
def lively_server(serve_shared: Callable[..., Server]) -> Server:
    """One whose heartbeat is quick: a ping every 0.3 s, and 2 s to answer it."""
    return serve_shared(ping_interval=0.3, ping_timeout=2)


@pytest.fixture(scope="session")
def hasty_server(serve_shared: Callable[..., Server]) -> Server:
    """One that waits for nobody: 1.5 s to enter a namespace, 1 s to upgrade."""
    return serve_shared(connect_timeout=1.5, upgrade_timeout=1)


@pytest.fixture(scope="session")
def legacy_server(serve_shared: Callable[..., Server]) -> Server:
    """One that clients of Socket.IO 0.9 are served by, over all their transports."""
    names = "websocket flashsocket htmlfile xhr-multipart xhr-polling jsonp-polling"
    return serve_shared("tests.functional.legacy_app:main", legacy="true", legacy_transports=names)


@pytest.fixture(scope="session")
def scenarios() -> Iterator[Scenarios]:
    """Scenarios of the official client, in one Node.js for all of them."""
    with closing(Node()) as node:
        yield Scenarios(node.start("scenarios.js"))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def tls_server(serve_shared: Callable[..., Server], certificate: Certificate) -> Server:
    files = {"certfile": certificate.certfile, "keyfile": certificate.keyfile}
    return serve_shared(server=files)


@pytest.fixture(params=KINDS)
def session(request: pytest.FixtureRequest, server: Server) -> Iterator[Session]:
    opened: Session = KINDS[request.param](server)
    yield opened
    opened.close()


@pytest.fixture
def polling(server: Server) -> Polling:
    return Polling(server)


@pytest.fixture
def websocket(server: Server) -> Iterator[WebSocket]:
    opened = WebSocket(server)
    yield opened
    opened.close()
