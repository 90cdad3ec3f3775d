"""A panel for pyramid_debugtoolbar: who is connected, and what was said in the last minutes.

Upstream: ``debugtoolbar.includes = pyramid_sio.debugtoolbar`` in the ini file of an application
that includes ``pyramid_debugtoolbar``. Downstream: the plugin's own subscribers, derivers and
listeners.

Everything here stands on what any application may use. Without that line nothing is
recorded, and nothing costs.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup
from pyramid_debugtoolbar.panels import DebugPanel
from zope.interface import Interface, implementer

from pyramid_sio.events import SioConnected, SioConnectRefused, SioDisconnected, SioEventFailed
from pyramid_sio.plugin import get_sio

if TYPE_CHECKING:
    from pyramid.config import Configurator
    from pyramid.request import Request

#: Seconds that things are shown.
MINUTES = 300.0
#: Most things kept, whatever their age.
KEPT = 500
#: Characters shown of an event's arguments.
LONGEST = 200


class Entry(NamedTuple):
    """One thing that happened.

    :param at: seconds since 1970
    :param kind: ``event``, ``emit``, ``connect``, ``disconnect`` or ``error``
    :param took: milliseconds; None: it took no time
    """

    at: float
    kind: str
    namespace: str
    sid: str
    what: str
    took: float | None = None


class IRecorder(Interface):  # type: ignore[misc]
    """Marks the recorder of an application in its registry."""


@implementer(IRecorder)
class Recorder:
    """What happened lately, and what is there now. Any greenlet, any thread."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=KEPT)

    def add(self, kind: str, socket: Any, what: str, took: float | None = None) -> None:
        """Keep one thing that happened to a client."""
        shown = what if len(what) <= LONGEST else f"{what[:LONGEST]}..."
        self._entries.append(Entry(self._clock(), kind, socket.nsp.name, socket.sid, shown, took))

    def entries(self) -> list[Entry]:
        """The latest first."""
        oldest = self._clock() - MINUTES
        return [entry for entry in reversed(tuple(self._entries)) if entry.at >= oldest]

    # What is told to it.

    def connected(self, event: SioConnected) -> None:
        socket = event.socket
        self.add("connect", socket, f"over {socket.socket.transport}")
        socket.on_any_outgoing(lambda name, *args: self.add("emit", socket, _call(name, args)))

    def refused(self, event: SioConnectRefused) -> None:
        self.add("error", event.socket, f"refused: {event.error!r}")

    def disconnected(self, event: SioDisconnected) -> None:
        self.add("disconnect", event.socket, str(event.reason))

    def failed(self, event: SioEventFailed) -> None:
        self.add("error", event.socket, f"{event.event}: {event.error!r}")

    def deriver(self, handler: Callable[..., Any], info: Any) -> Callable[..., Any]:
        """Around each handler: how long it took."""

        def timed(socket: Any, *args: Any) -> Any:
            started = time.perf_counter()
            try:
                return handler(socket, *args)
            finally:
                took = (time.perf_counter() - started) * 1000
                self.add("event", socket, _call(info.event, args), took)

        return timed


def _call(name: object, args: Iterable[Any]) -> str:
    return f"{name}({', '.join(_short(arg) for arg in args)})"


def _short(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


class SioPanel(DebugPanel):  # type: ignore[misc]
    """The panel: connections of this process, and the last minutes."""

    name = "socketio"
    has_content = True
    title = "Socket.IO"
    nav_title = title

    def __init__(self, request: Request) -> None:
        self._registry = request.registry
        self._recorder: Recorder = request.registry.getUtility(IRecorder)

    @property
    def nav_subtitle(self) -> str:
        return f"{len(list(self._sockets()))}"

    def _sockets(self) -> Iterator[Any]:
        for nsp in get_sio(self._registry).namespaces():
            yield from list(nsp.sockets.values())

    def render_content(self, request: Request) -> Markup:
        """HTML, of this moment and not of the request's: clients outlive requests."""
        connections = [
            (
                socket.nsp.name,
                socket.sid,
                socket.socket.transport,
                socket.socket.remote_addr,
                ", ".join(sorted(socket.rooms - {socket.sid})),
            )
            for socket in self._sockets()
        ]
        entries = [
            (
                time.strftime("%H:%M:%S", time.localtime(entry.at)),
                entry.kind,
                entry.namespace,
                entry.sid,
                entry.what,
                "" if entry.took is None else f"{entry.took:.1f} ms",
            )
            for entry in self._recorder.entries()
        ]
        return Markup("{}{}{}{}").format(
            Markup("<h4>{} connections of this process</h4>").format(len(connections)),
            _table(("Namespace", "sid", "Transport", "From", "Rooms"), connections),
            Markup("<h4>The last {} minutes</h4>").format(int(MINUTES // 60)),
            _table(("At", "What", "Namespace", "sid", "", "Took"), entries),
        )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Markup:
    cells = Markup("").join(Markup("<th>{}</th>").format(name) for name in head)
    lines = [
        Markup("<tr>{}</tr>").format(
            Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row)
        )
        for row in rows
    ]
    return Markup(
        '<table class="table table-striped table-condensed socketio">'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table>"
    ).format(cells, Markup("").join(lines))


def includeme(config: Configurator) -> None:
    """For ``debugtoolbar.includes``: called with the configuration of the toolbar."""
    config.add_debugtoolbar_panel(SioPanel)
    config.inject_parent_action(_record)


def _record(config: Configurator) -> None:
    """In the application's configuration: have told what is to be shown."""
    # The toolbar may be included first.
    config.include("pyramid_sio")
    recorder = Recorder()
    config.registry.registerUtility(recorder, IRecorder)
    config.add_subscriber(recorder.connected, SioConnected)
    config.add_subscriber(recorder.refused, SioConnectRefused)
    config.add_subscriber(recorder.disconnected, SioDisconnected)
    config.add_subscriber(recorder.failed, SioEventFailed)
    config.add_sio_deriver(recorder.deriver, name="pyramid_sio.debugtoolbar")
