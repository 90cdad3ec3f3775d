"""Whom to send to, and how: a chain of words that ends in a verb.

Upstream: handlers and views write ``self.to('lobby').volatile.emit('news', text)``.
Downstream: the namespace's adapter, or one client directly.

A chain is a value: each word returns a new one, so half a chain can be kept and reused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.protocol.socket_v5 import RESERVED_EVENTS
from pyramid_sio.sockets.acks import to_callback

if TYPE_CHECKING:
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.nsp import Nsp


logger = logging.getLogger(__name__)


class Target(NamedTuple):
    """The selection of a chain.

    :param rooms: their union is meant; empty: everybody in the namespace
    :param excluded: rooms whose members are left out, whatever else they are in
    """

    rooms: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()


class Flags(NamedTuple):
    """How to send.

    :param volatile: drop it for clients that are not ready to take it
    :param compress: False asks transports not to compress
    :param local: this process only
    :param timeout: seconds to wait for acknowledgements
    """

    volatile: bool = False
    compress: bool = True
    local: bool = False
    timeout: float | None = None


def run_alone(func: Callable[..., Any], args: Sequence[Any]) -> None:
    """``func(*args)``, with nobody above to hear what it raises but the log."""
    try:
        func(*args)
    except Exception:
        logger.exception("a callback failed: %r", func)


def check_event(event: object) -> None:
    """:raises ValueError: for a name that no Socket.IO peer accepts as an event"""
    if event in RESERVED_EVENTS:
        raise ValueError(f"{event!r} is a reserved name: clients refuse such an event")
    if not isinstance(event, str | int) or isinstance(event, bool):
        raise TypeError(f"an event's name is a string, not {type(event).__name__}")


def room_names(rooms: Iterable[str]) -> frozenset[str]:
    """:raises TypeError: for a room that is no string"""
    names = frozenset(rooms)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"a room's name is a string, not {type(name).__name__}")
    return names


class Words:
    """The words of a chain, for whatever a chain can start from."""

    __slots__ = ()

    def chain(self) -> Broadcast:
        """The chain that starts here. Not for applications."""
        raise NotImplementedError

    def to(self, *rooms: str) -> Broadcast:
        """Add rooms: who is in any of them is meant, once.

        :param rooms: their names; a client's ``sid`` is one, too
        :returns: a new chain; this one stays as it is
        :raises TypeError: for a room that is no string
        """
        return self.chain().to(*rooms)

    def in_(self, *rooms: str) -> Broadcast:
        """The same as :meth:`to`."""
        return self.to(*rooms)

    def except_(self, *rooms: str) -> Broadcast:
        """Leave out who is in any of these rooms, whatever else they are in.

        :param rooms: their names, or clients' ``sid``
        :raises TypeError: for a room that is no string
        """
        return self.chain().except_(*rooms)

    @property
    def broadcast(self) -> Broadcast:
        """Everybody in the namespace; from a connection, everybody else."""
        return self.chain().broadcast

    @property
    def volatile(self) -> Broadcast:
        """Drop it for clients that are not ready to take it: something of an earlier message still
        waits for them, or they poll and no poll waits."""
        return self.chain().volatile

    @property
    def local(self) -> Broadcast:
        """Only clients of this process; from a connection, all but itself."""
        return self.chain().local

    def compress(self, value: bool) -> Broadcast:
        """Compress this, or not.

        :param value: False asks transports not to; True lets them, if they would anyway
        """
        return self.chain().compress(value)

    def timeout(self, seconds: float) -> Broadcast:
        """How long to wait for acknowledgements, and for other servers.

        :param seconds: instead of ``sio.ack_timeout``
        """
        return self.chain().timeout(seconds)


class Verbs(Words):
    """The verbs too, for what stands for many connections."""

    __slots__ = ()

    def emit(
        self,
        event: str,
        *args: Any,
        callback: Callable[..., Any] | None = None,
        immediate: bool = False,
    ) -> None:
        """Send an event to everybody; encoded once, however many receive it.

        Any greenlet, any thread of the process may call.

        In a transaction of pyramid_tm it is sent after the commit, and not after an abort.

        :param callback: called with an error or None, then with the list of answers
        :param immediate: do not wait for the transaction
        :raises ValueError: for a reserved event name
        :raises TypeError: for an argument that cannot be sent
        """
        self.chain().emit(event, *args, callback=callback, immediate=immediate)

    def send(self, *args: Any) -> None:
        """Send an event named ``message`` to everybody; else as :meth:`emit`."""
        self.chain().emit("message", *args)

    def call(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Send an event, wait for all acknowledgements: the first argument of each.

        For greenlets and threads that may wait. It does not wait for a transaction.

        :param timeout: seconds; None: what the chain says, or the setting ``sio.ack_timeout``
        :raises AckTimeout: not everybody answered in time; ``responses`` holds what came
        """
        return self.chain().call(event, *args, timeout=timeout)

    def fetch(self) -> list[Any]:
        """The connections, those at other servers included. May wait for these.

        Of those it is a picture (a ``RemoteSocket``), with ``sid``, ``rooms``, ``handshake``,
        ``session``, and verbs that act on it.

        :raises AckTimeout: a server did not answer in time; ``responses`` holds who is known
        """
        return self.chain().fetch()

    def join(self, *rooms: str) -> None:
        """Make everybody join rooms, at other servers too. Never waits; nobody's rights are looked
        at.

        :raises TypeError: for a room that is no string
        """
        self.chain().join(*rooms)

    def leave(self, *rooms: str) -> None:
        """Make everybody leave rooms, at other servers too. Never waits.

        :raises TypeError: for a room that is no string
        """
        self.chain().leave(*rooms)

    def disconnect(self, close: bool = False) -> None:
        """Disconnect everybody, at other servers too; ``on_disconnect`` is called for each.

        In a transaction of pyramid_tm it happens at its end, whichever that is.

        :param close: end the whole connection of each, with all its namespaces
        """
        self.chain().disconnect(close)


class Broadcast(Words):
    """One chain. The verbs may be called from any greenlet, and any thread."""

    __slots__ = ("_flags", "_nsp", "_origin", "_selected", "_target")

    def __init__(
        self,
        nsp: Nsp,
        *,
        origin: Namespace | None = None,
        target: Target = Target(),
        flags: Flags = Flags(),
        selected: bool = False,
    ) -> None:
        self._nsp = nsp
        #: The connection it starts from: alone if nothing is selected, else left out.
        self._origin = origin
        self._target = target
        self._flags = flags
        self._selected = selected

    def __repr__(self) -> str:
        return f"<Broadcast {self._nsp.name} {self._target} {self._flags}>"

    def _with(self, target: Target | None = None, **flags: Any) -> Broadcast:
        return Broadcast(
            self._nsp,
            origin=self._origin,
            target=self._target if target is None else target,
            flags=self._flags._replace(**flags),
            selected=self._selected or target is not None or "local" in flags,
        )

    def to(self, *rooms: str) -> Broadcast:
        names = self._target.rooms | room_names(rooms)
        return self._with(self._target._replace(rooms=names))

    def except_(self, *rooms: str) -> Broadcast:
        names = self._target.excluded | room_names(rooms)
        return self._with(self._target._replace(excluded=names))

    @property
    def broadcast(self) -> Broadcast:
        return self._with(self._target)

    @property
    def volatile(self) -> Broadcast:
        return self._with(volatile=True)

    @property
    def local(self) -> Broadcast:
        return self._with(local=True)

    def compress(self, value: bool) -> Broadcast:
        return self._with(compress=bool(value))

    def timeout(self, seconds: float) -> Broadcast:
        return self._with(timeout=seconds)

    def chain(self) -> Broadcast:
        return self

    # Verbs.

    def emit(
        self,
        event: str,
        *args: Any,
        callback: Callable[..., Any] | None = None,
        immediate: bool = False,
    ) -> None:
        """Send an event; encoded once, however many receive it.

        :param callback: called with the acknowledgements. For a selection: with an error or
            None, and a list of the first argument of each. For one client: with the arguments
            of its answer; after ``timeout()`` with an error or None before them
        :param immediate: do not wait for the transaction of pyramid_tm that goes on
        :raises ValueError: for a reserved event name
        :raises TypeError: for an argument that cannot be sent
        """
        check_event(event)
        server = self._nsp.server
        deliver = server.in_loop if immediate else server.deliver
        packet = SocketPacket(SocketType.EVENT, self._nsp.name, (event, *args))
        if callback is not None:
            deliver(self._ask, packet, callback)
        elif self._origin is not None and not self._selected:
            deliver(self._origin.send_packet, packet, self._flags)
        else:
            deliver(self._nsp.adapter.broadcast, packet, self._final_target(), self._flags)

    def _ask(self, packet: SocketPacket, callback: Callable[..., Any]) -> None:
        args = packet.data
        origin, flags = self._origin, self._flags
        if origin is None or self._selected:
            collected = self._nsp.ask(args, self._final_target(), flags)
            run = self._run_alone if origin is None else origin.submit
            self._nsp.server.spawn(collected.report, callback, run)
        else:
            with_error = flags.timeout is not None
            origin.ask(args, flags, to_callback(callback, origin.submit, with_error=with_error))

    def _run_alone(self, func: Callable[..., Any], args: Sequence[Any]) -> None:
        self._nsp.server.apart(run_alone, func, args)

    def send(self, *args: Any) -> None:
        """Send an event named ``message``."""
        self.emit("message", *args)

    def call(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Send an event and wait for the acknowledgement of everybody who received it.

        From a connection, without a selection, it is the one client's answer; else a list
        of the first argument of each answer.

        :param timeout: seconds; None: what the chain says, or the setting ``sio.ack_timeout``
        :raises AckTimeout: not everybody answered in time; ``responses`` holds what came
        :raises SessionClosed: the one client is gone
        """
        check_event(event)
        flags = self._flags if timeout is None else self._flags._replace(timeout=timeout)
        return self._nsp.server.perform(self._ask_and_wait, (event, *args), flags)

    def _ask_and_wait(self, args: Sequence[Any], flags: Flags) -> Any:
        if self._origin is not None and not self._selected:
            return self._origin.ask_and_wait(args, flags)
        return self._nsp.ask(args, self._final_target(), flags).wait()

    def fetch(self) -> list[Any]:
        """The connections selected; see :meth:`Verbs.fetch`."""
        fetch = self._nsp.adapter.fetch
        found: list[Any] = self._nsp.server.perform(fetch, self._final_target(), self._flags.local)
        return found

    def join(self, *rooms: str) -> None:
        """Make everybody selected join rooms."""
        names = room_names(rooms)
        target, local = self._final_target(), self._flags.local
        self._nsp.server.in_loop(self._nsp.adapter.join, target, names, local)

    def leave(self, *rooms: str) -> None:
        """Make everybody selected leave rooms."""
        names = room_names(rooms)
        target, local = self._final_target(), self._flags.local
        self._nsp.server.in_loop(self._nsp.adapter.leave, target, names, local)

    def disconnect(self, close: bool = False) -> None:
        """Disconnect everybody selected; ``close`` ends the whole connection of each."""
        target, local = self._final_target(), self._flags.local
        server = self._nsp.server
        server.conclude(server.in_loop, self._nsp.adapter.disconnect, target, close, local)

    def _final_target(self) -> Target:
        if self._origin is None:
            return self._target
        if not self._selected:
            return Target(frozenset((self._origin.sid,)))
        excluded = self._target.excluded | {self._origin.sid}
        return self._target._replace(excluded=excluded)
