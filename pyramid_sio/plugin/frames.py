"""Pyramid's thread-locals while a handler runs, and the request in them.

Upstream: ``plugin.context``. Downstream: the application, by ``get_current_request()``.

While a handler runs, ``get_current_request()`` in its greenlet answers with a request made
from the handshake. Making one costs as much as a page view, so it is made when somebody
looks: what is pushed on Pyramid's stack is a dict that knows how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyramid.interfaces import IRequestFactory, IRouteRequest
from pyramid.request import Request, apply_request_extensions
from pyramid.threadlocal import manager

from pyramid_sio.plugin.names import ROUTE_NAME

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
        return self.begin(self.socket.handshake.environ())

    def begin(self, environ: dict[str, Any]) -> Request:
        """Make the request, from an environ."""
        assert self.socket is not None
        self.made = self["request"] = make_request(self["registry"], self.socket, environ)
        return self.made

    def finish(self) -> None:
        """The handler has ended: run what its request wants to have run, and forget it."""
        try:
            self.made._process_finished_callbacks()
        finally:
            self.made = None
            del self["request"]


def make_request(
    registry: Registry, socket: Namespace, environ: dict[str, Any] | None = None
) -> Request:
    """A request like the one ``socket``'s connection was opened with.

    Request methods and properties of the application work on it; no tween has seen it.
    Exception views of the route ``pyramid_sio`` apply to it, and those of no route.
    """
    factory = registry.queryUtility(IRequestFactory, default=Request)
    request = factory(socket.handshake.environ() if environ is None else environ)
    request.registry = registry
    request.matchdict = dict(socket.matchdict)
    request.matched_route = None
    interface = registry.queryUtility(IRouteRequest, name=ROUTE_NAME)
    if interface is not None:
        request.request_iface = interface
    if socket.context is not None:
        request.context = socket.context
    apply_request_extensions(request)
    return request


def frame_of(socket: Namespace) -> Frame | None:
    """The frame of the handler of ``socket`` that runs in this greenlet."""
    for frame in reversed(manager.stack):
        if isinstance(frame, Frame) and frame.socket is socket:
            return frame
    return None


def current_request() -> Any:
    """The request of the handler or view that runs in this greenlet; None if there is none yet."""
    frame = manager.get()
    return frame.made if isinstance(frame, Frame) else frame["request"]
