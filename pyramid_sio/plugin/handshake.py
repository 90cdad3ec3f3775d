"""What is kept of the request that opened a connection.

Upstream: ``plugin.views``. Downstream: ``self.handshake`` in handlers, and
``plugin.context``, which makes the requests of events from it.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Mapping
from typing import Any

from pyramid_sio.errors import BadRequest
from pyramid_sio.protocol.request import parse_query

_KEPT = frozenset(
    (
        "PATH_INFO",
        "QUERY_STRING",
        "REMOTE_ADDR",
        "REMOTE_PORT",
        "SCRIPT_NAME",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "wsgi.url_scheme",
    )
)
#: Headers of the HTTP connection, or of one request; meaningless afterwards.
_DROPPED = frozenset(
    (
        "HTTP_CONNECTION",
        "HTTP_UPGRADE",
        "HTTP_SEC_WEBSOCKET_KEY",
        "HTTP_SEC_WEBSOCKET_VERSION",
        "HTTP_SEC_WEBSOCKET_EXTENSIONS",
        "HTTP_TRANSFER_ENCODING",
    )
)
#: Where an environ carries what is to go with the connection that it opens.
ATTACHED_KEY = "pyramid_sio.attached"
#: No header can contain it: HTTP servers refuse control characters there.
_SEPARATOR = "\0"
#: Who a request comes from, as a browser says it without being asked by the page.
_CREDENTIALS = frozenset(("HTTP_COOKIE", "HTTP_AUTHORIZATION"))
#: Characters kept of a session's request. Node's server takes no longer heads at all.
LONGEST = 16384


class Handshake:
    """The opening request, as one compact string.

    Only plain CGI keys are kept. Whatever else an environ carries (a transaction manager, an
    input stream) belongs to that one request and must not leak into later events.

    :param anonymous: leave out what says who the user is
    :raises BadRequest: the headers are longer than what a session may keep
    """

    __slots__ = ("_environ", "attached", "issued")

    def __init__(self, environ: Mapping[str, Any], *, anonymous: bool = False) -> None:
        items = []
        dropped = _DROPPED | _CREDENTIALS if anonymous else _DROPPED
        for key, value in environ.items():
            if key in _KEPT or (key.startswith("HTTP_") and key not in dropped):
                items.append(key)
                items.append(str(value).replace(_SEPARATOR, ""))
        self._environ = _SEPARATOR.join(items)
        if len(self._environ) > LONGEST:
            raise BadRequest(detail=f"headers of {len(self._environ)} characters; {LONGEST} fit")
        #: What the application put into the environ to go with the connection.
        self.attached: Any = environ.get(ATTACHED_KEY)
        #: When it came, in seconds since 1970.
        self.issued = time.time()

    def __repr__(self) -> str:
        return f"<Handshake from {self.address}>"

    def _items(self) -> dict[str, str]:
        parts = self._environ.split(_SEPARATOR)
        return dict(zip(parts[::2], parts[1::2], strict=True))

    def environ(self) -> dict[str, Any]:
        """A fresh WSGI environ of a GET request like the opening one, without a body."""
        return {
            **self._items(),
            "REQUEST_METHOD": "GET",
            "wsgi.version": (1, 0),
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }

    @property
    def address(self) -> str:
        """The address the connection came from."""
        return self._items().get("REMOTE_ADDR", "")

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers, their names in lower case."""
        return {
            key[5:].replace("_", "-").lower(): value
            for key, value in self._items().items()
            if key.startswith("HTTP_")
        }

    @property
    def query(self) -> dict[str, str]:
        """The request's query parameters."""
        return parse_query(self._items().get("QUERY_STRING", ""))

    @property
    def url(self) -> str:
        """Path and query."""
        items = self._items()
        path = items.get("SCRIPT_NAME", "") + items.get("PATH_INFO", "")
        query = items.get("QUERY_STRING", "")
        return f"{path}?{query}" if query else path

    @property
    def secure(self) -> bool:
        """Did it come over TLS?"""
        return self._items().get("wsgi.url_scheme") == "https"

    @property
    def xdomain(self) -> bool:
        """Did it say which page it came from?"""
        return "HTTP_ORIGIN" in self._items()
