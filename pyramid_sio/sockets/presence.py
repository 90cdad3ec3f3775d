"""Who is there, by user instead of by connection.

Upstream: ``self.presence(room)``, ``self.watch_presence(room)``, ``nsp.watch_presence(...)``.
Downstream: the adapter knows who is in a room; a namespace's roster tells who came and went.

A namespace has a roster from when somebody first asks. Without one, joining and leaving cost
nothing more.

A client that is nobody in particular (its user is None) is not there for this module.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from pyramid_sio.sockets.roster import begin

if TYPE_CHECKING:
    from pyramid_sio.sockets.client import Client
    from pyramid_sio.sockets.nsp import Nsp
    from pyramid_sio.sockets.server import Definition

#: A user nobody has asked for yet.
UNKNOWN: Any = object()


class Present:
    """The part of a namespace's instance that has to do with its user."""

    __slots__ = ()

    nsp: Nsp
    declared: Definition
    sid: str
    _user: Any
    _client: Client

    @property
    def rooms(self) -> frozenset[str]:
        raise NotImplementedError

    @property
    def connected(self) -> bool:
        raise NotImplementedError

    @property
    def gone(self) -> bool:
        raise NotImplementedError

    @property
    def user(self) -> Any:
        """Who this client is: ``request.authenticated_userid`` of its opening request, or
        what the application sets here; None: nobody in particular.

        Set it in ``on_connect``, or when the client has said who it is: anything JSON can
        express and a dict can have as key.
        """
        if self._user is UNKNOWN:
            self.identify()
        return self._user

    @user.setter
    def user(self, user: Hashable) -> None:
        hash(user)
        self.nsp.server.perform(self._set_user, user)

    def _set_user(self, user: Hashable) -> None:
        if self._user == user:
            return
        if self.nsp.roster is not None:
            self.nsp.roster.exit(self, (None, *self.rooms))
        self._leave_gate()
        self._user = user
        if self.connected:
            self.appear()

    @property
    def known(self) -> bool:
        """Has anybody asked who the user is? Not for applications."""
        return self._user is not UNKNOWN

    def identify_if_needed(self) -> None:
        """Who the user is must be known from here on, if anybody cares. Not for applications."""
        gate, nsp = self._client.gate, self.nsp
        limited = gate is not None and gate.by_user
        if nsp.roster is not None or limited or nsp.server.invoker.guards(self.declared):
            self.identify()

    def identify(self) -> None:
        """Find out who the user is; may wait. Not for applications."""
        if self.known:
            return
        user = None
        try:
            user = self.nsp.server.invoker.user_of(self)
            hash(user)
        except Exception as exc:  # noqa: BLE001 - whatever the application raises
            self.complain("finding out the user failed", self.nsp.name, exc)
            user = None
        # While that waited, the application may have said it.
        if not self.known:
            self._user = user

    def presence(self, room: str | None = None) -> list[Any]:
        """The users in a room, or in the whole namespace, each once, sorted as text.

        Clients whose ``user`` is None are not among them.
        """
        return self.nsp.presence(room)

    def watch_presence(self, room: str | None = None) -> list[Any]:
        """Send this client an event ``presence`` whenever a user comes to a room or goes.

        Its argument is ``{"room": ..., "user": ..., "joined": true or false}``. A user with
        several connections comes with the first and goes with the last. It ends when the
        client leaves the namespace.

        :param room: None: the whole namespace
        :returns: the users that are there already, as :meth:`presence` does
        """
        users: list[Any] = self.nsp.server.perform(self._watch_presence, room)
        return users

    def _watch_presence(self, room: str | None) -> list[Any]:
        roster = begin(self.nsp)
        with roster.looking(self.nsp, room) as watch:
            if self.gone:
                return []
            watch.clients.add(self.sid)
            return watch.users

    def unwatch_presence(self, room: str | None = None) -> None:
        """Send this client no more such events; harmless if it got none."""
        if self.nsp.roster is not None:
            self.nsp.server.perform(self.nsp.roster.close, room, self.sid)

    # Not for applications.

    def appear(self) -> None:
        """The client is in the namespace, with the rooms it has joined. Not for applications."""
        if self.nsp.roster is not None:
            self.nsp.roster.enter(self, (None, *self.rooms))

    def vanish(self) -> None:
        """The client is gone. Idempotent. Not for applications."""
        if self.nsp.roster is not None:
            self.nsp.roster.forget(self)
        self._leave_gate()

    def _leave_gate(self) -> None:
        if self._client.gate is not None:
            self._client.gate.leave(self.sid, self._client.session)

    def run_beside(self, hook: Callable[..., Any], *args: Any) -> None:
        """Run a hook at once, but not here: it may wait. Not for applications."""
        self._client.session.submit_unordered(self._client.call_hook, self, hook, args)

    def run_apart(self, func: Callable[..., Any], *args: Any) -> None:
        """Run what is no user code beside this client's events. Not for applications."""
        self._client.session.submit_unordered(func, *args)

    def complain(self, rule: str, detail: object, error: BaseException | None = None) -> None:
        """Log, within limits, what this client did wrong. Not for applications."""
        self._client.session.complain(rule, detail, error)
