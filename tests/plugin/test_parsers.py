"""What ``sio.parser`` may say."""

from __future__ import annotations

import pytest
from pyramid.exceptions import ConfigurationError

from pyramid_sio.plugin.parsers import find_parser
from pyramid_sio.protocol import socket_msgpack, socket_v5
from pyramid_sio.protocol.packets import SocketPacket, SocketType
from tests.functional import counted

EVENT = SocketPacket(SocketType.EVENT, "/", ["e", 1j])


def real(value: complex) -> float:
    return value.real


def test_json() -> None:
    encoder, new_decoder, generations = find_parser("json", real)

    assert isinstance(encoder, socket_v5.Encoder)
    assert encoder.encode(EVENT).text == b'2["e",0.0]'
    assert new_decoder is None
    assert generations[3].encoder.encode(EVENT._replace(data=["é", 1j])).text == b'2["\\u00e9",0.0]'


def test_msgpack() -> None:
    encoder, new_decoder, generations = find_parser("msgpack", real)

    assert new_decoder is socket_msgpack.Decoder
    assert generations[3].encoder is encoder
    assert new_decoder().add(encoder.encode(EVENT).blobs[0]) == EVENT._replace(data=["e", 0.0])


def test_of_an_application() -> None:
    encoder, new_decoder, generations = find_parser("tests.functional.counted", real)

    assert isinstance(encoder, counted.Encoder)
    assert encoder.encode(EVENT).text == b'[2, "/", ["e", 0.0], null]'
    assert new_decoder is counted.Decoder
    assert generations[3].encoder is encoder


@pytest.mark.parametrize("name", ["xml", "tests.functional.nothing", "tests.functional.app", ""])
def test_unknown(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^sio\.parser = "):
        find_parser(name, None)
