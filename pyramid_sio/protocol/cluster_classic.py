"""Messages between servers, as the classic Redis adapter of JavaScript writes them.

Upstream: ``adapters.redis_pubsub``. Downstream: nothing; nothing here waits.

Source: ``@socket.io/redis-adapter`` 8.3. Broadcasts are MessagePack, ``[uid, packet, options]``;
requests and responses JSON, but for those that carry what clients said.
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
    AllRooms,
    AllSids,
    Answer,
    Broadcast,
    ClientAck,
    ClientCount,
    Disconnect,
    Done,
    Envelope,
    Fetch,
    Join,
    Leave,
    Options,
    Order,
    Rooms,
    ServerAnswer,
    ServerEmit,
    Sids,
    Sockets,
    from_options,
    to_count,
    to_event,
    to_id,
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
    """The type of a request or a response; the value is the number on the wire."""

    SOCKETS = 0
    ALL_ROOMS = 1
    REMOTE_JOIN = 2
    REMOTE_LEAVE = 3
    REMOTE_DISCONNECT = 4
    REMOTE_FETCH = 5
    SERVER_SIDE_EMIT = 6
    BROADCAST = 7
    BROADCAST_CLIENT_COUNT = 8
    BROADCAST_ACK = 9


# Channels.


class Channels:
    """The names of the channels of one namespace.

    :param key: what all begin with
    """

    __slots__ = ("broadcast", "pattern", "request", "response")

    def __init__(self, key: str, namespace: str) -> None:
        #: Of broadcasts to everybody, or to several rooms.
        self.broadcast = f"{key}#{namespace}#"
        #: Of those, and of the ones of all rooms; as a pattern of Redis.
        self.pattern = escape_pattern(self.broadcast) + "*"
        self.request = f"{key}-request#{namespace}#"
        #: Of responses to anybody.
        self.response = f"{key}-response#{namespace}#"

    def for_rooms(self, rooms: frozenset[Any]) -> str:
        """Where a broadcast goes."""
        if len(rooms) != 1:
            return self.broadcast
        (room,) = rooms
        return f"{self.broadcast}{room}#"

    def room_of(self, channel: bytes) -> str:
        """The room whose channel this is; empty: it is that of no single room."""
        return channel[len(self.broadcast.encode()) : -1].decode("utf-8", "replace")

    def response_to(self, uid: str) -> str:
        """Of responses to one server."""
        return f"{self.response}{uid}#"


def escape_pattern(text: str) -> str:
    """A pattern of Redis that means just this text."""
    return "".join("\\" + mark if mark in "\\*?[]^" else mark for mark in text)


# Writing.


def encode_broadcast(message: Broadcast, *, uid: str, nsp: str, encoder: ValueEncoder) -> bytes:
    """A broadcast that nobody is to acknowledge. :raises TypeError: it cannot be expressed"""
    return encoder.msgpack([uid, _packet(message, nsp), from_options(message.options)])


def _packet(message: Broadcast, nsp: str) -> dict[str, Any]:
    return {"type": EVENT, "data": message.load(), "nsp": nsp}


def encode_request(order: Order, *, uid: str, nsp: str, encoder: ValueEncoder) -> bytes:
    """What goes to the channel of requests.

    :raises TypeError: something in it cannot be expressed
    """
    request: dict[str, Any] = {"uid": uid}
    match order:
        case Broadcast(options, _, id):
            request |= {"requestId": id, "type": Kind.BROADCAST.value}
            request |= {"packet": _packet(order, nsp), "opts": from_options(options)}
            return encoder.msgpack(request)
        case Join(options, rooms, _):
            request |= {"type": Kind.REMOTE_JOIN.value, "opts": _whom(options)}
            request["rooms"] = list(rooms)
        case Leave(options, rooms, _):
            request |= {"type": Kind.REMOTE_LEAVE.value, "opts": _whom(options)}
            request["rooms"] = list(rooms)
        case Disconnect(options, close, _):
            request |= {"type": Kind.REMOTE_DISCONNECT.value, "opts": _whom(options)}
            request["close"] = close
        case Fetch(options, id):
            request |= {"requestId": id, "type": Kind.REMOTE_FETCH.value, "opts": _whom(options)}
        case AllRooms(id):
            request |= {"requestId": id, "type": Kind.ALL_ROOMS.value}
        case ServerEmit(args, id):
            if id is not None:
                request["requestId"] = id
            request |= {"type": Kind.SERVER_SIDE_EMIT.value, "data": args}
        case _:
            raise TypeError(f"no message of this adapter: {type(order).__name__}")
    return encoder.either(request)


def _whom(options: Options) -> dict[str, Any]:
    return from_options(options, flags=False)


def encode_response(answer: Answer, *, encoder: ValueEncoder) -> bytes:
    """What goes to a channel of responses.

    :raises TypeError: something in it cannot be expressed
    """
    match answer:
        case ClientCount(id, clients):
            kind = Kind.BROADCAST_CLIENT_COUNT.value
            return encoder.either({"type": kind, "requestId": id, "clientCount": clients})
        case ClientAck(id, value):
            kind = Kind.BROADCAST_ACK.value
            return encoder.msgpack({"type": kind, "requestId": id, "packet": value})
        case ServerAnswer(id, value):
            kind = Kind.SERVER_SIDE_EMIT.value
            return encoder.either({"type": kind, "requestId": id, "data": value})
        case Sockets(id, found) | Sids(id, found):
            return encoder.either({"requestId": id, "sockets": found})
        case Rooms(id, rooms):
            return encoder.either({"requestId": id, "rooms": rooms})
        case _:
            return encoder.either({"requestId": answer.request_id})


# Reading.


class _Triple(msgspec.Struct, array_like=True):
    uid: str
    packet: Raw
    opts: Any


class _Request(msgspec.Struct, rename={"request_id": "requestId"}):
    type: int
    uid: str | None = None
    request_id: str | None = None
    opts: Any = None
    rooms: Any = None
    close: Any = None
    data: Any = None
    packet: Raw = Raw(b"")
    # What old versions said instead of options.
    sid: Any = None
    room: Any = None


_read_triple = msgspec.msgpack.Decoder(_Triple, ext_hook=from_extension).decode
_of_msgpack: Callable[[Any], _Request] = msgspec.msgpack.Decoder(
    _Request, ext_hook=from_extension
).decode
_of_json: Callable[[Any], _Request] = msgspec.json.Decoder(_Request).decode
_BRACE = b"{"


def decode_broadcast(data: bytes, *, nsp: str) -> Envelope:
    """A message on a channel of broadcasts; the packet is left for later.

    :param nsp: the namespace whose channel it is
    :raises ProtocolError: it is none
    """
    triple = load_as(_read_triple, data)
    return Envelope(
        triple.uid, Broadcast(to_options(triple.opts), partial(_load, triple.packet, nsp))
    )


def _load(packet: Raw, nsp: str, load: Callable[[Any], Any] = load_msgpack) -> list[Any]:
    content = load(packet)
    event = to_event(content)
    if content.get("nsp", "/") != nsp:
        raise ProtocolError("a packet of another namespace")
    return event


def decode_request(data: bytes, *, nsp: str) -> Envelope | None:
    """A message on the channel of requests; None if its type is of no concern.

    :raises ProtocolError: it is none
    """
    is_json = data[:1] == _BRACE
    request = load_as(_of_json if is_json else _of_msgpack, data)
    if request.request_id is not None:
        to_id(request.request_id)
    if request.type == Kind.BROADCAST:
        load = _load_json if is_json else load_msgpack
        event = partial(_load, request.packet, nsp, load)
        options, id = to_options(request.opts), to_id(request.request_id)
        return Envelope(request.uid, Broadcast(options, event, id))
    read = _READERS.get(request.type)
    return None if read is None else Envelope(request.uid, read(request))


def _load_json(raw: Raw) -> Any:
    return load_json(memoryview(raw))


def _options(request: _Request) -> Options:
    if request.sid is not None:
        return Options(frozenset((to_id(request.sid),)))
    return to_options(request.opts)


def _rooms(request: _Request) -> frozenset[Any]:
    return to_rooms(request.rooms if request.room is None else [request.room])


def _old_id(request: _Request) -> str | None:
    return request.request_id if request.sid is not None else None


_READERS: dict[int, Callable[[_Request], Order]] = {
    Kind.SOCKETS: lambda asked: AllSids(to_rooms(asked.rooms), to_id(asked.request_id)),
    Kind.ALL_ROOMS: lambda asked: AllRooms(to_id(asked.request_id)),
    Kind.REMOTE_JOIN: lambda asked: Join(_options(asked), _rooms(asked), _old_id(asked)),
    Kind.REMOTE_LEAVE: lambda asked: Leave(_options(asked), _rooms(asked), _old_id(asked)),
    Kind.REMOTE_DISCONNECT: lambda asked: Disconnect(
        _options(asked), asked.close is True, _old_id(asked)
    ),
    Kind.REMOTE_FETCH: lambda asked: Fetch(to_options(asked.opts), to_id(asked.request_id)),
    Kind.SERVER_SIDE_EMIT: lambda asked: ServerEmit(to_server_event(asked.data), asked.request_id),
}


def decode_response(data: bytes) -> Answer:
    """A message on a channel of responses. :raises ProtocolError: it is none"""
    response = load_json(data) if data[:1] == _BRACE else load_msgpack(data)
    if not isinstance(response, dict):
        raise ProtocolError("a response that is no object")
    id = to_id(response.get("requestId"))
    kind = response.get("type")
    if kind == Kind.BROADCAST_CLIENT_COUNT:
        return ClientCount(id, to_count(response.get("clientCount")))
    if kind == Kind.BROADCAST_ACK:
        return ClientAck(id, response.get("packet"))
    if kind == Kind.SERVER_SIDE_EMIT:
        return ServerAnswer(id, response.get("data"))
    if isinstance(response.get("sockets"), list):
        return Sockets(id, response["sockets"])
    if isinstance(response.get("rooms"), list):
        return Rooms(id, [room for room in response["rooms"] if isinstance(room, str | int)])
    return Done(id)
