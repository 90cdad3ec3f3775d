"""Contexts and permissions: of namespaces, events and rooms.

Upstream: ``plugin.context`` asks for each client that wants in, ``plugin.pipeline`` for each
event that says so. Downstream: the application's security policy and resources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pyramid.httpexceptions import HTTPForbidden, HTTPNotFound
from pyramid.interfaces import IDefaultPermission, IRootFactory, ITraverser
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.traversal import DefaultRootFactory, ResourceTreeTraverser

from pyramid_sio.errors import ConnectRefused
from pyramid_sio.sockets.server import Definition

if TYPE_CHECKING:
    from pyramid.registry import Registry
    from pyramid.request import Request

    from pyramid_sio.sockets.handlers import Handler
    from pyramid_sio.sockets.namespace import Namespace


class Predicate(Protocol):
    """As predicates of views are."""

    def text(self) -> str:
        """What it demands, for people."""

    def __call__(self, context: Any, request: Any) -> bool: ...


class Conditions(NamedTuple):
    """Which clients a declaration is for.

    :param order: of several, those with a lower one are asked first
    :param predicates: all have to be true
    :param key: the same for the same predicates
    """

    order: int
    predicates: Sequence[Predicate]
    key: str


@dataclass(frozen=True, eq=False)
class GuardedDefinition(Definition):
    """What was declared for a namespace, in Pyramid's terms.

    :param traverse: sets ``match["traverse"]`` from a dict's ``"match"``; None: nothing does
    :param room_factory: makes the resource that a room is, from a request and the room's name
    :param room_permission: what a client's user must have on that to join
    :param transaction: False: what happens here has no transaction of its own
    """

    traverse: Any = None
    room_factory: Callable[[Any, str], Any] | None = None
    room_permission: str = "join"
    transaction: bool = True
    #: All have to be true for a client to find the namespace.
    predicates: Sequence[Predicate] = field(init=False, default=())
    #: Called once with the invoker: tells what is around each handler.
    arrange: Callable[[Any], Callable[[Handler], Handler]] | None = field(init=False, default=None)

    def guard(
        self,
        conditions: Conditions,
        arrange: Callable[[Any], Callable[[Handler], Handler]],
    ) -> None:
        """Say what is known only when the configuration is carried out."""
        for name, value in conditions._asdict().items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "arrange", arrange)


def demanded(permission: str | None) -> str | None:
    """A permission; None if none is demanded."""
    return None if permission == NO_PERMISSION_REQUIRED else permission


class Security:
    """Asks the application's policy."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def permission_of(self, definition: Definition) -> str | None:
        """What a user must have to be in a namespace; None: nothing."""
        permission = definition.permission
        if permission is None:
            permission = self._registry.queryUtility(IDefaultPermission)
        return demanded(permission)

    def is_guarded(self, definition: GuardedDefinition) -> bool:
        """Could a user who has got in lose the right to be there?"""
        return bool(
            self.permission_of(definition) or definition.predicates or definition.guards_rooms
        )

    def admit(self, socket: Namespace, definition: GuardedDefinition) -> None:
        """Give a client its context, and see if its user may be in the namespace.

        :raises ConnectRefused: there is no such namespace for this client
        :raises HTTPForbidden: its user does not have the permission
        """
        permission = self.permission_of(definition)
        predicates = definition.predicates
        if not (permission or predicates or definition.factory or definition.traverse):
            return
        request = socket.request
        self.give_context(socket, request)
        if not all(predicate(socket.context, request) for predicate in predicates):
            raise ConnectRefused("Invalid namespace")
        if permission is not None:
            self.check(request, permission, socket.context)

    def is_meant(self, socket: Namespace, definition: GuardedDefinition) -> bool:
        """Are the predicates of one of several classes true for a client?"""
        predicates = definition.predicates
        if not predicates:
            return True
        request = socket.request
        socket.declared = definition
        try:
            self.give_context(socket, request)
        except (ConnectRefused, HTTPNotFound):
            return False
        return all(predicate(socket.context, request) for predicate in predicates)

    def forbidden_rooms(self, socket: Namespace) -> list[str]:
        """The rooms a client is in although its user may not be there (any more)."""
        definition = socket.declared
        if not definition.guards_rooms:
            return []
        request = socket.request
        rooms = sorted(socket.rooms - {socket.sid})
        return [room for room in rooms if not self.may_enter_room(socket, room, request)]

    def give_context(self, socket: Namespace, request: Request) -> None:
        """Make the context of a client anew, for one request.

        :raises ConnectRefused: traversal leads nowhere
        """
        definition = socket.declared
        registry = self._registry
        factory = definition.factory
        if factory is None:
            factory = registry.queryUtility(IRootFactory, default=DefaultRootFactory)
        traverse = getattr(definition, "traverse", None)
        if traverse is not None:
            traverse({"match": request.matchdict}, request)
        context = root = factory(request)
        if "traverse" in request.matchdict:
            context = self._traverse(root, request)
        request.root = root
        socket.context = request.context = context

    def _traverse(self, root: Any, request: Request) -> Any:
        traverser = self._registry.adapters.queryAdapter(root, ITraverser)
        found = (traverser or ResourceTreeTraverser(root))(request)
        if found["view_name"]:
            raise HTTPNotFound
        return found["context"]

    def check(self, request: Request, permission: str, context: Any) -> None:
        """:raises HTTPForbidden: the request's user does not have a permission"""
        answer = request.has_permission(permission, context)
        if not answer:
            raise HTTPForbidden(result=answer)

    def may_enter_room(self, socket: Namespace, room: str, request: Request) -> Any:
        """What the policy says; true if the user may be in a room."""
        definition = socket.declared
        if not isinstance(definition, GuardedDefinition) or definition.room_factory is None:
            return True
        resource = definition.room_factory(request, room)
        return request.has_permission(definition.room_permission, resource)

    def check_rooms(self, socket: Namespace, rooms: Iterable[str]) -> None:
        """:raises HTTPForbidden: the user may not enter one of the rooms"""
        request = socket.request
        for room in rooms:
            answer = self.may_enter_room(socket, room, request)
            if not answer:
                raise HTTPForbidden(result=answer)
