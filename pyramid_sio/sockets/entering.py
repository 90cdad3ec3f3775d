"""The part of a connection that lets it into namespaces.

Upstream: ``sockets.client`` submits a client's CONNECT. Downstream: the application's checks
and ``on_connect``; then CONNECT or CONNECT_ERROR goes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyramid_sio.errors import ConnectRefused, ShapedError
from pyramid_sio.protocol.packets import Message
from pyramid_sio.sockets.generations import INVALID

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IEncoder, ISession
    from pyramid_sio.sockets.generations import Generation
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.nsp import Nsp
    from pyramid_sio.sockets.server import SioServer


class Entering:
    """How a connection enters a namespace. In the session's greenlet, in order."""

    __slots__ = ()

    session: ISession
    server: SioServer
    codec: IEncoder
    generation: Generation
    sockets: dict[str, Namespace]

    def _new_socket(self, nsp: Nsp, sid: str, auth: dict[str, Any] | None) -> Namespace:
        raise NotImplementedError

    def _has_joined(self, name: str) -> None:
        """It is in a namespace, or was refused."""
        raise NotImplementedError

    def _connect_timer_off(self) -> None:
        raise NotImplementedError

    def _connect(self, name: str, auth: dict[str, Any] | None) -> None:
        try:
            nsp = self.server.find(name, auth)
            if nsp is None:
                self.session.complain("no such namespace", name)
                raise ConnectRefused(INVALID)
            socket = self._new_socket(nsp, self.generation.new_sid(self.session, name), auth)
            recovery = self.server.recovery
            missed = recovery.enter(socket, auth) if recovery is not None else ()
            if socket.recovered:
                # What everybody gets from here on is not among what it missed.
                nsp.add(socket)
            try:
                self._enter(socket, auth, missed)
            except BaseException as exc:
                socket.detach()
                self.server.observer.refused(socket)
                if recovery is not None:
                    recovery.refuse(socket, lost=not self.session.is_open)
                refusal = self._refusal_of(socket, exc)
                if refusal is not None:
                    raise refusal from exc
                raise
        except ConnectRefused as refusal:
            self._send_refusal(name, refusal)
        except Exception as exc:  # noqa: BLE001 - whatever the application raises
            self.session.complain("on_connect failed", name, exc)
            self._send_refusal(name, ConnectRefused("Internal server error"))
        finally:
            self._has_joined(name)

    def _refusal_of(self, socket: Namespace, error: BaseException) -> ConnectRefused | None:
        """What a client that did not get in is told, if the application has said so."""
        if not isinstance(error, Exception):
            return None
        shaped = self.server.invoker.shape(socket, error)
        self.server.invoker.tell(socket, "refused", error)
        if not isinstance(shaped, ShapedError):
            return None
        if shaped.failed:
            self.session.complain("on_connect failed", socket.nsp.name, shaped.original)
        return shaped.refusal

    def _enter(
        self, socket: Namespace, auth: dict[str, Any] | None, missed: Sequence[Message]
    ) -> None:
        self.server.observer.entering(socket)
        definition = socket.declared
        invoker = self.server.invoker
        if not definition.settled:
            invoker.settle(definition)
        invoker.enclose(socket, self._let_in, (socket, auth))
        if socket.ended:
            raise ConnectRefused("disconnected by the server")
        name = socket.nsp.name
        self.sockets[name] = socket
        self._connect_timer_off()
        self.server.observer.entered(socket)
        for message in missed if socket.recovered else ():
            self.session.send(message)
        self.session.send(self.codec.encode(self.generation.accepted(socket)))
        socket.admit()
        socket.watch_rights()
        invoker.tell(socket, "connected")

    def _let_in(self, socket: Namespace, auth: dict[str, Any] | None) -> None:
        """All that may refuse a client; for the application one event, and one request."""
        recovery = self.server.recovery
        if recovery is None or not (socket.recovered and recovery.skip_checks):
            came_back = socket.recovered
            self.server.invoker.admit(socket)
            if recovery is not None and came_back and not socket.recovered:
                self.server.perform(recovery.start_over, socket)
            for middleware in tuple(socket.nsp.middlewares):
                middleware(socket)
        if not self.session.is_open:
            raise ConnectRefused("the client is gone")
        # Known from here on, so that what everybody gets is kept for it.
        self.server.perform(socket.nsp.add, socket)
        socket.on_connect(socket.declared.table.check_auth(auth))
        socket.identify_if_needed()

    def _send_refusal(self, name: str, refusal: ConnectRefused) -> None:
        self.session.send(self.codec.encode(self.generation.refused(name, refusal)))
