"""Namespaces that come into being when a client asks for one: ``/doc/{id}``.

Upstream: ``sockets.server`` asks each family, in the order of declaration, whether a name
belongs to it. Downstream: an ordinary ``Nsp`` for each name.

A child lives as long as somebody is in it or holds it: names are chosen by clients, so
children nobody uses must not be kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary, finalize

from pyramid_sio.sockets.broadcast import Target
from pyramid_sio.sockets.nsp import Nsp

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IAdapter, IFlags, IQuestion, ITarget
    from pyramid_sio.protocol.packets import SocketPacket
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.roster import Listener
    from pyramid_sio.sockets.server import Definition, SioServer

#: Called with a name and the client's ``auth``: what the name's parts are, or None if it is
#: not one of this family's.
Match = Callable[[str, Any], Mapping[str, Any] | None]


class Family(Nsp):
    """All namespaces of one pattern: what is emitted here goes to every child.

    :param keep: True keeps children for which there is no client any more
    """

    __slots__ = ("_kept", "_match", "children")

    def __init__(self, server: SioServer, definition: Definition, *, keep: bool) -> None:
        super().__init__(definition.path, server, definition)
        assert definition.match is not None
        self._match: Match = definition.match
        self.children: WeakValueDictionary[str, Nsp] = WeakValueDictionary()
        self._kept: list[Nsp] | None = [] if keep else None

    def _new_adapter(self) -> FamilyAdapter:
        return FamilyAdapter(self)

    def match(self, name: str, auth: Any) -> Mapping[str, Any] | None:
        """The parts of a name, or None if it belongs to another family."""
        return self._match(name, auth)

    def child(self, name: str, matchdict: Mapping[str, Any]) -> Nsp:
        """The namespace of that name, made if there is none."""
        child = self.children.get(name)
        return self._make(name, matchdict) if child is None else child

    def _make(self, name: str, matchdict: Mapping[str, Any]) -> Nsp:
        child = Nsp(name, self.server, self.definition, matchdict)
        child.definitions = self.definitions
        child.middlewares.extend(self.middlewares)
        for event, listeners in self.server_listeners.items():
            child.server_listeners[event] = list(listeners)
        self.children[name] = child
        finalize(child, child.adapter.close)
        for listener in self.server.creation_listeners:
            listener(child)
        if self._kept is not None:
            self._kept.append(child)
        return child

    def watch_presence(self, listener: Listener, room: str | None = None) -> list[Any]:
        """:raises TypeError: always; there is nobody in a pattern, only in its namespaces"""
        raise TypeError(f"{self.name} is a pattern: watch its namespaces, as self.nsp in a handler")


class FamilyAdapter:
    """Does to every child what is asked of the family."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def attach(self, nsp: Nsp) -> None: ...

    def watch_users(self, room: str | None) -> set[Any]:
        """:raises TypeError: always; there is nobody in a pattern, only in its namespaces"""
        raise TypeError("a pattern cannot be watched, only its namespaces can")

    def unwatch_users(self, room: str | None) -> None: ...

    def enter(self, socket: Namespace) -> None:
        socket.nsp.adapter.enter(socket)

    def _adapters(self) -> list[tuple[str, IAdapter]]:
        return [(child.name, child.adapter) for child in list(self._family.children.values())]

    def add(self, socket: Namespace, rooms: Iterable[str]) -> None:
        socket.nsp.adapter.add(socket, rooms)

    def remove(self, socket: Namespace, rooms: Iterable[str]) -> None:
        socket.nsp.adapter.remove(socket, rooms)

    def select(self, target: ITarget) -> list[Any]:
        return [socket for _, adapter in self._adapters() for socket in adapter.select(target)]

    def broadcast(self, packet: SocketPacket, target: ITarget, flags: IFlags) -> None:
        for name, adapter in self._adapters():
            adapter.broadcast(packet._replace(namespace=name), target, flags)

    def broadcast_with_ack(
        self, packet: SocketPacket, target: ITarget, flags: IFlags
    ) -> Iterable[Any]:
        for name, adapter in self._adapters():
            yield from adapter.broadcast_with_ack(packet._replace(namespace=name), target, flags)

    def ask_others(
        self, packet: SocketPacket, target: ITarget, flags: IFlags, changed: Callable[[], None]
    ) -> IQuestion | None:
        asked = []
        for name, adapter in self._adapters():
            named = packet._replace(namespace=name)
            question = adapter.ask_others(named, target, flags, changed)
            if question is not None:
                asked.append(question)
        return FamilyQuestion(asked) if asked else None

    def fetch(self, target: ITarget, local: bool = False) -> list[Any]:
        return [socket for _, a in self._adapters() for socket in a.fetch(target, local)]

    def all_rooms(self) -> set[str]:
        return {room for _, adapter in self._adapters() for room in adapter.all_rooms()}

    def server_count(self) -> int:
        """:raises TypeError: always; each namespace of a pattern has its own servers"""
        raise TypeError("a pattern has no servers, only its namespaces have")

    def users(self, target: ITarget) -> set[Any]:
        children = list(self._family.children.values())
        chosen = Target(target.rooms, target.excluded)
        return {user for child in children for user in child.users(chosen)}

    def join(self, target: ITarget, rooms: Iterable[str], local: bool = False) -> None:
        for _, adapter in self._adapters():
            adapter.join(target, rooms, local)

    def leave(self, target: ITarget, rooms: Iterable[str], local: bool = False) -> None:
        for _, adapter in self._adapters():
            adapter.leave(target, rooms, local)

    def disconnect(self, target: ITarget, close: bool, local: bool = False) -> None:
        for _, adapter in self._adapters():
            adapter.disconnect(target, close, local)

    def server_side_emit(self, args: Any, timeout: float | None) -> list[Any]:
        return [answer for _, a in self._adapters() for answer in a.server_side_emit(args, timeout)]

    def close(self) -> None:
        for _, adapter in self._adapters():
            adapter.close()


class FamilyQuestion:
    """One question for all children; see ``interfaces.IQuestion``."""

    def __init__(self, parts: Sequence[IQuestion]) -> None:
        self._parts = parts

    @property
    def clients(self) -> int:
        return sum(part.clients for part in self._parts)

    @property
    def answers(self) -> list[Any]:
        return [answer for part in self._parts for answer in part.answers]

    @property
    def complete(self) -> bool:
        return all(part.complete for part in self._parts)

    def count(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        for part in self._parts:
            part.count(max(deadline - time.monotonic(), 0.0))

    def end(self) -> None:
        for part in self._parts:
            part.end()
