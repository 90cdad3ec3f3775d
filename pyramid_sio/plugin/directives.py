"""``config.add_sio_namespace`` and ``config.add_sio_request_hook``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pyramid.exceptions import ConfigurationError
from pyramid.predicates import TraversePredicate
from pyramid.registry import Deferred
from pyramid.security import NO_PERMISSION_REQUIRED

from pyramid_sio.interfaces import IEndpoint
from pyramid_sio.plugin.derivers import make_plan, make_predicates
from pyramid_sio.plugin.patterns import Path, parse_path
from pyramid_sio.plugin.pipeline import arrange
from pyramid_sio.plugin.security import Conditions, GuardedDefinition
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
    traverse: str | None = None,
    room_factory: Callable[[Any, str], Any] | str | None = None,
    room_permission: str = "join",
    transaction: bool = True,
    endpoint: str = "",
    **predicates: Any,
) -> None:
    """Serve a namespace with a class; the same as ``@sio_namespace`` without scanning.

    Two for one path conflict if they have the same predicates; that of the including application
    wins over an included one. With other predicates they are several classes of one namespace:
    each client gets the first whose predicates are true, those with most predicates are asked
    first, and all are in the same rooms.

    :param path: ``'/chat'``; ``'/'`` is the main namespace; a pattern, a regex or a function
        for many: see ``plugin.patterns``
    :param cls: derived from ``Namespace``, or its dotted name

    The others are those of ``sio_namespace``.

    :raises ConfigurationError: the class cannot serve a namespace, there is no such endpoint,
        or a predicate is unknown
    """
    definition = _read(
        config,
        path,
        cls,
        permission=permission,
        factory=config.maybe_dotted(factory),
        traverse=None if traverse is None else TraversePredicate(traverse, config),
        guards_rooms=room_factory is not None,
        room_factory=config.maybe_dotted(room_factory),
        room_permission=room_permission,
        transaction=transaction,
    )

    @cache
    def conditions() -> Conditions:
        # Not at once: predicates may be added after what has them.
        return make_predicates(config, definition.path, predicates)

    def discriminator() -> Any:
        return ("pyramid_sio namespace", endpoint, definition.path, conditions().key)

    def register() -> None:
        _define(config, definition, endpoint, conditions())

    intr = _namespace_introspectable(config, definition, endpoint, predicates)
    introspectables = [*_permission_introspectables(config, intr, permission), intr]
    for handler in definition.table:
        introspectables += _event_introspectables(config, definition, handler, intr)
    config.action(Deferred(discriminator), register, introspectables=introspectables)


def _define(
    config: Configurator, definition: GuardedDefinition, endpoint: str, conditions: Conditions
) -> None:
    """:raises ConfigurationError: there is no such endpoint (yet)"""
    found = config.registry.queryUtility(IEndpoint, name=endpoint)
    if found is None:
        first = f"add_sio_endpoint({endpoint!r}, ...)" if endpoint else "include('pyramid_sio')"
        raise ConfigurationError(f"add_sio_namespace needs config.{first} first")
    plans = {
        handler.func: make_plan(config, definition.path, handler) for handler in definition.table
    }
    definition.guard(conditions, lambda invoker: arrange(invoker, definition, plans))
    found.sio.define(definition)


def _read(config: Configurator, path: Path, cls: Any, **options: Any) -> GuardedDefinition:
    cls = config.maybe_dotted(cls)
    if not (isinstance(cls, type) and issubclass(cls, Namespace)):
        raise ConfigurationError(f"{cls!r} is not derived from pyramid_sio.Namespace")
    title, match = parse_path(path)
    try:
        return GuardedDefinition(title, cls, match=match, **options)
    except TypeError as exc:
        raise ConfigurationError(str(exc)) from None


def _namespace_introspectable(
    config: Configurator,
    definition: GuardedDefinition,
    endpoint: str,
    predicates: Mapping[str, Any],
) -> Any:
    which = " ".join(f"{name}={value!r}" for name, value in sorted(predicates.items()))
    key = f"{endpoint} {definition.path} {which}".strip()
    intr = config.introspectable(CATEGORY, key, key, "Socket.IO namespace")
    intr["path"] = definition.path
    intr["predicates"] = predicates
    intr["class"] = definition.cls
    intr["definition"] = definition
    intr["permission"] = definition.permission
    intr["factory"] = definition.factory
    intr["traverse"] = None if definition.traverse is None else definition.traverse.val
    intr["room_factory"] = definition.room_factory
    intr["transaction"] = definition.transaction
    intr["endpoint"] = endpoint
    return intr


def _event_introspectables(
    config: Configurator, definition: Definition, handler: Handler, namespace: Any
) -> list[Any]:
    title = f"{namespace.title} {handler.event}"
    # Several methods may handle one event.
    key = (namespace.title, handler.event, handler.func.__qualname__)
    intr = config.introspectable(EVENTS_CATEGORY, key, title, "Socket.IO event")
    intr["namespace"] = definition.path
    intr["event"] = handler.event
    intr["handler"] = handler.func
    intr["permission"] = handler.permission
    intr["ordered"] = handler.ordered
    intr["options"] = dict(handler.options)
    intr.relate(CATEGORY, namespace.discriminator)
    return [*_permission_introspectables(config, intr, handler.permission), intr]


def _permission_introspectables(
    config: Configurator, owner: Any, permission: str | None
) -> list[Any]:
    """The permission, as views declare theirs; it has to be registered before its owner."""
    if permission is None or permission == NO_PERMISSION_REQUIRED:
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
