"""A bus within one process: what is published is heard a moment later, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent

from pyramid_sio.errors import AdapterError


class Exchange:
    """What the buses of several servers meet in."""

    def __init__(self) -> None:
        self.buses: list[ExchangeBus] = []
        #: Everything published, while it works.
        self.published: list[tuple[str, bytes]] = []
        self.is_down = False

    def new_bus(self) -> ExchangeBus:
        self.buses.append(ExchangeBus(self))
        return self.buses[-1]


class ExchangeBus:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.heard: dict[str, Callable[[bytes], None]] = {}

    def subscribe(
        self, channel: str, hear: Callable[[bytes], None], ready: Callable[[], None] | None = None
    ) -> bool:
        self.heard[channel] = hear
        if self._exchange.is_down:
            return False
        if ready is not None:
            gevent.get_hub().loop.run_callback(ready)
        return True

    def unsubscribe(self, channel: str) -> None:
        self.heard.pop(channel, None)

    def publish(self, channel: str, data: bytes) -> None:
        if not self._exchange.is_down:
            self._exchange.published.append((channel, data))
            gevent.get_hub().loop.run_callback(self._deliver, channel, data)

    def _deliver(self, channel: str, data: bytes) -> Any:
        for bus in self._exchange.buses:
            hear = bus.heard.get(channel)
            if hear is not None:
                hear(data)

    def count(self, channel: str, timeout: float) -> int:
        if self._exchange.is_down:
            raise AdapterError("the exchange is down")
        return sum(channel in bus.heard for bus in self._exchange.buses)
