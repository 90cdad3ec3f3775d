"""``SioTestApp``: WebTest's ``TestApp`` with Socket.IO.

Upstream: tests. Downstream: the application, which is called as an HTTP server would call it,
and its engine, whose sessions speak to ``testing.client``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import gevent
from pyramid.interfaces import IRoutesMapper
from webtest import TestApp

from pyramid_sio.errors import DisconnectReason
from pyramid_sio.interfaces import IEndpoint
from pyramid_sio.plugin.names import route_name
from pyramid_sio.testing.client import PATIENCE, Connection, ConnectionRefused, TestClient
from pyramid_sio.testing.clock import VirtualClock
from pyramid_sio.testing.stacks import stacks

if TYPE_CHECKING:
    from pyramid_sio.engine.server import EngineServer
    from pyramid_sio.plugin.endpoint import Endpoint
    from pyramid_sio.sockets.server import SioServer

#: Turns of the loop, one after the other, in which no handler has anything to do.
QUIET = 3


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
        self._registry = _router_of(app).registry
        #: That of the application, whose name is empty, and those of ``add_sio_endpoint``.
        self._endpoints: dict[str, Endpoint] = dict(self._registry.getUtilitiesFor(IEndpoint))
        if not self._endpoints:
            raise LookupError("this application does not include pyramid_sio")
        for engine in self._engines:
            engine.adopt_thread()
            if clock is not None:
                engine.clock = engine.wheel.clock = clock
        if clock is not None:
            clock.follow(self._follow)
        self.clock = clock
        self._open = True
        stacks.begin()

    @property
    def sio(self) -> SioServer:
        """The application's Socket.IO server, as ``request.sio``."""
        return self._endpoints[""].sio

    @property
    def _engines(self) -> list[EngineServer]:
        return [endpoint.engine for endpoint in self._endpoints.values()]

    def connect(
        self,
        path: str = "/",
        auth: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        transport: str = "websocket",
        endpoint: str = "",
        timeout: float = PATIENCE,
    ) -> TestClient:
        """Connect to a namespace, with the cookies there are.

        The opening request passes through the application as any other does: tweens, session,
        security policy, the check of the origin.

        :param path: the namespace's name
        :param auth: what the client passes as ``auth``
        :param headers: those of the opening request, as in ``{"Origin": "https://example.com"}``
        :param query: what it adds to the URL
        :param transport: what handlers see as ``self.socket.transport``
        :param endpoint: the name of ``config.add_sio_endpoint``
        :param timeout: seconds, by the wall
        :raises ConnectionRefused: the server does not want it
        :raises LookupError: there is no such endpoint
        """
        found = self._endpoints.get(endpoint)
        if found is None:
            raise LookupError(f"this application has no Socket.IO endpoint {endpoint!r}")
        fields = {**(query or {}), "EIO": "4", "transport": "polling"}
        # Where routes have been put by a prefix.
        routes = self._registry.getUtility(IRoutesMapper)
        place = routes.generate(route_name(endpoint), {"subpath": ()})
        url = f"{place}?{urlencode(fields)}"
        response = self.get(url, headers=dict(headers or {}), expect_errors=True)
        if response.status_int != 200:
            body = response.json if response.content_type == "application/json" else {}
            message = body.get("message", response.status)
            raise ConnectionRefused(message, status=response.status_int)
        session = found.engine.sessions[json.loads(response.text[1:])["sid"]]
        sio = found.sio
        connection = Connection(
            session,
            transport=transport,
            encoder=sio.generations[4].encoder,
            decoder=sio.new_decoder() if sio.new_decoder is not None else None,
            settle=self.settle,
        )
        return connection.enter(path, auth, timeout)

    def settle(self) -> None:
        """Let handlers run until none has anything to do, or all that run wait for something."""
        quiet = 0
        while quiet < QUIET:
            gevent.sleep(0)
            quiet = 0 if any(engine.dispatcher.has_work for engine in self._engines) else quiet + 1

    def close(self) -> None:
        """End all connections. Idempotent."""
        if self._open:
            self._open = False
            for engine in self._engines:
                for session in list(engine.sessions.values()):
                    session.end(DisconnectReason.SERVER_SHUTTING_DOWN)
            self.settle()
            stacks.end()

    def __enter__(self) -> SioTestApp:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _follow(self, until: float) -> None:
        """Virtual time passes: do what is due, each at its time."""
        clock = self.clock
        assert clock is not None
        self.settle()
        while self._open and (due := self._next_due()) <= until:
            # A moment later: a tick is a rounded number.
            clock.now = max(due, clock.now) + 1e-6
            for engine in self._engines:
                engine.wheel.advance()
            self.settle()
        clock.now = until

    def _next_due(self) -> float:
        dues = [engine.wheel.next_due for engine in self._engines]
        return min((due for due in dues if due is not None), default=math.inf)


def _router_of(app: Any) -> Any:
    """Pyramid's router; middleware around it is looked through where it says what it wraps."""
    while not hasattr(app, "registry"):
        inner = getattr(app, "app", None) or getattr(app, "application", None)
        if inner is None:
            raise TypeError(f"{app!r} is no application of Pyramid")
        app = inner
    return app
