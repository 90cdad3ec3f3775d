"""A member of a cluster that does what a test asks of it, over HTTP."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.router import Router

from pyramid_sio import Namespace

HEARD: list[Any] = []
#: How what was broadcast to clients here was to be sent.
FLAGS: list[Any] = []


class Member(Namespace):
    def on_connect(self, auth: Any) -> None:
        self.session["user"] = self.user = (auth or {}).get("user")

    def on_join(self, room: str) -> bool:
        self.join(room)
        return True

    def on_broadcast(self, *args: Any) -> None:
        self.broadcast.emit(*args)


def shown(value: Any) -> Any:
    """A value as JSON can show it."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {str(key): shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [shown(item) for item in value]
    if hasattr(value, "isoformat"):
        return {"date": value.isoformat()}
    return value if value is None or isinstance(value, str | int | float) else repr(value)


def revived(spelled: Any) -> Any:
    """A value from how ``tests.functional.interop.values`` spells it."""
    kind, content = spelled
    match kind:
        case "number":
            return float(content)
        case "binary":
            return bytes.fromhex(content)
        case "date":
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=content)
        case "list":
            return [revived(item) for item in content]
        case "map":
            return {key: revived(item) for key, item in content}
    return content


def note_flags(local: Any) -> None:
    """Keep how an adapter is told to broadcast to clients of this process."""
    broadcast = local.broadcast

    def note(packet: Any, target: Any, flags: Any) -> None:
        FLAGS.append({"volatile": flags.volatile, "compress": flags.compress})
        broadcast(packet, target, flags)

    local.broadcast = note


def do(request: Request) -> Any:
    """Run the Python expression in the body, which tests alone can send."""
    sio = request.sio
    names = {
        "sio": sio,
        "nsp": sio.of("/"),
        "gevent": gevent,
        "heard": HEARD,
        "flags": FLAGS,
        "os": os,
        "json": json,
        "revived": revived,
        "note_flags": note_flags,
    }
    try:
        return {"value": shown(eval(request.body.decode(), names))}  # noqa: S307 - a test's own
    except Exception as exc:  # noqa: BLE001 - told to the test
        return {"error": f"{type(exc).__name__}: {exc}", "responses": getattr(exc, "responses", [])}


def hear(*args: Any) -> str:
    HEARD.append(shown(args))
    return "python"


def main(global_config: dict[str, str], **settings: Any) -> Router:
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        for name in ("/", "/chat", "/only-py", *settings.get("namespaces", "").split()):
            config.add_sio_namespace(name, Member)
        config.add_route("do", "/do")
        config.add_view(do, route_name="do", renderer="json")
        app = config.make_wsgi_app()
    from pyramid_sio import get_sio

    get_sio(app.registry).on_server("sse", hear)
    return app
