"""Connections that have a gate: not every event gets in.

Upstream: ``sockets.server`` makes one for each session where something is limited.
Downstream: ``sockets.limits`` judges each event.
"""

from __future__ import annotations

from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.sockets.client import Client
from pyramid_sio.sockets.parsed import ParsedClient


class GuardedClient(Client):
    """One connection whose events are counted when they are read."""

    __slots__ = ()

    def _receive(self, packet: SocketPacket) -> None:
        if packet.type is SocketType.EVENT and self.gate is not None:
            socket = self.sockets.get(packet.namespace)
            if socket is not None:
                if not self.gate.admit(self, socket, packet):
                    return
            elif self._is_joining(packet.namespace):
                self.session.submit(self._judge_early, packet)
                return
        super()._receive(packet)

    def _judge_early(self, packet: SocketPacket) -> None:
        """An event that came before its namespace was entered: judged when that has been."""
        socket = self.sockets.get(packet.namespace)
        if socket is not None and self.gate is not None and self.gate.admit(self, socket, packet):
            self._run_event(packet.namespace, packet.data, packet.id)


class GuardedParsedClient(GuardedClient, ParsedClient):
    """The same, for connections that speak through another parser."""

    __slots__ = ()
