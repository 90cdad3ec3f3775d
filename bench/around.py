"""What is around a handler costs: permissions, rooms, transactions; in microseconds an event.

    python bench/around.py [WORD ...]     only those whose title has one of the words

Events go from a test client to handlers in this process and back, without a network, so that the
first line is what all this costs by itself, and the differences to it are what matters. It needs
pyramid-sio[testing], pyramid_tm and pyramid_retry. The least of many short runs, so that what else
the machine does counts little.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from pyramid.authorization import Allow, Everyone
from pyramid.config import Configurator
from pyramid_sio import Namespace, on
from pyramid_sio.testing import SioTestApp, TestClient

REPEATS = 40
#: Events in one repeat.
EVENTS = 100

PLAIN: dict[str, str] = {}
EXPLICIT = {"pyramid.includes": "pyramid_tm", "tm.manager_hook": "pyramid_tm.explicit_manager"}
RETRIED = {**EXPLICIT, "pyramid.includes": "pyramid_tm pyramid_retry"}
#: Title, settings, and event.
CASES: tuple[tuple[str, dict[str, str], str], ...] = (
    ("handler", PLAIN, "nothing"),
    ("handler that looks at self.request", PLAIN, "request"),
    ("handler that emits", PLAIN, "emit"),
    ("handler that joins a room and leaves it", PLAIN, "rooms"),
    ("the same with 100 clients in the room", PLAIN, "crowd"),
    ("handler with a permission", PLAIN, "permitted"),
    ("pyramid_tm: handler", EXPLICIT, "nothing"),
    ("pyramid_tm: handler that emits", EXPLICIT, "emit"),
    ("pyramid_tm: handler that joins and leaves", EXPLICIT, "rooms"),
    ("pyramid_tm: handler with a permission", EXPLICIT, "permitted"),
    ("pyramid_tm: transaction=False", EXPLICIT, "free"),
    ("pyramid_tm and pyramid_retry: handler", RETRIED, "nothing"),
    ("pyramid_tm and pyramid_retry: emits", RETRIED, "emit"),
)


class Policy:
    """Everybody may do everything."""

    def identity(self, request: Any) -> None:
        return None

    def authenticated_userid(self, request: Any) -> None:
        return None

    def permits(self, request: Any, context: Any, permission: str) -> bool:
        return True


class Root:
    """What permissions are about."""

    __acl__ = ((Allow, Everyone, "do"),)

    def __init__(self, request: Any) -> None: ...


class Desk(Namespace):
    """Handlers that do one thing each."""

    def on_nothing(self) -> None: ...

    def on_request(self) -> None:
        assert self.request.registry

    def on_emit(self) -> None:
        self.emit("answer", 1)

    def on_rooms(self) -> None:
        self.join("room")
        self.leave("room")

    def on_crowd(self) -> None:
        self.join("crowd")
        self.leave("crowd")

    def on_come(self) -> None:
        self.join("crowd")

    @on("permitted", permission="do")
    def permitted(self) -> None: ...

    @on("free", transaction=False)
    def free(self) -> None: ...


def make_app(settings: dict[str, str]) -> Any:
    with Configurator(settings=settings, root_factory=Root) as config:
        config.include("pyramid_sio")
        config.set_security_policy(Policy())
        config.add_sio_namespace("/", Desk)
        return config.make_wsgi_app()


def microseconds(app: SioTestApp, client: TestClient, event: str) -> float:
    """What one event costs when nothing disturbs it."""
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        for _ in range(EVENTS):
            client.emit(event)
        app.settle()
        times.append((time.perf_counter() - begin) / EVENTS * 1e6)
        client.received.clear()
    return min(times)


def main(words: list[str]) -> None:
    """Print a line for each case."""
    base = 0.0
    for title, settings, event in CASES:
        if words and not any(word in title for word in words):
            continue
        with SioTestApp(make_app(settings)) as app:
            for _ in range(100 if event == "crowd" else 0):
                app.connect("/").call("come")
            cost = microseconds(app, app.connect("/"), event)
        base = base or cost
        print(f"{title:44} {cost:7.1f} us  {cost - base:+7.1f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
