"""What a trusted proxy says of the request it passes on.

Upstream: ``plugin.views``, for every request of a client. Downstream: the environ, as if the
client had come by itself: the origin check, cookies and handlers see its scheme, host, address.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from pyramid_sio.plugin.converters import Network

_SAID = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_FOR")
#: Set in an environ that a trusted proxy's word has gone into.
_BELIEVED = "pyramid_sio.proxied"
#: Addresses of one ``X-Forwarded-For`` that are looked at: chains of proxies are short.
LONGEST_CHAIN = 20


class Proxies:
    """The proxies of an application.

    :param trusted: their addresses and networks
    """

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._networks = [network for network in trusted if not isinstance(network, str)]
        self._unix = "unix" in trusted

    def believe(self, environ: dict[str, Any]) -> None:
        """Put what a proxy says into the environ, if it is one of these."""
        if not self._trusts(environ.get("REMOTE_ADDR", "")):
            return
        environ[_BELIEVED] = True
        scheme = _last(environ, "HTTP_X_FORWARDED_PROTO").lower()
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        host = _last(environ, "HTTP_X_FORWARDED_HOST")
        if host:
            environ["HTTP_HOST"] = host
        # Each proxy adds whom it heard it from: the last one that is no proxy is the client.
        chain = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")[-LONGEST_CHAIN:]
        for address in map(str.strip, reversed(chain)):
            if not _is_address(address):
                break
            environ["REMOTE_ADDR"] = address
            if not self._trusts(address):
                break

    def ignored(self, environ: dict[str, Any]) -> str:
        """A hint for the log: what somebody says who is not believed; empty: nothing."""
        said = [key for key in _SAID if environ.get(key)]
        if not said or _BELIEVED in environ:
            return ""
        names = ", ".join(key[5:].replace("_", "-").title() for key in said)
        peer = environ.get("REMOTE_ADDR") or "unix"
        return f"; if {peer} is your proxy, sio.trusted_proxies lets its {names} count"

    def _trusts(self, address: str) -> bool:
        if not address:
            return self._unix
        if not self._networks or not _is_address(address):
            return False
        peer = ip_address(address)
        mapped = getattr(peer, "ipv4_mapped", None) or peer
        return any(mapped in network for network in self._networks)


def _last(environ: dict[str, Any], key: str) -> str:
    """What the nearest proxy has added to a list."""
    value: str = environ.get(key, "")
    return value.rpartition(",")[2].strip()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
