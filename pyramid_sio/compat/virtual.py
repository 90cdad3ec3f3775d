"""``self.socket``: one connection, over all the namespaces its client is in.

Upstream: the application's classes. Downstream: ``compat.adapted``, one for each namespace.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence, Set
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid_sio.compat.adapted import Adapted
    from pyramid_sio.compat.managed import Managed
    from pyramid_sio.compat.namespace import BaseNamespace
    from pyramid_sio.interfaces import ISession

logger = logging.getLogger(__name__)

ErrorHandler = Callable[..., Any]


def default_error_handler(
    socket: Socket,
    error_name: str,
    error_message: str,
    endpoint: str | None,
    msg_id: Any,
    quiet: bool,
) -> None:
    """Tell the client by an event ``error``, whose arguments are the two texts, and the log.

    :param quiet: the log only
    """
    logger.debug("%s in %s: %s", error_name, endpoint, error_message)
    if not quiet:
        args = (error_name, error_message)
        socket.send_packet({"type": "event", "name": "error", "args": args, "endpoint": endpoint})


class RoomNames(Set[str]):
    """The rooms a connection is in, over all namespaces, each as ``<namespace>_<room>``."""

    def __init__(self, links: Mapping[str, Adapted]) -> None:
        self._links = links

    @classmethod
    def _from_iterable(cls, it: Any) -> Any:
        return set(it)

    def __iter__(self) -> Iterator[str]:
        for name, link in self._links.items():
            yield from (f"{name}_{room}" for room in link.rooms if room != link.sid)

    def __len__(self) -> int:
        return sum(len(link.rooms) - 1 for link in self._links.values())

    def __contains__(self, name: object) -> bool:
        return any(name == own for own in self)


class Socket:
    """One client's connection. Made when it enters its first namespace.

    :ivar STATE_CONNECTING: one of the values of :attr:`state`
    :ivar STATE_CONNECTED: the same
    :ivar STATE_DISCONNECTING: the same
    :ivar STATE_DISCONNECTED: the same
    :ivar GLOBAL_NS: the name of the namespace that is called ``/`` today
    :param session: the connection below
    :param managed: what the view said that let it in
    :param server: where all of them are listed
    """

    STATE_CONNECTING = "CONNECTING"
    STATE_CONNECTED = "CONNECTED"
    STATE_DISCONNECTING = "DISCONNECTING"
    STATE_DISCONNECTED = "DISCONNECTED"
    GLOBAL_NS = ""

    def __init__(self, session: ISession, managed: Managed, server: Any) -> None:
        self._session = session
        self._managed = managed
        self.server = server
        #: A dict of the connection, for anything.
        self.session: dict[str, Any] = {}
        #: The namespaces the client is in.
        self.active_ns: dict[str, BaseNamespace] = {}
        #: What connects each of them with the server below. Not for applications.
        self.links: dict[str, Adapted] = {}
        self.rooms = RoomNames(self.links)
        self.jobs: list[Any] = []
        self.error_handler: ErrorHandler = managed.error_handler or default_error_handler

    def __repr__(self) -> str:
        return f"<Socket {self.sessid[:6]}... in {list(self.active_ns)}>"

    def __getitem__(self, name: str) -> BaseNamespace:
        """The namespace of that name. :raises KeyError: the client is not in it"""
        return self.active_ns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.active_ns

    # Facts.

    @property
    def sessid(self) -> str:
        """The connection's id. A secret of this client: whoever knows it can post as it."""
        return self._session.id

    @property
    def connected(self) -> bool:
        """Is the connection open?"""
        return self._session.is_open

    @property
    def state(self) -> str:
        """``CONNECTED`` or ``DISCONNECTED``."""
        return self.STATE_CONNECTED if self.connected else self.STATE_DISCONNECTED

    @property
    def environ(self) -> dict[str, Any]:
        """The environ that namespaces are made with."""
        return self._managed.environ

    @property
    def request(self) -> Any:
        """What ``socketio_manage`` was given."""
        return self._managed.request

    @property
    def namespaces(self) -> Mapping[str, type[BaseNamespace]]:
        """The classes that ``socketio_manage`` was given."""
        return self._managed.namespaces

    @property
    def config(self) -> dict[str, Any]:
        """The server's times, in seconds."""
        config: dict[str, Any] = self.server.config
        return config

    # What goes out.

    def send_packet(self, pkt: Mapping[str, Any]) -> None:
        """Send a packet, written as a dict; dropped if the client is not in its namespace."""
        kind, endpoint = pkt["type"], pkt.get("endpoint") or ""
        link = self.links.get(endpoint)
        if link is None:
            return
        if kind == "event":
            link.emit(pkt["name"], *self.to_json(pkt.get("args", ())))
        elif kind in ("message", "json"):
            self.send_message(endpoint, pkt["data"], json=kind == "json")
        elif kind == "ack":
            link.acknowledge(pkt["ackId"], self.to_json(pkt.get("args", ())))
        elif kind == "disconnect":
            link.part()

    def send_message(
        self,
        endpoint: str,
        data: Any,
        *,
        json: bool,
        callback: Callable[[], Any] | None = None,
    ) -> None:
        """Send something that belongs to no event. Not for applications."""
        link = self.links.get(endpoint)
        if link is not None:
            (data,) = self.to_json((data if json else str(data),))
            link.send_message(data, callback)

    def error(
        self,
        error_name: str,
        error_message: str,
        endpoint: str | None = None,
        msg_id: Any = None,
        quiet: bool = False,
    ) -> Any:
        """Have the error handler deal with a fault of this client's."""
        return self.error_handler(self, error_name, error_message, endpoint, msg_id, quiet)

    def to_json(self, args: Sequence[Any]) -> Sequence[Any]:
        """Arguments as ``json_dumps`` writes them. Not for applications."""
        dumps = self._managed.json_dumps
        return args if dumps is None else json.loads(dumps(list(args)))

    def from_json(self, args: Sequence[Any]) -> Sequence[Any]:
        """Arguments as ``json_loads`` reads them. Not for applications."""
        loads = self._managed.json_loads
        return args if loads is None else loads(json.dumps(list(args)))

    # The end.

    def spawn(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function beside; it is killed when the client has left its last namespace."""
        job = self._session.spawn(functools.partial(fn, *args, **kwargs))
        self.jobs.append(job)
        job.rawlink(self._forget_job)
        return job

    def _forget_job(self, job: Any) -> None:
        if job in self.jobs:
            self.jobs.remove(job)

    def disconnect(self, silent: bool = False) -> None:
        """End the connection; ``recv_disconnect`` of each namespace is called."""
        for link in list(self.links.values()):
            link.disconnect(close=True)

    def kill(self, detach: bool = False) -> None:
        """The same."""
        self.disconnect()

    def forget(self, namespace: BaseNamespace) -> None:
        """The client has left a namespace. Not for applications; idempotent."""
        if self.active_ns.get(namespace.ns_name) is namespace:
            del self.active_ns[namespace.ns_name]

    def end(self) -> None:
        """It has left the last one. Not for applications."""
        self.server.sockets.pop(self.sessid, None)
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job.kill(block=False)


class Registry:
    """``socket.server``: all connections of this process, by their ids."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.sockets: MutableMapping[str, Socket] = {}
        self.config = config

    def get_socket(self, sessid: str = "") -> Socket | None:
        """The connection with an id; None: there is none."""
        return self.sockets.get(sessid)
