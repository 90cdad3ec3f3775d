"""A namespace as a whole: its class, its connections, its rooms.

Upstream: ``sockets.server`` keeps one for each name. Downstream: its adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.sockets.broadcast import Broadcast, Flags, Target, Verbs

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IAdapter
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.server import Definition, SioServer


#: Called with a client that wants in; raises ``ConnectRefused`` to refuse it.
Middleware = Callable[["Namespace"], Any]


class Nsp(Verbs):
    """``sio.of('/chat')``, and ``self.nsp`` in a handler: everybody in a namespace.

    :param definition: what was declared for it
    :param matchdict: what the declared pattern matched in its name
    """

    __slots__ = (
        "__weakref__",
        "_server_listeners",
        "adapter",
        "definition",
        "matchdict",
        "middlewares",
        "name",
        "server",
        "sockets",
    )

    def __init__(
        self,
        name: str,
        server: SioServer,
        definition: Definition,
        matchdict: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self.server = server
        self.definition = definition
        self.matchdict = matchdict
        #: Called with each client that wants in, before its ``on_connect``.
        self.middlewares: list[Middleware] = []
        self._server_listeners: dict[str, list[Callable[..., Any]]] = {}
        #: The connections by ``sid``.
        self.sockets: dict[str, Namespace] = {}
        self.adapter: IAdapter = server.adapter_factory(self.sockets)

    def __repr__(self) -> str:
        return f"<Nsp {self.name} with {len(self.sockets)} connections>"

    def chain(self) -> Broadcast:
        return Broadcast(self)

    def use(self, middleware: Middleware) -> None:
        """Call ``middleware(socket)`` for each client that wants in, before ``on_connect``.

        Several are called in the order in which they were added. One that raises
        ``ConnectRefused`` refuses the client, with the data that carries.
        """
        self.middlewares.append(middleware)

    def on_server(self, event: str, listener: Callable[..., Any]) -> None:
        """Call ``listener(*args)`` for what other servers send by ``server_side_emit``."""
        self._server_listeners.setdefault(event, []).append(listener)

    def receive_from_server(self, event: str, args: Sequence[Any]) -> Any:
        """Another server of the cluster says something; the first answer that is not None.

        Called by adapters.
        """
        answer = None
        for listener in tuple(self._server_listeners.get(event, ())):
            result = listener(*args)
            answer = result if answer is None else answer
        return answer

    def server_side_emit(self, event: str, *args: Any) -> None:
        """Say something to the other servers of the cluster; see :meth:`on_server`."""
        self.adapter.server_side_emit((event, *args), None)

    def server_side_call(self, event: str, *args: Any, timeout: float = 5.0) -> list[Any]:
        """The same, and wait for the answer of each.

        :raises AckTimeout: not all answered in time; ``responses`` holds what came
        """
        return self.adapter.server_side_emit((event, *args), timeout)

    def remove(self, socket: Namespace) -> None:
        """A connection is gone."""
        self.sockets.pop(socket.sid, None)
        self.adapter.remove(socket, socket.rooms)

    def call_all(self, args: Sequence[Any], target: Target, flags: Flags) -> Collected:
        """Send an event to many and wait for their acknowledgements, or for the time-out."""
        id = self.server.next_ack_id()
        packet = SocketPacket(SocketType.EVENT, self.name, args, id)
        collected = Collected(self.server.make_event())
        asked = []
        for socket in self.adapter.broadcast_with_ack(packet, target, flags):
            socket.expect_shared_ack(id, collected.resolve)
            asked.append(socket)
        collected.expect(len(asked))
        timeout = self.server.ack_timeout if flags.timeout is None else flags.timeout
        collected.event.wait(timeout)
        collected.done = True
        for socket in asked:
            socket.resolve_ack(id, None)
        return collected


class Collected:
    """The answers to one broadcast."""

    __slots__ = ("_came", "done", "event", "expected", "responses")

    def __init__(self, event: Any) -> None:
        self.event = event
        self.expected = 0
        #: The first argument of each answer.
        self.responses: list[Any] = []
        self.done = False
        self._came = 0

    @property
    def missing(self) -> int:
        return self.expected - len(self.responses)

    def expect(self, count: int) -> None:
        """How many were asked."""
        self.expected = count
        self._check()

    def resolve(self, args: Sequence[Any] | None) -> None:
        """One answered, or (None) is gone without an answer."""
        if not self.done:
            self._came += 1
            if args is not None:
                self.responses.append(args[0] if args else None)
            if self.expected:
                self._check()

    def _check(self) -> None:
        if self._came >= self.expected:
            self.event.set()
