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
