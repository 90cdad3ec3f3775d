"""A Python client of Socket.IO 0.9, which differs from the JavaScript one in many small ways.

It starts heartbeats by itself, gives polls up after seconds, and undoes escapes in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.functional.test_legacy_javascript import LEGACY_APP
from tests.support import Program, Server, free_port
from tests.venvs import python_with

TRANSPORTS = ("websocket", "xhr-polling", "jsonp-polling")
#: The client, and what it needs, as of the time of writing.
PACKAGES = (
    "socketIO-client==0.5.5",
    "certifi==2025.8.3",
    "charset-normalizer==3.4.3",
    "idna==3.10",
    "requests==2.32.5",
    "six==1.17.0",
    "urllib3==2.5.0",
    "websocket-client==1.8.0",
)
CLIENT = Path(__file__).with_name("legacy_client.py")

Connect = Callable[[Server, str], Program]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Starts a client, which ends with the test."""
    with ExitStack() as clients:

        def start(server: Server, transport: str) -> Program:
            command = [python_with(*PACKAGES), "-W", "ignore", CLIENT, str(server.port), transport]
            client = Program(command, name=f"socketIO-client over {transport}")
            clients.enter_context(closing(client))
            return client

        yield start


def expect_everything(client: Program) -> None:
    """All that a client that has just connected hears, in whatever order."""
    wanted = {
        "'connect' ''",
        "'ack' {'a': [1, 'é\\u2028☃'], 'b': 'a:b\\n+'} 2",
        "'seen' 'seen'",
        "'message' 'hello'",
        "'connect' '/chat'",
        "'welcome' None",
        "'answered' {'two': 2} 'one'",
    }
    while wanted:
        wanted.discard(client.expect("'"))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_everything_once(connect: Connect, legacy_server: Server, transport: str) -> None:
    expect_everything(connect(legacy_server, transport))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_comes_back_after_a_restart(connect: Connect, serve: Serve, transport: str) -> None:
    port = free_port()
    server = serve(LEGACY_APP, server={"port": port}, legacy="true")
    client = connect(server, transport)
    expect_everything(client)
    server.stop()
    serve(LEGACY_APP, server={"port": port}, legacy="true")
    if transport != "websocket":
        client.expect("'error' '1' '0'")
    expect_everything(client)
