"""Engine.IO revision 4: packets, and the payloads that carry them over polling.

Upstream: ``engine.session`` and its transports. Downstream: nothing; all functions are pure.

Source: Engine.IO protocol, revision 4, "Packet encoding" and "HTTP long-polling".
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Sequence

import orjson

from pyramid_sio.errors import LimitExceeded, ProtocolError
from pyramid_sio.protocol.connection import Connection
from pyramid_sio.protocol.dialect import Body, Dialect
from pyramid_sio.protocol.frames import message_frame, text_frame
from pyramid_sio.protocol.packets import EnginePacket, EngineType, Message

#: Between the packets of a payload. It is not escaped; JSON never contains it raw.
SEPARATOR = b"\x1e"

#: Packets accepted in one payload. A client that was offline may flush thousands of events
#: at once, so this is generous; it only keeps one body from becoming half a million packets.
MAX_PACKETS = 65536

#: By the first character. ``int()`` would also take digits of other scripts.
_TYPES = {str(kind.value): kind for kind in EngineType}
_MESSAGE = EngineType.MESSAGE

_URL_SAFE = str.maketrans("-_", "+/")
_NO_BASE64 = re.compile("[^A-Za-z0-9+/]+")


def encode_open(
    *,
    sid: str,
    upgrades: Sequence[str],
    ping_interval: float,
    ping_timeout: float,
    max_payload: int,
) -> bytes:
    """The packet that opens a session.

    :param upgrades: transports the client may switch to; none on a WebSocket
    :param ping_interval: seconds
    :param ping_timeout: seconds
    :param max_payload: bytes accepted in one POST body or WebSocket message
    """
    return b"0" + orjson.dumps(
        {
            "sid": sid,
            "upgrades": list(upgrades),
            "pingInterval": round(ping_interval * 1000),
            "pingTimeout": round(ping_timeout * 1000),
            "maxPayload": max_payload,
        }
    )


def encode_polled(message: Message) -> tuple[bytes, ...]:
    """The packets of a message for polling: its text, then each blob in base64.

    Made once and kept in ``message.polled``, so a broadcast encodes for its first receiver only.
    """
    polled = message.polled
    if polled is None:
        text = () if message.text is None else (b"4" + message.text,)
        blobs = (b"b" + b2a_base64(blob, newline=False) for blob in message.blobs)
        polled = message.polled = (*text, *blobs)
    return polled


def join_payload(packets: Sequence[bytes]) -> bytes:
    """The body of a poll's response."""
    return SEPARATOR.join(packets)


def encode_payload(items: Sequence[Message | bytes], binary: bool = False) -> Body:
    """The answer to a poll: messages, and packets that are ready as they are. All of it is text."""
    packets: list[bytes] = []
    for item in items:
        if isinstance(item, Message):
            packets.extend(encode_polled(item))
        else:
            packets.append(item)
    return Body(join_payload(packets))


def frame_as_text(message: Message) -> bytes:
    """The WebSocket frames of a message for a client that cannot take binary ones."""
    return b"".join(map(text_frame, encode_polled(message)))


def decode_text(text: str) -> EnginePacket:
    """One packet: a WebSocket text frame, or a part of a payload.

    ``b`` and base64 is a binary message, on a WebSocket too.

    :raises ProtocolError: an empty packet, or an unknown type
    """
    head = text[:1]
    kind = _TYPES.get(head)
    if kind is not None:
        return EnginePacket(kind, text[1:])
    if head == "b":
        return EnginePacket(_MESSAGE, decode_base64(text[1:]))
    raise ProtocolError("unknown Engine.IO packet type" if text else "empty Engine.IO packet")


def decode_binary(data: bytes) -> EnginePacket:
    """A binary frame of a WebSocket is a message, as it is."""
    return EnginePacket(_MESSAGE, data)


def decode_payload(
    body: bytes,
    binary: bool = False,
    *,
    max_packets: int = MAX_PACKETS,
) -> Iterator[EnginePacket]:
    """Yield the packets of a POST body, as far as they are good.

    What precedes a bad packet is delivered; what follows it is lost with the session.
    Bytes that are not UTF-8 become U+FFFD.

    :param binary: revision 4 has no binary payloads
    :param max_packets: how many packets are accepted
    :raises ProtocolError: at a bad packet
    :raises LimitExceeded: at the packet that is one too many
    """
    parts = body.decode("utf-8", "replace").split("\x1e", max_packets)
    too_many = len(parts) > max_packets
    if too_many:
        del parts[max_packets:]
    for part in parts:
        yield decode_text(part)
    if too_many:
        raise LimitExceeded(f"more than {max_packets} packets in one payload")


def decode_base64(text: str) -> bytes:
    """Decode as JavaScript does: to the first ``=``, both alphabets, without what is neither."""
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:  # binascii.Error is one; so is a character that is not ASCII
        pass
    digits = _NO_BASE64.sub("", text.partition("=")[0].translate(_URL_SAFE))
    if len(digits) % 4 == 1:  # six bits make no byte
        digits = digits[:-1]
    return a2b_base64(digits + "=" * (-len(digits) % 4))


DIALECT = Dialect(
    revision=4,
    connection=Connection,
    encode_open=encode_open,
    decode_text=decode_text,
    decode_binary=decode_binary,
    frame=message_frame,
    frame_as_text=frame_as_text,
    text_prefix=b"4",
    blob_prefix=b"",
    encode_payload=encode_payload,
    decode_payload=decode_payload,
    reads_binary=False,
)
