"""The head of an HTTP request, read strictly.

Upstream: ``http.server``, once a head has arrived. Downstream: llhttp.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser


class Head:
    """The head of one request, parsed; in the shape gevent's handler asks for.

    llhttp, which Node's server uses too, does the parsing: it is strict where two servers that
    understand one request differently would let a second one be smuggled in.

    :param data: the request line and the headers, with the empty line
    :raises ValueError: it is no HTTP
    """

    status = ""

    def __init__(self, data: bytes) -> None:
        self.items: list[tuple[str, str]] = []
        self.url = ""
        self.keeps_alive = False
        parser = self._parser = HttpRequestParser(self)
        try:
            parser.feed_data(data)
        except HttpParserUpgrade:
            pass
        except HttpParserError as exc:
            raise ValueError(str(exc)) from None
        finally:
            # It knows this object: a circle that only the collector would open.
            del self._parser
        self.method = parser.get_method().decode("latin-1")
        self.version = f"HTTP/{parser.get_http_version()}"
        if self.version not in ("HTTP/1.0", "HTTP/1.1"):
            raise ValueError(f"version {self.version}")

    # Called by the parser.

    def on_url(self, url: bytes) -> None:
        self.url += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.items.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        # Not later: a request without a body is over then, and what it said is forgotten.
        self.keeps_alive = self._parser.should_keep_alive()

    # Called by gevent's handler.

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first header of that name."""
        name = name.lower()
        return next((value for key, value in self.items if key.lower() == name), default)

    getheader = get

    @property
    def typeheader(self) -> str | None:
        return self.get("content-type")


def check_path(url: str) -> None:
    """:raises ValueError: its path is not UTF-8, which Pyramid takes for an error of its own"""
    try:
        unquote_to_bytes(url.partition("?")[0]).decode()
    except UnicodeDecodeError:
        raise ValueError("a path that is not UTF-8") from None
