"""When a loop is started beside an HTTP server's threads; what it does is in ``functional``."""

from __future__ import annotations

import atexit
import gc
import json
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pyramid.threadlocal import get_current_request

from pyramid_sio.errors import DisconnectReason
from pyramid_sio.sockets.namespace import Namespace
from tests.plugin.conftest import Client, NewSite, Site
from tests.support import wait_until


class Chat(Namespace):
    left: list[DisconnectReason] = []  # noqa: RUF012 - of the class, so that tests see it

    def on_connect(self, auth: Any) -> None:
        self.user = "ann"

    def on_where(self) -> list[Any]:
        here = threading.current_thread().name != "pyramid_sio"
        return [here, get_current_request() is self.request, self.connected, self.user]

    def on_fail(self) -> None:
        raise RuntimeError("failed on purpose")

    def on_disconnect(self, reason: DisconnectReason) -> None:
        self.left.append(reason)


class Waitress:
    """What leads from an environ of waitress to its threads."""

    def __init__(self, threads: int) -> None:
        self.task_dispatcher = SimpleNamespace(threads=set(range(threads)), stop_count=0)
        self.server = self

    def client_disconnected(self) -> bool:
        return False


@pytest.fixture
def new_threaded(new_site: NewSite) -> Iterator[Callable[..., Site]]:
    """Sites whose requests come as a server with threads makes them."""
    made = []

    def make(waitress: Waitress | None = None, **sio: Any) -> Site:
        site = new_site(namespace=Chat, **sio)
        environ: dict[str, Any] = {"wsgi.multithread": True}
        if waitress is not None:
            environ["waitress.client_disconnected"] = waitress.client_disconnected
        site.web.extra_environ = environ
        made.append(site)
        return site

    Chat.left.clear()
    yield make
    for site in made:
        site.endpoint.sio.close(1)


def loop_thread(site: Site) -> str:
    return str(site.endpoint.engine.perform(lambda: threading.current_thread().name))


def answer(client: Client, packet: str) -> Any:
    assert client.post(packet).text == "ok"
    (acknowledgement,) = client.poll()
    return json.loads(acknowledgement[3:])


def test_no_loop_before_the_first_request(new_threaded: Callable[..., Site]) -> None:
    site = new_threaded()
    site.endpoint.sio.of("/").emit("news")
    assert not site.endpoint.engine.has_thread


def test_no_loop_of_its_own_for_one_thread(site: Site) -> None:
    site.open()
    assert loop_thread(site) == threading.current_thread().name
    assert site.endpoint.engine.seats is None


def test_a_loop_beside_threads(new_threaded: Callable[..., Site]) -> None:
    site = new_threaded()
    client = site.open()
    assert loop_thread(site) == "pyramid_sio"
    assert client.handshake["upgrades"] == []
    assert client.join()[:2] == "40"
    assert answer(client, '420["where"]') == [[True, True, True, "ann"]]


def test_started_once(new_threaded: Callable[..., Site]) -> None:
    site = new_threaded()
    site.open()
    before = threading.active_count()
    # What a second thread does that came at the same time.
    site.endpoint._threads.find_out({"wsgi.multithread": True})
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("threads", "settings", "seats"),
    [
        (None, {}, 2),
        (1, {}, 1),
        (4, {}, 2),
        (9, {}, 4),
        (4, {"waiting_polls": "3"}, 3),
        (None, {"waiting_polls": "7"}, 7),
    ],
)
def test_seats(
    new_threaded: Callable[..., Site], threads: int | None, settings: dict[str, str], seats: int
) -> None:
    site = new_threaded(None if threads is None else Waitress(threads), **settings)
    site.open()
    assert site.endpoint.engine.seats is not None
    assert site.endpoint.engine.seats.limit() == seats


def test_a_server_that_looks_like_waitress_but_is_not(new_threaded: Callable[..., Site]) -> None:
    waitress = Waitress(8)
    del waitress.task_dispatcher.stop_count
    site = new_threaded(waitress)
    site.open()
    assert site.endpoint.engine.seats is not None
    assert site.endpoint.engine.seats.limit() == 2


def test_everybody_leaves_before_waitress_ends(new_threaded: Callable[..., Site]) -> None:
    waitress = Waitress(4)
    site = new_threaded(waitress)
    client = site.open()
    client.join()
    waitress.task_dispatcher.stop_count = 4
    # A poll that waits is answered by it.
    assert client.poll() == ["1"]
    wait_until(lambda: Chat.left == [DisconnectReason.SERVER_SHUTTING_DOWN])
    assert site.get().status_int == 400


def test_failing_handlers_are_logged(
    new_threaded: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    client = new_threaded().open()
    client.join()
    client.post('42["fail"]')
    assert answer(client, '420["where"]')[0][0] is True
    assert "failed on purpose" in caplog.text


def test_close_ends_the_thread(new_threaded: Callable[..., Site]) -> None:
    site = new_threaded()
    client = site.open()
    client.join()
    site.endpoint.sio.close(1)
    assert Chat.left == [DisconnectReason.SERVER_SHUTTING_DOWN]
    assert "pyramid_sio" not in {thread.name for thread in threading.enumerate()}
    # Nobody waits for the loop that has ended.
    assert site.get(client.sid).status_int == 400
    site.endpoint.sio.of("/").emit("news")
    site.endpoint.sio.close(1)


def test_everybody_leaves_before_the_process_ends(
    new_threaded: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_exit: list[Callable[[], None]] = []
    monkeypatch.setattr(atexit, "register", at_exit.append)
    site = new_threaded()
    site.open().join()
    at_exit[0]()
    assert Chat.left == [DisconnectReason.SERVER_SHUTTING_DOWN]


def test_an_application_that_is_gone_needs_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyramid_sio.plugin.threads import _close_at_exit

    class Server:
        def close(self, patience: float) -> None:
            raise AssertionError("nobody has kept it")

    at_exit: list[Callable[[], None]] = []
    monkeypatch.setattr(atexit, "register", at_exit.append)
    _close_at_exit(Server())  # type: ignore[arg-type]
    gc.collect()
    at_exit[0]()
