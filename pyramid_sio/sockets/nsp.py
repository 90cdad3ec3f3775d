"""A namespace as a whole: its class, its connections, its rooms.

Upstream: ``sockets.server`` keeps one for each name. Downstream: its adapter.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pyramid_sio.errors import AckTimeout
from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.sockets.broadcast import Broadcast, Flags, Target, Verbs
from pyramid_sio.sockets.revocation import REVOKE, REVOKE_ALL, hear, sweep
from pyramid_sio.sockets.roster import Listener, Roster, begin, target_of

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IAdapter, IQuestion
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.server import Definition, SioServer


logger = logging.getLogger(__name__)

#: Called with a client that wants in; raises ``ConnectRefused`` to refuse it.
Middleware = Callable[["Namespace"], Any]


class Nsp(Verbs):
    """``sio.of('/chat')``, and ``self.nsp`` in a handler: everybody in a namespace.

    :param definition: what was declared for it
    :param matchdict: what the declared pattern matched in its name
    """

    __slots__ = (
        "__weakref__",
        "adapter",
        "definition",
        "definitions",
        "matchdict",
        "middlewares",
        "name",
        "roster",
        "server",
        "server_listeners",
        "sockets",
    )

    def __init__(
        self,
        name: str,
        server: SioServer,
        definition: Definition,
        matchdict: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        #: As clients name it.
        self.name = name
        #: The server that all namespaces belong to: ``request.sio``.
        self.server = server
        #: What was declared for it; of several, the one for most clients. Not for applications.
        self.definition = definition
        #: All of them, those for few clients first. Not for applications.
        self.definitions: Sequence[Definition] = (definition,)
        #: What the pattern that was declared has matched in its name.
        self.matchdict = matchdict
        #: Called with each client that wants in. Not for applications: see :meth:`use`.
        self.middlewares: list[Middleware] = []
        #: Called for what other servers say, by event. Not for applications: see :meth:`on_server`.
        self.server_listeners: dict[str, list[Callable[..., Any]]] = {}
        #: Who is where, once somebody has asked for that. Not for applications.
        self.roster: Roster | None = None
        #: The connections of this process by ``sid``. Not for applications: see :meth:`fetch`.
        self.sockets: dict[str, Namespace] = {}
        #: Its rooms, and the way to the same namespace at other servers. Not for applications.
        self.adapter: IAdapter = self._new_adapter()
        self.adapter.attach(self)

    def __repr__(self) -> str:
        return f"<Nsp {self.name} with {len(self.sockets)} connections>"

    def _new_adapter(self) -> IAdapter:
        return self.server.adapter_factory(self.sockets)

    def serve_with(self, definitions: Sequence[Definition]) -> None:
        """Serve clients with several classes: each with the first that is meant for it. Not for
        applications: ``config.add_sio_namespace`` is."""
        self.definitions = tuple(sorted(definitions, key=lambda definition: definition.order))
        self.definition = self.definitions[-1]

    def chain(self) -> Broadcast:
        return Broadcast(self)

    def use(self, middleware: Middleware) -> None:
        """Call ``middleware(socket)`` for each client that wants in, before ``on_connect``.

        Several are called in the order in which they were added. One that raises
        ``ConnectRefused`` refuses the client, with the data that carries.
        """
        self.middlewares.append(middleware)

    def on_server(self, event: str, listener: Callable[..., Any]) -> None:
        """Call ``listener(*args)`` for what other servers send by ``server_side_emit``.

        It runs in a greenlet of its own (under a server with threads, in a thread), so it may wait.
        What it returns answers a ``server_side_call``; what it raises is logged.

        :param event: its name
        """
        self.server_listeners.setdefault(event, []).append(listener)

    def hears(self, event: Any) -> bool:
        """Does anybody here want to know of that event of another server? Not for applications."""
        return event in self.server_listeners or event in (REVOKE, REVOKE_ALL)

    def receive_from_server(self, event: str, args: Sequence[Any]) -> Any:
        """Another server of the cluster says something; the first answer that is not None.

        Not for applications: adapters call it. A listener that fails is logged, and has no answer.
        """
        if event in (REVOKE, REVOKE_ALL):
            hear(event, self, args)
            return None
        answer = None
        for listener in tuple(self.server_listeners.get(event, ())):
            try:
                result = self.server.apart(listener, *args)
            except Exception:
                logger.exception("a listener for other servers failed: %r", listener)
            else:
                answer = result if answer is None else answer
        return answer

    def server_side_emit(self, event: str, *args: Any, immediate: bool = False) -> None:
        """Say something to the other servers of the cluster; see :meth:`on_server`.

        In a transaction of pyramid_tm it is said after the commit, and not after an abort.

        :param immediate: do not wait for the transaction
        """
        server = self.server
        if immediate or server.deliver is server.in_loop:
            server.perform(self.adapter.server_side_emit, (event, *args), None)
        else:
            packet = SocketPacket(SocketType.EVENT, self.name, (event, *args))
            server.deliver(self._tell_servers, packet)

    def _tell_servers(self, packet: SocketPacket) -> None:
        self.adapter.server_side_emit(tuple(packet.data), None)

    def server_side_call(self, event: str, *args: Any, timeout: float = 5.0) -> list[Any]:
        """The same, and wait for the answer of each. For greenlets and threads that may wait.

        :param timeout: seconds
        :returns: the answers, in no particular order
        :raises AckTimeout: not all answered in time; ``responses`` holds what came
        """
        answers: list[Any] = self.server.perform(
            self.adapter.server_side_emit, (event, *args), timeout
        )
        return answers

    def revoke(self, user: Hashable = None, *, room: str | None = None) -> None:
        """See again if clients may be here, and disconnect those that may not.

        For when rights have been taken from somebody. All servers of the cluster do it, in the
        background; in a transaction of pyramid_tm, after its commit. Clients that may not be in
        a room leave it.

        :param user: whose clients, as :attr:`Namespace.user` has it; None: everybody's
        :param room: only those in this room
        """
        self.server.deliver(self._revoke, user, room)

    def _revoke(self, user: Hashable, room: str | None) -> None:
        members = self.adapter.select(Target())
        sweep({socket.nsp for socket in members} or [self], user, room)
        self.adapter.server_side_emit((REVOKE, user, room), None)

    def server_count(self) -> int:
        """How many servers of the cluster serve this namespace, this one included. May wait.

        :raises AdapterError: that cannot be found out now
        """
        return self.adapter.server_count()

    def all_rooms(self) -> set[str]:
        """The rooms that have members, at all servers; each client's own is among them.

        May wait for the other servers.

        :raises AckTimeout: one did not answer in time
        """
        return self.adapter.all_rooms()

    def presence(self, room: str | None = None) -> list[Any]:
        """The users in a room, or (None) in the namespace, each once, sorted as text."""
        return sorted(self.server.perform(self.users, target_of(room)), key=str)

    def users(self, target: Target) -> set[Any]:
        """The same for a target. Not for applications: called by adapters too."""
        begin(self)
        return set(self.adapter.users(target))

    def watch_presence(self, listener: Listener, room: str | None = None) -> list[Any]:
        """Call ``listener(nsp, room, user, joined)`` when a user comes to a room or goes.

        It runs at once in a greenlet of its own; one that waits may be overtaken by the next.

        :param room: None: the whole namespace
        :returns: the users that are there already
        """
        users: list[Any] = self.server.perform(self._watch, listener, room)
        return users

    def _watch(self, listener: Listener, room: str | None) -> list[Any]:
        with begin(self).looking(self, room) as watch:
            watch.listeners[listener] = None
            return watch.users

    def unwatch_presence(self, listener: Listener, room: str | None = None) -> None:
        """Call it no more; harmless if it was not."""
        if self.roster is not None:
            self.server.perform(self.roster.close, room, listener)

    def add(self, socket: Namespace) -> None:
        """A connection is about to be in. Not for applications."""
        if self.sockets.get(socket.sid) is not socket:
            self.sockets[socket.sid] = socket
            self.adapter.enter(socket)

    def remove(self, socket: Namespace) -> None:
        """A connection is gone. Not for applications."""
        # Somebody who came back has the same id as before.
        if self.sockets.get(socket.sid) is socket:
            del self.sockets[socket.sid]
        self.adapter.remove(socket, socket.rooms)

    def ask(self, args: Sequence[Any], target: Target, flags: Flags) -> Collected:
        """Send an event to many; the result is waited on for their acknowledgements. Not for
        applications: see :meth:`call`."""
        server = self.server
        timeout = server.ack_timeout if flags.timeout is None else flags.timeout
        collected = Collected(server.next_ack_id(), server.make_event(), timeout)
        packet = SocketPacket(SocketType.EVENT, self.name, args, collected.id)
        told = flags._replace(timeout=timeout)
        collected.others = self.adapter.ask_others(packet, target, told, collected.check)
        try:
            for socket in self.adapter.broadcast_with_ack(packet, target, flags):
                collected.expect(socket)
        except BaseException:
            collected.end()
            raise
        collected.all_asked()
        return collected


class Collected:
    """The answers to one broadcast.

    :param id: of the acknowledgements, the same for all clients
    :param event: what to wait on
    :param timeout: how long, in seconds
    """

    __slots__ = (
        "_asked",
        "_came",
        "_event",
        "_expected",
        "_timeout",
        "id",
        "others",
        "responses",
    )

    def __init__(self, id: int, event: Any, timeout: float) -> None:
        self.id = id
        #: The first argument of each answer.
        self.responses: list[Any] = []
        #: The same question to clients of other servers.
        self.others: IQuestion | None = None
        self._event = event
        self._timeout = timeout
        self._asked: list[Namespace] = []
        #: How many were asked; not known until all have been.
        self._expected: int | None = None
        self._came = 0

    def expect(self, socket: Namespace) -> None:
        """A client is about to be asked."""
        self._asked.append(socket)
        socket.expect_ack(self.id, self._resolve)

    def all_asked(self) -> None:
        """Nobody else here will be."""
        self._expected = len(self._asked)
        self.check()

    def _resolve(self, args: Sequence[Any] | None) -> None:
        """One answered, or (None) is gone without an answer."""
        self._came += 1
        if args is not None:
            self.responses.append(args[0] if args else None)
        self.check()

    def check(self) -> None:
        """Is there nothing more to wait for?"""
        here = self._expected is not None and self._came >= self._expected
        if here and (self.others is None or self.others.complete):
            self._event.set()

    def wait(self) -> list[Any]:
        """The answers, once all have come.

        :raises AckTimeout: not everybody answered in time, or is there any more
        """
        others, asked, complete = self.others, len(self._asked), True
        remaining = self._timeout
        try:
            if others is not None:
                started = time.monotonic()
                others.count(remaining)
                self.check()
                remaining = max(remaining - (time.monotonic() - started), 0.0)
            self._event.wait(remaining)
        finally:
            # Whoever waits may be interrupted, by a time-out of its own.
            responses = list(self.responses)
            if others is not None:
                complete = others.complete
                asked += others.clients
                responses += others.answers
            self.end()
        if missing := asked - len(responses):
            raise AckTimeout(f"{missing} of {asked} clients did not answer", responses)
        if not complete:
            raise AckTimeout("another server did not answer", responses)
        return responses

    def end(self) -> None:
        """Expect nothing more of anybody: what still comes is ignored."""
        for socket in self._asked:
            socket.resolve_ack(self.id, None)
        if self.others is not None:
            self.others.end()

    def report(self, callback: Callable[..., Any], run: Callable[..., None]) -> None:
        """Wait, then run ``callback(error, responses)``; the error is None if there is none."""
        try:
            run(callback, (None, self.wait()))
        except AckTimeout as exc:
            run(callback, (exc, exc.responses))
