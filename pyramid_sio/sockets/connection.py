"""What a namespace may know of the connection below it.

Upstream: ``Namespace.socket``. Downstream: the engine's session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyramid_sio.interfaces import ISession


class Connection:
    """``self.socket``: the connection below, shared by all namespaces of a client."""

    __slots__ = ("_session",)

    def __init__(self, session: ISession) -> None:
        self._session = session

    @property
    def id(self) -> str:
        """The Engine.IO session id. A secret of this client: whoever knows it can post as it."""
        return self._session.id

    @property
    def transport(self) -> str:
        """``polling`` or ``websocket``, at this moment."""
        return self._session.transport_name

    @property
    def protocol(self) -> int:
        """The Engine.IO revision the client speaks."""
        return self._session.revision

    @property
    def remote_addr(self) -> str:
        """The address the connection was opened from."""
        address: str = self._session.handshake.address
        return address
