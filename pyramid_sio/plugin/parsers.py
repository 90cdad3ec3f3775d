"""Which parser ``sio.parser`` means.

Upstream: ``plugin.endpoint``. Downstream: the two built-in parsers, or the application's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from pyramid.exceptions import ConfigurationError
from pyramid.path import DottedNameResolver

from pyramid_sio.protocol import socket_v4, socket_v5

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IDecoder, IEncoder

MSGPACK = "pyramid_sio.protocol.socket_msgpack"


class Parser(NamedTuple):
    """How packets are written and read.

    :param earlier_encoder: the same for clients of Socket.IO 1 and 2
    :param new_decoder: makes one for each connection; None: the built-in JSON, which is read
        without one
    """

    encoder: IEncoder
    earlier_encoder: IEncoder
    new_decoder: Callable[[], IDecoder] | None


def find_parser(name: str, default: Callable[[Any], Any] | None) -> Parser:
    """The parser of a setting's value.

    :param name: ``json``, ``msgpack``, or the dotted name of a module or class with ``Encoder``
        and ``Decoder``
    :param default: what ``sio.json_default`` names
    :raises ConfigurationError: there is no such parser
    """
    if name == "json":
        return Parser(socket_v5.Encoder(default), socket_v4.Encoder(default), None)
    try:
        found = DottedNameResolver().resolve(MSGPACK if name == "msgpack" else name)
        encoder = found.Encoder(default)
        return Parser(encoder, encoder, found.Decoder)
    except (ImportError, LookupError, ValueError, AttributeError) as exc:
        raise ConfigurationError(f"sio.parser = {name}: {exc}") from exc
