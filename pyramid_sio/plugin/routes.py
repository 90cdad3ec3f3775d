"""Routes and views of endpoints, and ``config.add_sio_endpoint``.

Upstream: ``plugin.includeme`` and the application's configuration. Downstream:
``plugin.views``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyramid.events import ApplicationCreated
from pyramid.exceptions import ConfigurationError
from pyramid.interfaces import PHASE0_CONFIG
from pyramid.security import NO_PERMISSION_REQUIRED

from pyramid_sio.interfaces import IEndpoint
from pyramid_sio.plugin.endpoint import Endpoint
from pyramid_sio.plugin.names import route_name
from pyramid_sio.plugin.settings import PREFIX
from pyramid_sio.plugin.views import EndpointView

if TYPE_CHECKING:
    from pyramid.config import Configurator

ENDPOINTS_CATEGORY = "socket.io endpoints"
#: Settings that are the application's first endpoint's alone.
_NOT_INHERITED = ("path", "admin")


def serve(config: Configurator, endpoint: Endpoint) -> None:
    """Add an endpoint's route, view and admin UI, and let it begin with the application."""
    if endpoint.admin is not None:
        from pyramid_sio.admin.console import console_class

        config.add_sio_namespace(
            endpoint.admin.settings.namespace,
            console_class(endpoint.admin),
            # It has a login of its own.
            permission=NO_PERMISSION_REQUIRED,
            transaction=False,
            endpoint=endpoint.name,
        )
    name = route_name(endpoint.name)
    routes = {name: endpoint.path + "*subpath"}
    if not endpoint.add_trailing_slash:
        routes[f"{name}.bare"] = endpoint.path[:-1]
    view = EndpointView(endpoint)
    for route, pattern in routes.items():
        config.add_route(route, pattern)
        # The namespace's own permission and our own check of the origin take their place here.
        config.add_view(
            view, route_name=route, permission=NO_PERMISSION_REQUIRED, require_csrf=False
        )
    config.add_subscriber(lambda event: endpoint.begin(), ApplicationCreated)


def add_sio_endpoint(config: Configurator, name: str, path: str, **settings: Any) -> None:
    """Serve Socket.IO at a second place, with settings and namespaces of its own.

    Clients connect with ``io({path: ...})``. Namespaces are put there by
    ``@sio_namespace(..., endpoint=name)``; its server is ``get_sio(registry, name)``.

    :param path: where, as the setting ``sio.path``
    :param settings: settings without their ``sio.`` that differ from the application's; those
        of the admin UI are not taken over
    :raises ConfigurationError: a setting is wrong or unknown, or the name is empty
    """
    if not name:
        raise ConfigurationError("an endpoint beside the application's own needs a name")

    def register() -> None:
        inherited = {
            key: value
            for key, value in config.get_settings().items()
            if key.startswith(PREFIX) and key[len(PREFIX) :] not in _NOT_INHERITED
        }
        own = {f"{PREFIX}{key}": value for key, value in {**settings, "path": path}.items()}
        endpoint = Endpoint(config.registry, {**inherited, **own}, name=name)
        config.registry.registerUtility(endpoint, IEndpoint, name=name)
        serve(config, endpoint)

    intr = config.introspectable(ENDPOINTS_CATEGORY, name, name, "Socket.IO endpoint")
    intr["name"] = name
    intr["path"] = path
    intr["settings"] = settings
    # Routes and namespaces are registered in later phases.
    discriminator = ("pyramid_sio endpoint", name)
    config.action(discriminator, register, introspectables=(intr,), order=PHASE0_CONFIG)
