"""The head of an HTTP request, read strictly.

Upstream: ``http.server``, once a head has arrived. Downstream: llhttp.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote_to_bytes

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

#: Names of headers that are remembered, and how long they may be, in bytes.
KNOWN_NAMES, LONGEST_NAME = 256, 64


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
        #: The first header of each name, which is in lower case.
        self.fields: dict[str, str] = {}
        #: What goes into an environ, in order: ``("HTTP_HOST", value)``. Not what describes the
        #: body, and no name with an underscore: it could pass for another header.
        self.variables: list[tuple[str, str]] = []
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
        names = _known_names(name) if len(name) <= LONGEST_NAME else _names(name)
        text = value.decode("latin-1")
        self.items.append((names[0], text))
        self.fields.setdefault(names[1], text)
        if names[2]:
            self.variables.append((names[2], text))

    def on_headers_complete(self) -> None:
        # Not later: a request without a body is over then, and what it said is forgotten.
        self.keeps_alive = self._parser.should_keep_alive()

    # Called by gevent's handler.

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first header of that name."""
        return self.fields.get(name.lower(), default)

    getheader = get

    @property
    def typeheader(self) -> str | None:
        return self.get("content-type")


def _names(name: bytes) -> tuple[str, str, str]:
    """A header's name, the same in lower case, and its key in an environ; empty: it has none."""
    text = name.decode("latin-1")
    key = text.replace("-", "_").upper()
    if "_" in text or key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        return text, text.lower(), ""
    return text, text.lower(), f"HTTP_{key}"


#: The same few come with every request.
_known_names = lru_cache(KNOWN_NAMES)(_names)


def check_path(url: str) -> None:
    """:raises ValueError: its path is not UTF-8, which Pyramid takes for an error of its own"""
    try:
        unquote_to_bytes(url.partition("?")[0]).decode()
    except UnicodeDecodeError:
        raise ValueError("a path that is not UTF-8") from None
