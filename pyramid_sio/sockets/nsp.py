"""A namespace as a whole: its class, its connections, its rooms.

Upstream: ``sockets.server`` keeps one for each name. Downstream: its adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.sockets.broadcast import Broadcast, Flags, Target, Verbs

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IAdapter
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.server import Definition, SioServer


class Nsp(Verbs):
    """``sio.of('/chat')``, and ``self.nsp`` in a handler: everybody in a namespace.

    :param definition: what was declared for it
    """

    __slots__ = ("_last_ack_id", "adapter", "definition", "name", "server", "sockets")

    def __init__(self, name: str, server: SioServer, definition: Definition) -> None:
        self.name = name
        self.server = server
        self.definition = definition
        #: The connections by ``sid``.
        self.sockets: dict[str, Namespace] = {}
        self.adapter: IAdapter = server.adapter_factory(self.sockets)
        self._last_ack_id = -1

    def __repr__(self) -> str:
        return f"<Nsp {self.name} with {len(self.sockets)} connections>"

    def chain(self) -> Broadcast:
        return Broadcast(self)

    def next_ack_id(self) -> int:
        """Acknowledgement ids count up from 0 in each namespace."""
        self._last_ack_id += 1
        return self._last_ack_id

    def remove(self, socket: Namespace) -> None:
        """A connection is gone."""
        self.sockets.pop(socket.sid, None)
        self.adapter.remove(socket, socket.rooms)

    def call_all(self, args: Sequence[Any], target: Target, flags: Flags) -> Collected:
        """Send an event to many and wait for their acknowledgements, or for the time-out."""
        id = self.next_ack_id()
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
