"""An application that says which thread it runs in, for HTTP servers with threads.

Nothing here imports gevent, and nothing patches: what waits, waits as Python does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.threadlocal import get_current_request

from pyramid_sio import AckTimeout, Namespace, SessionClosed, get_sio, sio_namespace
from tests.functional.app import PATIENCE

logger = logging.getLogger(__name__)
#: So many clients block a thread until all of them do.
AT_A_MEETING = 5
meeting = threading.Barrier(AT_A_MEETING)


def patched() -> bool:
    """Has anybody replaced the standard library's threads?"""
    return "gevent" in type(threading.Lock()).__module__ or "gevent" in time.sleep.__module__


@sio_namespace("/")
class Main(Namespace):
    def on_connect(self, auth: Any) -> None:
        self.name = (auth or {}).get("name", "nobody")
        self.join("everybody")
        self.emit("connected", threading.current_thread().name, patched())

    def on_disconnect(self, reason: str) -> None:
        logger.info("%s left: %s", self.name, reason)

    def on_where(self) -> dict[str, Any]:
        return {
            "thread": threading.get_ident(),
            "request": get_current_request() is self.request,
            "agent": self.request.headers.get("User-Agent"),
            "rooms": sorted(self.rooms),
            "patched": patched(),
        }

    def on_meet(self) -> list[bool]:
        """Block the thread until all have come; before and after, this client's request counts."""
        before = get_current_request() is self.request
        meeting.wait(PATIENCE)
        return [before, get_current_request() is self.request]

    def on_verbs(self) -> dict[str, Any]:
        """Every verb, one after the other, from a thread."""
        self.join("a", "b")
        self.leave("b")
        self.nsp.to("a").join("c")
        here = [socket.sid == self.sid for socket in self.nsp.to("c").fetch()]
        self.user = self.name
        seen = self.nsp.presence("a")
        answer = self.call("question", 1)
        answers = self.nsp.to("a").call("question", 2)
        got = threading.Event()
        self.nsp.to("a").emit("question", 3, callback=lambda error, values: got.set())
        try:
            self.call("silence", timeout=0.1)
            late = False
        except AckTimeout:
            late = True
        return {
            "rooms": sorted(self.rooms - {self.sid}),
            "here": here,
            "seen": seen,
            "answers": [answer, answers],
            "called back": got.wait(PATIENCE),
            "late": late,
        }

    def on_work(self) -> str:
        """Something beside, that looks whether the client is still there."""
        self.spawn(self._work)
        return "working"

    def _work(self) -> None:
        while self.connected:
            time.sleep(0.01)
        try:
            self.call("anybody?")
        except SessionClosed:
            logger.info("the work of %s has ended", self.name)

    def on_leave_me(self) -> None:
        self.disconnect()


@sio_namespace("/doc/{id}")
class Document(Namespace):
    def on_connect(self, auth: Any) -> None:
        self.emit("opened", self.matchdict["id"])


def page(request: Request) -> dict[str, Any]:
    return {"thread": threading.get_ident(), "loop": in_loop_thread(request)}


def in_loop_thread(request: Request) -> str:
    found = request.sio.perform(lambda: threading.current_thread().name)
    return str(found)


def emit(request: Request) -> dict[str, Any]:
    """Emit from a thread that is neither the server's nor the loop's."""
    sio = get_sio(request.registry)
    path = request.params.get("path", "/")

    def run() -> None:
        sio.of(path).emit("news", threading.current_thread().name)

    thread = threading.Thread(target=run, name="anybody's")
    thread.start()
    thread.join()
    return {"heard": len(sio.of(path).fetch())}


def main(global_config: object, **settings: Any) -> Callable[..., Any]:
    """For ``[app:main]``."""
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        config.scan(__name__)
        for name, view in (("page", page), ("emit", emit)):
            config.add_route(name, f"/{name}")
            config.add_view(view, route_name=name, renderer="json")
        return config.make_wsgi_app()  # type: ignore[no-any-return]
