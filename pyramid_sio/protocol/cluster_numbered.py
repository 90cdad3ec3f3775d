"""Messages between servers, as the sharded and the streams adapter of JavaScript write them.

One object for everything, ``{type, data, uid, nsp}``, in JSON or MessagePack.

Upstream: ``adapters.bus_line``, and ``cluster_streams`` for what is inside of an entry.
Downstream: nothing; nothing here waits.

Source: ``@socket.io/redis-adapter`` 8.3 (sharded) and ``socket.io-adapter`` 2.5.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import Any

import msgspec
from msgspec import Raw

from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster import (
    EVENT,
    Broadcast,
    ClientAck,
    ClientCount,
    Disconnect,
    Envelope,
    Fetch,
    Join,
    Leave,
    Message,
    ServerAnswer,
    ServerEmit,
    Sockets,
    from_options,
    to_count,
    to_event,
    to_id,
    to_optional_id,
    to_options,
    to_rooms,
    to_server_event,
)
from pyramid_sio.protocol.cluster_values import (
    ValueEncoder,
    from_extension,
    load_as,
    load_json,
    load_msgpack,
)


class Kind(IntEnum):
    """The type of a message; the value is the number on the wire."""

    INITIAL_HEARTBEAT = 1
    HEARTBEAT = 2
    BROADCAST = 3
    SOCKETS_JOIN = 4
    SOCKETS_LEAVE = 5
    DISCONNECT_SOCKETS = 6
    FETCH_SOCKETS = 7
    FETCH_SOCKETS_RESPONSE = 8
    SERVER_SIDE_EMIT = 9
    SERVER_SIDE_EMIT_RESPONSE = 10
    BROADCAST_CLIENT_COUNT = 11
    BROADCAST_ACK = 12
    ADAPTER_CLOSE = 13


# Writing.


def to_data(message: Message, *, nsp: str | None = None) -> tuple[Kind, dict[str, Any]]:
    """A message's type and its ``data``.

    :param nsp: put into the packet of a broadcast as well, as emitters do
    :raises TypeError: these adapters have no such message
    """
    match message:
        case Broadcast(options, load, request_id):
            packet: dict[str, Any] = {"type": EVENT, "data": load()}
            if nsp is not None:
                packet["nsp"] = nsp
            data: dict[str, Any] = {"packet": packet}
            if request_id is not None:
                data["requestId"] = request_id
            data["opts"] = from_options(options)
            return Kind.BROADCAST, data
        case Join(options, rooms, _):
            return Kind.SOCKETS_JOIN, {"opts": from_options(options), "rooms": list(rooms)}
        case Leave(options, rooms, _):
            return Kind.SOCKETS_LEAVE, {"opts": from_options(options), "rooms": list(rooms)}
        case Disconnect(options, close, _):
            return Kind.DISCONNECT_SOCKETS, {"opts": from_options(options), "close": close}
        case Fetch(options, request_id):
            return Kind.FETCH_SOCKETS, {"opts": from_options(options), "requestId": request_id}
        case ServerEmit(args, request_id):
            data = {"packet": args}
            if request_id is not None:
                data = {"requestId": request_id, "packet": args}
            return Kind.SERVER_SIDE_EMIT, data
        case _:
            return _to_answer(message)


def _to_answer(message: Message) -> tuple[Kind, dict[str, Any]]:
    match message:
        case Sockets(request_id, sockets):
            kind = Kind.FETCH_SOCKETS_RESPONSE
            return kind, {"requestId": request_id, "sockets": sockets}
        case ServerAnswer(request_id, value):
            return Kind.SERVER_SIDE_EMIT_RESPONSE, {"requestId": request_id, "packet": value}
        case ClientCount(request_id, clients):
            return Kind.BROADCAST_CLIENT_COUNT, {"requestId": request_id, "clientCount": clients}
        case ClientAck(request_id, value):
            return Kind.BROADCAST_ACK, {"requestId": request_id, "packet": value}
    raise TypeError(f"no message of these adapters: {type(message).__name__}")


def encode(
    message: Message, *, uid: str, namespace: str, encoder: ValueEncoder, binary: bool = False
) -> bytes:
    """A whole message.

    :param uid: the sender's id
    :param binary: True: in MessagePack whatever is in it
    :raises TypeError: something in it cannot be expressed
    """
    kind, data = to_data(message)
    whole = {"type": kind.value, "data": data, "uid": uid, "nsp": namespace}
    return encoder.msgpack(whole) if binary else encoder.either(whole)


# Reading.


class _Whole(msgspec.Struct):
    type: int
    uid: str | None = None
    nsp: str | None = None
    data: Raw = Raw(b"")


class _Event(msgspec.Struct):
    packet: Raw
    opts: Any
    requestId: Any = None  # noqa: N815 - its name on the wire


class _Library:
    """How one of the two encodings is read.

    :param load: reads a value
    :param of: makes what reads an object of a type
    """

    def __init__(self, load: Callable[[Any], Any], of: Callable[[Any], Any]) -> None:
        self.load = load
        self.whole: Callable[[Any], _Whole] = of(_Whole).decode
        self.event: Callable[[Any], _Event] = of(_Event).decode


JSON = _Library(lambda raw: load_json(memoryview(raw)), msgspec.json.Decoder)
MSGPACK = _Library(load_msgpack, partial(msgspec.msgpack.Decoder, ext_hook=from_extension))
#: What JSON begins with here, and MessagePack never.
_BRACE = b"{"


def decode(data: bytes, *, namespace: str, binary: bool = False) -> Envelope | None:
    """A whole message; None if it is of no concern: heartbeats, or types from the future.

    :param namespace: whose messages are read; a message for another is wrong
    :param binary: True: JSON is not accepted
    :raises ProtocolError: it is none
    """
    library = JSON if data[:1] == _BRACE and not binary else MSGPACK
    whole = load_as(library.whole, data)
    if whole.nsp != namespace:
        raise ProtocolError("a message for another namespace")
    message = decode_data(whole.type, whole.data, library)
    return None if message is None else Envelope(whole.uid, message)


def decode_data(kind: int, data: Any, library: _Library) -> Message | None:
    """The message of a type with this ``data``, which has not been decoded yet.

    :raises ProtocolError: it is none
    """
    if kind == Kind.BROADCAST:
        event = load_as(library.event, data)
        options, request_id = to_options(event.opts), to_optional_id(event.requestId)
        return Broadcast(options, lambda: to_event(library.load(event.packet)), request_id)
    read = _READERS.get(kind)
    if read is None:
        return None
    content = library.load(data)
    if not isinstance(content, dict):
        raise ProtocolError("a message without data")
    return read(content.get)


Get = Callable[[str], Any]


def _read_fetched(get: Get) -> Message:
    sockets = get("sockets")
    if not isinstance(sockets, list):
        raise ProtocolError("an answer without sockets")
    return Sockets(to_id(get("requestId")), sockets)


_READERS: dict[int, Callable[[Get], Message]] = {
    Kind.SOCKETS_JOIN: lambda get: Join(to_options(get("opts")), to_rooms(get("rooms"))),
    Kind.SOCKETS_LEAVE: lambda get: Leave(to_options(get("opts")), to_rooms(get("rooms"))),
    Kind.DISCONNECT_SOCKETS: lambda get: Disconnect(to_options(get("opts")), get("close") is True),
    Kind.FETCH_SOCKETS: lambda get: Fetch(to_options(get("opts")), to_id(get("requestId"))),
    Kind.FETCH_SOCKETS_RESPONSE: _read_fetched,
    Kind.SERVER_SIDE_EMIT: lambda get: ServerEmit(
        to_server_event(get("packet")), to_optional_id(get("requestId"))
    ),
    Kind.SERVER_SIDE_EMIT_RESPONSE: lambda get: ServerAnswer(
        to_id(get("requestId")), get("packet")
    ),
    Kind.BROADCAST_CLIENT_COUNT: lambda get: ClientCount(
        to_id(get("requestId")), to_count(get("clientCount"))
    ),
    Kind.BROADCAST_ACK: lambda get: ClientAck(to_id(get("requestId")), get("packet")),
}
