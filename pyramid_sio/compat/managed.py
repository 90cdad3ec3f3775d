"""What a view said about a connection, kept as long as that lasts.

Upstream: ``compat.manage``. Downstream: ``compat.adapted``.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pyramid_sio.engine.peer import ENVIRON_KEY
from pyramid_sio.plugin.handshake import ATTACHED_KEY

if TYPE_CHECKING:
    from pyramid_sio.compat.namespace import BaseNamespace
    from pyramid_sio.compat.virtual import Socket
    from pyramid_sio.interfaces import IHandshake

#: Who the user is, as a browser says it without being asked by the page.
_CREDENTIALS = ("HTTP_COOKIE", "HTTP_AUTHORIZATION")


class Managed:
    """The arguments of one ``socketio_manage``.

    :param environ: of the request; its own copy is kept once there is a socket
    """

    __slots__ = (
        "environ",
        "error_handler",
        "json_dumps",
        "json_loads",
        "namespaces",
        "request",
        "socket",
        "trusted",
    )

    def __init__(
        self,
        environ: dict[str, Any],
        namespaces: Mapping[str, type[BaseNamespace]],
        *,
        request: Any = None,
        error_handler: Callable[..., Any] | None = None,
        json_loads: Callable[[str], Any] | None = None,
        json_dumps: Callable[[Any], str] | None = None,
    ) -> None:
        self.environ = environ
        self.namespaces = namespaces
        self.request = request
        self.error_handler = error_handler
        self.json_loads = json_loads
        self.json_dumps = json_dumps
        #: The connection, once its client has entered a namespace.
        self.socket: Socket | None = None
        #: May the request act as the user whom its cookies name?
        self.trusted = True

    def find(self, name: str) -> type[BaseNamespace] | None:
        """The class for a namespace; the main one is ``''``, or ``'/'``."""
        return self.namespaces.get(name) or self.namespaces.get(name or "/")

    def settle(self, handshake: IHandshake) -> None:
        """The connection is there: keep nothing of the request's that was for one request."""
        assert self.socket is not None
        kept = handshake.environ()
        self.trusted = all((key in kept) or (key not in self.environ) for key in _CREDENTIALS)
        environ = {**self.environ, "wsgi.input": io.BytesIO(), "socketio": self.socket}
        dropped = [ENVIRON_KEY, ATTACHED_KEY]
        if not self.trusted:
            dropped += _CREDENTIALS
        for key in dropped:
            environ.pop(key, None)
        self.environ = environ
