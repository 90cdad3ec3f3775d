from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyramid_sio.compat.adapted import Adapted, registry_of
from pyramid_sio.compat.managed import Managed
from pyramid_sio.compat.namespace import BaseNamespace
from pyramid_sio.compat.virtual import Registry, Socket
from pyramid_sio.sockets.server import Definition
from tests.fakes import FakeSession
from tests.sockets.conftest import Site


class OldSite:
    """A server without a network, for classes written for gevent-socketio.

    :param namespaces: the classes by name
    :param options: those of ``socketio_manage``
    """

    def __init__(self, namespaces: dict[str, type[BaseNamespace]], **options: Any) -> None:
        self.below = Site()
        self.namespaces = namespaces
        self.options = options
        for name in {**namespaces, "": None}:
            self.below.sio.define(Definition(name, Adapted))

    @property
    def registry(self) -> Registry:
        return registry_of(self.below.sio)

    def open(self, environ: dict[str, Any] | None = None) -> FakeSession:
        """A connection that has joined nothing yet."""
        session = FakeSession(self.below.sio.accept)
        session.id = f"{len(self.registry.sockets)} {session.id}"
        managed = Managed(environ or {}, self.namespaces, **self.options)
        session.handshake.attached = managed
        return session

    def connect(self, *names: str) -> FakeSession:
        """A connection that has joined these namespaces, or the one that they have."""
        session = self.open()
        for name in names or tuple(self.namespaces):
            session.receive(f"0{name}," if name else "0")
            session.run()
        session.take()
        return session


def socket_of(session: FakeSession) -> Socket:
    socket = session.handshake.attached.socket
    assert isinstance(socket, Socket)
    return socket


def say(session: FakeSession, text: str) -> list[Any]:
    """The client sends one packet; what it gets for that."""
    session.receive(text)
    session.run()
    return session.take()


@pytest.fixture
def serve_old() -> Callable[..., OldSite]:
    """``serve_old(Chat)`` serves a class as ``/chat``; ``serve_old({...})`` several."""

    def make(
        classes: type[BaseNamespace] | dict[str, type[BaseNamespace]], **options: Any
    ) -> OldSite:
        namespaces = {"/chat": classes} if isinstance(classes, type) else classes
        return OldSite(namespaces, **options)

    return make
