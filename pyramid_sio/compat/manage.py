"""``socketio_manage``: Socket.IO from a view of any WSGI framework.

Upstream: the application's view, for every request below its path. Downstream: the same
endpoint that Pyramid applications have, with a registry of its own.

gevent-socketio's view ran as long as its connection lasted. This one returns at once, so
that whatever belongs to a request (a transaction, a database connection) ends with it; the
server then sends another answer than the view's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gevent
from pyramid.interfaces import IResponse
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from pyramid.threadlocal import manager
from pyramid.traversal import split_path_info
from zope.interface import implementer

from pyramid_sio.compat.adapted import Adapted, registry_of
from pyramid_sio.compat.managed import Managed
from pyramid_sio.engine.peer import ENVIRON_KEY
from pyramid_sio.interfaces import IEndpoint
from pyramid_sio.plugin.endpoint import Endpoint
from pyramid_sio.plugin.handshake import ATTACHED_KEY
from pyramid_sio.plugin.settings import PREFIX
from pyramid_sio.plugin.views import EndpointView
from pyramid_sio.sockets.handlers import unguarded
from pyramid_sio.sockets.server import Definition, SioServer, normalise

if TYPE_CHECKING:
    from pyramid_sio.compat.namespace import BaseNamespace

#: Where an environ carries the :class:`Site` that its server was made with.
SITE_KEY = "pyramid_sio.site"
#: Where Pyramid's registry keeps the one of its application.
_REGISTRY_KEY = "pyramid_sio.compat"
DEFAULT_RESOURCE = "socket.io"

#: Who wrote for gevent-socketio has pages of that time.
_DEFAULTS = {"sio.legacy": "true", "sio.allow_eio3": "true"}

Environ = dict[str, Any]


class ManagedInvoker:
    """Runs handlers as the view's framework would expect: for Pyramid, with its request."""

    def invoke(self, socket: Any, func: Callable[..., Any], args: Iterable[Any]) -> Any:
        """``func(*args)``; a ``gevent.Timeout``, which is no Exception, becomes one."""
        request = self.request_of(socket)
        registry = getattr(request, "registry", None)
        if registry is not None:
            manager.push({"registry": registry, "request": request})
        try:
            return func(*args)
        except gevent.Timeout as timeout:
            raise TimeoutError(str(timeout)) from timeout
        finally:
            if registry is not None:
                manager.pop()

    def request_of(self, socket: Any) -> Any:
        """What the view gave to ``socketio_manage``."""
        managed = socket.handshake.attached
        return managed.request if managed is not None and managed.trusted else None

    def choose(self, socket: Any, definitions: Sequence[Definition]) -> Definition:
        """Each namespace has one class."""
        return definitions[-1]

    def admit(self, socket: Any) -> None:
        """The view has decided already."""

    def user_of(self, socket: Any) -> Any:
        """Whom Pyramid's security policy sees; other frameworks are not asked."""
        return getattr(self.request_of(socket), "authenticated_userid", None)

    def enclose(self, socket: Any, func: Callable[..., Any], args: Iterable[Any]) -> Any:
        """The same as :meth:`invoke`: the view's transaction ended with the view."""
        return self.invoke(socket, func, args)

    def settle(self, definition: Definition) -> None:
        """Nothing is around handlers; old code asks for no permissions."""
        definition.settle(unguarded)

    def guards(self, definition: Definition) -> bool:
        """What the view has decided stays so."""
        return False

    def recheck(self, socket: Any) -> Sequence[str]:
        """There is nothing to look at again."""
        return ()

    def check_rooms(self, socket: Any, rooms: Iterable[str]) -> None:
        """Everybody may enter every room."""

    def shape(self, socket: Any, error: Exception) -> Exception:
        """Errors are as they are."""
        return error

    def tell(self, socket: Any, what: str, *facts: Any) -> None:
        """Nobody listens."""


class Site:
    """One ``/socket.io/`` that views serve.

    :param endpoint: what it consists of
    :param registry: of the application it belongs to, or of its own
    """

    def __init__(self, endpoint: Endpoint, registry: Registry) -> None:
        self.endpoint = endpoint
        self.registry = registry
        self.view = EndpointView(endpoint)
        self.connections = registry_of(endpoint.sio)
        self._declared: set[str] = set()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Site:
        """One of its own.

        :param settings: as in an ini file; what does not begin with ``sio.`` is left alone.
            Clients of old are served unless it says otherwise
        :raises ConfigurationError: one of them is wrong
        """
        own = {key: value for key, value in settings.items() if key.startswith(PREFIX)}
        registry = Registry("pyramid_sio.compat")
        return cls(Endpoint(registry, {**_DEFAULTS, **own}, ManagedInvoker()), registry)

    @property
    def sio(self) -> SioServer:
        return self.endpoint.sio

    @property
    def resource(self) -> str:
        """The path it answers below, without the slashes around."""
        return self.endpoint.path.strip("/")

    def declare(self, names: Iterable[str]) -> None:
        """Have a namespace for each of these.

        :raises ValueError: the application has declared one of them otherwise
        """
        for name in map(normalise, names):
            if name not in self._declared:
                if any(nsp.name == name for nsp in self.sio):
                    raise ValueError(f"{name} is declared already, without socketio_manage")
                self._declared.add(name)
                self.sio.define(Definition(name, Adapted))


def _below(environ: Environ, resource: str) -> tuple[str, str] | None:
    """Where an application mounted for the resource alone would be, and what it would see.

    :returns: SCRIPT_NAME and PATH_INFO; None: the request is for something else
    """
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    mark = f"/{resource}"
    start = f"{path}/".find(f"{mark}/")
    return None if start < 0 else (path[:start], path[start:])


@implementer(IResponse)
class Answer(Response):  # type: ignore[misc]
    """What a Socket.IO client is told; a WSGI application, and a response of Pyramid's.

    Under this package's servers a view need not return it. Whatever it returns, the server
    asks this object, once the framework has let go of the request.
    """

    def __init__(self, site: Site, environ: Environ, managed: Managed) -> None:
        super().__init__()
        place = _below(environ, site.resource)
        if place is None:
            raise ValueError(
                f"{environ.get('PATH_INFO')!r} is not below /{site.resource}/: say where clients "
                "connect by resource = ... in [server:main], or by the setting sio.path"
            )
        script_name, path_info = place
        self._site = site
        self._original = environ
        self._environ = {
            **environ,
            "SCRIPT_NAME": script_name,
            "PATH_INFO": path_info,
            ATTACHED_KEY: managed,
        }
        self._subpath = split_path_info(path_info[len(site.resource) + 1 :])

    def __call__(
        self,
        environ: Environ,
        start_response: Callable[..., Any],
        discarded: Sequence[tuple[str, str]] | None = None,
    ) -> Iterable[bytes]:
        """Answer.

        :param discarded: headers of the answer whose place this one takes; None: the framework
            asks, not the server
        """
        peer = environ.get(ENVIRON_KEY)
        if discarded is None:
            discarded = self.headerlist
            if peer is not None:
                # The server will ask as well, when the framework is done.
                result: Iterable[bytes] = super().__call__(environ, start_response)
                return result
        request = Request(self._environ)
        request.registry = self._site.registry
        request.matchdict = {"subpath": self._subpath}
        response = self._site.view(None, request)
        for name, value in discarded:
            if name.lower() == "set-cookie":
                response.headers.add(name, value)
        try:
            answer: Iterable[bytes] = response(self._environ, start_response)
            return answer
        finally:
            # The request may be kept as long as the connection: not so its way to the socket.
            self._original.pop(ENVIRON_KEY, None)


_default: Site | None = None


def configure(settings: Mapping[str, Any]) -> Site:
    """Say the settings of this process, where there is no ``SocketIOServer`` to say them to.

    Under gunicorn, say, or for a Flask application under ``use = egg:pyramid_sio``. Before
    the first request.

    :param settings: ``{'sio.redis_url': ...}``, see :doc:`settings`
    :raises RuntimeError: there are connections already
    :raises ConfigurationError: a setting is wrong
    """
    global _default
    if _default is not None and _default.endpoint.engine.sessions:
        raise RuntimeError("configure() comes too late: there are connections")
    _default = Site.from_settings(settings)
    return _default


def site_for(environ: Environ, request: Any = None) -> Site:
    """Whose connections a request is about: its server's, its application's, or the process's."""
    site: Site | None = environ.get(SITE_KEY)
    if site is None:
        registry = getattr(request, "registry", None)
        site = _of_process() if registry is None else _of_registry(registry)
    return site


def _of_process() -> Site:
    global _default
    if _default is None:
        _default = Site.from_settings({})
    return _default


def _of_registry(registry: Any) -> Site:
    site: Site | None = registry.get(_REGISTRY_KEY)
    if site is None:
        endpoint = registry.queryUtility(IEndpoint)
        if endpoint is not None:
            site = Site(endpoint, registry)
        else:
            site = Site.from_settings(registry.settings or {})
        registry[_REGISTRY_KEY] = site
    return site


def get_sio(registry: Any = None) -> SioServer:
    """The Socket.IO server, for code outside of namespaces: ``get_sio().of('/chat').emit(...)``.

    :param registry: of a Pyramid application; None: of what else is served in this process
    """
    return (_of_process() if registry is None else _of_registry(registry)).sio


def socketio_manage(
    environ: Environ,
    namespaces: Mapping[str, type[BaseNamespace]],
    request: Any = None,
    error_handler: Callable[..., Any] | None = None,
    json_loads: Callable[[str], Any] | None = None,
    json_dumps: Callable[[Any], str] | None = None,
) -> Answer:
    """Serve Socket.IO from a view. Called for every request below ``/socket.io/``.

    What counts is the request that opens a connection: its arguments are kept as long as that
    lasts. Under this package's servers the view may return anything it likes; elsewhere
    it has to return what this function returns.

    :param environ: the WSGI environ
    :param namespaces: classes derived from ``BaseNamespace``, by name; ``''`` is the namespace
        that clients connect to by default
    :param request: what ``self.request`` is to be
    :param error_handler: called instead of ``default_error_handler``
    :param json_loads: reads what clients send: gets a text, returns a list
    :param json_dumps: writes what clients get: gets a list, returns a text
    :returns: a WSGI application that answers, and a response in Pyramid's sense
    :raises ValueError: the request's path is not below the resource
    """
    site = site_for(environ, request)
    site.declare(namespaces)
    managed = Managed(
        environ,
        namespaces,
        request=request,
        error_handler=error_handler,
        json_loads=json_loads,
        json_dumps=json_dumps,
    )
    answer = Answer(site, environ, managed)
    peer = environ.get(ENVIRON_KEY)
    if peer is not None:
        peer.answer = answer
    return answer
