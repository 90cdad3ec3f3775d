"""What differs between revisions of Engine.IO, as one value for each of them.

Upstream: ``engine`` gives each session the dialect of its client, and asks it wherever a
packet is written or read. Downstream: the codec of that revision; nothing here waits.

Source: Engine.IO protocol, revisions 3 and 4; Socket.IO 0.9 has one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyramid_sio.protocol.connection import Connection
from pyramid_sio.protocol.packets import EnginePacket, Message

TEXT_PLAIN = "text/plain; charset=UTF-8"
OCTET_STREAM = "application/octet-stream"


class Body(NamedTuple):
    """The body of an answer to a polling client.

    :param content_type: as the header says it
    """

    data: bytes
    content_type: str = TEXT_PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How clients of one revision are spoken with. All functions are pure.

    :param revision: what ``self.socket.protocol`` says
    :param connection: the state machine of a session: who pings, and what is legal next
    :param encode_open: the packet that opens a session, from its keywords
    :param decode_text: a text frame of a WebSocket, or a text from anywhere else, as a packet
    :param decode_binary: a binary frame of a WebSocket as a packet
    :param frame: the WebSocket frames of a message, made once and kept in ``message.frame``
    :param frame_as_text: the same for a client that cannot take binary frames; not kept
    :param text_prefix: what precedes the text of a message in a frame
    :param blob_prefix: what precedes each attachment in a frame
    :param encode_payload: the answer to a poll, from messages and from packets that are ready as
        they are. With False as second argument the client cannot take binary
    :param decode_payload: the packets of a POST's body, as far as they are good; with True as
        second argument its content type says that it is binary
    :param reads_binary: may a POST say that?
    """

    revision: int
    connection: type[Connection]
    encode_open: Callable[..., bytes]
    decode_text: Callable[[str], EnginePacket]
    decode_binary: Callable[[bytes], EnginePacket]
    frame: Callable[[Message], bytes]
    frame_as_text: Callable[[Message], bytes]
    text_prefix: bytes
    blob_prefix: bytes
    encode_payload: Callable[[Sequence[Message | bytes], bool], Body]
    decode_payload: Callable[[bytes, bool], Iterator[EnginePacket]]
    reads_binary: bool
