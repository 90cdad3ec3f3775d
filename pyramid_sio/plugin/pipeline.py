"""What is around one event's handlers, found out once: derivers, predicates, permission.

Upstream: ``plugin.directives`` reads what ``@on`` was told; ``plugin.context`` arranges it when
configuration is complete. Downstream: ``sockets.client`` calls it for each event.

A handler around which there is nothing stays what it is: a function to call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pyramid.httpexceptions import HTTPNotFound

from pyramid_sio.plugin.security import GuardedDefinition, Predicate, demanded
from pyramid_sio.sockets.handlers import CATCH_ALL, Handler, wrong_count

if TYPE_CHECKING:
    from pyramid_sio.plugin.context import Invoker
    from pyramid_sio.sockets.namespace import Namespace


class Plan(NamedTuple):
    """What was declared around one handler.

    :param predicates: all have to be true for the handler to be meant
    :param order: of plans for one event, those with a lower one are tried first
    :param transaction: False: it has none of its own
    :param derive: puts the derivers around the method
    """

    predicates: Sequence[Predicate]
    order: int
    transaction: bool
    derive: Callable[[Callable[..., Any]], Callable[..., Any]]


class Candidate(NamedTuple):
    """One method that may be meant by an event."""

    handler: Handler
    plan: Plan
    permission: str | None
    func: Callable[..., Any]


class Around:
    """Called instead of an event's handlers, when there is more to do than to call one.

    :param enclosed: the event is in the application's transaction, or may be retried
    """

    def __init__(
        self,
        invoker: Invoker,
        definition: GuardedDefinition,
        candidates: list[Candidate],
        *,
        enclosed: bool,
    ) -> None:
        self._invoker = invoker
        self._candidates = candidates
        self._enclosed = enclosed
        self._new_context = bool(definition.factory or definition.traverse) or any(
            candidate.plan.predicates or candidate.permission for candidate in candidates
        )

    def __call__(self, socket: Namespace, data: list[Any]) -> Any:
        invoker = self._invoker
        if self._enclosed:
            run = invoker.surroundings.run
            return invoker.invoke(socket, run, (socket, self._handle, (socket, data)))
        return invoker.invoke(socket, self._handle, (socket, data))

    def _handle(self, socket: Namespace, data: list[Any]) -> Any:
        """In the event's request."""
        request = socket.request
        if self._new_context:
            self._invoker.security.give_context(socket, request)
        handler, _, permission, func = self._find(socket, request)
        if permission is not None:
            self._invoker.security.check(request, permission, socket.context)
        event, count = data[0], len(data) - 1
        if not handler.least <= count <= handler.most:
            raise wrong_count(handler, event, count)
        if handler.arguments is not None:
            handler.arguments.convert(data)
        if handler.event == CATCH_ALL:
            return func(socket, *data)
        return func(socket, *data[1:])

    def _find(self, socket: Namespace, request: Any) -> Candidate:
        """:raises HTTPNotFound: no handler is meant"""
        for candidate in self._candidates:
            if all(predicate(socket.context, request) for predicate in candidate.plan.predicates):
                return candidate
        raise HTTPNotFound


def arrange(
    invoker: Invoker, definition: GuardedDefinition, plans: dict[Callable[..., Any], Plan]
) -> Callable[[Handler], Handler]:
    """What ``Definition.settle`` wants: puts what is needed around each handler.

    :param plans: by method
    """

    def arranged(handler: Handler) -> Handler:
        candidates = []
        for one in (handler, *handler.rivals):
            plan = plans[one.func]
            candidates.append(Candidate(one, plan, demanded(one.permission), plan.derive(one.func)))
        candidates.sort(key=lambda candidate: candidate.plan.order)
        wanted = all(candidate.plan.transaction for candidate in candidates)
        enclosed = wanted and definition.transaction and invoker.surroundings.needed
        first = candidates[0]
        if not (enclosed or handler.rivals or first.plan.predicates or first.permission):
            return handler._replace(func=first.func)
        return handler._replace(around=Around(invoker, definition, candidates, enclosed=enclosed))

    return arranged
