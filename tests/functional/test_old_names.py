"""A site whose code imports ``socketio``, in an environment in which that name is free."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.functional.legacy_wire import Polling, WebSocket
from tests.functional.wire import ask
from tests.support import ROOT, Program, free_port

SITE = ROOT / "tests" / "functional" / "old_site"


def without_python_socketio(folder: Path) -> str:
    """A ``PYTHONPATH`` to all that is installed here but python-socketio; for ``python -S``.

    :param folder: an empty one
    """
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("socketio", "python_socketio")):
            (folder / entry.name).symlink_to(entry)
    return f"{ROOT}:{folder}"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {"PYTHONPATH": without_python_socketio(tmp_path_factory.mktemp("site"))}


class OldServer(Program):
    """What speaks to a :class:`tests.support.Server` speaks to it as well."""

    def __init__(self, *command: object, environment: dict[str, str]) -> None:
        self.host, self.port = "127.0.0.1", free_port()
        self.url = f"http://{self.host}:{self.port}"
        words = [str(word).format(port=self.port) for word in command]
        # Without the folder that python-socketio is in.
        super().__init__([sys.executable, "-S", *words], name="old site", env=environment)


COMMANDS: dict[str, tuple[tuple[object, ...], str]] = {
    "server of old": ((SITE / "wsgi.py", "{port}"), "Serving on"),
    "worker of old": (
        (
            *("-m", "gunicorn", "-c", SITE / "gunicorn_conf.py", "--bind", "127.0.0.1:{port}"),
            *("-k", "socketio.sgunicorn.GeventSocketIOWorker"),
            "tests.functional.old_site.wsgi:application",
        ),
        "Booting worker",
    ),
}


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest, environment: dict[str, str]) -> Iterator[Any]:
    command, sign = COMMANDS[request.param]
    with closing(OldServer(*command, environment=environment)) as running:
        running.expect(sign)
        yield running


def test_old_imports_serve_old_clients(server: Any) -> None:
    with ExitStack() as clients:
        kinds: tuple[Callable[[Any], Any], ...] = (Polling, WebSocket)
        one, two = (clients.enter_context(closing(kind(server))) for kind in kinds)
        for client in (one, two):
            assert client.receive() == "1::"
            client.send("1::/lounge")
            assert client.receive() == "1::/lounge"
            client.send('5:1+:/lounge:{"name":"join","args":["sofa"]}')
            assert client.receive() == '6::/lounge:1+["WSGIRequest"]'
        one.send('5::/lounge:{"name":"say","args":["sofa","é😀"]}')
        assert two.receive() == '5::/lounge:{"name":"said","args":["é😀"]}'
        two.send('5::/lounge:{"name":"shout","args":[1]}')
        for client in (one, two):
            assert client.receive() == '5::/lounge:{"name":"shouted","args":[1]}'


def test_the_rest_of_the_site_is_there(server: Any) -> None:
    assert ask(server, path="/").text == "a page"
