"""The seam between a namespace and its rooms, which may reach over several servers.

``sockets`` asks, ``adapters`` answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from pyramid_sio.protocol.packets import SocketPacket


class ITarget(Protocol):
    """Whom a broadcast is for: the union of rooms (none: everybody), minus some.

    :ivar rooms: whose members are meant
    :ivar excluded: whose members are left out
    """

    @property
    def rooms(self) -> frozenset[str]: ...
    @property
    def excluded(self) -> frozenset[str]: ...


class IFlags(Protocol):
    """How to send.

    :ivar volatile: drop it for clients that are not ready to take it
    :ivar compress: False: transports are asked not to compress it
    :ivar local: to clients of this process only
    """

    @property
    def volatile(self) -> bool: ...
    @property
    def compress(self) -> bool: ...
    @property
    def local(self) -> bool: ...


class IQuestion(Protocol):
    """A broadcast that clients of other servers were asked to acknowledge. In the loop."""

    @property
    def clients(self) -> int:
        """Clients of other servers known to have been asked."""

    @property
    def answers(self) -> Sequence[Any]:
        """The first argument of each answer that came from other servers."""

    @property
    def complete(self) -> bool:
        """Have all servers said how many clients they have, and have those answered?"""

    def count(self, timeout: float) -> None:
        """Find out how many servers were asked; may wait."""

    def end(self) -> None:
        """Nobody waits any more."""


class IAdapter(Protocol):
    """Rooms of one namespace, and the way to the same namespace on other servers.

    ``adapters.memory`` is complete by itself; the others delegate to it. With ``local=True``
    a verb means the clients of this process only.

    A connection is in rooms from ``add`` to ``remove``. ``broadcast`` sends to everybody selected,
    ``join``, ``leave`` and ``disconnect`` act on them, here and on other servers; none of these
    waits. ``close`` is called when the namespace is gone, or the server ends; idempotent.
    """

    def attach(self, nsp: Any) -> None:
        """The namespace is there; must not be kept alive by its adapter."""

    def enter(self, socket: Any) -> None:
        """A connection is about to be in the namespace. ``remove`` ends that."""

    def add(self, socket: Any, rooms: Iterable[str]) -> None: ...
    def remove(self, socket: Any, rooms: Iterable[str]) -> None: ...

    def select(self, target: ITarget) -> Iterable[Any]:
        """The connections of this process that are meant."""

    def broadcast(self, packet: SocketPacket, target: ITarget, flags: IFlags) -> None: ...
    def broadcast_with_ack(
        self, packet: SocketPacket, target: ITarget, flags: IFlags
    ) -> Iterable[Any]:
        """Send to the connections of this process; each is named before it is sent to."""

    def ask_others(
        self, packet: SocketPacket, target: ITarget, flags: IFlags, changed: Callable[[], None]
    ) -> IQuestion | None:
        """Send the same to other servers; None: there are none. Does not wait.

        :param changed: called when an answer came
        """

    def fetch(self, target: ITarget, local: bool = False) -> list[Any]:
        """Everybody selected, here and on other servers. May wait.

        :raises AckTimeout: a server did not answer in time
        """

    def all_rooms(self) -> set[str]:
        """The rooms that have members, anywhere, each client's own included. May wait.

        :raises AckTimeout: a server did not answer in time
        """

    def server_count(self) -> int:
        """The servers of this namespace, this one included. May wait.

        :raises AdapterError: that cannot be found out now
        """

    def users(self, target: ITarget) -> Iterable[Any]:
        """The users of the connections selected, here and on other servers; never None.

        May wait for the other servers; those that do not answer in time are left out.
        """

    def watch_users(self, room: str | None) -> Iterable[Any]:
        """The users in a room (None: in the namespace) on other servers. May wait.

        The namespace's roster is told when they change, from when this has returned.
        """

    def unwatch_users(self, room: str | None) -> None:
        """It need not be told any more; harmless if it was not."""

    def join(self, target: ITarget, rooms: Iterable[str], local: bool = False) -> None: ...
    def leave(self, target: ITarget, rooms: Iterable[str], local: bool = False) -> None: ...
    def disconnect(self, target: ITarget, close: bool, local: bool = False) -> None: ...

    def server_side_emit(self, args: Sequence[Any], timeout: float | None) -> list[Any]:
        """Say something to the other servers; with a time-out, wait for their answers.

        :raises AckTimeout: not all answered in time; ``responses`` holds what came
        """

    def close(self) -> None: ...


class IRecoveringAdapter(IAdapter, Protocol):
    """An adapter whose clients can come back after their connection broke.

    Its broadcasts add an offset as last argument. Used if the server has a ``Recovery``.
    """

    def begin(self, socket: Any) -> str:
        """A new client; the secret by which it can prove that it is back."""

    def restore(self, socket: Any, pid: str, offset: str | None) -> Any:
        """What was kept of a client (a ``Recovered``), which is ``socket`` from now on; or None.

        None if anything may be lost. May wait, but not once it knows what was missed.

        :param offset: of the last event the client got, as it says; None: it got none
        """

    def send(self, socket: Any, packet: SocketPacket, flags: IFlags) -> None:
        """An event for one client, who may be on its way in, or away."""

    def keep(self, socket: Any) -> None:
        """A client's connection broke, and its ``on_disconnect`` has ended."""

    def drop(self, socket: Any) -> None:
        """A client will not come back."""
