"""Counts what all sessions do: plain numbers, added up in the loop.

Upstream: ``engine.watched``. Downstream: ``metrics.collector`` reads them when it is asked.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyramid_sio.errors import DisconnectReason
    from pyramid_sio.interfaces import IEngineWatcher, ISession


class Tally:
    """An ``IEngineWatcher`` that counts. Whatever is a peer's choice has an end here."""

    def __init__(self) -> None:
        #: By transport and revision.
        self.opened_by: Counter[tuple[str, str]] = Counter()
        #: By reason.
        self.closed_by: Counter[str] = Counter()
        self.upgrades = 0
        self.packets_in = 0
        self.bytes_in = 0
        self.packets_out = 0
        self.bytes_out = 0
        self.packets_dropped = 0

    def opened(self, session: ISession) -> None:
        self.opened_by[session.transport_name, str(session.revision)] += 1

    def closed(self, session: ISession, reason: DisconnectReason) -> None:
        self.closed_by[str(reason)] += 1

    def upgraded(self, session: ISession) -> None:
        self.upgrades += 1

    def received(self, size: int) -> None:
        self.packets_in += 1
        self.bytes_in += size

    def sent(self, packets: int, size: int) -> None:
        self.packets_out += packets
        self.bytes_out += size

    def dropped(self) -> None:
        self.packets_dropped += 1


class Both:
    """Two watchers in the place of one."""

    def __init__(self, first: IEngineWatcher, second: IEngineWatcher) -> None:
        self._watchers = (first, second)

    def opened(self, session: ISession) -> None:
        for watcher in self._watchers:
            watcher.opened(session)

    def closed(self, session: ISession, reason: DisconnectReason) -> None:
        for watcher in self._watchers:
            watcher.closed(session, reason)

    def upgraded(self, session: ISession) -> None:
        for watcher in self._watchers:
            watcher.upgraded(session)

    def received(self, size: int) -> None:
        for watcher in self._watchers:
            watcher.received(size)

    def sent(self, packets: int, size: int) -> None:
        for watcher in self._watchers:
            watcher.sent(packets, size)

    def dropped(self) -> None:
        for watcher in self._watchers:
            watcher.dropped()
