"""A browser, as far as a server can tell: one page's origin and cookies, polling and WebSocket.

Upstream: ``scripts.doctor``. Downstream: the server, through whatever proxy is before it.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect


class Answer(NamedTuple):
    """What came back for one request. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def message(self) -> str:
        """What a Socket.IO server says is wrong, or the body's first words."""
        try:
            return str(json.loads(self.body)["message"])
        except (ValueError, TypeError, KeyError):
            return " ".join(self.body.split())[:80]

    @property
    def is_of_socket_io(self) -> bool:
        """Does it come from a Socket.IO server, and not from something before it?"""
        try:
            return "code" in json.loads(self.body)
        except (ValueError, TypeError):
            return False

    @property
    def server(self) -> str:
        """Who answered, as far as it says so."""
        return self.headers.get("server", "")


class Unreachable(Exception):
    """No answer at all; the message says why."""


class Visitor:
    """Opens connections to one endpoint.

    :param url: where the site is; a path in it is where the endpoint is
    :param origin: of the page that connects; None: the site's own
    :param cookies: sent along, as in ``name=value; other=value``
    :param timeout: seconds for each answer
    :param verify: False believes any certificate
    """

    def __init__(
        self,
        url: str,
        *,
        path: str = "/socket.io/",
        origin: str | None = None,
        cookies: str = "",
        timeout: float = 10.0,
        verify: bool = True,
    ) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        self.secure = parts.scheme in ("https", "wss")
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if self.secure else 80)
        scheme = "https" if self.secure else "http"
        self.own_origin = f"{scheme}://{parts.netloc}"
        self.origin = origin or self.own_origin
        self.path = parts.path if parts.path.strip("/") else path
        self._netloc = parts.netloc
        self.timeout = timeout
        self._headers = {"Origin": self.origin, "User-Agent": "psio doctor"}
        if cookies:
            self._headers["Cookie"] = cookies
        self._tls = ssl.create_default_context()
        if not verify:
            self._tls.check_hostname = False
            self._tls.verify_mode = ssl.CERT_NONE

    def ask(
        self,
        method: str,
        query: Mapping[str, str],
        body: str | None = None,
        *,
        timeout: float | None = None,
    ) -> Answer:
        """One request on a connection of its own.

        :param timeout: seconds for the answer, if not as long as usual
        :raises Unreachable: nothing came back
        """
        options: dict[str, Any] = {"timeout": timeout or self.timeout}
        kind: type[HTTPConnection] = HTTPConnection
        if self.secure:
            kind = HTTPSConnection
            options["context"] = self._tls
        connection = kind(self.host, self.port, **options)
        headers = {**self._headers, "Host": self._netloc}
        if body is not None:
            headers["Content-Type"] = "text/plain;charset=UTF-8"
        try:
            connection.request(method, self._target(query), body, headers)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, text)
        except (OSError, HTTPException) as exc:
            raise Unreachable(f"{type(exc).__name__}: {exc}") from exc
        finally:
            connection.close()

    def open(self, query: Mapping[str, str]) -> ClientConnection | Answer:
        """A WebSocket, or what was answered instead.

        :raises Unreachable: nothing came back
        """
        scheme = "wss" if self.secure else "ws"
        uri = f"{scheme}://{self._netloc}{self._target(query)}"
        headers = {name: value for name, value in self._headers.items() if name == "Cookie"}
        try:
            options: dict[str, Any] = {
                "origin": self.origin,
                "additional_headers": headers,
                "user_agent_header": "psio doctor",
                "open_timeout": self.timeout,
                "close_timeout": 1,
                "ssl": self._tls if self.secure else None,
                "compression": None,
                "proxy": None,
                # Browsers say nothing of their own accord, so that silence shows what it does.
                "ping_interval": None,
            }
            connection: ClientConnection = connect(uri, **options)
            return connection
        except InvalidStatus as exc:
            response = exc.response
            named = {name.lower(): value for name, value in response.headers.raw_items()}
            body = bytes(response.body or b"").decode("utf-8", "replace")
            return Answer(response.status_code, named, body)
        except (OSError, InvalidHandshake, WebSocketException) as exc:
            raise Unreachable(f"{type(exc).__name__}: {exc}") from exc

    def _target(self, query: Mapping[str, str]) -> str:
        fields = "&".join(f"{name}={value}" for name, value in query.items())
        return f"{self.path}?{fields}"
