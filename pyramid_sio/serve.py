"""``[server:main] use = egg:pyramid_sio``: patch first, then serve on gevent.

pserve calls :func:`server_factory` before it imports the application, which is the last
moment at which the standard library can be patched safely. So this module imports nothing
of Pyramid, and gevent's own modules only inside functions.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pyramid_sio.http.listening import check_address, listen_on_port, listen_on_unix_socket, url_of
from pyramid_sio.workers.member import Member, become, current
from pyramid_sio.workers.supervisor import Supervisor

if TYPE_CHECKING:
    from pyramid_sio.http.server import HttpServer

logger = logging.getLogger(__name__)

#: Holds Pyramid's stack of current requests. Loaded before patching, all greenlets share it.
TOO_EARLY = "pyramid.threadlocal"

OPTIONS = frozenset(
    (
        "host",
        "port",
        "unix_socket",
        "unix_socket_perms",
        "certfile",
        "keyfile",
        "backlog",
        "access_log",
        "shutdown_timeout",
        "idle_timeout",
        "workers",
        "reload_spread",
        "worker_timeout",
        "blocked_after",
    )
)
#: Seconds that one handler may keep all others from running before it is said where it stands.
BLOCKED_AFTER = 5
MOST_PORT = 65535
#: More workers than that are a mistake.
MOST_WORKERS = 256


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= MOST_PORT:
        raise ValueError(f"from 0 to {MOST_PORT}")
    return port


def _octal(text: str) -> int:
    return int(text, 8)


def _workers(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MOST_WORKERS:
        raise ValueError(f"from 1 to {MOST_WORKERS}")
    return count


def _not_negative(text: str) -> float:
    number = float(text)
    if not 0 <= number < math.inf:
        raise ValueError("seconds, or 0")
    return number


_NUMBERS: dict[str, Callable[[str], float]] = {
    "port": _port,
    "unix_socket_perms": _octal,
    "backlog": int,
    "shutdown_timeout": float,
    "idle_timeout": float,
    "workers": _workers,
    "reload_spread": float,
    "worker_timeout": _not_negative,
    "blocked_after": _not_negative,
}


def server_factory(
    global_conf: dict[str, str] | None = None, **options: str
) -> Callable[[Any], None]:
    """Paste's server factory.

    With several ``workers`` it returns in each of them, which makes the application by itself;
    the process that has called it stays here to supervise them.

    :param options: what stands below ``[server:main]``; see ``docs/server.rst``
    :returns: a function that serves a WSGI application until SIGTERM or SIGINT
    :raises SystemExit: an option is wrong, or it is too late to patch; or all workers have ended
    """
    if options.get("workers", "1").strip() == "1":
        patch()
    unknown = set(options) - OPTIONS
    if unknown:
        known = ", ".join(sorted(OPTIONS))
        raise SystemExit(f"[server:main]: unknown {', '.join(sorted(unknown))}; known: {known}")
    # What is raised once pserve has called us is said, but its exit status is 0 then.
    tls_files(options.get("certfile", ""), options.get("keyfile", ""))
    for name, convert in _NUMBERS.items():
        try:
            if name in options:
                convert(options[name])
        except ValueError as exc:
            raise SystemExit(f"[server:main]: {name} = {options[name]}: {exc}") from None

    _check_address(**options)
    if int(options.get("workers", "1")) > 1:
        become(supervise(**options))
        patch()

    def serve(app: Any) -> None:
        server = make_server(app, **options)
        member = current()
        with watching(float(options.get("blocked_after", BLOCKED_AFTER))):
            if member is not None:
                from pyramid_sio.workers.worker import run

                run(server, member)
            else:
                server.serve_until_stopped()

    return serve


def _check_address(
    *, host: str = "127.0.0.1", port: str = "6543", unix_socket: str = "", **others: str
) -> None:
    """Say at once, and not when the application has been loaded, that the port is taken.

    :raises SystemExit: it is, or is none
    """
    try:
        check_address(host, int(port), unix_socket)
    except ValueError as exc:
        raise SystemExit(f"[server:main]: {exc}") from None


def supervise(
    *,
    workers: str,
    host: str = "127.0.0.1",
    port: str = "6543",
    unix_socket: str = "",
    unix_socket_perms: str = "600",
    certfile: str = "",
    backlog: str = "2048",
    shutdown_timeout: str = "10",
    reload_spread: str = "10",
    worker_timeout: str = "60",
    **others: str,
) -> Member:
    """Start workers and watch them; returns in the workers only.

    The parameters are those of :func:`make_server`.

    :raises SystemExit: all workers have ended, or what they need cannot be had
    """
    if TOO_EARLY in sys.modules:
        raise SystemExit(too_late_message())
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_anything_saved():
        raise SystemExit(
            "[server:main]: workers: gevent has patched this process already, so that it cannot be "
            "forked any more; let server_factory do the patching"
        )
    if unix_socket:
        shared = listen_on_unix_socket(unix_socket, _octal(unix_socket_perms), int(backlog))
        listeners = [shared] * int(workers)
    else:
        listeners = listen_on_port(host, int(port), int(backlog), int(workers))
    for listener in listeners:
        listener.setblocking(False)
    url = url_of(listeners[0], tls=bool(certfile))

    def announcement(joined: str) -> str:
        how = f"polling and WebSocket, gevent {version('gevent')}"
        return f"Serving on {url} ({how}, {workers} workers joined by {joined})"

    supervisor = Supervisor(
        listeners,
        shutdown_timeout=float(shutdown_timeout),
        reload_spread=float(reload_spread),
        worker_timeout=float(worker_timeout),
        announcement=announcement,
    )
    with _unlinked_at_the_end(unix_socket):
        return supervisor.run()


@contextlib.contextmanager
def _unlinked_at_the_end(path: str) -> Iterator[None]:
    """The unix socket at ``path`` is gone when this process ends; but not one that is forked."""
    pid = os.getpid()
    try:
        yield
    finally:
        if path and os.getpid() == pid:
            with contextlib.suppress(OSError):
                os.unlink(path)


def make_server(
    app: Any,
    *,
    host: str = "127.0.0.1",
    port: str | int = 6543,
    unix_socket: str = "",
    unix_socket_perms: str = "600",
    certfile: str = "",
    keyfile: str = "",
    backlog: str | int = 2048,
    access_log: str | bool = "false",
    shutdown_timeout: str | float = 10,
    idle_timeout: str | float = 60,
    workers: str | int = 1,
    reload_spread: str | float = 10,
    worker_timeout: str | float = 60,
    blocked_after: str | float = BLOCKED_AFTER,
) -> HttpServer:
    """The server, not yet listening. The process must have been patched.

    In a worker it listens where the supervisor does.

    :param unix_socket: path of a unix socket to listen on instead of host and port
    :param unix_socket_perms: its permissions, octal
    :param certfile: PEM file with the certificate chain; turns TLS on
    :param keyfile: PEM file with its key, if it is not in ``certfile``
    :param backlog: connections the kernel may hold before they are accepted
    :param access_log: log each request to the logger ``pyramid_sio.access``
    :param shutdown_timeout: seconds handlers and clients are given to end on SIGTERM
    :param idle_timeout: seconds a client may leave the server waiting, for a request or for
        taking an answer
    :param workers: processes that share the port; see :func:`server_factory`
    :param reload_spread: seconds over which clients of a worker that is replaced reconnect
    :param worker_timeout: seconds after which a worker that is frozen is replaced; 0: never
    :param blocked_after: see :func:`watching`
    """
    from pyramid_sio.http.server import HttpServer

    tls = tls_files(certfile, keyfile)
    member = current()
    listener: Any = (host, int(port))
    if member is not None:
        listener = member.own_listener()
    elif unix_socket:
        listener = listen_on_unix_socket(unix_socket, _octal(unix_socket_perms), int(backlog))
    log = logging.getLogger("pyramid_sio.access")
    return HttpServer(
        listener,
        app,
        # A listener that listens already has its backlog.
        backlog=None if unix_socket or member else int(backlog),
        log=log if str(access_log).lower() in ("true", "yes", "on", "1") else None,
        shutdown_timeout=float(shutdown_timeout),
        idle_timeout=float(idle_timeout),
        environ={"wsgi.multiprocess": member is not None},
        **tls,
    )


@contextlib.contextmanager
def watching(seconds: float) -> Iterator[None]:
    """Meanwhile say on stderr where a handler stands that lets nobody else run.

    :param seconds: how long it may; 0: for ever
    """
    if not seconds:
        yield
        return
    from pyramid_sio.http.blocked import Watch

    watch = Watch(seconds)
    watch.start()
    try:
        yield
    finally:
        watch.stop()


def tls_files(certfile: str, keyfile: str) -> dict[str, str]:
    """What gevent's server wants to know for TLS: nothing, if there is to be none.

    :raises SystemExit: a key without a certificate
    """
    if keyfile and not certfile:
        raise SystemExit("[server:main]: keyfile without certfile")
    files = {"certfile": certfile, "keyfile": keyfile}
    return {name: path for name, path in files.items() if path}


def patch() -> None:
    """Make the standard library cooperate with gevent. Harmless if that has been done.

    :raises SystemExit: too late: names what has been imported too early
    """
    from gevent import monkey

    if not monkey.is_module_patched("threading"):
        if TOO_EARLY in sys.modules:
            raise SystemExit(too_late_message())
        _let_threads_end_quietly()
        monkey.patch_all()
    elif TOO_EARLY in sys.modules and not _is_greenlet_local():
        raise SystemExit(too_late_message())


def _let_threads_end_quietly() -> None:
    """Threads that run already, such as those of ``pserve --reload``, end with a traceback.

    They are kept under the identity they had before patching and are looked for by another.
    """
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread._delete = lambda: None  # type: ignore[attr-defined]


def _is_greenlet_local() -> bool:
    """Is Pyramid's stack one of gevent's, which each greenlet has its own of?"""
    from gevent.local import local

    return issubclass(sys.modules[TOO_EARLY].ThreadLocalManager, local)


def too_late_message() -> str:
    """Who imported Pyramid before the standard library was patched, and what to do."""
    culprits = []
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] in ("pyramid", "pyramid_sio", "__main__", "__mp_main__"):
            continue
        values = list(vars(module).values()) if module is not None else []
        if any(str(getattr(value, "__module__", "")).startswith("pyramid.") for value in values):
            culprits.append(name)
    who = ", ".join(culprits[:5]) or "this program"
    return (
        f"pyramid_sio: too late to patch the standard library for gevent: {who} has imported "
        f"{TOO_EARLY} already, so that requests of different users would be mixed up.\n"
        "Start the application with `pserve`, whose [server:main] says `use = egg:pyramid_sio`; "
        "in a program of your own, let its first two lines be\n"
        "    from gevent import monkey\n"
        "    monkey.patch_all()"
    )
