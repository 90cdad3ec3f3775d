"""Which parser ``sio.parser`` means.

Upstream: ``plugin.endpoint``. Downstream: the two built-in parsers, or the application's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pyramid.exceptions import ConfigurationError
from pyramid.path import DottedNameResolver

from pyramid_sio.protocol import socket_v09, socket_v4, socket_v5
from pyramid_sio.sockets.generations import Generation, Generation2
from pyramid_sio.sockets.legacy import REVISION as LEGACY

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IDecoder, IEncoder

MSGPACK = "pyramid_sio.protocol.socket_msgpack"


class Parser(NamedTuple):
    """How packets are written and read.

    :param new_decoder: makes one for each connection; None: the built-in JSON, which is read
        without one
    :param generations: how earlier clients are spoken with, by their revision of Engine.IO
    """

    encoder: IEncoder
    new_decoder: Callable[[], IDecoder] | None
    generations: Mapping[int, Generation]


def find_parser(
    name: str, default: Callable[[Any], Any] | None, *, hides_ids: bool = False
) -> Parser:
    """The parser of a setting's value.

    :param name: ``json``, ``msgpack``, or the dotted name of a module or class with ``Encoder``
        and ``Decoder``
    :param default: what ``sio.json_default`` names
    :param hides_ids: what ``sio.hide_eio3_ids`` says
    :raises ConfigurationError: there is no such parser
    """
    # Socket.IO 0.9 knows no other parser.
    legacy = {LEGACY: Generation(socket_v09.Encoder(default))}
    if name == "json":
        earlier = {3: Generation2(socket_v4.Encoder(default), hides_ids=hides_ids), **legacy}
        return Parser(socket_v5.Encoder(default), None, earlier)
    try:
        found = DottedNameResolver().resolve(MSGPACK if name == "msgpack" else name)
        encoder = found.Encoder(default)
        earlier = {3: Generation2(encoder, hides_ids=hides_ids), **legacy}
        return Parser(encoder, found.Decoder, earlier)
    except (ImportError, LookupError, ValueError, AttributeError) as exc:
        raise ConfigurationError(f"sio.parser = {name}: {exc}") from exc
