"""What is sent while a transaction goes on: kept until it has been committed.

Upstream: ``sockets`` hands everything that goes out to :meth:`Delivery.deliver` if the application
has pyramid_tm. Downstream: the loop, at once or after the commit; never after an abort.

Clients hear of what is so, then, and not of what was rolled back. Nothing of ``transaction`` is
imported: the manager comes with the request.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from pyramid_sio.plugin.frames import current_request
from pyramid_sio.protocol.packets import SocketPacket
from pyramid_sio.protocol.socket_v5 import Reassembly, decode_header

if TYPE_CHECKING:
    from pyramid_sio.plugin.parsers import Parser

logger = logging.getLogger(__name__)


class Delivery:
    """Sends, or keeps for the transaction of the handler or view that runs.

    :param in_loop: runs a function in the thread that owns the connections
    :param parser: how packets are written
    """

    def __init__(self, in_loop: Callable[..., None], parser: Parser) -> None:
        self._in_loop = in_loop
        self._parser = parser

    def deliver(self, func: Callable[..., Any], *args: Any) -> None:
        """``func(*args)`` in the loop, once what it tells of is so.

        :raises TypeError: a packet among the arguments cannot be sent
        """
        outbox = self._current()
        if outbox is None:
            self._in_loop(func, *args)
        else:
            # What was handed over may change until then; an object of a database is gone by then.
            frozen = [self._freeze(arg) if isinstance(arg, SocketPacket) else arg for arg in args]
            outbox.add(_Item(False, self._in_loop, (func, *frozen)))

    def conclude(self, func: Callable[..., Any], *args: Any) -> None:
        """``func(*args)`` when all that is kept has been sent, however the transaction ends."""
        outbox = self._current()
        if outbox is None:
            func(*args)
        else:
            outbox.add(_Item(True, func, args))

    def _current(self) -> Outbox | None:
        request = current_request()
        if request is None or not request.environ.get("tm.active"):
            return None
        try:
            transaction = request.tm.get()
        except Exception:  # noqa: BLE001 - of a class that only the application has imported
            # The application has ended it by itself, and begun no other.
            return None
        try:
            outbox: Outbox = transaction.data(self)
        except KeyError:
            outbox = Outbox(request.tm)
            transaction.join(outbox)
            transaction.addAfterCommitHook(outbox.send)
            transaction.set_data(self, outbox)
        return outbox

    def _freeze(self, packet: SocketPacket) -> SocketPacket:
        """The packet as it is now: as a client would read it."""
        message = self._parser.encoder.encode(packet)
        chunks: list[Any] = [] if message.text is None else [message.text.decode()]
        chunks += message.blobs
        if self._parser.new_decoder is not None:
            decoder = self._parser.new_decoder()
            (frozen,) = [found for chunk in chunks if (found := decoder.add(chunk)) is not None]
            return frozen
        frozen, due = decode_header(chunks[0], max_attachments=sys.maxsize)
        if due:
            reassembly = Reassembly(frozen, due)
            (frozen,) = [done for blob in chunks[1:] if (done := reassembly.add(blob)) is not None]
        return frozen


class _Item(NamedTuple):
    """One call.

    :param always: also if the transaction is aborted
    """

    always: bool
    func: Callable[..., Any]
    args: tuple[Any, ...]

    def run(self) -> None:
        try:
            self.func(*self.args)
        except Exception:
            logger.exception("sending after a transaction failed: %r", self.func)


class Outbox:
    """What is sent with one transaction; for that, a data manager.

    :param manager: of the transaction
    """

    def __init__(self, manager: Any) -> None:
        self.transaction_manager = manager
        self._items: list[_Item] = []

    def add(self, item: _Item) -> None:
        self._items.append(item)

    def send(self, committed: bool) -> None:
        """The transaction has ended: called by it."""
        items, self._items = self._items, []
        for item in items:
            if committed or item.always:
                item.run()

    # A data manager, as ``transaction.interfaces.IDataManagerSavepoint`` has it.

    def abort(self, transaction: Any) -> None:
        self.send(False)

    def tpc_begin(self, transaction: Any) -> None: ...
    def commit(self, transaction: Any) -> None: ...
    def tpc_vote(self, transaction: Any) -> None: ...
    def tpc_finish(self, transaction: Any) -> None: ...
    def tpc_abort(self, transaction: Any) -> None: ...

    def sortKey(self) -> str:  # noqa: N802 - the interface's name
        """Before all others: nothing here can fail."""
        return f"pyramid_sio:{id(self)}"

    def savepoint(self) -> _Savepoint:
        return _Savepoint(self, len(self._items))

    def cut(self, length: int) -> None:
        """Keep what was added first, and what is to happen in any case."""
        kept = [item for item in self._items[length:] if item.always]
        self._items[length:] = kept


class _Savepoint:
    """Where an outbox can be brought back to."""

    def __init__(self, outbox: Outbox, length: int) -> None:
        self._outbox = outbox
        self._length = length

    def rollback(self) -> None:
        self._outbox.cut(self._length)
