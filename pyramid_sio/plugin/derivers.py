"""``config.add_sio_predicate`` and ``config.add_sio_deriver``, with Pyramid's own meaning.

Upstream: the application's configuration. Downstream: ``plugin.directives`` reads what
``@sio_namespace`` and ``@on`` were told with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pyramid import predicates
from pyramid.exceptions import ConfigurationError
from pyramid.interfaces import PHASE1_CONFIG
from pyramid.util import TopologicalSorter, is_nonstr_iter
from pyramid.viewderivers import INGRESS, VIEW
from zope.interface import Interface, implementer
from zope.interface.interfaces import IInterface

from pyramid_sio.plugin.pipeline import Plan
from pyramid_sio.plugin.security import Conditions

if TYPE_CHECKING:
    from pyramid.config import Configurator
    from pyramid.registry import Registry

    from pyramid_sio.sockets.handlers import Handler

#: What Pyramid's list of our predicates is called, and the beginning of our categories.
KIND = "sio"
PREDICATES_CATEGORY = "sio predicates"
DERIVERS_CATEGORY = "sio derivers"


class DeriverInfo(NamedTuple):
    """What a deriver may know of the handler it is given.

    :param namespace: the namespace's name or pattern
    :param event: the event's name
    :param original: the method, as the class has it
    :param permission: what ``@on`` demands; None: nothing
    :param options: what ``@on`` was told of the deriver's own ``options``
    """

    registry: Registry
    settings: Mapping[str, Any]
    package: Any
    namespace: str
    event: str | int
    original: Callable[..., Any]
    permission: str | None
    options: Mapping[str, Any]


#: ``deriver(handler, info)``: what to call instead of ``handler``, with ``(socket, *args)``.
Deriver = Callable[[Callable[..., Any], DeriverInfo], Callable[..., Any]]


class IDerivers(Interface):  # type: ignore[misc]
    """Marks the derivers of an application in its registry."""


@implementer(IDerivers)
class Derivers:
    """The derivers of one application, in order."""

    def __init__(self) -> None:
        self._sorter = TopologicalSorter(
            default_before=None, default_after=INGRESS, first=INGRESS, last=VIEW
        )

    def add(self, name: str, deriver: Deriver, under: Any, over: Any) -> None:
        self._sorter.add(name, deriver, after=under, before=over)

    def sorted(self) -> list[Deriver]:
        """The outermost first."""
        return [deriver for _, deriver in self._sorter.sorted()]

    @property
    def options(self) -> set[str]:
        """What ``@on`` may be told because of them."""
        return {name for deriver in self.sorted() for name in getattr(deriver, "options", ())}


def derivers_of(registry: Registry) -> Derivers:
    """The derivers of an application."""
    derivers: Derivers | None = registry.queryUtility(IDerivers)
    if derivers is None:
        derivers = Derivers()
        registry.registerUtility(derivers, IDerivers)
    return derivers


class ContextPredicate:
    """``context=Document``: the context is of that class, or provides that interface."""

    def __init__(self, val: Any, config: Any) -> None:
        self._kind = config.maybe_dotted(val)
        if not (IInterface.providedBy(self._kind) or isinstance(self._kind, type)):
            raise ConfigurationError(f"context = {val!r}: neither a class nor an interface")

    def text(self) -> str:
        return f"context = {self._kind.__module__}.{self._kind.__name__}"

    phash = text

    def __call__(self, context: Any, request: Any) -> bool:
        if IInterface.providedBy(self._kind):
            return bool(self._kind.providedBy(context))
        return isinstance(context, self._kind)


#: Those every application has, the dearest last.
STANDARD_PREDICATES: tuple[tuple[str, Any], ...] = (
    ("context", ContextPredicate),
    ("header", predicates.HeaderPredicate),
    ("request_param", predicates.RequestParamPredicate),
    ("physical_path", predicates.PhysicalPathPredicate),
    ("containment", predicates.ContainmentPredicate),
    ("is_authenticated", predicates.IsAuthenticatedPredicate),
)


def add_sio_predicate(
    config: Configurator,
    name: str,
    factory: Any,
    *,
    weighs_more_than: Any = None,
    weighs_less_than: Any = None,
) -> None:
    """Let ``@sio_namespace`` and ``@on`` be told ``name=value``; the same as for views.

    A client for whom a predicate of a namespace is false does not find it. Several methods may
    handle one event if their predicates differ: those with most predicates are asked first.

    :param factory: a class, made with the value and a configuration info, whose instances have
        ``text()`` and ``phash()`` and are called with ``(context, request)``; or its dotted name
    :param weighs_more_than: names of predicates that are less specific
    :param weighs_less_than: names of predicates that are more specific
    """
    factory = config.maybe_dotted(factory)

    def register() -> None:
        config.get_predlist(KIND).add(
            name, factory, weighs_more_than=weighs_more_than, weighs_less_than=weighs_less_than
        )

    intr = config.introspectable(PREDICATES_CATEGORY, name, name, "Socket.IO predicate")
    intr["name"] = name
    intr["factory"] = factory
    intr["weighs_more_than"] = weighs_more_than
    intr["weighs_less_than"] = weighs_less_than
    discriminator = ("pyramid_sio predicate", name)
    config.action(discriminator, register, introspectables=(intr,), order=PHASE1_CONFIG)


def add_sio_deriver(
    config: Configurator,
    deriver: Deriver | str,
    name: str | None = None,
    *,
    under: Any = None,
    over: Any = None,
) -> None:
    """Put something around each event's handler; the same as view derivers are for views.

    :param deriver: ``deriver(handler, info)`` returns what is called instead, with the client's
        instance and the event's arguments; or its dotted name. It is called once for each
        handler, when the application has been configured; ``deriver.options`` are names that
        ``@on`` may be told, and ``info.options`` has their values
    :param name: what others refer to it by; None: the function's name
    :param under: names of derivers that are to be around this one
    :param over: names of derivers that this one is to be around
    :raises ConfigurationError: the name is taken by Pyramid
    """
    resolved: Deriver = config.maybe_dotted(deriver)
    name = getattr(resolved, "__name__", "") if name is None else name
    if name in (INGRESS, VIEW) or not name:
        raise ConfigurationError(f"{name!r} is no name for a deriver")
    for names, kept in ((under, VIEW), (over, INGRESS)):
        if kept in (names if is_nonstr_iter(names) else (names,)):
            raise ConfigurationError(f"nothing can be beyond {kept}")

    def register() -> None:
        derivers_of(config.registry).add(name, resolved, under, over)

    intr = config.introspectable(DERIVERS_CATEGORY, name, name, "Socket.IO deriver")
    intr["name"] = name
    intr["deriver"] = resolved
    intr["under"] = under
    intr["over"] = over
    discriminator = ("pyramid_sio deriver", name)
    config.action(discriminator, register, introspectables=(intr,), order=PHASE1_CONFIG)


def make_predicates(config: Configurator, owner: str, options: Mapping[str, Any]) -> Conditions:
    """The predicates that a declaration asks for.

    :param owner: what declared them, for messages
    :raises ConfigurationError: there is no predicate of one of the names
    """
    try:
        order, found, phash = config.get_predlist(KIND).make(config, **options)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{owner}: {exc}") from None
    return Conditions(order, tuple(found), phash)


def make_plan(config: Configurator, namespace: str, handler: Handler) -> Plan:
    """What was declared around a handler.

    :raises ConfigurationError: ``@on`` was told something nobody knows
    """
    derivers = derivers_of(config.registry)
    options = dict(handler.options)
    transaction = options.pop("transaction", True)
    known = {name: options.pop(name) for name in derivers.options & options.keys()}
    order, found, _ = make_predicates(config, f"{namespace} {handler.event}", options)
    info = DeriverInfo(
        config.registry,
        config.registry.settings,
        config.package,
        namespace,
        handler.event,
        handler.func,
        handler.permission,
        known,
    )

    def derive(func: Callable[..., Any]) -> Callable[..., Any]:
        for deriver in reversed(derivers.sorted()):
            func = deriver(func, info)
        return func

    return Plan(found, order, bool(transaction), derive)
