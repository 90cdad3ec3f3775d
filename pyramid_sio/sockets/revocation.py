"""Rights that users have lost while they were connected: looked up again, and acted on.

Upstream: ``sio.revoke(user)`` here or on another server, and the clock. Downstream: the invoker
asks the application once more; a client that may not be in its namespace is disconnected, and
taken out of rooms it may not be in.

Only namespaces are looked at whose clients have had to be permitted something.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from weakref import ref

from pyramid_sio.errors import ConnectRefused, DisconnectReason, ShapedError, SioError

if TYPE_CHECKING:
    from pyramid_sio.sockets.client import Client
    from pyramid_sio.sockets.nsp import Nsp
    from pyramid_sio.sockets.server import Definition

#: What servers of a cluster tell each other: of one namespace, or of all.
REVOKE = "pyramid_sio:revoke"
REVOKE_ALL = "pyramid_sio:revoke all"
#: Clients that are looked at side by side; each may wait for a database.
AT_ONCE = 16
_WHY = DisconnectReason.PERMISSION_REVOKED


class Revocable:
    """The part of a namespace's instance that has to do with losing rights."""

    __slots__ = ()

    nsp: Nsp
    declared: Definition
    user: Any
    _client: Client

    @property
    def ended(self) -> bool:
        raise NotImplementedError

    @property
    def connected(self) -> bool:
        raise NotImplementedError

    def leave(self, *rooms: str) -> None:
        raise NotImplementedError

    def run_apart(self, func: Callable[..., Any], *args: Any) -> None:
        raise NotImplementedError

    def recheck(self, user: Hashable = None, *, sure: bool = True) -> None:
        """See if this client may still be where it is; act on it. May wait. Not for applications.

        :param user: only if it is this one; None: whoever it is
        :param sure: True: it has to go as well if that cannot be found out
        """
        if not self.connected or (user is not None and self.user != user):
            return
        invoker, session = self.nsp.server.invoker, self._client.session
        try:
            forbidden = invoker.recheck(self)
        except Exception as exc:  # noqa: BLE001 - whatever the application raises
            error = exc if isinstance(exc, SioError) else invoker.shape(self, exc)
            refused = isinstance(error, ConnectRefused | ShapedError)
            if not refused or getattr(error, "failed", False):
                session.complain("looking for lost rights failed", self.nsp.name, exc)
                refused = sure
            if refused and not self.ended:
                session.complain("permission revoked", self.nsp.name)
                self._client.disconnect(self, close=False, reason=_WHY)  # type: ignore[arg-type]
        else:
            if forbidden:
                session.complain("permission revoked", f"rooms of {self.nsp.name}")
                self.leave(*forbidden)

    def watch_rights(self) -> None:
        """It is in: look again at intervals, if that is wanted. Not for applications."""
        server = self.nsp.server
        if server.reauth_interval is not None and server.invoker.guards(self.declared):
            self._client.session.call_later(server.reauth_interval, _Clock(self))

    def recheck_by_clock(self) -> None:
        """The interval is over. Not for applications."""
        self.recheck(sure=False)
        if not self.ended:
            self.watch_rights()


class _Clock:
    """Called when the interval is over; keeps nobody alive who is gone."""

    __slots__ = ("_socket",)

    def __init__(self, socket: Revocable) -> None:
        self._socket = ref(socket)

    def __call__(self) -> None:
        socket = self._socket()
        if socket is not None and not socket.ended:
            socket.run_apart(socket.recheck_by_clock)


class Sweep:
    """Looks at many clients, a few at a time. In the loop.

    :param user: whose; None: everybody's
    """

    def __init__(self, sockets: Iterable[Any], user: Hashable) -> None:
        self._sockets: Iterator[Any] = iter(list(sockets))
        self._user = user

    def start(self) -> None:
        """Begin; it goes on by itself."""
        for _ in range(AT_ONCE):
            self._next()

    def _next(self) -> None:
        for socket in self._sockets:
            if not socket.ended:
                socket.run_apart(self._check, socket)
                return

    def _check(self, socket: Any) -> None:
        try:
            socket.recheck(self._user)
        finally:
            self._next()


def sweep(nsps: Iterable[Nsp], user: Hashable, room: str | None) -> None:
    """Look at all clients of namespaces at this server that are in a room, or (None) anywhere."""
    found = []
    for nsp in nsps:
        if any(map(nsp.server.invoker.guards, nsp.definitions)):
            sockets = list(nsp.sockets.values())
            found += [socket for socket in sockets if room is None or room in socket.rooms]
    Sweep(found, user).start()


def hear(event: str, nsp: Nsp, args: Sequence[Any]) -> None:
    """Another server has said ``REVOKE`` or ``REVOKE_ALL``; what makes no sense is ignored."""
    if len(args) == 2 and isinstance(args[0], Hashable) and isinstance(args[1], str | None):
        user, room = args
        sweep([nsp] if event == REVOKE else nsp.server.namespaces(), user, room)
