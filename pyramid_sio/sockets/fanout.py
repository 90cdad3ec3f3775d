"""One packet for many clients, encoded once per kind of client.

Upstream: adapters, with the members of rooms; ``sockets.feeds``, with who wants a channel.
Downstream: each client's session.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pyramid_sio.protocol.packets import Message, SocketPacket

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IFlags
    from pyramid_sio.sockets.namespace import Namespace


def fan_out(
    packet: SocketPacket,
    sockets: Iterable[Namespace],
    flags: IFlags,
    messages: dict[object, Message] | None = None,
) -> None:
    """Send a packet to everybody. In the loop; never waits.

    :param sockets: must not change meanwhile; sending may end connections
    :param messages: what has been encoded already, by its encoder
    """
    volatile, compress = flags.volatile, flags.compress
    if messages is None:
        messages = {}
    for socket in sockets:
        codec = socket.codec
        message = messages.get(codec)
        if message is None:
            message = messages[codec] = codec.encode(packet)
            message.packet = packet
        socket.out.send(message, volatile, compress)
