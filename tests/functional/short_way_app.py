"""Applications that look at every request, each in a way of its own, and some that do not."""

from __future__ import annotations

from typing import Any

from pyramid.authentication import SessionAuthenticationHelper
from pyramid.config import Configurator
from pyramid.events import NewRequest
from pyramid.request import Request
from pyramid.router import default_execution_policy
from pyramid.session import SignedCookieSessionFactory
from pyramid.traversal import ResourceTreeTraverser
from pyramid.viewderivers import INGRESS
from zope.interface import Interface

from pyramid_sio import Namespace
from pyramid_sio.plugin.views import EndpointView


class Echo(Namespace):
    def on_echo(self, *args: Any) -> tuple[Any, ...]:
        return args

    def on_nothing(self) -> None: ...


def note() -> None:
    print("requests made: socket.io", flush=True)


class Policy:
    """Whoever has logged in."""

    def __init__(self) -> None:
        self._helper = SessionAuthenticationHelper()

    def identity(self, request: Request) -> Any:
        return self._helper.authenticated_userid(request)

    authenticated_userid = identity

    def permits(self, request: Request, context: Any, permission: str) -> bool:
        return True


def configured(settings: dict[str, Any]) -> Configurator:
    config = Configurator(settings=settings)
    config.include("pyramid_sio")
    config.add_sio_namespace("/", Echo)
    return config


def plain(global_config: Any, **settings: Any) -> Any:
    config = configured(settings)
    count_views()
    return config.make_wsgi_app()


def with_session_and_policy(global_config: Any, **settings: Any) -> Any:
    config = configured(settings)
    count_views()
    config.set_session_factory(SignedCookieSessionFactory("secret"))
    config.set_security_policy(Policy())
    config.set_default_csrf_options(require_csrf=True)
    config.add_request_method(lambda request: 1, "one", reify=True)
    return config.make_wsgi_app()


def count_views() -> None:
    """Note each request that comes to the endpoint's view, without being noticed."""
    view = EndpointView.__call__

    def counted(self: EndpointView, context: Any, request: Any) -> Any:
        note()
        return view(self, context, request)

    EndpointView.__call__ = counted  # type: ignore[method-assign]


def tween(handler: Any, registry: Any) -> Any:
    def look(request: Any) -> Any:
        note()
        return handler(request)

    return look


def with_tween(global_config: Any, **settings: Any) -> Any:
    config = configured(settings)
    config.add_tween(f"{__name__}.tween")
    return config.make_wsgi_app()


def with_explicit_tweens(global_config: Any, **settings: Any) -> Any:
    names = f"{__name__}.tween pyramid.tweens.excview_tween_factory"
    config = configured({**settings, "pyramid.tweens": names})
    return config.make_wsgi_app()


def with_middleware(global_config: Any, **settings: Any) -> Any:
    app = configured(settings).make_wsgi_app()

    def look(environ: Any, start_response: Any) -> Any:
        note()
        return app(environ, start_response)

    return look


def with_subscriber(global_config: Any, **settings: Any) -> Any:
    config = configured(settings)
    config.add_subscriber(lambda event: note(), NewRequest)
    return config.make_wsgi_app()


def with_subscriber_to_everything(global_config: Any, **settings: Any) -> Any:
    config = configured(settings)

    def look(*event: Any) -> None:
        if isinstance(event[0], NewRequest):
            note()

    config.add_subscriber(look, Interface)
    return config.make_wsgi_app()


def with_request_hook(global_config: Any, **settings: Any) -> Any:
    config = configured(settings)
    config.add_sio_request_hook(lambda request: note())
    return config.make_wsgi_app()


def with_request_factory(global_config: Any, **settings: Any) -> Any:
    class Looking(Request):
        def __init__(self, environ: Any, **options: Any) -> None:
            # Events have requests too, made by the same factory.
            if "pyramid_sio.peer" in environ:
                note()
            super().__init__(environ, **options)

    config = configured(settings)
    config.set_request_factory(Looking)
    return config.make_wsgi_app()


def with_root_factory(global_config: Any, **settings: Any) -> Any:
    config = configured(settings)

    def root(request: Any) -> Any:
        if "pyramid_sio.peer" in request.environ:
            note()

    config.set_root_factory(root)
    return config.make_wsgi_app()


def with_execution_policy(global_config: Any, **settings: Any) -> Any:
    def policy(environ: Any, router: Any) -> Any:
        if "pyramid_sio.peer" in environ:
            note()
        return default_execution_policy(environ, router)

    config = configured(settings)
    config.set_execution_policy(policy)
    return config.make_wsgi_app()


def with_view_deriver(global_config: Any, **settings: Any) -> Any:
    def deriver(view: Any, info: Any) -> Any:
        def look(context: Any, request: Any) -> Any:
            note()
            return view(context, request)

        return look

    config = configured(settings)
    config.add_view_deriver(deriver, under=INGRESS)
    return config.make_wsgi_app()


def with_view_mapper(global_config: Any, **settings: Any) -> Any:
    class Mapper:
        def __init__(self, **options: Any) -> None: ...

        def __call__(self, view: Any) -> Any:
            def look(context: Any, request: Any) -> Any:
                note()
                return view(context, request)

            return look

    config = configured(settings)
    config.set_view_mapper(Mapper)
    return config.make_wsgi_app()


def with_traverser(global_config: Any, **settings: Any) -> Any:
    class Traverser(ResourceTreeTraverser):  # type: ignore[misc]
        def __call__(self, request: Any) -> Any:
            note()
            return super().__call__(request)

    config = configured(settings)
    config.add_traverser(Traverser)
    return config.make_wsgi_app()


def with_another_route(global_config: Any, **settings: Any) -> Any:
    """Another route comes first, though not for these requests: who knows what it looks at."""
    config = Configurator(settings=settings)

    config.add_route_predicate("looking", Looking)
    config.add_route("everything", "/*rest", looking=True)
    config.include("pyramid_sio")
    config.add_sio_namespace("/", Echo)
    return config.make_wsgi_app()


class Looking:
    def __init__(self, value: Any, info: Any) -> None: ...

    def text(self) -> str:
        return "looking"

    phash = text

    def __call__(self, info: Any, request: Any) -> bool:
        note()
        return False
