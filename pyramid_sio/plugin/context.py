"""Around each handler: Pyramid's request and its thread-locals, made only if asked for.

Upstream: ``sockets.client`` calls :meth:`Invoker.invoke`. Downstream: the application.

While a handler runs, ``get_current_request()`` in its greenlet answers with a request made
from the handshake. Making one costs as much as a page view, so it is made when somebody
looks: what is pushed on Pyramid's stack is a dict that knows how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import gevent
from greenlet import getcurrent
from pyramid.interfaces import IDefaultPermission, IRequestFactory, IRootFactory
from pyramid.request import Request, apply_request_extensions
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.threadlocal import manager
from pyramid.traversal import DefaultRootFactory

from pyramid_sio.errors import ConnectRefused

if TYPE_CHECKING:
    from pyramid.registry import Registry

    from pyramid_sio.sockets.namespace import Namespace


class Frame(dict[str, Any]):
    """What Pyramid's thread-local stack holds while a handler runs."""

    __slots__ = ("made", "socket")

    def __init__(self, registry: Registry) -> None:
        self["registry"] = registry
        #: Whose handler runs; None between two events.
        self.socket: Namespace | None = None
        #: The request, once somebody asked for it.
        self.made: Any = None

    def __missing__(self, key: str) -> Any:
        if key != "request":
            raise KeyError(key)
        if self.socket is None:
            return None
        self.made = self["request"] = make_request(self["registry"], self.socket)
        return self.made

    def finish(self) -> None:
        """The handler has ended: run what its request wants to have run, and forget it."""
        try:
            self.made._process_finished_callbacks()
        finally:
            self.made = None
            del self["request"]


def make_request(registry: Registry, socket: Namespace) -> Request:
    """A request like the one ``socket``'s connection was opened with.

    Request methods and properties of the application work on it; no tween has seen it.
    """
    factory = registry.queryUtility(IRequestFactory, default=Request)
    request = factory(socket.handshake.environ())
    request.registry = registry
    request.matchdict = dict(socket.matchdict)
    request.matched_route = None
    if socket.context is not None:
        request.context = socket.context
    apply_request_extensions(request)
    return request


class Invoker:
    """Runs the application's code in a :class:`Frame`."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def invoke(self, socket: Namespace, func: Callable[..., Any], args: Iterable[Any]) -> Any:
        """``func(*args)``; whatever it raises goes through, after finished callbacks ran.

        :raises TimeoutError: for a ``gevent.Timeout``, which is no Exception, so that it would
            end more than the handler
        """
        worker = getcurrent()
        frame = getattr(worker, "kept", None)
        if frame is None or frame.socket is not None:
            return self._invoke_elsewhere(worker, socket, func, args)
        frame.socket = socket
        try:
            return func(*args)
        except gevent.Timeout as timeout:
            raise TimeoutError(str(timeout)) from timeout
        finally:
            try:
                if frame.made is not None:
                    frame.finish()
            finally:
                frame.socket = None

    def _invoke_elsewhere(
        self, greenlet: Any, socket: Namespace, func: Callable[..., Any], args: Iterable[Any]
    ) -> Any:
        """The first handler of a dispatcher, one inside of another, or in another greenlet.

        A dispatcher runs nothing but handlers, so its frame stays for all of them.
        """
        if hasattr(greenlet, "kept") and greenlet.kept is None:
            greenlet.kept = Frame(self.registry)
            manager.push(greenlet.kept)
            return self.invoke(socket, func, args)
        frame = Frame(self.registry)
        frame.socket = socket
        manager.push(frame)
        try:
            return func(*args)
        except gevent.Timeout as timeout:
            raise TimeoutError(str(timeout)) from timeout
        finally:
            try:
                if frame.made is not None:
                    frame.finish()
            finally:
                manager.pop()

    def request_of(self, socket: Namespace) -> Any:
        """The request of the handler that runs; outside of handlers, a new one."""
        for frame in reversed(manager.stack):
            if isinstance(frame, Frame) and frame.socket is socket:
                return frame["request"]
        return make_request(self.registry, socket)

    def admit(self, socket: Namespace) -> None:
        """Give the connection its context and check the namespace's permission.

        :raises ConnectRefused: its user does not have it
        """
        definition = socket.nsp.definition
        permission = definition.permission
        if permission is None:
            permission = self.registry.queryUtility(IDefaultPermission)
        if permission == NO_PERMISSION_REQUIRED:
            permission = None
        if permission is not None or definition.factory is not None:
            self.invoke(socket, self._admit, (socket, definition.factory, permission))

    def _admit(self, socket: Namespace, factory: Any, permission: str | None) -> None:
        self._give_context(socket, factory)
        if permission is not None and not self._may(socket, permission):
            raise ConnectRefused("Forbidden")

    def _give_context(self, socket: Namespace, factory: Any) -> None:
        factory = factory or self.registry.queryUtility(IRootFactory, default=DefaultRootFactory)
        request = socket.request
        socket.context = request.context = factory(request)

    def user_of(self, socket: Namespace) -> Any:
        """Whom the security policy sees in the request the connection was opened with."""
        return self.invoke(socket, self._user_of, (socket,))

    @staticmethod
    def _user_of(socket: Namespace) -> Any:
        return socket.request.authenticated_userid

    def may(self, socket: Namespace, permission: str) -> bool:
        """Does the connection's user have a permission, on the namespace's context?"""
        return bool(self.invoke(socket, self._may, (socket, permission)))

    def _may(self, socket: Namespace, permission: str) -> Any:
        if socket.context is None:
            # The namespace has no permission of its own, so that nobody needed one.
            self._give_context(socket, None)
        return socket.request.has_permission(permission, socket.context)
