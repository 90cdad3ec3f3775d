"""Sockets that listen, made before there are processes to share them.

Upstream: ``serve``. Downstream: the kernel. Nothing of gevent: a supervisor is not patched.
"""

from __future__ import annotations

import os
import socket


def check_address(host: str, port: int, unix_socket: str = "") -> None:
    """See whether somebody could listen there; nobody does yet.

    :param unix_socket: a path that counts instead of host and port
    :raises ValueError: nobody could; says where, and why
    """
    try:
        if unix_socket:
            _check_path(unix_socket)
            return
        with socket.socket(_family(host)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as exc:
        where = unix_socket or f"{host}:{port}"
        raise ValueError(f"cannot listen on {where}: {exc.strerror or exc}") from exc


def _check_path(path: str) -> None:
    """:raises OSError: a server that lives listens there"""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return
    raise OSError("another server listens there")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def listen_on_port(host: str, port: int, backlog: int, count: int) -> list[socket.socket]:
    """Several sockets that listen on one port; the kernel spreads connections over them.

    Several processes that share a single socket are not served alike: whoever is awake gets
    more. Of ``SO_REUSEPORT`` sockets each gets its share.

    :param backlog: connections the kernel may hold, for each
    :raises OSError: somebody else listens there
    """
    family = _family(host)
    # Without SO_REUSEPORT, so that a second server on the port is refused and gets no share.
    with socket.create_server((host, port), family=family) as probe:
        address = probe.getsockname()
    return [
        socket.create_server(address[:2], family=family, backlog=backlog, reuse_port=True)
        for _ in range(count)
    ]


def listen_on_unix_socket(path: str, permissions: int, backlog: int) -> socket.socket:
    """A socket that listens at ``path``; one left behind by a dead server is replaced.

    :raises OSError: something else is there, or a server that lives
    """
    if os.path.exists(path):
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        else:
            raise OSError(f"{path}: another server listens there")
        finally:
            probe.close()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Nobody may connect before the permissions are as they should be.
    old = os.umask(0o777)
    try:
        listener.bind(path)
    finally:
        os.umask(old)
    os.chmod(path, permissions)
    listener.listen(backlog)
    return listener


def url_of(listener: socket.socket, *, tls: bool) -> str:
    """Where a socket listens, for people."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    scheme = "https" if tls else "http"
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
