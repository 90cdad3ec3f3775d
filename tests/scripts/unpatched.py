"""A server on gevent in a process that nobody has patched, as people write it by mistake."""

from __future__ import annotations

import sys

from pyramid_sio.http.server import HttpServer
from tests.functional.app import main

if __name__ == "__main__":
    server = HttpServer(
        ("127.0.0.1", int(sys.argv[1])),
        main(None),
        backlog=None,
        log=None,
        shutdown_timeout=1,
        idle_timeout=60,
    )
    server.serve_until_stopped()
