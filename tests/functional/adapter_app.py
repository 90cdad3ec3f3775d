"""An application that tells what it hears of Redis, and of other servers."""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator
from pyramid.router import Router

from pyramid_sio import (
    Namespace,
    SioAdapterDown,
    SioAdapterUp,
    get_sio,
    metrics_view,
    sio_namespace,
)


@sio_namespace("/")
class Echo(Namespace):
    def on_say(self, text: str) -> str:
        self.nsp.emit("said", text)
        return text


@sio_namespace("/chat")
class Chat(Namespace):
    """Clients answer ``ask`` by themselves."""

    def on_connect(self, auth: Any) -> None:
        self.join("everybody", "python")


def page(request: Any) -> dict[str, Any]:
    """Does what its JSON says to the clients of all servers."""
    chain = request.sio.of("/chat").to(*request.json["to"])
    answer = getattr(chain, request.json["verb"])(*request.json["args"])
    return {"answer": [x.sid if hasattr(x, "sid") else x for x in answer or ()]}


def main(global_config: dict[str, str], **settings: Any) -> Router:
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        config.scan("tests.functional.adapter_app")
        for event in (SioAdapterUp, SioAdapterDown):
            config.add_subscriber(lambda event: print(f"EVENT {event}"), event)
        config.add_route("health", "/health")
        config.add_view(lambda request: request.sio.health(), route_name="health", renderer="json")
        config.add_route("metrics", "/metrics")
        config.add_view(metrics_view, route_name="metrics")
        config.add_route("page", "/page")
        config.add_view(page, route_name="page", renderer="json")
        config.commit()
        chat = get_sio(config.registry).of("/chat")
        chat.on_server("told", lambda *args: print(f"TOLD {args!r}"))
        return config.make_wsgi_app()
