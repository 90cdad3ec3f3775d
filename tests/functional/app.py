"""The application that clients of every kind connect to; served by ``pserve``.

Each namespace shows one thing. What happens to a client is written down under the key it
gives in ``auth``; ``/journal/{key}`` waits until there is enough of it.
"""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from pathlib import Path
from threading import Condition, Event
from typing import Any

import gevent
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from pyramid_sio import AckTimeout, ConnectRefused, DisconnectReason, Namespace, on, sio_namespace
from pyramid_sio.sockets.broadcast import Words
from pyramid_sio.workers.member import current
from tests.support import PATIENCE as PATIENCE_OF_TESTS

logger = logging.getLogger(__name__)

#: How long ``/journal`` and whoever stands at a gate wait at most, in seconds: less than who asks.
PATIENCE = 0.8 * PATIENCE_OF_TESTS


class Journal:
    """Entries in the order in which they happened, by key."""

    def __init__(self) -> None:
        self._entries: dict[str, list[Any]] = defaultdict(list)
        self._news = Condition()

    def add(self, key: str, *entry: Any) -> None:
        with self._news:
            self._entries[key].append(entry)
            self._news.notify_all()

    def wait(self, key: str, count: int) -> list[Any]:
        """The entries of ``key``, once there are ``count`` of them or time is up."""
        with self._news:
            self._news.wait_for(lambda: len(self._entries[key]) >= count, PATIENCE)
            return list(self._entries[key])


class SharedJournal:
    """The same for several workers: each adds to one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, key: str, *entry: Any) -> None:
        with self._path.open("a") as file:
            # In one piece, or lines of several would mix.
            file.write(json.dumps([key, *entry]) + "\n")

    def wait(self, key: str, count: int) -> list[Any]:
        """See :class:`Journal`."""
        deadline = time.monotonic() + PATIENCE
        while len(found := self._find(key)) < count and time.monotonic() < deadline:
            gevent.sleep(0.01)
        return found

    def _find(self, key: str) -> list[Any]:
        if not self._path.exists():
            return []
        entries = map(json.loads, self._path.read_text().splitlines())
        return [entry for name, *entry in entries if name == key]


def new_journal() -> Journal | SharedJournal:
    member = current()
    return Journal() if member is None else SharedJournal(member.directory / "journal")


journal = new_journal()
gates: dict[str, Event] = defaultdict(Event)


def select(start: Words, words: dict[str, Any]) -> Any:
    """A chain: ``{"to": ["a"], "volatile": true}`` is ``start.to("a").volatile``."""
    chain: Any = start
    for word, value in words.items():
        member = getattr(chain, word)
        if not callable(member):
            chain = member
        else:
            chain = member(*value) if isinstance(value, list) else member(value)
    return chain


def outline(value: Any) -> Any:
    """``value`` with the name of its type in place of each plain value."""
    if isinstance(value, list | tuple):
        return [outline(item) for item in value]
    if isinstance(value, dict):
        return {key: outline(item) for key, item in value.items()}
    return type(value).__name__


class Noted(Namespace):
    """A namespace whose clients leave traces in the journal."""

    def note(self, *entry: Any) -> None:
        key = (self.auth or {}).get("key")
        if isinstance(key, str):
            journal.add(key, *entry)

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        self.note("connect", self.nsp.name)

    def on_disconnect(self, reason: DisconnectReason) -> None:
        logger.info("a client left %s: %s", self.nsp.name, reason)
        self.note("disconnect", self.nsp.name, reason)

    def on_error(self, event: str | int, exc: Exception) -> None:
        self.note("error", event, str(exc))

    def on_echo(self, *args: Any) -> tuple[Any, ...]:
        return args


@sio_namespace("/")
class Main(Noted):
    """Events, acknowledgements, rooms."""

    def on_nothing(self) -> None: ...

    def on_one(self, value: Any) -> Any:
        return value

    def on_reflect(self, event: str, *args: Any) -> None:
        self.emit(event, *args)

    def on_outline(self, *args: Any) -> tuple[Any, ...]:
        return tuple(outline(args))

    def on_about(self) -> dict[str, Any]:
        socket = self.socket
        return {
            "auth": self.auth,
            "query": dict(self.handshake.query),
            "rooms": sorted(self.rooms),
            "sid": self.sid,
            "transport": socket.transport,
            "protocol": socket.protocol,
        }

    def on_secure(self) -> bool:
        return self.handshake.secure

    def on_note(self, *entry: Any) -> None:
        self.note("note", *entry)

    def on_fail(self) -> None:
        raise RuntimeError("failed on purpose")

    def on_ask(self, event: str, args: list[Any], timeout: float) -> dict[str, Any]:
        try:
            return {"answer": self.call(event, *args, timeout=timeout)}
        except AckTimeout as exc:
            return {"error": str(exc)}

    def on_ask_back(self, event: str, *args: Any) -> None:
        self.emit(event, *args, callback=lambda *answer: self.emit("answered", *answer))

    def on_count(self, event: str, number: int) -> None:
        for index in range(number):
            self.emit(event, index)

    def on_flood(self, event: str, number: int, size: int, volatile: bool) -> str:
        chain = self.volatile if volatile else self.chain()
        for index in range(number):
            chain.emit(event, index, b"x" * size)
        return "done"

    def on_tick(self, event: str) -> None:
        self.ticking = True
        self.spawn(self._tick, event)

    def _tick(self, event: str) -> None:
        index = 0
        while self.ticking:
            self.emit(event, index)
            index += 1
            gevent.sleep(0.002)
        self.emit("ticked", index)

    def on_stop(self) -> None:
        self.ticking = False

    def on_nap(self, seconds: float, label: str) -> str:
        self.note("begin", label)
        gevent.sleep(seconds)
        self.note("end", label)
        return label

    def on_spin(self, seconds: float) -> None:
        """Never wait: nothing else runs in this process meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass

    def on_hold(self, gate: str) -> bool:
        """Wait until somebody opens a gate."""
        return gates[gate].wait(PATIENCE)

    @on("hold beside", ordered=False)
    def hold_beside(self, gate: str) -> bool:
        return self.on_hold(gate)

    def on_open(self, gate: str) -> None:
        gates[gate].set()

    def on_stumble(self, seconds: float) -> int:
        """Slow the first time; tells how often it was called."""
        self.attempts = getattr(self, "attempts", 0) + 1
        if self.attempts == 1:
            gevent.sleep(seconds)
        return self.attempts

    def on_work(self, label: str) -> None:
        self.spawn(self._work, label)

    def _work(self, label: str) -> None:
        self.note("work", label)
        try:
            gevent.sleep(3600)
        finally:
            self.note("work ended", label)

    def on_enter(self, *rooms: str) -> list[str]:
        self.join(*rooms)
        return sorted(self.rooms - {self.sid})

    def on_exit(self, *rooms: str) -> list[str]:
        self.leave(*rooms)
        return sorted(self.rooms - {self.sid})

    def on_tell(self, words: dict[str, Any], event: str, *args: Any) -> None:
        select(self, words).emit(event, *args)

    def on_tell_all(self, words: dict[str, Any], event: str, *args: Any) -> None:
        select(self.nsp, words).emit(event, *args)

    def on_ask_all(self, words: dict[str, Any], event: str, *args: Any) -> dict[str, Any]:
        try:
            return {"answers": select(self.nsp, words).call(event, *args)}
        except AckTimeout as exc:
            return {"error": str(exc), "answers": exc.responses}

    def on_quit(self, close: bool = False) -> None:
        self.emit("last words")
        self.disconnect(close)


@sio_namespace("/other")
class Other(Noted):
    """A second namespace on the same connection."""

    def on_quit(self, close: bool = False) -> None:
        self.disconnect(close)


@sio_namespace("/welcome")
class Welcome(Noted):
    """Speaks before the client is in."""

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        self.join("porch")
        self.emit("early", 1, b"\x01\x02")
        gevent.sleep(0.05)
        self.nsp.to("porch").emit("early", 2)
        self.volatile.emit("early", "volatile, and nobody is there yet")
        self.emit("early", 3)


@sio_namespace("/guarded")
class Guarded(Noted):
    """Wants a token."""

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        if not auth or auth.get("token") != "sesame":
            raise ConnectRefused("wrong token", {"code": 42, "hint": ["sesame", None]})
        super().on_connect(auth)


@sio_namespace("/silent")
class Silent(Noted):
    """Refuses without saying more than that."""

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        raise ConnectRefused("not today")


@sio_namespace("/broken")
class Broken(Noted):
    """Cannot even say no."""

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        raise RuntimeError("broken on purpose")


@sio_namespace("/undecided")
class Undecided(Noted):
    """Changes its mind."""

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        super().on_connect(auth)
        self.join("nobody stays")
        self.disconnect()


@sio_namespace("/odd")
class Odd(Noted):
    """Names of events that are no identifiers."""

    @on("with space")
    def with_space(self, value: str) -> str:
        return f"marked {value}"

    @on(7)
    def seven(self, value: str) -> str:
        return f"seven {value}"

    def on_two_words(self, value: str) -> str:
        return f"two words {value}"

    @on("*")
    def anything(self, event: str | int, *args: Any) -> list[Any]:
        return [event, *args]


def read_journal(request: Request) -> list[Any]:
    return journal.wait(request.matchdict["key"], int(request.params.get("count", 1)))


def emit(request: Request) -> dict[str, Any]:
    """Emit from a page: what the body says, to whom it says."""
    said = request.json_body
    select(request.sio.of(said["namespace"]), said["words"]).emit(said["event"], *said["args"])
    return {"connected": len(request.sio.of(said["namespace"]).fetch())}


def slow(request: Request) -> list[str]:
    """A page that takes its time."""
    journal.add(request.params["key"], "begin")
    gevent.sleep(float(request.params["seconds"]))
    return ["done"]


_PAGE = """\
<!doctype html>
<title>a page</title>
<script{attributes}>
{program}
  const query = new URLSearchParams(location.search);
  const names = (query.get("transports") ?? "polling,websocket").split(",");
  window.socket = io({{ transports: names, auth: {{ key: query.get("key") }} }});
</script>
"""


def page(request: Request) -> Response:
    """A page that connects with the bundle it names."""
    bundle = f"/socket.io/{request.matchdict['bundle']}"
    if ".esm." in bundle:
        text = _PAGE.format(
            attributes=" type=module", program=f'  import {{ io }} from "{bundle}";'
        )
    else:
        text = f'<script src="{bundle}"></script>\n' + _PAGE.format(attributes="", program="")
    return Response(text)


def main(global_config: object, **settings: Any) -> Any:
    """For ``[app:main]``."""
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        config.scan(__name__)
        for name, path, view in (
            ("journal", "/journal/{key}", read_journal),
            ("emit", "/emit", emit),
            ("slow", "/slow", slow),
        ):
            config.add_route(name, path)
            config.add_view(view, route_name=name, renderer="json")
        config.add_route("page", "/page/{bundle}")
        config.add_view(page, route_name="page")
        return config.make_wsgi_app()
