"""An event whose turn it is: its handler, and what becomes of the result.

Upstream: the session's greenlet, where ``sockets.client`` has submitted it.
Downstream: the namespace's table, and the application's code by way of the invoker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pyramid_sio.errors import EventError, ShapedError
from pyramid_sio.sockets.acks import wrap
from pyramid_sio.sockets.handlers import wrong_count

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IEncoder, ISession
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.server import SioServer
    from pyramid_sio.sockets.taps import Taps

logger = logging.getLogger(__name__)


class Handling:
    """The half of a client that runs user code for its events. In the session's greenlet."""

    __slots__ = ()

    session: ISession
    server: SioServer
    codec: IEncoder
    sockets: dict[str, Namespace]

    def _run_event(self, name: str, data: list[Any], id: int | None) -> None:
        socket = self.sockets.get(name)
        if socket is None:
            return
        if socket.taps is not None:
            self._run_tapped_event(socket, socket.taps, data, id)
        else:
            self._handle(socket, data, id)

    def _run_tapped_event(
        self, socket: Namespace, taps: Taps, data: list[Any], id: int | None
    ) -> None:
        """Show the event to whoever listens to all, and let filters judge it."""
        event = data[0]
        try:
            if not self.server.invoker.invoke(socket, taps.take_in, (data, id)):
                return
        except Exception as exc:  # noqa: BLE001 - whatever the application raises
            self._event_failed(socket, event, exc, id)
            return
        self._handle(socket, data, id)

    def _handle(self, socket: Namespace, data: list[Any], id: int | None) -> None:
        name = socket.nsp.name
        event = data[0]
        table = socket.declared.table
        handler = table.by_event.get(event) or table.find(event)
        if handler is None:
            logger.debug("%s has no handler for event %.100r", name, event)
            return
        count = len(data) - 1
        try:
            if handler.around is not None:
                result = handler.around(socket, data)
            else:
                if not handler.least <= count <= handler.most:
                    raise wrong_count(handler, event, count)
                if handler.arguments is not None:
                    handler.arguments.convert(data)
                if handler is table.catch_all:
                    data.insert(0, socket)
                else:
                    data[0] = socket
                result = self.server.invoker.invoke(socket, handler.func, data)
            if id is not None:
                socket.out.send(self.codec.encode_ack(name, wrap(result), id))
        except Exception as exc:  # noqa: BLE001 - whatever the application raises
            self._event_failed(socket, event, exc, id)

    def _event_failed(
        self, socket: Namespace, event: str | int, exc: Exception, id: int | None
    ) -> None:
        invoker = self.server.invoker
        error = exc if isinstance(exc, EventError) else invoker.shape(socket, exc)
        original = error.original if isinstance(error, ShapedError) else error
        if isinstance(error, EventError) and id is not None:
            socket.out.send(self.codec.encode_ack(socket.nsp.name, wrap(error.answer), id))
        if isinstance(error, EventError) and not getattr(error, "failed", False):
            self.session.complain("event refused", error.complaint)
        else:
            rule = f"a handler of {type(socket).__qualname__} failed"
            self.session.complain(rule, f"event {event!r} in {socket.nsp.name}", original)
        if "on_error" in socket.declared.table.hooks:
            self.call_hook(socket, socket.on_error, (event, original))
        invoker.tell(socket, "failed", event, original)

    def call_hook(self, socket: Namespace, hook: Callable[..., Any], args: Sequence[Any]) -> None:
        """Call what the application has for a purpose; what it raises is logged."""
        try:
            self.server.invoker.enclose(socket, hook, args)
        except Exception as exc:  # noqa: BLE001 - whatever the application raises
            title = getattr(hook, "__qualname__", type(hook).__qualname__)
            self.session.complain(f"{title} failed", socket.nsp.name, exc)

    def run_job(self, socket: Namespace, func: Callable[..., Any], args: Sequence[Any]) -> None:
        """What ``spawn`` runs, in a greenlet of its own."""
        try:
            self.server.invoker.invoke(socket, func, args)
        except Exception:
            logger.exception("a spawned function failed: %r", func)
