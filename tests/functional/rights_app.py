"""A namespace for members, who can be banned while they are connected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyramid.authorization import ACLHelper, Allow, Authenticated, Everyone
from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.router import Router

from pyramid_sio import Namespace, sio_namespace


class Members:
    """Who is banned from what, kept in a file that several processes read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._acl = ACLHelper()

    def _read(self) -> set[str]:
        return set(self._path.read_text().split()) if self._path.exists() else set()

    def ban(self, name: str) -> None:
        self._path.write_text(" ".join((*self._read(), name)))

    def identity(self, request: Any) -> str | None:
        name: str | None = request.cookies.get("who")
        return None if name in self._read() else name

    def authenticated_userid(self, request: Any) -> str | None:
        return self.identity(request)

    def permits(self, request: Any, context: Any, permission: str) -> Any:
        user = self.identity(request)
        principals = [Everyone] if user is None else [Everyone, Authenticated, user]
        return self._acl.permits(context, principals, permission)

    def is_closed(self, room: str) -> bool:
        return f"room:{room}" in self._read()


class Club:
    """Where members may be."""

    __acl__ = ((Allow, Authenticated, ("enter", "join")),)


class Nothing:
    """Where nobody may be."""

    __acl__ = ()


def room(request: Any, name: str) -> Any:
    return Nothing() if request.registry["members"].is_closed(name) else Club()


@sio_namespace("/club", permission="enter", factory=lambda request: Club(), room_factory=room)
class ClubNamespace(Namespace):
    """Members only."""

    def on_join(self, name: str) -> list[str]:
        self.join(name)
        return sorted(self.rooms - {self.sid})

    def on_rooms(self) -> list[str]:
        return sorted(self.rooms - {self.sid})

    def on_who(self) -> Any:
        return self.request.authenticated_userid


@sio_namespace("/")
class Street(Namespace):
    """Everybody."""


def ban(request: Any) -> Response:
    name = request.params["name"]
    request.registry["members"].ban(name)
    if "room" in request.params:
        request.sio.of("/club").revoke(room=request.params["room"])
    elif "quietly" not in request.params:
        request.sio.revoke(name)
    return Response("banned")


def main(global_config: dict[str, str], **settings: Any) -> Router:
    with Configurator(settings=settings) as config:
        members = config.registry["members"] = Members(Path(settings["banned"]))
        config.include("pyramid_sio")
        config.set_security_policy(members)
        config.add_route("ban", "/ban")
        config.add_view(ban, route_name="ban")
        config.scan(__name__)
        return config.make_wsgi_app()
