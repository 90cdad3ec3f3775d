"""What an application can subscribe to with ``config.add_subscriber``.

Upstream: ``plugin`` notifies the registry. Downstream: the application's subscribers.
"""

from __future__ import annotations

from typing import Any


class SioAdapterUp:
    """This process reaches the others, through Redis: for the first time, or again.

    Subscribers to this and to :class:`SioAdapterDown` must not wait.

    :ivar registry: the application's registry
    """

    def __init__(self, registry: Any) -> None:
        self.registry = registry

    def __repr__(self) -> str:
        return "<SioAdapterUp>"


class SioAdapterDown:
    """It does not, or no longer: clients of other processes hear nothing of it.

    :ivar reason: what happened, for people
    :ivar registry: the application's registry
    """

    def __init__(self, registry: Any, reason: str) -> None:
        self.registry = registry
        self.reason = reason

    def __repr__(self) -> str:
        return f"<SioAdapterDown {self.reason}>"


class SioNamespaceCreated:
    """A namespace of a pattern has come into being, because somebody asked for its name.

    Subscribers run before the client enters; they must not wait. One that raises an exception
    keeps the client out.

    :ivar nsp: the namespace as a whole, as ``self.nsp`` in its handlers
    :ivar registry: the application's registry
    """

    def __init__(self, nsp: Any, registry: Any) -> None:
        self.nsp = nsp
        self.registry = registry

    def __repr__(self) -> str:
        return f"<SioNamespaceCreated {self.nsp.name}>"


class SioEvent:
    """Something happened to a client; the base of what follows, to subscribe to all of it.

    Subscribers run in the client's greenlet, so they may wait; its events wait with them. What
    they raise is logged. Each event is handled in a transaction of its own, as handlers are.

    :ivar socket: the client's instance of the namespace's class
    :ivar registry: the application's registry
    """

    def __init__(self, socket: Any, registry: Any) -> None:
        self.socket = socket
        self.registry = registry

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.socket!r}>"

    @property
    def request(self) -> Any:
        """A request of the client, as ``self.request`` in a handler."""
        return self.socket.request

    @property
    def namespace(self) -> str:
        """The namespace's name."""
        name: str = self.socket.nsp.name
        return name


class SioConnected(SioEvent):
    """A client has entered a namespace, and has been told so."""


class SioConnectRefused(SioEvent):
    """A client wanted to enter a namespace that there is, and may not.

    :ivar error: why: a ``ConnectRefused``, an ``HTTPForbidden``, or what else was raised
    """

    def __init__(self, socket: Any, registry: Any, error: Exception) -> None:
        super().__init__(socket, registry)
        self.error = error


class SioDisconnected(SioEvent):
    """A client has left a namespace; its ``on_disconnect`` has been called.

    :ivar reason: as ``on_disconnect`` gets it
    """

    def __init__(self, socket: Any, registry: Any, reason: str) -> None:
        super().__init__(socket, registry)
        self.reason = reason


class SioEventFailed(SioEvent):
    """An event of a client was refused, or its handler failed; ``on_error`` has been called.

    :ivar event: the event's name
    :ivar error: what was raised
    """

    def __init__(self, socket: Any, registry: Any, event: str | int, error: Exception) -> None:
        super().__init__(socket, registry)
        self.event = event
        self.error = error
