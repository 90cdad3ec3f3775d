"""What the streams adapter of JavaScript keeps in Redis: entries of a stream, and sessions.

Upstream: ``adapters.redis_streams``. Downstream: ``cluster_numbered`` for what is inside of an
entry; nothing here waits.

Source: ``@socket.io/redis-streams-adapter`` 0.3.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster import (
    Envelope,
    Options,
    Order,
    Room,
    to_id,
    to_optional_text,
    to_rooms,
)
from pyramid_sio.protocol.cluster_numbered import JSON, MSGPACK, decode_data, to_data
from pyramid_sio.protocol.cluster_values import ValueEncoder, load_msgpack

_OFFSET = re.compile("([0-9]{1,20})-([0-9]{1,20})")
#: The largest number in an offset.
_LARGEST = 2**64 - 1
_BRACE = b"{"


# Entries.


def encode_entry(
    order: Order, *, uid: str, namespace: str, encoder: ValueEncoder, nsp: str | None = None
) -> list[bytes | str]:
    """The fields of an entry, as ``XADD`` takes them.

    :param uid: the sender's id
    :param nsp: put into the packet of a broadcast as well, as emitters do
    :raises TypeError: something in it cannot be expressed
    """
    kind, data = to_data(order, nsp=nsp)
    text = encoder.json(data)
    if text is None:
        text = base64.b64encode(encoder.msgpack(data))
    return ["uid", uid, "nsp", namespace, "type", str(kind.value), "data", text]


def to_fields(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """The fields of an entry by name, from how Redis answers."""
    return dict(zip(flat[::2], flat[1::2], strict=False))


def namespace_of(fields: Mapping[bytes, bytes]) -> str | None:
    """Whose entry it is; None: nobody's."""
    name = fields.get(b"nsp")
    return None if name is None else name.decode("utf-8", "replace")


def decode_entry(fields: Mapping[bytes, bytes]) -> Envelope | None:
    """The message in an entry; None if it is of no concern.

    :raises ProtocolError: there is none in it
    """
    digits = fields.get(b"type", b"")
    if not digits.isdigit() or len(digits) > 3:
        raise ProtocolError("an entry without a type")
    data = fields.get(b"data", b"")
    library = JSON
    if data[:1] != _BRACE:
        library, data = MSGPACK, _from_base64(data)
    message = decode_data(int(digits), data, library)
    if message is None:
        return None
    return Envelope(fields.get(b"uid", b"").decode("utf-8", "replace") or None, message)


def _from_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise ProtocolError(f"not base64: {exc}") from None


# Offsets: the ids of entries.


class Offset(NamedTuple):
    """Where in a stream; they compare as they follow each other."""

    milliseconds: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"


#: Before all entries.
BEGINNING = Offset(0, 0)


def to_offset(text: object) -> Offset | None:
    """What a client or Redis says is one; None: it is none."""
    match = _OFFSET.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    offset = Offset(int(match[1]), int(match[2]))
    return offset if max(offset) <= _LARGEST else None


# Streams.


def stream_names(name: str, count: int) -> list[str]:
    """All streams that are read.

    :param count: how many there are
    """
    return [name] if count == 1 else [f"{name}-{number}" for number in range(count)]


def stream_of(namespace: str, name: str, count: int) -> str:
    """The stream that a namespace's entries go to.

    JavaScript keeps the sign of the remainder, so that some go to a stream which nobody reads;
    those are lost there, and must be looked for where they are.
    """
    if count == 1:
        return name
    code = 0
    units = namespace.encode("utf-16-le", "surrogatepass")
    for index in range(0, len(units), 2):
        code = (code * 31 + int.from_bytes(units[index : index + 2], "little")) & 0xFFFFFFFF
    signed = code - 2**32 if code >= 2**31 else code
    remainder = abs(signed) % count
    return f"{name}-{-remainder if signed < 0 else remainder}"


# Sessions of clients that are away.


class Session(NamedTuple):
    """What is kept of one.

    :param rooms: where it was, the room of its own included
    :param data: its ``session``, or ``socket.data`` on a JavaScript server
    :param nsp: its namespace; None: it does not say, as those of JavaScript servers
    """

    sid: str
    pid: str
    rooms: frozenset[Room]
    data: dict[str, Any]
    nsp: str | None = None

    def concerns(self, options: Options) -> bool:
        """Would it have got a broadcast?"""
        if options.volatile or self.rooms & options.excluded:
            return False
        return not options.rooms or bool(self.rooms & options.rooms)


def encode_session(session: Session, encoder: ValueEncoder) -> bytes:
    """:raises TypeError: its data cannot be expressed"""
    content = session._asdict() | {"rooms": list(session.rooms)}
    if session.nsp is None:
        del content["nsp"]
    return base64.b64encode(encoder.msgpack(content))


def decode_session(text: bytes) -> Session:
    """:raises ProtocolError: it is none"""
    content = load_msgpack(_from_base64(text))
    if not isinstance(content, dict):
        raise ProtocolError("a session that is no map")
    data = content.get("data")
    return Session(
        to_id(content.get("sid")),
        to_id(content.get("pid")),
        to_rooms(content.get("rooms")),
        data if isinstance(data, dict) else {},
        to_optional_text(content.get("nsp")),
    )
