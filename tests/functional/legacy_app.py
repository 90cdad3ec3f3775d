"""What clients of Socket.IO 0.9 are tested with. Its namespaces know nothing of their age."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import FileResponse, Response

from pyramid_sio import ConnectRefused, Namespace, sio_namespace

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "tests" / "js" / "legacy_scenarios.js"

#: What happened to connections, by the key that each brought in its query.
journal: dict[str, list[Any]] = {}


class Noted(Namespace):
    def note(self, *entry: Any) -> None:
        key = self.handshake.query.get("key", "")
        journal.setdefault(key, []).append([self.nsp.name, *entry])

    def on_connect(self, auth: Any) -> None:
        self.note("connect", auth)

    def on_disconnect(self, reason: str) -> None:
        self.note("disconnect", reason)

    def on_echo(self, *args: Any) -> Any:
        return args

    def on_reflect(self, event: str, *args: Any) -> None:
        self.emit(event, *args)

    def on_message(self, data: Any) -> str:
        self.send(data)
        return "seen"

    def on_about(self) -> dict[str, Any]:
        socket = self.socket
        query = self.handshake.query
        return {"transport": socket.transport, "protocol": socket.protocol, "query": query}

    def on_join(self, room: str) -> None:
        self.join(room)

    def on_tell(self, room: str, *args: Any) -> None:
        self.nsp.to(room).emit("told", *args)

    def on_ask(self, *args: Any) -> None:
        self.emit("question", *args, callback=lambda *answer: self.emit("answered", *answer))

    def on_fail(self) -> None:
        raise ValueError("on purpose")

    def on_leave(self) -> None:
        self.disconnect()

    def on_boot(self) -> None:
        self.disconnect(close=True)

    def on_picture(self, room: str) -> None:
        self.nsp.to(room).emit("picture", b"\x00\x01\xff", "of a cat")


@sio_namespace("/")
class Main(Noted):
    def on_burst(self, count: int) -> None:
        for number in range(count):
            self.emit("number", number, "😀" * (number % 3))


@sio_namespace("/chat")
class Chat(Noted):
    def on_connect(self, auth: Any) -> None:
        super().on_connect(auth)
        self.emit("welcome", auth)


@sio_namespace("/guarded")
class Guarded(Noted):
    def on_connect(self, auth: Any) -> None:
        raise ConnectRefused("not you")


def read_journal(request: Request) -> list[Any]:
    return journal.get(request.matchdict["key"], [])


def page(request: Request) -> Response:
    """Where scenarios run in a browser."""
    paths = ("/socket.io/socket.io-0.9.js", "/scenarios.js")
    scripts = "".join(f'<script src="{path}"></script>' for path in paths)
    return Response(f"<!doctype html><title>0.9</title><body>{scripts}</body>")


def main(global_config: object, **settings: Any) -> Any:
    config = Configurator(settings=settings)
    config.include("pyramid_sio")
    config.scan(__name__)
    config.add_route("journal", "/journal/{key}")
    config.add_view(read_journal, route_name="journal", renderer="json")
    config.add_route("scenarios", "/scenarios.js")
    config.add_view(lambda request: FileResponse(SCENARIOS), route_name="scenarios")
    config.add_route("page", "/page")
    config.add_view(page, route_name="page")
    return config.make_wsgi_app()
