"""What docs/pubsub.rst shows, as an application."""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator
from pyramid.router import Router
from pyramid.security import Allowed, Denied

from tests.documents.pages import blocks

for _block in blocks("pubsub.rst", "python"):
    exec(_block, globals())  # noqa: S102 - from this checkout


class Names:
    """Whoever says ``?user=ann`` is ann; who says nothing may see no prices."""

    def authenticated_userid(self, request: Any) -> str | None:
        user: str | None = request.params.get("user")
        return user

    identity = authenticated_userid

    def permits(self, request: Any, context: Any, permission: str) -> Any:
        return Allowed("known") if request.params.get("user") else Denied("unknown")


def main(global_config: dict[str, str], **settings: Any) -> Router:
    with Configurator(settings=settings) as config:
        config.set_security_policy(Names())
        config.include("pyramid_sio")
        config.include("tests.functional.pubsub_app")
        config.scan("tests.functional.pubsub_app")
        return config.make_wsgi_app()
