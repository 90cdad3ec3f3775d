"""``config.add_sio_namespace`` and ``config.add_sio_request_hook``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyramid.exceptions import ConfigurationError

from pyramid_sio.interfaces import IEndpoint
from pyramid_sio.plugin.patterns import Path, parse_path
from pyramid_sio.sockets.handlers import Handler
from pyramid_sio.sockets.namespace import Namespace
from pyramid_sio.sockets.server import Definition

if TYPE_CHECKING:
    from pyramid.config import Configurator
    from pyramid.request import Request
    from pyramid.response import Response

CATEGORY = "socket.io namespaces"
HOOKS_CATEGORY = "socket.io request hooks"
EVENTS_CATEGORY = "socket.io events"


def add_sio_namespace(
    config: Configurator,
    path: Path,
    cls: type[Namespace] | str,
    *,
    permission: str | None = None,
    factory: Callable[[Any], Any] | str | None = None,
) -> None:
    """Serve a namespace with a class; the same as ``@sio_namespace`` without scanning.

    Two for one path conflict; that of the including application wins over an included one.

    :param path: ``'/chat'``; ``'/'`` is the main namespace; a pattern, a regex or a function
        for many: see ``plugin.patterns``
    :param cls: derived from ``Namespace``, or its dotted name
    :param permission: see ``sio_namespace``
    :param factory: see ``sio_namespace``
    :raises ConfigurationError: the class cannot serve a namespace
    """
    cls = config.maybe_dotted(cls)
    if not (isinstance(cls, type) and issubclass(cls, Namespace)):
        raise ConfigurationError(f"{cls!r} is not derived from pyramid_sio.Namespace")
    title, match = parse_path(path)
    try:
        definition = Definition(title, cls, permission, config.maybe_dotted(factory), match)
    except TypeError as exc:
        raise ConfigurationError(str(exc)) from None

    def register() -> None:
        endpoint = config.registry.queryUtility(IEndpoint)
        if endpoint is None:
            raise ConfigurationError("add_sio_namespace needs config.include('pyramid_sio') first")
        endpoint.sio.define(definition)

    discriminator = ("pyramid_sio namespace", definition.path)
    intr = config.introspectable(CATEGORY, definition.path, definition.path, "Socket.IO namespace")
    intr["path"] = definition.path
    intr["class"] = cls
    intr["definition"] = definition
    intr["permission"] = permission
    intr["factory"] = definition.factory
    introspectables = [*_permission_introspectables(config, intr, permission), intr]
    for handler in definition.table:
        introspectables += _event_introspectables(config, definition, handler)
    config.action(discriminator, register, introspectables=introspectables)


def _event_introspectables(
    config: Configurator, definition: Definition, handler: Handler
) -> list[Any]:
    title = f"{definition.path} {handler.event}"
    intr = config.introspectable(
        EVENTS_CATEGORY, (definition.path, handler.event), title, "Socket.IO event"
    )
    intr["event"] = handler.event
    intr["handler"] = handler.func
    intr["permission"] = handler.permission
    intr["ordered"] = handler.ordered
    intr.relate(CATEGORY, definition.path)
    return [*_permission_introspectables(config, intr, handler.permission), intr]


def _permission_introspectables(
    config: Configurator, owner: Any, permission: str | None
) -> list[Any]:
    """The permission, as views declare theirs; it has to be registered before its owner."""
    if permission is None:
        return []
    intr = config.introspectable("permissions", permission, permission, "permission")
    intr["value"] = permission
    owner.relate("permissions", permission)
    return [intr]


def add_sio_request_hook(
    config: Configurator, hook: Callable[[Request], Response | None] | str
) -> None:
    """Call ``hook(request)`` for each HTTP request of a client: polls, POSTs and upgrades.

    Several are called in the order in which they were added, before anything is done for the
    client. One that returns a response answers with it, and nothing else happens. What it
    adds by ``request.add_response_callback`` goes out with any answer, that of an upgrade
    included.

    :param hook: a function or its dotted name; called in the request's greenlet, may wait
    """
    hook = config.maybe_dotted(hook)

    def register() -> None:
        config.registry.getUtility(IEndpoint).request_hooks.append(hook)

    title = config.object_description(hook)
    intr = config.introspectable(HOOKS_CATEGORY, hook, title, "Socket.IO request hook")
    intr["hook"] = hook
    config.action(("pyramid_sio request hook", hook), register, introspectables=(intr,))
