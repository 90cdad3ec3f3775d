"""Connections that speak through another parser than the built-in JSON.

Upstream: ``sockets.server`` makes one for each session if ``sio.parser`` names a parser.
Downstream: that parser's decoder, one for each connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyramid_sio.errors import ProtocolError
from pyramid_sio.sockets.client import Client

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IDecoder, ISession
    from pyramid_sio.sockets.generations import Generation
    from pyramid_sio.sockets.server import SioServer


class ParsedClient(Client):
    """One connection whose messages go to a decoder of its own.

    :param decoder: gives packets for messages
    """

    __slots__ = ("_decoder",)

    def __init__(
        self, session: ISession, server: SioServer, generation: Generation, *, decoder: IDecoder
    ) -> None:
        super().__init__(session, server, generation)
        self._decoder = decoder

    def on_text(self, text: str) -> None:
        """One message."""
        self._decode(text)

    def on_binary(self, data: bytes) -> None:
        """One message."""
        self._decode(data)

    def _decode(self, chunk: str | bytes) -> None:
        try:
            packet = self._decoder.add(chunk)
            if packet is not None:
                self._receive(packet)
        except ProtocolError as error:
            self._refuse(error)
        except Exception as exc:  # noqa: BLE001 - whatever the application's parser raises
            self.session.complain("the parser failed", type(self._decoder).__qualname__, exc)
            self._refuse(ProtocolError("a message the parser failed on"))
