"""What runs beside the sessions of a process while it serves: connections to other servers.

Upstream: ``plugin`` registers an application's services when it is made, which connects
nothing: ``pshell`` makes applications too. Downstream: whatever serves, such as ``http``,
starts them once it listens, and closes them when handlers have ended.
"""

from __future__ import annotations

from typing import Protocol
from weakref import WeakSet


class IService(Protocol):
    """Something with a beginning and an end."""

    def start(self) -> None:
        """Begin; harmless if that has been done. Never waits."""

    def close(self, patience: float) -> None:
        """End for good; may wait, at most ``patience`` seconds."""


#: Of all applications of the process, as long as those live.
_services: WeakSet[IService] = WeakSet()


def register(service: IService) -> None:
    """Have a service started when the process begins to serve. Whoever calls this keeps it."""
    _services.add(service)


def start_services() -> None:
    """The process serves. A process that serves otherwise starts them with its first client."""
    for service in list(_services):
        service.start()


def close_services(patience: float) -> None:
    """The process serves no longer."""
    for service in list(_services):
        service.close(patience)
