"""What servers of this package say to each other about users. No JavaScript server understands it.

MessagePack; each message is an array that begins with what it is and who says it.

Upstream: ``adapters.presence``. Downstream: nothing; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster import MAX_ID
from pyramid_sio.protocol.cluster_values import load_as

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
#: The number of a server's latest list of changes.
Version = Annotated[int, Meta(ge=0)]
#: A room's name; None: all of the namespace.
RoomName = str | None

#: Of users: what JSON can say of them, and what has parts.
_SIMPLE = (str, int, float)


class Ask(Struct, array_like=True, frozen=True, tag="ask"):
    """Who is in one of these rooms, or (none) anywhere, and in none of those?"""

    sender: Id
    id: Id
    rooms: list[str]
    excluded: list[str]


class Told(Struct, array_like=True, frozen=True, tag="told"):
    """The answer to :class:`Ask`."""

    sender: Id
    id: Id
    users: list[Any]


class Look(Struct, array_like=True, frozen=True, tag="look"):
    """Who is in each of these rooms? And tell of changes there, for some time.

    :param lease: seconds
    :param known: up to which version everything is known, by server
    """

    sender: Id
    id: Id
    rooms: list[RoomName]
    lease: Annotated[float, Meta(ge=0)]
    known: dict[Id, Version]


class Seen(Struct, array_like=True, frozen=True, tag="seen"):
    """The answer to :class:`Look`.

    :param version: up to which changes are contained
    :param rooms: those in which anybody is; None: nothing has changed since what is known
    """

    sender: Id
    id: Id
    version: Version
    rooms: list[tuple[RoomName, list[Any]]] | None


class Changed(Struct, array_like=True, frozen=True, tag="changed"):
    """Who came to rooms, and who left them. No version is left out, unless one is missed."""

    sender: Id
    version: Version
    rooms: list[tuple[RoomName, list[Any], list[Any]]]


class Here(Struct, array_like=True, frozen=True, tag="here"):
    """From now on this server hears what is asked."""

    sender: Id


class Gone(Struct, array_like=True, frozen=True, tag="gone"):
    """It does no longer, and has nobody."""

    sender: Id


Message = Ask | Told | Look | Seen | Changed | Here | Gone
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def decode(data: bytes) -> Message:
    """:raises ProtocolError: it is none of these messages"""
    message: Message = load_as(_DECODER.decode, data)
    return message


def to_users(values: Iterable[Any]) -> frozenset[Any]:
    """The users in a message. :raises ProtocolError: some cannot be users"""
    try:
        return frozenset(map(_to_user, values))
    except RecursionError:
        raise ProtocolError("a user of too many parts") from None


def _to_user(value: Any) -> Any:
    """Tuples have become lists on their way."""
    if isinstance(value, list):
        return tuple(part if part is None else _to_user(part) for part in value)
    if not isinstance(value, _SIMPLE):
        raise ProtocolError(f"a user that is none: {type(value).__name__}")
    return value
