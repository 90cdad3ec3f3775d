"""How the text of an ini file becomes a value: one function for each kind of setting.

Each takes the text, or a Python value, and raises ValueError for what is not meant.
Upstream: the table in ``plugin.settings``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from pyramid.path import DottedNameResolver
from pyramid.settings import aslist

from pyramid_sio.plugin.client_files import FLASH_FILE
from pyramid_sio.protocol.engine_v09 import TRANSPORTS as LEGACY_TRANSPORTS
from pyramid_sio.protocol.rates import Rate, parse_rate

TRANSPORTS = ("polling", "websocket")

#: Whom to believe; ``unix``: who has no address.
Network = IPv4Network | IPv6Network | str

_ORIGIN = re.compile(r"https?://(\*\.)?[^/*\s]+")


def seconds(value: Any) -> float:
    """A positive number of seconds."""
    number = float(value)
    if not 0 < number < 10**7:
        raise ValueError("must be a number of seconds above 0")
    return number


def interval(value: Any) -> float | None:
    """A positive number of seconds; false: never."""
    return None if _is_off(value) else seconds(value)


def networks(value: Any) -> tuple[Network, ...]:
    """Addresses and networks: ``127.0.0.1 10.0.0.0/8``; ``unix`` for peers without an address."""
    names = aslist(str(value).replace(",", " ") if isinstance(value, str) else value)
    return tuple("unix" if name == "unix" else ip_network(name) for name in names)


def flash_folder(value: Any) -> Path | None:
    """A folder that holds what Flash Player runs; empty: None."""
    if _is_off(value):
        return None
    folder = Path(str(value))
    if not (folder / FLASH_FILE).is_file():
        raise ValueError(f"must be a folder that holds {FLASH_FILE}")
    return folder


def _is_off(value: Any) -> bool:
    return str(value).strip().lower() in ("false", "no", "off", "none", "")


def count(value: Any) -> int:
    """A whole number from 1; ``_`` may group its digits."""
    number = int(value)
    if number < 1 or (isinstance(value, float) and value != number):
        raise ValueError("must be a whole number from 1")
    return number


def count_or_auto(value: Any) -> int | None:
    """A whole number from 1; auto: None."""
    return None if str(value).strip().lower() == "auto" else count(value)


def threshold(value: Any) -> int | None:
    """A number of bytes; false: never."""
    if _is_off(value):
        return None
    if str(value).strip().lower() in ("true", "yes", "on"):
        return 1024
    return count(value)


def rate(value: Any) -> Rate | None:
    """A rate such as ``100/s burst 200``; false: none."""
    text = str(value).strip()
    return None if text.lower() in ("false", "no", "off", "none", "") else parse_rate(text)


def url_path(value: Any) -> str:
    """A path with a slash at each end."""
    text = str(value).strip().strip("/")
    if not text or any(mark in text for mark in "{}*? #"):
        raise ValueError("must be a path such as /socket.io/")
    return f"/{text}/"


def transports(value: Any) -> tuple[str, ...]:
    """Names of transports."""
    names = tuple(aslist(str(value).replace(",", " ") if isinstance(value, str) else value))
    for name in names:
        if name not in TRANSPORTS:
            raise ValueError(f"{name!r} is no transport; there are {', '.join(TRANSPORTS)}")
    if not names:
        raise ValueError("must name at least one transport")
    return tuple(name for name in TRANSPORTS if name in names)


def legacy_transports(value: Any) -> tuple[str, ...]:
    """Names of transports of Socket.IO 0.9."""
    names = aslist(str(value).replace(",", " ") if isinstance(value, str) else value)
    for name in names:
        if name not in LEGACY_TRANSPORTS:
            known = ", ".join(LEGACY_TRANSPORTS)
            raise ValueError(f"{name!r} is no transport of Socket.IO 0.9; there are {known}")
    if not names:
        raise ValueError("must name at least one transport")
    return tuple(name for name in LEGACY_TRANSPORTS if name in names)


def address(value: Any) -> tuple[str, int] | None:
    """``host:port``, or a port of the loopback interface; false: none."""
    text = str(value).strip()
    if text.lower() in ("false", "no", "off", "none", ""):
        return None
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise ValueError("must be a port, or host:port")
    return host.strip("[]") or "127.0.0.1", int(port)


def origins(value: Any) -> tuple[str, ...]:
    """Origins such as ``https://example.com``, ``https://*.example.com``, or ``*`` for any."""
    names = tuple(aslist(str(value).replace(",", " ") if isinstance(value, str) else value))
    for name in names:
        if name != "*" and not _ORIGIN.fullmatch(name):
            raise ValueError(f"{name!r} is no origin; one looks like https://example.com:8443")
    return tuple(name.lower() for name in names)


def function(value: Any) -> Callable[..., Any] | None:
    """A function, or its dotted name; nothing: none."""
    if value in ("", None):
        return None
    try:
        found = DottedNameResolver(None).maybe_resolve(value)
    except ImportError as exc:
        raise ValueError(exc) from exc
    if not callable(found):
        raise ValueError("must be a function")
    return found  # type: ignore[no-any-return]


def one_of(*words: str) -> Callable[[Any], str]:
    """One of these words."""

    def convert(value: Any) -> str:
        word = str(value).strip().lower()
        if word not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return word

    return convert
