"""``[server:main] use = egg:pyramid_sio#paster``: gevent-socketio's runner, by its old options.

pserve calls :func:`server_factory` before it imports the application: the standard library is
patched here, and nothing of Pyramid is imported before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyramid_sio.serve import patch

#: What may stand below ``[server:main]``, beside settings ``sio.*``.
OPTIONS = frozenset(
    (
        "_quiet",
        "access_log",
        "backlog",
        "certfile",
        "close_timeout",
        "heartbeat_interval",
        "heartbeat_timeout",
        "host",
        "idle_timeout",
        "keyfile",
        "log_file",
        "namespace",
        "policy_listener_host",
        "policy_listener_port",
        "policy_server",
        "port",
        "resource",
        "shutdown_timeout",
        "transports",
    )
)


def server_factory(
    global_conf: dict[str, str] | None = None, **options: str
) -> Callable[[Any], None]:
    """Paste's server factory.

    :returns: a function that serves a WSGI application until SIGTERM or SIGINT
    :raises SystemExit: an option is wrong, or it is too late to patch
    """
    patch()
    unknown = {name for name in options if name not in OPTIONS and not name.startswith("sio.")}
    if unknown:
        known = ", ".join(sorted(OPTIONS))
        raise SystemExit(f"[server:main]: unknown {', '.join(sorted(unknown))}; known: {known}")
    from pyramid.exceptions import ConfigurationError

    from pyramid_sio.compat.server import make_server

    try:
        server = make_server(None, options)
    except (ValueError, ConfigurationError) as exc:
        raise SystemExit(f"[server:main]: {exc}") from None

    def serve(app: Any) -> None:
        server.application = app
        server.serve_forever()

    return serve
