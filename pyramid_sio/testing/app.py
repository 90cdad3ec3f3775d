"""``SioTestApp``: WebTest's ``TestApp`` with Socket.IO.

Upstream: tests. Downstream: the application, which is called as an HTTP server would call it,
and its engine, whose sessions speak to ``testing.client``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import gevent
from webtest import TestApp

from pyramid_sio.errors import DisconnectReason
from pyramid_sio.interfaces import IEndpoint
from pyramid_sio.testing.client import PATIENCE, Connection, ConnectionRefused, TestClient
from pyramid_sio.testing.clock import VirtualClock
from pyramid_sio.testing.stacks import stacks


class SioTestApp(TestApp):  # type: ignore[misc]
    """Calls an application without a server: pages as with WebTest, and Socket.IO.

    Cookies are kept as a browser keeps them, so a client that connects after a login is
    logged in. Handlers run in greenlets of the test's own thread, whenever the test waits.

    :param app: what ``make_wsgi_app`` returned
    :param clock: moves heartbeats and time-outs; None: the real one

    Use it in a ``with`` statement, or call :meth:`close`.
    """

    def __init__(self, app: Any, *, clock: VirtualClock | None = None, **options: Any) -> None:
        super().__init__(app, **options)
        self._endpoint = _router_of(app).registry.getUtility(IEndpoint)
        engine = self._engine = self._endpoint.engine
        engine.adopt_thread()
        if clock is not None:
            engine.clock = engine.wheel.clock = clock
            clock.follow(self._follow)
        self.clock = clock
        self._open = True
        stacks.begin()

    @property
    def sio(self) -> Any:
        """The application's Socket.IO server, as ``request.sio``."""
        return self._endpoint.sio

    def connect(
        self,
        path: str = "/",
        auth: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        transport: str = "websocket",
        timeout: float = PATIENCE,
    ) -> TestClient:
        """Connect to a namespace, with the cookies there are.

        The opening request passes through the application as any other does: tweens, session,
        security policy, the check of the origin.

        :param auth: what the client passes as ``auth``
        :param query: what it adds to the URL
        :param transport: what handlers see as ``self.socket.transport``
        :param timeout: seconds, by the wall
        :raises ConnectionRefused: the server does not want it
        """
        fields = {**(query or {}), "EIO": "4", "transport": "polling"}
        url = f"{self._endpoint.path}?{urlencode(fields)}"
        response = self.get(url, headers=dict(headers or {}), expect_errors=True)
        if response.status_int != 200:
            body = response.json if response.content_type == "application/json" else {}
            message = body.get("message", response.status)
            raise ConnectionRefused(message, status=response.status_int)
        session = self._engine.sessions[json.loads(response.text[1:])["sid"]]
        connection = Connection(
            session,
            transport=transport,
            encoder=self.sio.generations[4].encoder,
            decoder=self.sio.new_decoder() if self.sio.new_decoder is not None else None,
            settle=self.settle,
        )
        return connection.enter(path, auth, timeout)

    def settle(self) -> None:
        """Let handlers run until none has anything to do, or all that run wait for something."""
        for _ in range(3):
            gevent.sleep(0)
        while self._engine.dispatcher.has_work:
            gevent.sleep(0)

    def close(self) -> None:
        """End all connections. Idempotent."""
        if self._open:
            self._open = False
            for session in list(self._engine.sessions.values()):
                session.end(DisconnectReason.SERVER_SHUTTING_DOWN)
            self.settle()
            stacks.end()

    def __enter__(self) -> SioTestApp:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _follow(self, until: float) -> None:
        """Virtual time passes: do what is due, each at its time."""
        clock, wheel = self.clock, self._engine.wheel
        assert clock is not None
        self.settle()
        while self._open and (due := wheel.next_due) is not None and due <= until:
            # A moment later: a tick is a rounded number.
            clock.now = max(due, clock.now) + 1e-6
            wheel.advance()
            self.settle()
        clock.now = until


def _router_of(app: Any) -> Any:
    """Pyramid's router; middleware around it is looked through where it says what it wraps."""
    while not hasattr(app, "registry"):
        inner = getattr(app, "app", None) or getattr(app, "application", None)
        if inner is None:
            raise TypeError(f"{app!r} is no application of Pyramid")
        app = inner
    return app
