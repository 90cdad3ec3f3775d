"""A bus within one process: what is published is heard a moment later, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

from pyramid_sio.errors import AdapterError

Hear = Callable[[bytes, bytes], Any]
Began = Callable[[], Any]


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


class Subscription:
    def __init__(self, bus: ExchangeBus, channel: str, hear: Hear, began: Began | None) -> None:
        self.hear = hear
        self._notify = began
        self._bus = bus
        self._channel = channel
        self._began = Event()

    @property
    def active(self) -> bool:
        return bool(self._began.is_set())

    def begin(self) -> None:
        self._began.set()
        if self._notify is not None:
            self._notify()

    def end(self) -> None:
        self._began.clear()

    def wait(self, seconds: float) -> bool:
        return bool(self._began.wait(seconds))

    def close(self) -> None:
        listeners = self._bus.heard.get(self._channel, [])
        if self in listeners:
            listeners.remove(self)


class ExchangeBus:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.heard: dict[str, list[Subscription]] = {}

    def subscribe(self, channel: str, hear: Hear, began: Began | None = None) -> Subscription:
        subscription = Subscription(self, channel, hear, began)
        if not self._exchange.is_down:
            gevent.get_hub().loop.run_callback(self._begin, channel, subscription)
        return subscription

    def _begin(self, channel: str, subscription: Subscription) -> None:
        self.heard.setdefault(channel, []).append(subscription)
        subscription.begin()

    def publish(self, channel: str, data: bytes) -> None:
        if not self._exchange.is_down:
            self._exchange.published.append((channel, data))
            gevent.get_hub().loop.run_callback(self._deliver, channel, data)

    def _deliver(self, channel: str, data: bytes) -> Any:
        for bus in self._exchange.buses:
            for subscription in tuple(bus.heard.get(channel, ())):
                subscription.hear(channel.encode(), data)

    def cut(self) -> None:
        """Nothing comes from it or goes to it any more."""
        self._exchange.buses.remove(self)
        self._exchange = Exchange()

    def reach(self, channel: str, data: bytes, timeout: float) -> int:
        count = self.count(channel, timeout)
        self.publish(channel, data)
        return count

    def join(self, seconds: float) -> None:
        """It hears all the time."""

    def count(self, channel: str, timeout: float) -> int:
        if self._exchange.is_down:
            raise AdapterError("the exchange is down")
        return sum(bool(bus.heard.get(channel)) for bus in self._exchange.buses)
