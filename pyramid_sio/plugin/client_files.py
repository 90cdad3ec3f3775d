"""The official JavaScript clients, served below the endpoint's path.

Their files are put beside the package when it is set up or built: ``client/`` holds them and
a file ``VERSION`` for each. Nothing else below that folder can be asked for.
"""

from __future__ import annotations

import functools
import gzip
from importlib.resources import files
from typing import TYPE_CHECKING

from pyramid.response import Response

from pyramid_sio.plugin.responses import best_encoding

if TYPE_CHECKING:
    from pathlib import Path

    from pyramid.request import Request

BUNDLES = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js")
NAMES = frozenset(BUNDLES + tuple(f"{name}.map" for name in BUNDLES))
#: The client of Socket.IO 0.9, for pages that were written for it.
LEGACY_NAMES = frozenset(("socket.io-0.9.js", "socket.io-0.9.min.js"))
#: Where pages of that time load it from.
OLD_NAME = "socket.io.js"
#: Where it looks for what Flash Player runs, and what that is called in its npm package.
FLASH_FILE = "WebSocketMain.swf"
FOREIGN_FLASH_FILE = "WebSocketMainInsecure.swf"
_FLASH = "static/flashsocket/"

_MISSING = """\
The JavaScript client is not here: this copy of pyramid_sio was set up without it.
In a checkout, `make demo` and `make test` fetch it (they need npm); a wheel contains it.
Or install socket.io-client from npm and serve its dist folder yourself.
"""


@functools.cache
def _load(name: str) -> bytes | None:
    try:
        return files("pyramid_sio").joinpath("client", name).read_bytes()
    except OSError:
        return None


@functools.cache
def client_version(file: str = "VERSION") -> str | None:
    """The version of the client that is served; None if there is none.

    :param file: where that client's version stands
    """
    version = _load(file)
    return version.decode().strip() if version is not None else None


@functools.cache
def _packed(body: bytes) -> bytes:
    """Compressed once: it takes far longer than everything else about an answer."""
    return gzip.compress(body, mtime=0)


def served_files(
    *, legacy: bool, legacy_client: bool, flash: Path | None, cross_origin: bool
) -> dict[str, str | Path]:
    """What is served below an endpoint's path: a name of :func:`client_file`, or a file's path.

    :param legacy: are clients of 0.9 served?
    :param legacy_client: is their client to be found under today's name as well?
    :param flash: the folder with what Flash Player runs
    :param cross_origin: may pages of other sites connect?
    """
    found: dict[str, str | Path] = {name: name for name in NAMES}
    if legacy:
        found.update({name: name for name in LEGACY_NAMES})
        if legacy_client:
            found[OLD_NAME] = "socket.io-0.9.js"
            # It is of another file.
            del found[f"{OLD_NAME}.map"]
        if flash is not None:
            found[_FLASH + FLASH_FILE] = flash / FLASH_FILE
            if cross_origin:
                found[_FLASH + FOREIGN_FLASH_FILE] = flash / FOREIGN_FLASH_FILE
    return found


def flash_file(path: Path) -> Response:
    """Answer with what Flash Player runs."""
    try:
        body = path.read_bytes()
    except OSError:
        return Response(f"{path.name} is not there", status=404, content_type="text/plain")
    kind = "application/x-shockwave-flash"
    response = Response(body, content_type=kind, conditional_response=True)
    response.md5_etag()
    response.cache_control = "public, max-age=0"
    return response


def client_file(name: str, request: Request) -> Response:
    """Answer for one of :data:`NAMES` or :data:`LEGACY_NAMES`.

    A query string that names the version makes the answer immutable for browsers; without one
    they ask again each time, and get 304.
    """
    body = _load(name)
    version = client_version("VERSION-0.9" if name in LEGACY_NAMES else "VERSION")
    if body is None or version is None:
        return Response(_MISSING, status=404, content_type="text/plain", charset="UTF-8")
    kind = "application/json" if name.endswith(".map") else "application/javascript"
    response = Response(body, conditional_response=True)
    # As a header: WebOb gives a charset to text/* only.
    response.headers["Content-Type"] = f"{kind}; charset=utf-8"
    response.etag = version
    response.vary = ("Accept-Encoding",)
    if version in request.query_string:
        response.cache_control = "public, max-age=31536000, immutable"
    else:
        response.cache_control = "public, max-age=0"
    if best_encoding(request, ("gzip",)) is not None:
        response.body = _packed(body)
        response.content_encoding = "gzip"
    return response
