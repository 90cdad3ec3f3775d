"""What parsers other than the built-in JSON have in common; for writing one of your own.

Upstream: :mod:`pyramid_sio.protocol.socket_msgpack`, and parsers of applications.
Downstream: nothing; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyramid_sio.errors import LimitExceeded, ProtocolError
from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType
from pyramid_sio.protocol.socket_v5 import MAX_ID_DIGITS, MAX_NAMESPACE, may_carry

_TYPES = (
    SocketType.CONNECT,
    SocketType.DISCONNECT,
    SocketType.EVENT,
    SocketType.ACK,
    SocketType.CONNECT_ERROR,
)


class PacketEncoder:
    """An encoder needs :meth:`encode` only; the rest comes from here. Keeps nothing."""

    __slots__ = ()

    def encode(self, packet: SocketPacket) -> Message:
        """A packet of any type as a message: text, binary pieces, or both.

        :raises TypeError: something in the data cannot be sent
        """
        raise NotImplementedError

    def encode_event(self, namespace: str, args: Sequence[Any], id: int | None = None) -> Message:
        """An EVENT: its name, then its arguments, in a list or tuple."""
        return self.encode(SocketPacket(SocketType.EVENT, namespace, args, id))

    def encode_ack(self, namespace: str, args: Sequence[Any], id: int) -> Message:
        """An ACK with its arguments."""
        return self.encode(SocketPacket(SocketType.ACK, namespace, args, id))


def make_packet(type: Any, namespace: Any, data: Any = None, id: Any = None) -> SocketPacket:
    """A packet from what a client claims to be one, checked as by the built-in parser.

    :param type: its number, 0 to 4: binary packets are EVENT and ACK here
    :param data: as :class:`SocketPacket` says; None if there is none
    :param id: the acknowledgement id, or None
    :raises ProtocolError: it is none, or has data its type may not have
    :raises LimitExceeded: too long a namespace or acknowledgement id
    """
    # The class itself is compared, because True is an int.
    if type.__class__ is not int or not 0 <= type < len(_TYPES):
        raise ProtocolError("unknown Socket.IO packet type")
    kind = _TYPES[type]
    if namespace.__class__ is not str or not namespace.startswith("/"):
        raise ProtocolError("a packet without a namespace")
    if len(namespace) > MAX_NAMESPACE:
        raise LimitExceeded(f"a namespace longer than {MAX_NAMESPACE} characters")
    if data is None and kind is SocketType.ACK:
        data = []
    if not may_carry(kind, data):
        raise ProtocolError(f"{kind.name} with data it may not have")
    if id is None or kind not in (SocketType.EVENT, SocketType.ACK):
        return SocketPacket(kind, namespace, data)
    if id.__class__ is not int or id < 0:
        raise ProtocolError("an acknowledgement id that is no whole number")
    if id >= 10**MAX_ID_DIGITS:
        raise LimitExceeded(f"an acknowledgement id of more than {MAX_ID_DIGITS} digits")
    return SocketPacket(kind, namespace, data, id)
