"""HTTP long-polling for pages whose browser lets them load nothing but scripts.

Upstream and downstream: as for ``engine.transports.polling``, which this is, in other clothes.

Source: Engine.IO protocol, revision 3, "JSONP".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyramid_sio.engine.transports.polling import PollingTransport
from pyramid_sio.protocol.dialect import Body
from pyramid_sio.protocol.jsonp import JAVASCRIPT, decode_form, encode_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyramid_sio.engine.session import Session
    from pyramid_sio.protocol.packets import EnginePacket, Message


class JsonpTransport(PollingTransport):
    """The polling side of a session whose answers are scripts.

    :param index: digits: which of the page's functions gets the answers
    """

    __slots__ = ("_index",)

    def __init__(self, session: Session, make_event: Callable[[], Any], *, index: str) -> None:
        # A script holds text only, whatever the client claims to take.
        super().__init__(session, make_event, binary=False)
        self._index = index

    def encode(self, items: Sequence[Message | bytes]) -> Body:
        payload = super().encode(items)
        return Body(encode_script(self._index, payload.data), JAVASCRIPT)

    def _decode(self, body: bytes, binary: bool) -> Iterator[EnginePacket]:
        payload = decode_form(body)
        return iter(()) if payload is None else super()._decode(payload, False)
