"""Tells the application's subscribers what happens to clients.

Upstream: ``plugin.context``, which ``sockets`` tells. Downstream: ``registry.notify``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zope.interface import implementedBy

from pyramid_sio.events import (
    SioConnected,
    SioConnectRefused,
    SioDisconnected,
    SioEvent,
    SioEventFailed,
)

if TYPE_CHECKING:
    from pyramid.registry import Registry

    from pyramid_sio.interfaces import IInvoker
    from pyramid_sio.sockets.namespace import Namespace

_KINDS: dict[str, type[SioEvent]] = {
    "connected": SioConnected,
    "refused": SioConnectRefused,
    "disconnected": SioDisconnected,
    "failed": SioEventFailed,
}


class Notices:
    """What subscribers of one application are told. Without any, it is a look-up."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._kinds = {what: (kind, implementedBy(kind)) for what, kind in _KINDS.items()}

    def tell(self, invoker: IInvoker, socket: Namespace, what: str, facts: Sequence[Any]) -> None:
        """Something happened; what subscribers raise is logged."""
        kind, interface = self._kinds[what]
        registry = self._registry
        if not registry.adapters.subscriptions((interface,), None):
            return
        event = kind(socket, registry, *facts)
        try:
            invoker.enclose(socket, registry.notify, (event,))
        except Exception as exc:  # noqa: BLE001 - whatever the application raises
            socket.complain(f"a subscriber of {kind.__name__} failed", socket.nsp.name, exc)


class SocketNamespacePredicate:
    """``sio_namespace='/chat'`` of a subscriber: events of that namespace only."""

    def __init__(self, val: str, config: Any) -> None:
        self._name = val if val.startswith("/") else f"/{val}"

    def text(self) -> str:
        return f"sio_namespace = {self._name}"

    phash = text

    def __call__(self, event: Any) -> bool:
        nsp = getattr(getattr(event, "socket", event), "nsp", None)
        return nsp is not None and self._name in (nsp.name, nsp.definition.path)


class SocketEventPredicate:
    """``sio_event='say'`` of a subscriber: where the event has that name only."""

    def __init__(self, val: str | int, config: Any) -> None:
        self._name = val

    def text(self) -> str:
        return f"sio_event = {self._name!r}"

    phash = text

    def __call__(self, event: Any) -> bool:
        return bool(getattr(event, "event", None) == self._name)
