"""For tests of applications: a client in the test's own process, a clock, dummies.

The names are imported when first asked for: pytest loads this package with its fixtures.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid_sio.testing.app import SioTestApp as SioTestApp
    from pyramid_sio.testing.client import ConnectionRefused as ConnectionRefused
    from pyramid_sio.testing.client import Received as Received
    from pyramid_sio.testing.client import TestClient as TestClient
    from pyramid_sio.testing.clock import VirtualClock as VirtualClock
    from pyramid_sio.testing.dummy import DummyServer as DummyServer
    from pyramid_sio.testing.dummy import Sent as Sent
    from pyramid_sio.testing.dummy import make_socket as make_socket
    from pyramid_sio.testing.wire import Network as Network

_HOMES = {
    "ConnectionRefused": "client",
    "DummyServer": "dummy",
    "Network": "wire",
    "Received": "client",
    "Sent": "dummy",
    "SioTestApp": "app",
    "TestClient": "client",
    "VirtualClock": "clock",
    "make_socket": "dummy",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
