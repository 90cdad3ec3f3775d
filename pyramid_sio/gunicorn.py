"""``gunicorn -k pyramid_sio.gunicorn.Worker``: gunicorn's processes, this package's HTTP server.

Upstream: gunicorn's arbiter starts, reloads and ends workers. Downstream: ``http.server``
serves the sockets that it hands over, with WebSocket and with everything else.

The module imports nothing of Pyramid: a worker patches the standard library before it loads
the application.
"""

from __future__ import annotations

import socket
from typing import Any

import gevent
from gunicorn.sock import ssl_context
from gunicorn.workers.ggevent import GeventWorker

from pyramid_sio.engine.services import start_services
from pyramid_sio.http.server import HttpServer
from pyramid_sio.serve import patch

#: Seconds between two signs of life, for the arbiter.
PULSE = 0.5
#: Seconds before gunicorn would kill a worker that has been told to end.
RESERVE = 2.0


class Worker(GeventWorker):  # type: ignore[misc]
    """A worker that serves until it is told to stop, then lets handlers and clients end.

    On SIGHUP gunicorn starts new workers and ends the old ones: those tell their clients
    good-bye, which then connect to the new ones.
    """

    def patch(self) -> None:
        """:raises SystemExit: something imported Pyramid before, as ``--preload`` does"""
        patch()
        super().patch()

    def run(self) -> None:
        """Called by gunicorn, in the new process."""
        engines: set[Any] = set()
        servers = [self._server(listener, engines) for listener in self.sockets]
        for server in servers:
            server.start()
        start_services()
        while self.alive:
            self.notify()
            gevent.sleep(PULSE)
        first, *others = servers
        for server in others:
            server.close()
        drain = gevent.spawn(first.drain)
        while not drain.ready():
            self.notify()
            drain.join(PULSE)

    def _server(self, listener: Any, engines: set[Any]) -> HttpServer:
        listener.setblocking(False)
        if listener.family != socket.AF_UNIX:
            # Sockets that are accepted inherit that small frames are sent at once.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = HttpServer(
            listener,
            self.wsgi,
            backlog=None,
            log=self.log.access_log if self.cfg.accesslog else None,
            shutdown_timeout=max(self.cfg.graceful_timeout - RESERVE, 1.0),
            idle_timeout=60.0,
            **({"ssl_context": ssl_context(self.cfg)} if self.cfg.is_ssl else {}),
        )
        server.engines = engines
        # Other workers listen there too; the arbiter removes it.
        server.owns_address = False
        return server

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGINT or SIGQUIT: the same as SIGTERM, so that everybody hears of it."""
        self.alive = False
