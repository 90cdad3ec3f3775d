"""The Pyramid side: configuration, the view, requests for handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid.config import Configurator

ROUTE_NAME = "pyramid_sio"


def includeme(config: Configurator) -> None:
    """Add the endpoint, ``request.sio``, and directives that begin with ``add_sio_``.

    A second time does nothing, also after what was added the first time has been committed.

    :raises ConfigurationError: one of the ``sio.*`` settings is wrong
    """
    from pyramid.events import ApplicationCreated
    from pyramid.security import NO_PERMISSION_REQUIRED

    from pyramid_sio.interfaces import IEndpoint
    from pyramid_sio.plugin.directives import add_sio_namespace, add_sio_request_hook
    from pyramid_sio.plugin.endpoint import Endpoint
    from pyramid_sio.plugin.views import EndpointView

    if config.registry.queryUtility(IEndpoint) is not None:
        return
    endpoint = Endpoint(config.registry, config.get_settings())
    config.registry.registerUtility(endpoint, IEndpoint)
    config.add_directive("add_sio_namespace", add_sio_namespace)
    config.add_directive("add_sio_request_hook", add_sio_request_hook)
    if endpoint.admin is not None:
        from pyramid_sio.admin.console import console_class

        config.add_sio_namespace(
            endpoint.admin.settings.namespace,
            console_class(endpoint.admin),
            # It has a login of its own.
            permission=NO_PERMISSION_REQUIRED,
        )
    config.add_request_method(_SioOfRequest(), "sio")
    routes = {ROUTE_NAME: endpoint.path + "*subpath"}
    if not endpoint.add_trailing_slash:
        routes[f"{ROUTE_NAME}.bare"] = endpoint.path[:-1]
    view = EndpointView(endpoint)
    for name, pattern in routes.items():
        config.add_route(name, pattern)
        # The namespace's own permission and our own check of the origin take their place here.
        config.add_view(
            view, route_name=name, permission=NO_PERMISSION_REQUIRED, require_csrf=False
        )
    config.add_subscriber(lambda event: endpoint.announce(), ApplicationCreated)


class _SioOfRequest:
    """``request.sio``: the Socket.IO server of the application.

    Given to Pyramid as a request method, which it binds to each request; binding this one
    gives the server itself. A property would make Pyramid create a class for every request
    of the application, whether it looks at ``request.sio`` or not.
    """

    def __call__(self, request: Any) -> Any:
        return get_sio(request.registry)

    def __get__(self, request: Any, kind: type | None = None) -> Any:
        return self if request is None else get_sio(request.registry)


def get_sio(registry: Any) -> Any:
    """The Socket.IO server of an application, for code that has no request.

    :param registry: ``request.registry``, ``config.registry`` or ``app.registry``
    :raises LookupError: the application does not include ``pyramid_sio``
    """
    from pyramid_sio.interfaces import IEndpoint

    endpoint = registry.queryUtility(IEndpoint)
    if endpoint is None:
        raise LookupError("this application does not include pyramid_sio")
    return endpoint.sio
