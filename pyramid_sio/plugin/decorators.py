"""``@sio_namespace``, found by ``config.scan()``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import venusian
from pyramid.exceptions import ConfigurationError

from pyramid_sio.plugin.patterns import Path
from pyramid_sio.sockets.namespace import Namespace

_C = TypeVar("_C", bound=type[Namespace])


class sio_namespace:  # noqa: N801 - a decorator, named like Pyramid's own
    """Declare a class as a namespace.

    Does nothing until ``config.scan()`` comes by; ``config.add_sio_namespace`` is the same
    without scanning.

    :param path: ``'/chat'``; ``'/'`` is the namespace clients connect to by default; a route
        pattern ``'/doc/{id}'``, a compiled regex (whole names) or a function ``(name, auth)``
        stands for many, each made when a client asks for it
    :param permission: what a client's user must have to enter; None: the application's
        default permission, if it has one; ``NO_PERMISSION_REQUIRED``: nothing
    :param factory: makes the context that permissions are checked on, from a request; None:
        the application's root factory
    :param traverse: where below that the context is, as for routes: ``'/docs/{id}'``
    :param room_factory: makes the resource that a room is, from a request and the room's name;
        clients join only rooms on whose resource they have ``room_permission``
    :param room_permission: what a client's user must have to join a room
    :param transaction: False: none is begun for what happens in this namespace
    :param endpoint: the name of ``config.add_sio_endpoint``
    :param predicates: what else must be true for a client to find the namespace, such as
        ``context``, ``header``, ``is_authenticated``, or those of ``config.add_sio_predicate``
    """

    #: For tests. Not for applications.
    venusian = venusian

    def __init__(
        self,
        path: Path,
        *,
        permission: str | None = None,
        factory: Callable[[Any], Any] | str | None = None,
        traverse: str | None = None,
        room_factory: Callable[[Any, str], Any] | str | None = None,
        room_permission: str = "join",
        transaction: bool = True,
        endpoint: str = "",
        _depth: int = 0,
        _category: str = "pyramid",
        **predicates: Any,
    ) -> None:
        if isinstance(path, type):
            raise TypeError("@sio_namespace needs the namespace's name: @sio_namespace('/chat')")
        self._path = path
        self._options = {
            "permission": permission,
            "factory": factory,
            "traverse": traverse,
            "room_factory": room_factory,
            "room_permission": room_permission,
            "transaction": transaction,
            "endpoint": endpoint,
            **predicates,
        }
        self._depth = _depth
        self._category = _category

    def __call__(self, wrapped: _C) -> _C:
        def callback(context: Any, name: str, ob: Any) -> None:
            config = context.config.with_package(info.module)
            if not hasattr(config, "add_sio_namespace"):
                raise ConfigurationError(
                    f"{ob.__module__}.{name} is a namespace: config.include('pyramid_sio') is "
                    "needed before config.scan()"
                )
            # Where the class is, so that a conflict names it.
            where = {"_info": info.codeinfo}
            config.add_sio_namespace(self._path, ob, **self._options, **where)

        info = self.venusian.attach(
            wrapped, callback, category=self._category, depth=self._depth + 1
        )
        return wrapped
