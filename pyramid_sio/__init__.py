"""Socket.IO for Pyramid, on gevent.

``config.include('pyramid_sio')`` adds the endpoint to an application; the names below are
what applications use. They are imported when first asked for: the server's entry point
lies in this package too, and must be able to patch the standard library before anything
of Pyramid is loaded.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid.config import Configurator

    from pyramid_sio.emitter import Emitter as Emitter
    from pyramid_sio.errors import (
        AckTimeout as AckTimeout,
    )
    from pyramid_sio.errors import (
        ArgumentError as ArgumentError,
    )
    from pyramid_sio.errors import (
        ConnectRefused as ConnectRefused,
    )
    from pyramid_sio.errors import (
        DisconnectReason as DisconnectReason,
    )
    from pyramid_sio.errors import (
        EventError as EventError,
    )
    from pyramid_sio.errors import (
        RateLimited as RateLimited,
    )
    from pyramid_sio.errors import (
        SessionClosed as SessionClosed,
    )
    from pyramid_sio.events import (
        SioAdapterDown as SioAdapterDown,
    )
    from pyramid_sio.events import (
        SioAdapterUp as SioAdapterUp,
    )
    from pyramid_sio.events import (
        SioConnected as SioConnected,
    )
    from pyramid_sio.events import (
        SioConnectRefused as SioConnectRefused,
    )
    from pyramid_sio.events import (
        SioDisconnected as SioDisconnected,
    )
    from pyramid_sio.events import (
        SioEvent as SioEvent,
    )
    from pyramid_sio.events import (
        SioEventFailed as SioEventFailed,
    )
    from pyramid_sio.events import (
        SioNamespaceCreated as SioNamespaceCreated,
    )
    from pyramid_sio.plugin import get_sio as get_sio
    from pyramid_sio.plugin.decorators import sio_namespace as sio_namespace
    from pyramid_sio.plugin.metrics import get_metrics as get_metrics
    from pyramid_sio.plugin.metrics import metrics_view as metrics_view
    from pyramid_sio.sockets.handlers import on as on
    from pyramid_sio.sockets.namespace import Namespace as Namespace

_HOMES = {
    "AckTimeout": "errors",
    "ArgumentError": "errors",
    "ConnectRefused": "errors",
    "DisconnectReason": "errors",
    "Emitter": "emitter",
    "EventError": "errors",
    "RateLimited": "errors",
    "SessionClosed": "errors",
    "SioAdapterDown": "events",
    "SioAdapterUp": "events",
    "SioError": "errors",
    "SioConnectRefused": "events",
    "SioConnected": "events",
    "SioDisconnected": "events",
    "SioEvent": "events",
    "SioEventFailed": "events",
    "SioNamespaceCreated": "events",
    "Namespace": "sockets.namespace",
    "get_metrics": "plugin.metrics",
    "get_sio": "plugin",
    "metrics_view": "plugin.metrics",
    "on": "sockets.handlers",
    "sio_namespace": "plugin.decorators",
}
__all__ = ["includeme", *_HOMES]  # noqa: PLE0604 - the names are in the table


def includeme(config: Configurator) -> None:
    """For ``config.include('pyramid_sio')``."""
    config.include("pyramid_sio.plugin")


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
