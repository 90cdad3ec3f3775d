"""Around each handler: a frame for Pyramid, and what the application has besides.

Upstream: ``sockets.client`` calls :meth:`Invoker.invoke`. Downstream: the application.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import gevent
from greenlet import getcurrent
from pyramid.threadlocal import manager

from pyramid_sio.errors import SioError
from pyramid_sio.plugin.answers import shape
from pyramid_sio.plugin.frames import Frame, current_request, frame_of, make_request
from pyramid_sio.plugin.notices import Notices
from pyramid_sio.plugin.security import GuardedDefinition, Security
from pyramid_sio.plugin.surroundings import Surroundings
from pyramid_sio.sockets.handlers import unguarded

if TYPE_CHECKING:
    from pyramid.registry import Registry

    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.server import Definition

logger = logging.getLogger(__name__)


class Invoker:
    """Runs the application's code in a :class:`Frame`.

    :param prove: called with each client that wants in, before anything else is looked at
    """

    def __init__(
        self, registry: Registry, prove: Callable[[Namespace], None] = lambda socket: None
    ) -> None:
        self.registry = registry
        self._prove = prove
        self.security = Security(registry)
        self._notices = Notices(registry)

    @cached_property
    def surroundings(self) -> Surroundings:
        """What the application has around its requests; known when it has been configured."""
        return Surroundings(self.registry)

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

    def enclose(self, socket: Namespace, func: Callable[..., Any], args: Iterable[Any]) -> Any:
        """The same as an event of its own: in a transaction, if the application has them.

        Inside of a handler of the same client it is part of that; in what another client, or
        a view, has going on, it takes part in that transaction.

        :raises ShapedError: it failed, and an exception view has answered
        """
        if frame_of(socket) is not None:
            return func(*args)
        surroundings = self.surroundings
        if not surroundings.needed or not getattr(socket.declared, "transaction", True):
            return self.invoke(socket, func, args)
        outer = current_request()
        inner = surroundings.run if outer is None else surroundings.run_within
        return self.invoke(socket, inner, (outer, socket, func, args)[outer is None :])

    def request_of(self, socket: Namespace) -> Any:
        """The request of the handler that runs; outside of handlers, a new one."""
        frame = frame_of(socket)
        return make_request(self.registry, socket) if frame is None else frame["request"]

    def settle(self, definition: Definition) -> None:
        """Configuration is complete: see what is around a namespace's handlers."""
        if isinstance(definition, GuardedDefinition) and definition.arrange is not None:
            definition.settle(definition.arrange(self))
        else:
            definition.settle(unguarded)

    def choose(self, socket: Namespace, definitions: Sequence[Definition]) -> Definition:
        """Of several classes, the one that is meant for a client; the last if none is.

        What goes wrong here goes wrong again when the client enters, where it is told.
        """
        chosen = [definitions[-1]]
        try:
            self.enclose(socket, self._choose, (socket, definitions, chosen))
        except Exception:
            logger.debug("choosing a class for %r failed", socket, exc_info=True)
        return chosen[-1]

    def _choose(
        self, socket: Namespace, definitions: Sequence[Definition], chosen: list[Definition]
    ) -> None:
        self._prove(socket)
        for definition in definitions:
            chosen.append(definition)
            if not isinstance(definition, GuardedDefinition):
                return
            if self.security.is_meant(socket, definition):
                return

    def admit(self, socket: Namespace) -> None:
        """Give a client its context, and see if its user may enter.

        :raises ConnectRefused: there is no such namespace for this client
        :raises HTTPForbidden: its user lacks a permission
        """
        self._prove(socket)
        definition = socket.declared
        if isinstance(definition, GuardedDefinition):
            self.security.admit(socket, definition)
            if socket.recovered and self.security.forbidden_rooms(socket):
                # What it missed may be from there, so it comes back as somebody new.
                socket.recovered = False

    def guards(self, definition: Definition) -> bool:
        """Could a user who is in a namespace lose the right to be there?"""
        return isinstance(definition, GuardedDefinition) and self.security.is_guarded(definition)

    def recheck(self, socket: Namespace) -> list[str]:
        """See if a client's user may be where it is; the rooms where not.

        :raises Exception: as :meth:`admit` does
        """
        return self.enclose(socket, self._recheck, (socket,))  # type: ignore[no-any-return]

    def _recheck(self, socket: Namespace) -> list[str]:
        definition = socket.declared
        assert isinstance(definition, GuardedDefinition)
        self.security.admit(socket, definition)
        return self.security.forbidden_rooms(socket)

    def check_rooms(self, socket: Namespace, rooms: Iterable[str]) -> None:
        """:raises HTTPForbidden: the client's user may not enter one of the rooms"""
        self.security.check_rooms(socket, rooms)

    def shape(self, socket: Namespace, error: Exception) -> Exception:
        """What exception views make of an error, as ``ShapedError``; or the error."""
        if isinstance(error, SioError):
            return error
        return self.invoke(socket, self._shape, (socket, error))  # type: ignore[no-any-return]

    @staticmethod
    def _shape(socket: Namespace, error: Exception) -> Exception:
        return shape(socket.request, error)

    def tell(self, socket: Namespace, what: str, *facts: Any) -> None:
        """Notify the application's subscribers, if there are any."""
        self._notices.tell(self, socket, what, facts)

    def user_of(self, socket: Namespace) -> Any:
        """Whom the security policy sees in the request the connection was opened with."""
        return self.enclose(socket, self._user_of, (socket,))

    @staticmethod
    def _user_of(socket: Namespace) -> Any:
        return socket.request.authenticated_userid
