"""The Pyramid side: configuration, the view, requests for handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    """Add the endpoint, ``request.sio``, and directives that begin with ``add_sio_``.

    A second time does nothing, also after what was added the first time has been committed.

    :raises ConfigurationError: one of the ``sio.*`` settings is wrong
    """
    from pyramid_sio.interfaces import IEndpoint
    from pyramid_sio.plugin import derivers, directives, notices, page, routes
    from pyramid_sio.plugin.endpoint import Endpoint

    if config.registry.queryUtility(IEndpoint) is not None:
        return
    endpoint = Endpoint(config.registry, config.get_settings())
    config.registry.registerUtility(endpoint, IEndpoint)
    config.add_directive("add_sio_endpoint", routes.add_sio_endpoint)
    config.add_directive("add_sio_namespace", directives.add_sio_namespace)
    config.add_directive("add_sio_request_hook", directives.add_sio_request_hook)
    config.add_directive("add_sio_predicate", derivers.add_sio_predicate)
    config.add_directive("add_sio_deriver", derivers.add_sio_deriver)
    for name, factory in derivers.STANDARD_PREDICATES:
        config.add_sio_predicate(name, factory)
    config.add_subscriber_predicate("sio_namespace", notices.SocketNamespacePredicate)
    config.add_subscriber_predicate("sio_event", notices.SocketEventPredicate)
    config.add_request_method(_SioOfRequest(), "sio")
    for method in (page.sio_script_tag, page.sio_options, page.sio_options_tag):
        config.add_request_method(method)
    routes.serve(config, endpoint)


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


def get_sio(registry: Any, endpoint: str = "") -> Any:
    """The Socket.IO server of an application, for code that has no request.

    :param registry: ``request.registry``, ``config.registry`` or ``app.registry``
    :param endpoint: the name of ``config.add_sio_endpoint``; empty: the application's own
    :raises LookupError: the application does not include ``pyramid_sio``, or has no endpoint of
        that name
    """
    from pyramid_sio.interfaces import IEndpoint

    found = registry.queryUtility(IEndpoint, name=endpoint)
    if found is None and endpoint:
        raise LookupError(f"this application has no Socket.IO endpoint {endpoint!r}")
    if found is None:
        raise LookupError("this application does not include pyramid_sio")
    return found.sio
