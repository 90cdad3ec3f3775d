"""What the servers of a cluster say to each other, whatever carries it.

Upstream: the codecs ``cluster_classic``, ``cluster_numbered`` and ``cluster_streams``.
Downstream: ``adapters.cluster`` acts on it. Nothing here waits.

Source: the messages of ``socket.io-adapter`` 2.5 and of ``@socket.io/redis-adapter`` 8.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.socket_v5 import RESERVED_EVENTS

#: JavaScript lets rooms be numbers. Room 42 is not room "42".
Room = str | int | float
#: Makes the arguments of an event, its name first, from what arrived.
#: Raises ProtocolError if what arrived is none.
Load = Callable[[], Sequence[Any]]


class Options(NamedTuple):
    """Whom a message is about, and how to send.

    :param rooms: their union is meant; empty: everybody
    :param excluded: rooms whose members are left out
    :param timeout: seconds the sender waits for acknowledgements; None: it does not say
    """

    rooms: frozenset[Room] = frozenset()
    excluded: frozenset[Room] = frozenset()
    volatile: bool = False
    compress: bool = True
    timeout: float | None = None


class Broadcast(NamedTuple):
    """An event for clients.

    :param load: makes the event; not called where nobody is to get it
    :param request_id: under which the acknowledgements are expected; None: none are
    """

    options: Options
    load: Load
    request_id: str | None = None


class Join(NamedTuple):
    """:param request_id: of an old version's question; whoever has the client answers"""

    options: Options
    rooms: frozenset[Room]
    request_id: str | None = None


class Leave(NamedTuple):
    options: Options
    rooms: frozenset[Room]
    request_id: str | None = None


class Disconnect(NamedTuple):
    options: Options
    close: bool
    request_id: str | None = None


class Fetch(NamedTuple):
    """Who is there?"""

    options: Options
    request_id: str


class AllRooms(NamedTuple):
    """Which rooms are there? Classic adapter only."""

    request_id: str


class AllSids(NamedTuple):
    """Which ids are in these rooms? Asked by old versions of the classic adapter only."""

    rooms: frozenset[Room]
    request_id: str


class ServerEmit(NamedTuple):
    """An event for servers: its name, then its arguments.

    :param request_id: under which an answer is expected; None: none is
    """

    args: Sequence[Any]
    request_id: str | None = None


class ClientCount(NamedTuple):
    """So many clients got the broadcast; each may acknowledge it."""

    request_id: str
    clients: int


class ClientAck(NamedTuple):
    """What one client acknowledged with."""

    request_id: str
    value: Any


class Sockets(NamedTuple):
    """The answer to a :class:`Fetch`.

    :param sockets: a dict for each, with ``id``, ``handshake``, ``rooms`` and ``data``
    """

    request_id: str
    sockets: Sequence[Any]


class Rooms(NamedTuple):
    """The answer to :class:`AllRooms`."""

    request_id: str
    rooms: Sequence[Room]


class Sids(NamedTuple):
    """The answer to :class:`AllSids`."""

    request_id: str
    sids: Sequence[str]


class ServerAnswer(NamedTuple):
    """The answer to a :class:`ServerEmit`."""

    request_id: str
    value: Any


class Done(NamedTuple):
    """An answer that says nothing else."""

    request_id: str


Answer = ClientCount | ClientAck | Sockets | Rooms | Sids | ServerAnswer | Done
Order = Broadcast | Join | Leave | Disconnect | Fetch | AllRooms | AllSids | ServerEmit
Message = Order | Answer


class Envelope(NamedTuple):
    """A message and who sent it.

    :param sender: a server's id; None: it does not say
    """

    sender: str | None
    message: Message


# From what a foreign server wrote to the values above. Everything may be anything.


def to_rooms(value: Any) -> frozenset[Room]:
    """:raises ProtocolError: no array of room names; nothing is an empty one"""
    if value is None:
        return frozenset()
    if not isinstance(value, list | tuple) or not all(_is_room(room) for room in value):
        raise ProtocolError("rooms that are no array of names")
    return frozenset(value)


def _is_room(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def to_options(value: Any) -> Options:
    """:raises ProtocolError: no options"""
    if not isinstance(value, Mapping):
        raise ProtocolError("a message without options")
    flags = value.get("flags") or {}
    if not isinstance(flags, Mapping):
        raise ProtocolError("flags that are none")
    timeout: Any = flags.get("timeout")
    is_time = isinstance(timeout, int | float) and 0 <= timeout <= MAX_TIMEOUT
    return Options(
        to_rooms(value.get("rooms")),
        to_rooms(value.get("except")),
        volatile=flags.get("volatile") is True,
        compress=flags.get("compress") is not False,
        timeout=timeout / 1000 if is_time else None,
    )


def to_event(packet: Any) -> list[Any]:
    """The name and arguments in a packet. :raises ProtocolError: it is no event for clients"""
    if not isinstance(packet, Mapping):
        raise ProtocolError("a broadcast without a packet")
    data = packet.get("data")
    # type(), because True is an int.
    if type(packet.get("type")) is not int or packet["type"] != EVENT:
        raise ProtocolError("a broadcast that is no event")
    if not isinstance(data, list) or not data:
        raise ProtocolError("an event without a name")
    if not _is_room(data[0]) or data[0] in RESERVED_EVENTS:
        raise ProtocolError("an event with a name that it may not have")
    return data


def to_server_event(value: Any) -> list[Any]:
    """:raises ProtocolError: not the name and arguments of an event for servers"""
    if not isinstance(value, list) or not value or not isinstance(value[0], str):
        raise ProtocolError("an event for servers without a name")
    return value


def to_id(value: Any) -> str:
    """:raises ProtocolError: no id"""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        raise ProtocolError("an id that is none")
    return value


def to_optional_id(value: Any) -> str | None:
    """:raises ProtocolError: something, but no id"""
    return None if value is None else to_id(value)


def to_optional_text(value: Any) -> str | None:
    """:raises ProtocolError: something, but no text"""
    if value is not None and not isinstance(value, str):
        raise ProtocolError("no text where one belongs")
    return value


def to_count(value: Any) -> int:
    """:raises ProtocolError: no number of clients"""
    if type(value) is not int or value < 0:
        raise ProtocolError("a number of clients that is none")
    return value


def from_options(options: Options, *, flags: bool = True) -> dict[str, Any]:
    """Options as JavaScript's servers write them.

    :param flags: False leaves them out, as the classic adapter does in requests
    """
    result: dict[str, Any] = {"rooms": list(options.rooms), "except": list(options.excluded)}
    if flags:
        said: dict[str, Any] = {}
        if options.volatile:
            said["volatile"] = True
        if not options.compress:
            said["compress"] = False
        if options.timeout is not None:
            said["timeout"] = round(options.timeout * 1000)
        result["flags"] = said
    return result


#: The type of the one packet that is broadcast.
EVENT = 2
#: Milliseconds, about a day; who says more says nothing.
MAX_TIMEOUT = 100_000_000
#: Characters of an id. Those of JavaScript's servers have 6 or 16.
MAX_ID = 64
