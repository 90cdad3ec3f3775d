"""The Socket.IO server: namespaces by name, and what all of them share.

Upstream: the plugin defines namespaces; ``request.sio`` is this object.
Downstream: ``sockets.client`` finds a namespace here for each CONNECT.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pyramid_sio.sockets.broadcast import Broadcast, Verbs
from pyramid_sio.sockets.client import Client
from pyramid_sio.sockets.dynamic import Family, Match
from pyramid_sio.sockets.feeds import NO_FEEDS, Feeds
from pyramid_sio.sockets.generations import Generation
from pyramid_sio.sockets.guarded import GuardedClient, GuardedParsedClient
from pyramid_sio.sockets.handlers import Handler, HandlerTable
from pyramid_sio.sockets.legacy import REVISION as LEGACY
from pyramid_sio.sockets.legacy import GuardedLegacyClient, LegacyClient
from pyramid_sio.sockets.limits import Limits
from pyramid_sio.sockets.nsp import Middleware, Nsp
from pyramid_sio.sockets.parsed import ParsedClient
from pyramid_sio.sockets.recovery import Recovery
from pyramid_sio.sockets.revocation import REVOKE_ALL, sweep

if TYPE_CHECKING:
    from pyramid_sio.errors import DisconnectReason
    from pyramid_sio.interfaces import IAdapter, IDecoder, IEncoder, IInvoker, IObserver, ISession
    from pyramid_sio.sockets.namespace import Namespace


def normalise(path: str) -> str:
    """A namespace's name: the leading slash is optional, and nothing is ``/``."""
    return path if path.startswith("/") else "/" + path


def directly(func: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call it: there is one thread only. Not for applications."""
    return func(*args, **options)


@dataclass(frozen=True, eq=False)
class Definition:
    """What was declared for a namespace.

    :param path: its name, or how the pattern is written
    :param cls: the class; one instance for each client
    :param permission: what a client's user must have to enter; None: nothing
    :param factory: makes the context for permissions, from a request; None: the plugin's choice
    """

    path: str
    cls: type[Namespace]
    permission: str | None = None
    factory: Callable[[Any], Any] | None = None
    #: For a pattern: tells what a name's parts are.
    match: Match | None = None
    #: Has the user to be permitted to enter rooms?
    guards_rooms: bool = False
    #: Which clients it is for, if there are several of one path; empty: all.
    key: str = field(init=False, default="")
    #: Those with a lower one are for fewer clients, and asked first.
    order: int = field(init=False, default=0)
    #: Has ``IInvoker.settle`` seen it?
    settled: bool = field(init=False, default=False)
    table: HandlerTable = field(init=False)

    def __post_init__(self) -> None:
        if self.match is None:
            object.__setattr__(self, "path", normalise(self.path))
        object.__setattr__(self, "table", HandlerTable(self.cls))

    def settle(self, arranged: Callable[[Handler], Handler]) -> None:
        """Arrange what is around the handlers, once."""
        self.table.arrange(arranged)
        object.__setattr__(self, "settled", True)


class Nobody:
    """Stands in for an observer."""

    def entering(self, socket: Namespace) -> None: ...
    def refused(self, socket: Namespace) -> None: ...
    def entered(self, socket: Namespace) -> None: ...
    def left(self, socket: Namespace, reason: DisconnectReason) -> None: ...


class SioServer(Verbs):
    """All namespaces of an application. ``emit`` and the rest act on the main one, ``/``.

    :param invoker: runs the application's code
    :param adapter_factory: makes the rooms of a namespace
    :param make_event: makes something to wait on
    :param in_loop: runs a function in the thread that owns the connections
    :param perform: the same, and returns its result; the function may wait
    :param spawn: runs a function beside, where it may wait
    :param encoder: turns packets into messages, for clients of revision 4
    :param generations: how clients of other revisions are spoken with
    :param new_decoder: makes what turns messages into packets; None: the built-in JSON
    :param connect_timeout: seconds a connection may take to enter a namespace
    :param attachment_timeout: seconds the attachments of one packet may take
    :param disconnect_grace: seconds ``on_disconnect`` waits for a handler that still runs
    :param ack_timeout: seconds ``call()`` waits if it is not told
    :param max_attachments: of one packet
    :param max_attachment_bytes: all of one packet together
    :param max_held: bytes kept for a client until ``on_connect`` has ended
    :param recovery: how clients come back after their connection broke; None: they do not.
        The adapters must be such as can do it
    :param shut_down: ends all connections and lets nobody in; takes the seconds to spend on it
    :param health: tells how the process does
    :param limits: how many events there may be; None: only what handlers say
    :param feeds: channels that clients may subscribe to; None: there are none
    :param keep_empty: keep namespaces that came from a pattern when their last client left
    """

    #: Seconds after which a client's rights are looked at again; None: never. Not for
    #: applications: ``sio.reauth_interval`` is.
    reauth_interval: float | None = None
    #: Makes what other servers are told of a connection for the admin UI; None: nothing.
    note: Callable[[Namespace], dict[str, str]] | None = None
    #: Runs what the application wants to be called beside handlers, where it may wait.
    apart: Callable[..., Any] = staticmethod(directly)
    #: Calls a function, but not before what has been sent has been delivered.
    conclude: Callable[..., Any] = staticmethod(directly)

    def __init__(
        self,
        *,
        invoker: IInvoker,
        adapter_factory: Callable[[dict[str, Namespace]], IAdapter],
        make_event: Callable[[], Any],
        in_loop: Callable[..., None],
        perform: Callable[..., Any] = directly,
        spawn: Callable[..., Any],
        encoder: IEncoder,
        connect_timeout: float,
        attachment_timeout: float,
        disconnect_grace: float,
        ack_timeout: float,
        max_attachments: int,
        max_attachment_bytes: int,
        max_held: int,
        keep_empty: bool = False,
        generations: Mapping[int, Generation] = MappingProxyType({}),
        new_decoder: Callable[[], IDecoder] | None = None,
        shut_down: Callable[[float], Any] = lambda patience: None,
        health: Callable[[], dict[str, Any]] = lambda: {"ok": True},
        limits: Limits | None = None,
        recovery: Recovery | None = None,
        feeds: Feeds | None = None,
    ) -> None:
        self.invoker = invoker
        self.adapter_factory = adapter_factory
        self.make_event = make_event
        self.in_loop = in_loop
        self.perform = perform
        self._stop: Callable[[float], Any] = lambda patience: None
        #: Like it, for what is sent: when what it tells of is so, if the application knows.
        self.deliver = in_loop
        self.spawn = spawn
        self.generations = {4: Generation(encoder), **generations}
        self.new_decoder = new_decoder
        self.recovery = recovery
        self.connect_timeout = connect_timeout
        self.attachment_timeout = attachment_timeout
        self.disconnect_grace = disconnect_grace
        self.ack_timeout = ack_timeout
        self.max_attachments = max_attachments
        self.max_attachment_bytes = max_attachment_bytes
        self.max_held = max_held
        self.keep_empty = keep_empty
        self.limits = limits or Limits()
        self.feeds = NO_FEEDS if feeds is None else feeds
        self._shut_down = shut_down
        self._health = health
        #: Called with each namespace that a pattern brings forth; they must not wait.
        self.creation_listeners: list[Callable[[Nsp], Any]] = []
        #: Is told who comes and who goes.
        self.observer: IObserver = Nobody()
        #: Makes the dict of a connection that handlers see as ``self.session``.
        self.make_data: Callable[[Namespace], dict[str, Any]] = lambda socket: {}
        self._nsps: dict[str, Nsp] = {}
        self._families: dict[str, Family] = {}
        self._last_ack_id = -1

    def __repr__(self) -> str:
        return f"<SioServer {' '.join(nsp.name for nsp in self)}>"

    def __iter__(self) -> Iterator[Nsp]:
        """What was declared; of a pattern, not the namespaces it has brought forth."""
        yield from self._nsps.values()
        yield from self._families.values()

    def namespaces(self) -> Iterator[Nsp]:
        """Every namespace there is at this moment, those that came from patterns included. Any
        greenlet of the process's loop may call."""
        yield from self._nsps.values()
        for family in self._families.values():
            yield from list(family.children.values())

    def run_in_threads(
        self, invoker: IInvoker, apart: Callable[..., Any], stop: Callable[[float], Any]
    ) -> None:
        """The application's code runs in native threads from now on. Not for applications.

        :param invoker: runs handlers
        :param apart: runs the rest: called in the loop's thread with a function
        :param stop: ends the loop's thread; takes the seconds to spend on it
        """
        self.invoker = invoker
        self.apart = apart
        self._stop = stop

    def next_ack_id(self) -> int:
        """Acknowledgement ids count up from 0, over all namespaces. Not for applications."""
        self._last_ack_id += 1
        return self._last_ack_id

    def define(self, definition: Definition) -> Nsp:
        """Add a namespace. A later definition of the same path, and for the same clients,
        replaces it; one for others is served beside it, in the same rooms. Not for applications:
        ``config.add_sio_namespace`` is."""
        path = definition.path
        if definition.table.has_rates:
            self.limits.has_event_rates = True
        known = (self._nsps if definition.match is None else self._families).get(path)
        others = [] if known is None else [d for d in known.definitions if d.key != definition.key]
        if known is not None and others:
            known.serve_with([*others, definition])
            return known
        if definition.match is not None:
            family = self._families[path] = Family(self, definition, keep=self.keep_empty)
            return family
        nsp = self._nsps[path] = Nsp(path, self, definition)
        return nsp

    def of(self, path: str) -> Nsp:
        """The namespace of that name; for a declared pattern, all that have come from it.

        :raises KeyError: there is none
        """
        name = normalise(path)
        nsp = self._nsps.get(name)
        if nsp is None and self._families:
            # It may have to be made.
            nsp = self.perform(self._of_pattern, path, name)
        if nsp is None:
            known = ", ".join(nsp.name for nsp in self) or "none"
            raise KeyError(f"no namespace {path!r}; declared: {known}")
        return nsp

    def _of_pattern(self, path: str, name: str) -> Nsp | None:
        return self._families.get(path) or self._families.get(name) or self.find(name, None)

    def find(self, name: str, auth: Any) -> Nsp | None:
        """The namespace a client asks for, or None. One of a pattern is made if need be. Not for
        applications: see :meth:`of`."""
        nsp = self._nsps.get(name)
        if nsp is None:
            for family in self._families.values():
                matchdict = family.match(name, auth)
                if matchdict is not None:
                    return family.child(name, matchdict)
        return nsp

    def chain(self) -> Broadcast:
        return self.of("/").chain()

    def fetch_sockets(self) -> list[Namespace]:
        """The connections of the main namespace, those at other servers included. May wait.

        :raises AckTimeout: a server did not answer in time
        """
        return self.fetch()

    def presence(self, room: str | None = None) -> list[Any]:
        """See :meth:`Nsp.presence`; of the main namespace."""
        return self.of("/").presence(room)

    def use(self, middleware: Middleware) -> None:
        """See :meth:`Nsp.use`; of the main namespace."""
        self.of("/").use(middleware)

    def on_server(self, event: str, listener: Callable[..., Any]) -> None:
        """See :meth:`Nsp.on_server`; of the main namespace."""
        self.of("/").on_server(event, listener)

    def server_side_emit(self, event: str, *args: Any, immediate: bool = False) -> None:
        """See :meth:`Nsp.server_side_emit`; of the main namespace."""
        self.of("/").server_side_emit(event, *args, immediate=immediate)

    def server_side_call(self, event: str, *args: Any, timeout: float = 5.0) -> list[Any]:
        """See :meth:`Nsp.server_side_call`; of the main namespace."""
        return self.of("/").server_side_call(event, *args, timeout=timeout)

    def health(self) -> dict[str, Any]:
        """How this process does, for monitors; JSON can express it. Any thread may call.

        :returns: ``ok``; ``connections``, of this process; ``redis``, what is known of the way to
            other processes, or None
        """
        return self._health()

    def revoke(
        self, user: Hashable = None, *, namespace: str | None = None, room: str | None = None
    ) -> None:
        """See :meth:`Nsp.revoke`; of all namespaces, or (``namespace``) of one.

        :raises KeyError: there is no such namespace
        """
        if namespace is not None:
            self.of(namespace).revoke(user, room=room)
        else:
            self.deliver(self._revoke, user, room)

    def _revoke(self, user: Hashable, room: str | None) -> None:
        nsps = list(self.namespaces())
        sweep(nsps, user, room)
        if nsps:
            # Any one tells the other servers, which then look at all they have.
            nsps[0].adapter.server_side_emit((REVOKE_ALL, user, room), None)

    def close(self, patience: float = 5.0) -> None:
        """End all connections, in all namespaces, and let nobody in any more.

        For tests and for programs with a server of their own: ``pserve`` does it by itself.

        :param patience: seconds for handlers to end, and for clients to say goodbye
        """
        self._shut_down(patience)
        self.perform(self._close_adapters)
        self._stop(patience)

    def _close_adapters(self) -> None:
        for nsp in self.namespaces():
            nsp.adapter.close()

    def accept(self, session: ISession) -> Client:
        """A connection was opened. Called by the engine. Not for applications."""
        generation = self.generations[session.revision]
        limited = self.limits.active
        if session.revision == LEGACY:
            legacy = GuardedLegacyClient if limited else LegacyClient
            return legacy(session, self, generation)
        if self.new_decoder is None:
            plain = GuardedClient if limited else Client
            return plain(session, self, generation)
        parsed = GuardedParsedClient if limited else ParsedClient
        return parsed(session, self, generation, decoder=self.new_decoder())
