"""``import socketio``, for code that was written for gevent-socketio and is not to be touched.

Upstream: a program's first lines, or gunicorn's configuration. Downstream: the modules of this
room, each imported when something is first asked of it, so that there is time to patch.

python-socketio has the name today. So nothing is installed under it, and nothing is hidden: these
modules exist in a process that asks for them, and only where the name is free.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

_HERE = "pyramid_sio.compat"
PACKAGE = "socketio"
#: The modules of old, what was imported from each, and where that is now.
MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    PACKAGE: (f"{_HERE}.gevent_socketio", ("socketio_manage",)),
    f"{PACKAGE}.mixins": (f"{_HERE}.mixins", ("BroadcastMixin", "RoomsMixin")),
    f"{PACKAGE}.namespace": (f"{_HERE}.namespace", ("BaseNamespace",)),
    f"{PACKAGE}.sdjango": (
        f"{_HERE}.django",
        ("SOCKETIO_NS", "autodiscover", "namespace", "socketio", "urls"),
    ),
    f"{PACKAGE}.server": (f"{_HERE}.server", ("SocketIOServer", "serve", "serve_paste")),
    f"{PACKAGE}.sgunicorn": (
        f"{_HERE}.gunicorn",
        ("GeventSocketIOWorker", "NginxGeventSocketIOWorker"),
    ),
    f"{PACKAGE}.virtsocket": (f"{_HERE}.virtual", ("Socket", "default_error_handler")),
}


class OldModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and makes the modules of :data:`MODULES`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """None: it is none of them."""
        if fullname not in MODULES:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=fullname == PACKAGE)

    def exec_module(self, module: ModuleType) -> None:
        """Have it ask for its names only when somebody else does."""
        where, names = MODULES[module.__name__]

        def find(name: str) -> Any:
            if name not in names:
                raise AttributeError(f"{module.__name__} has no {name!r} any more; see {where}")
            value = getattr(import_module(where), name)
            setattr(module, name, value)
            return value

        module.__doc__ = f"{module.__name__} of gevent-socketio, as ``{where}`` has it."
        module.__dict__.update(__all__=list(names), __getattr__=find)


def install_as_socketio() -> None:
    """Let ``from socketio.namespace import BaseNamespace``, and the like, mean this package.

    For this process, before anything imports ``socketio``; again, it does nothing.

    :raises ImportError: there is a package of that name already, such as python-socketio
    """
    if any(isinstance(finder, OldModules) for finder in sys.meta_path):
        return
    spec = importlib.util.find_spec(PACKAGE)
    if spec is not None:
        where = spec.origin or ", ".join(spec.submodule_search_locations or ())
        raise ImportError(
            f"{where} has the name socketio: import from pyramid_sio.compat.gevent_socketio "
            "instead, or uninstall what it belongs to (python-socketio?)",
            name=PACKAGE,
        )
    sys.meta_path.append(OldModules())
