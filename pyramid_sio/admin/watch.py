"""Watches a server and tells the admins who are connected what happens.

Upstream: ``sockets`` (as an ``IObserver``), ``engine`` (as an ``IEngineWatcher``), the
adapters and dicts of ``admin.rooms``. Downstream: the admin namespace.

Nothing is counted, and nothing told, while no admin is connected, to this server or another one
of its cluster.
"""

from __future__ import annotations

import logging
import os
import socket as network
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from pyramid_sio.admin.audience import EVENT, PROBING, Audience
from pyramid_sio.admin.describe import describe, describe_remote, presentable, timestamp
from pyramid_sio.admin.rooms import WatchedAdapter, WatchedData
from pyramid_sio.admin.tally import Tally

if TYPE_CHECKING:
    from pyramid_sio.admin.login import Login
    from pyramid_sio.errors import DisconnectReason
    from pyramid_sio.interfaces import IAdapter, ISession
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.server import SioServer

logger = logging.getLogger(__name__)

#: How often statistics are told, in seconds: the UI worries after 10 without them.
STATS_SECONDS = 2.0
#: Connections that an admin is told of when it connects.
MAX_LISTED = 5000
#: Namespaces in the statistics.
MAX_NAMESPACES = 1000
#: Events of a connection that are kept until it has entered.
MAX_EARLY = 100

STEERING = ("EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT")


@dataclass(frozen=True, kw_only=True)
class AdminSettings:
    """What an admin may see and do.

    :param namespace: the name the UI connects to
    :param login: who may; None: everybody
    :param readonly: True if admins only look
    :param production: True for statistics only
    :param server_id: tells this process from others
    :param shared: are there other servers?
    :param foreign: may some of them be of JavaScript?
    """

    namespace: str
    login: Login | None
    readonly: bool
    production: bool
    server_id: str
    shared: bool = False
    foreign: bool = False

    @property
    def features(self) -> list[str]:
        """What the UI may offer."""
        steering = () if self.readonly else STEERING
        watching = () if self.production else ("ALL_EVENTS",)
        return [*steering, "AGGREGATED_EVENTS", *watching]


class Watched:
    """What was told of one connection."""

    __slots__ = ("early", "rooms")

    def __init__(self) -> None:
        #: The rooms it is known to be in; None: it has not entered.
        self.rooms: set[str] | None = None
        #: Events from before it entered.
        self.early: list[tuple[Any, ...]] = []


class Watch:
    """One server's watch.

    :param sessions: all connections
    :param call_later: calls a function in the loop after some seconds
    """

    def __init__(
        self,
        sio: SioServer,
        settings: AdminSettings,
        *,
        sessions: Callable[[], Collection[ISession]],
        call_later: Callable[[float, Callable[[], Any]], Any],
    ) -> None:
        self.settings = settings
        self._sio = sio
        self._sessions = sessions
        self._call_later = call_later
        self._started = time.monotonic()
        self._tally = Tally()
        self.audience = Audience(
            sio, settings.namespace, shared=settings.shared, foreign=settings.foreign
        )
        self._watched: dict[str, Watched] = {}
        self._is_ticking = self._is_started = False

    def listen(self) -> None:
        """Hear what other servers say; called once the admin namespace is there."""
        if self.audience.shared:
            self.audience.nsp.on_server(EVENT, self.hear)

    def start(self) -> None:
        """Look for admins elsewhere from now on. See ``engine.services``."""
        if not self._is_started:
            self._is_started = True
            if self.audience.foreign:
                self._probe()

    def close(self, patience: float) -> None:
        """Nothing is left to be done."""

    def _probe(self) -> None:
        self._call_later(PROBING, self._probe)
        self._sio.spawn(self._look_elsewhere)

    def _look_elsewhere(self) -> None:
        self.audience.probe()
        self._begin_to_tick()

    def wrap(self, make: Callable[..., IAdapter]) -> Callable[..., Any]:
        """What makes adapters, so that they tell who joins and leaves."""

        def make_watched(*args: Any) -> WatchedAdapter:
            return WatchedAdapter(make(*args), self.joined, self.parted)

        return make_watched

    def make_data(self, socket: Namespace) -> WatchedData:
        """A dict for a connection's data."""
        return WatchedData(lambda: self.data_changed(socket))

    def tell(self, event: str, *args: Any) -> None:
        """Send an event to all admins, if there are any."""
        if self.audience.present:
            try:
                self.audience.nsp.emit(event, *args)
            except (TypeError, ValueError):
                # Shown is what the application sends: that must not fail because of it.
                logger.warning("admins were not told of %s", event, exc_info=True)

    # As an IObserver.

    def entering(self, socket: Namespace) -> None:
        """Listen to its events, and remember those from before it enters."""
        if self.settings.production:
            return
        self._watched[socket.sid] = Watched()
        if socket.nsp.name != self.settings.namespace:
            socket.on_any(partial(self._show, "event_received", socket))
            socket.on_any_outgoing(partial(self._show, "event_sent", socket))

    def refused(self, socket: Namespace) -> None:
        self._is_gone(socket)
        self._watched.pop(socket.sid, None)

    def _is_gone(self, socket: Namespace) -> None:
        if self.audience.here.pop(socket.sid, None) is not None:
            self.audience.refresh()

    def entered(self, socket: Namespace) -> None:
        watched = self._watched.get(socket.sid)
        is_admin = socket.nsp.name == self.settings.namespace
        if is_admin:
            self.audience.here[socket.sid] = socket
            self.audience.refresh()
        if watched is not None:
            watched.rooms = set()
            self.joined(socket, [socket.sid, *sorted(socket.rooms - {socket.sid})])
            if self.audience.present:
                self.tell("socket_connected", describe(socket), timestamp())
            for early in watched.early:
                self.tell(*early)
            watched.early = []
        if is_admin:
            self._welcome(socket)

    def left(self, socket: Namespace, reason: DisconnectReason) -> None:
        self._is_gone(socket)
        watched = self._watched.pop(socket.sid, None)
        if watched is not None and self.audience.present:
            name = socket.nsp.name
            self.tell("socket_disconnected", name, socket.sid, str(reason), timestamp())
            for room in sorted(watched.rooms or ()):
                self.tell("room_left", name, room, socket.sid, timestamp())

    def _welcome(self, admin: Namespace) -> None:
        admin.emit("config", {"supportedFeatures": self.settings.features})
        self.audience.announce()
        if not self.settings.production:
            if self.audience.shared:
                self._sio.spawn(self._list_everybody, admin)
            else:
                admin.emit("all_sockets", self._list())
        self._begin_to_tick()

    def _list(self, others: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
        """All connections, those of other servers last."""
        entered = (socket for nsp in self._sio.namespaces() for socket in self._entered(nsp))
        told = chain((describe(socket) for socket in entered), others)
        sockets = list(islice(told, MAX_LISTED))
        if len(sockets) == MAX_LISTED:
            logger.warning("an admin is told of the first %d connections only", MAX_LISTED)
        return sockets

    def _list_everybody(self, admin: Namespace) -> None:
        """Tell an admin of the connections of all servers; may wait for those."""
        names, others = [], []
        for nsp in list(islice(self._sio.namespaces(), MAX_NAMESPACES)):
            names.append(nsp.name)
            others += [describe_remote(socket) for socket in self.audience.others_in(nsp)]
        if admin.connected:
            admin.emit("all_sockets", self._list(others))
            # What came from a pattern need not be here.
            self.audience.announce(newcomer=admin.sid, names=names)

    def hear(self, news: dict[str, Any]) -> float | None:
        """What another server says; see :class:`Audience`."""
        session = news.get("session")
        if isinstance(session, str):
            login = self.settings.login
            return None if login is None else login.remaining(session)
        self.audience.is_elsewhere()
        self._begin_to_tick()
        newcomer, names = news.get("newcomer"), news.get("names")
        if isinstance(newcomer, str) and isinstance(names, list) and not self.settings.production:
            known = {name for name in names if isinstance(name, str)}
            sockets = (
                socket
                for nsp in list(self._sio.namespaces())
                if nsp.name not in known
                for socket in self._entered(nsp)
            )
            for socket in list(islice(sockets, MAX_LISTED)):
                told = describe(socket), timestamp()
                self.audience.nsp.to(newcomer).emit("socket_connected", *told)
        return None

    def _entered(self, nsp: Any) -> Iterable[Namespace]:
        for sid, socket in nsp.sockets.items():
            watched = self._watched.get(sid)
            if watched is not None and watched.rooms is not None:
                yield socket

    # Rooms, data and events of connections.

    def joined(self, socket: Namespace, rooms: Iterable[str]) -> None:
        watched = self._watched.get(socket.sid)
        if watched is None or watched.rooms is None:
            return
        for room in rooms:
            if room not in watched.rooms:
                watched.rooms.add(room)
                self.tell("room_joined", socket.nsp.name, room, socket.sid, timestamp())

    def parted(self, socket: Namespace, rooms: Iterable[str]) -> None:
        watched = self._watched.get(socket.sid)
        # Of one that is gone altogether, the rooms are told behind that.
        if watched is None or watched.rooms is None or not socket.connected:
            return
        for room in rooms:
            if room in watched.rooms and room != socket.sid:
                watched.rooms.discard(room)
                self.tell("room_left", socket.nsp.name, room, socket.sid, timestamp())

    def data_changed(self, socket: Namespace) -> None:
        if self.audience.present and self._has_entered(socket):
            data = presentable(socket.session)
            self._update(socket, data=data)

    def _show(self, kind: str, socket: Namespace, *args: Any) -> None:
        if not self.audience.present:
            return
        news = (kind, socket.nsp.name, socket.sid, args, timestamp())
        watched = self._watched.get(socket.sid)
        if watched is not None and watched.rooms is None:
            if len(watched.early) < MAX_EARLY:
                watched.early.append(news)
        else:
            self.tell(*news)

    def _has_entered(self, socket: Namespace) -> bool:
        watched = self._watched.get(socket.sid)
        return watched is not None and watched.rooms is not None

    def _update(self, socket: Namespace, **news: Any) -> None:
        self.tell("socket_updated", {"id": socket.sid, "nsp": socket.nsp.name, **news})

    # As an IEngineWatcher.

    def opened(self, session: ISession) -> None:
        # Not every server says that it serves.
        self.start()
        if self.audience.present:
            self._tally.add("rawConnection")

    def closed(self, session: ISession, reason: DisconnectReason) -> None:
        if self.audience.present:
            self._tally.add("rawDisconnection", sort=str(reason))

    def upgraded(self, session: Any) -> None:
        if self.audience.present and not self.settings.production:
            for socket in session.handler.sockets.values():
                self._update(socket, transport=session.transport_name)

    def received(self, size: int) -> None:
        if self.audience.present:
            self._tally.add("packetsIn")
            self._tally.add("bytesIn", size)

    def sent(self, packets: int, size: int) -> None:
        if self.audience.present:
            self._tally.add("packetsOut", packets)
            self._tally.add("bytesOut", size)

    def dropped(self) -> None:
        """The UI has no number for it."""

    # Statistics.

    def _begin_to_tick(self) -> None:
        if not self._is_ticking and self.audience.present:
            self._tick()

    def _tick(self) -> None:
        """Tell them, and again after a while as long as there is an admin."""
        self.audience.refresh()
        self._is_ticking = self.audience.present
        if self._is_ticking:
            self._call_later(STATS_SECONDS, self._tick)
            self.audience.announce()
            self.tell("server_stats", self._stats())
        else:
            self._tally.take()

    def _stats(self) -> dict[str, Any]:
        sessions = self._sessions()
        polling = sum(session.transport_name == "polling" for session in sessions)
        namespaces = islice(self._sio.namespaces(), MAX_NAMESPACES)
        return {
            "serverId": self.settings.server_id,
            "hostname": network.gethostname(),
            "pid": os.getpid(),
            "uptime": time.monotonic() - self._started,
            "clientsCount": len(sessions),
            "pollingClientsCount": polling,
            "aggregatedEvents": self._tally.take(),
            "namespaces": [
                {"name": nsp.name, "socketsCount": len(nsp.sockets)} for nsp in namespaces
            ],
        }
