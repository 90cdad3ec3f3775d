from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyramid_sio.adapters.memory import MemoryAdapter
from pyramid_sio.protocol.socket_v5 import Encoder
from pyramid_sio.sockets.namespace import Namespace
from pyramid_sio.sockets.server import Definition, SioServer
from tests.fakes import FakeEvent, FakeInvoker, FakeSession


class Room(Namespace):
    """Writes down what happens to each client."""

    log: list[Any]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.log = []

    def on_connect(self, auth: Any) -> None:
        self.log.append(("connect", auth))

    def on_disconnect(self, reason: Any) -> None:
        self.log.append(("disconnect", reason))

    def on_error(self, event: Any, exc: Exception) -> None:
        self.log.append(("error", event, type(exc).__name__))

    def on_message(self, *args: Any) -> Any:
        self.log.append(("message", *args))
        return args

    @property
    def reasons(self) -> list[Any]:
        return [entry[1] for entry in self.log if entry[0] == "disconnect"]


class Site:
    """A Socket.IO server whose connections are fake sessions.

    :param options: those of ``SioServer`` that shall differ
    """

    def __init__(self, **options: Any) -> None:
        self.invoker = FakeInvoker()
        #: What happens while somebody waits for many.
        self.meanwhile: Callable[[float | None], Any] = lambda timeout: None
        #: What was started beside; run by the test.
        self.spawned: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        defaults: dict[str, Any] = {
            "invoker": self.invoker,
            "adapter_factory": MemoryAdapter,
            "make_event": lambda: FakeEvent(lambda timeout: self.meanwhile(timeout)),
            "in_loop": lambda func, *args: func(*args),
            "spawn": lambda func, *args: self.spawned.append((func, args)),
            "shut_down": lambda patience: None,
            "encoder": Encoder(),
            "connect_timeout": 45.0,
            "attachment_timeout": 10.0,
            "disconnect_grace": 5.0,
            "ack_timeout": 60.0,
            "max_attachments": 10,
            "max_attachment_bytes": 1000,
            "max_held": 1000,
        }
        self.sio = SioServer(**{**defaults, **options})
        #: Every instance made of the namespaces' classes, in order.
        self.made: list[Any] = []

    def define(self, cls: type[Namespace] = Room, path: str = "/", **options: Any) -> None:
        """Serve a namespace; its instances are kept in :attr:`made`."""
        made = self.made

        class Kept(cls):  # type: ignore[misc, valid-type]
            def __init__(self, *args: Any) -> None:
                super().__init__(*args)
                made.append(self)

        Kept.__name__ = Kept.__qualname__ = cls.__qualname__
        self.sio.define(Definition(path, Kept, **options))

    def open(self) -> FakeSession:
        """A connection that has joined nothing yet."""
        return FakeSession(self.sio.accept)

    def connect(self, *packets: str) -> tuple[FakeSession, Any]:
        """A connection that has joined; the instance of its last namespace.

        :param packets: CONNECT packets; none: one for the main namespace
        """
        session = self.open()
        for packet in packets or ("0",):
            session.receive(packet)
            session.run()
        session.take()
        return session, self.made[-1]


@pytest.fixture
def site() -> Site:
    """A server with the main namespace."""
    site = Site()
    site.define()
    return site
