"""``SocketIOServer``, ``serve`` and ``serve_paste``: this server, by gevent-socketio's names.

Upstream: programs that start their server themselves, and ``compat.paster``. Downstream:
``http.server``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyramid_sio.compat.manage import DEFAULT_RESOURCE, SITE_KEY, Site
from pyramid_sio.http.server import HttpServer

if TYPE_CHECKING:
    from pyramid_sio.compat.virtual import Socket

logger = logging.getLogger(__name__)

#: What the transports of old are for clients of later generations.
_TODAY = {
    "websocket": "websocket",
    "flashsocket": "websocket",
    "htmlfile": "polling",
    "xhr-multipart": "polling",
    "xhr-polling": "polling",
    "jsonp-polling": "polling",
}
#: Where a client of Flash looks for leave to connect.
POLICY_PORT = 10843
_OF_GEVENT = frozenset(("backlog", "certfile", "environ", "keyfile", "log", "ssl_context"))
_OUR_OWN = ("handler_class", "ws_handler_class", "spawn", "error_log")


def read_transports(names: Any) -> dict[str, str]:
    """The settings for a list of transports, by their old names.

    :param names: a list, or a text with commas; None or nothing: all there are
    :raises ValueError: nobody knows one of them
    """
    listed = names.split(",") if isinstance(names, str) else names or ()
    found = list(filter(None, map(str.strip, listed)))
    if not found:
        return {}
    for name in found:
        if name not in _TODAY:
            raise ValueError(f"no transport {name!r}; known: {', '.join(_TODAY)}")
    return {
        "sio.legacy_transports": " ".join(found),
        "sio.transports": " ".join(sorted({_TODAY[name] for name in found})),
    }


class SocketIOServer(HttpServer):
    """Serves a WSGI application, and Socket.IO below a path of it, through ``socketio_manage``.

    The process must have been patched.

    :param listener: ``(host, port)``, or a socket that listens
    :param application: the WSGI application
    :param resource: the path clients connect to, without the slashes around
    :param namespace: the same, under its oldest name
    :param transports: old or new names; see :func:`read_transports`
    :param policy_server: tell Flash Player, on a port of its own, that it may connect
    :param policy_listener: that port's ``(host, port)``; None: 10843 of the loopback interface
    :param heartbeat_interval: seconds between two heartbeats
    :param heartbeat_timeout: seconds of silence that end a connection
    :param close_timeout: seconds a client that polls may stay away once it is closed
    :param log_file: file to append a line for each request to
    :param settings: more, as in an ini file: ``{'sio.redis_url': ...}``
    :param options: of gevent's ``WSGIServer``: ``backlog``, ``environ``, ``log``, ``certfile``,
        ``keyfile``, ``ssl_context``
    :raises ConfigurationError: a value cannot be
    :raises TypeError: for an option nobody knows
    """

    def __init__(
        self,
        listener: Any,
        application: Any = None,
        *,
        resource: str | None = None,
        namespace: str | None = None,
        transports: Any = None,
        policy_server: bool = False,
        policy_listener: tuple[str, int] | None = None,
        heartbeat_interval: float = 25,
        heartbeat_timeout: float = 60,
        close_timeout: float = 60,
        log_file: str | None = None,
        settings: Mapping[str, Any] | None = None,
        shutdown_timeout: float = 10,
        idle_timeout: float = 60,
        **options: Any,
    ) -> None:
        for name in _OUR_OWN:
            if options.pop(name, None) is not None:
                logger.warning("SocketIOServer(%s=...) is not used: this server has its own", name)
        if unknown := options.keys() - _OF_GEVENT:
            # gevent would take it for one of TLS, and turn that on.
            raise TypeError(f"SocketIOServer() has no {', '.join(sorted(unknown))}")
        self.resource = (resource or namespace or DEFAULT_RESOURCE).strip("/")
        self.config = {
            "heartbeat_interval": heartbeat_interval,
            "heartbeat_timeout": heartbeat_timeout,
            "close_timeout": close_timeout,
        }
        policy = "{}:{}".format(*(policy_listener or ("127.0.0.1", POLICY_PORT)))
        self.site = Site.from_settings(
            {
                "sio.path": f"/{self.resource}/",
                "sio.policy_server": policy if policy_server else "false",
                **read_transports(transports),
                "sio.ping_interval": heartbeat_interval,
                "sio.ping_timeout": _patience(heartbeat_interval, heartbeat_timeout),
                "sio.close_timeout": close_timeout,
                **(settings or {}),
            }
        )
        self.transports = self.site.endpoint.engine.settings.transports
        self.site.connections.config.update(self.config)
        log = options.pop("log", None)
        super().__init__(
            listener,
            application,
            backlog=options.pop("backlog", None),
            # Kept open as long as the process lasts.
            log=open(log_file, "a", encoding="utf-8") if log_file else log,  # noqa: SIM115
            shutdown_timeout=shutdown_timeout,
            idle_timeout=idle_timeout,
            environ={**options.pop("environ", {}), SITE_KEY: self.site},
            **options,
        )

    @property
    def sockets(self) -> Mapping[str, Socket]:
        """The connections that are in a namespace, by their ids."""
        return self.site.connections.sockets

    def get_socket(self, sessid: str = "") -> Socket | None:
        """The connection with an id; None: there is none."""
        return self.site.connections.get_socket(sessid)

    def serve_forever(self, stop_timeout: float | None = None) -> None:
        """Listen, and return after SIGTERM, SIGINT or :meth:`request_stop`.

        :param stop_timeout: seconds for the end; None: ``shutdown_timeout``
        """
        if stop_timeout is not None:
            self.shutdown_timeout = stop_timeout
        self.serve_until_stopped()


def _patience(interval: float, timeout: float) -> float:
    """How long the answer to a heartbeat may take, if silence may last ``timeout``, in seconds."""
    return timeout - interval if timeout > interval else timeout


#: What ``serve`` reads from texts.
_NUMBERS = (
    "heartbeat_interval",
    "heartbeat_timeout",
    "close_timeout",
    "shutdown_timeout",
    "idle_timeout",
)
_TRUE = ("true", "enable", "yes", "on", "1")


def make_server(app: Any, options: Mapping[str, Any]) -> SocketIOServer:
    """The server that ``serve``'s options describe, not yet listening.

    :raises ValueError: one of them cannot be
    """
    given = dict(options)
    host, port = given.pop("host", "127.0.0.1"), int(given.pop("port", 6543))
    given.pop("_quiet", None)
    settings = {key: given.pop(key) for key in list(given) if key.startswith("sio.")}
    for name in _NUMBERS:
        if name in given:
            given[name] = float(given[name])
    if "backlog" in given:
        given["backlog"] = int(given["backlog"])
    policy = given.pop("policy_listener_host", None), given.pop("policy_listener_port", None)
    if "policy_server" in given:
        given["policy_server"] = str(given["policy_server"]).lower() in _TRUE
    if any(policy):
        given["policy_listener"] = (policy[0] or "127.0.0.1", int(policy[1] or POLICY_PORT))
    access_log = str(given.pop("access_log", "false")).lower() in _TRUE
    given["log"] = logging.getLogger("pyramid_sio.access") if access_log else None
    return SocketIOServer((host, port), app, settings=settings, **given)


def serve(app: Any, **options: Any) -> None:
    """Serve an application until SIGTERM or SIGINT.

    :param options: ``host``, ``port`` and what :class:`SocketIOServer` takes, numbers as texts
        too; ``sio.*`` settings among them
    """
    make_server(app, options).serve_forever()


def serve_paste(app: Any, global_conf: Mapping[str, str] | None, **options: Any) -> int:
    """The same for PasteDeploy."""
    serve(app, **options)
    return 0
