"""Channels of Redis as events: whatever any program publishes reaches the clients that want it.

Upstream: ``self.subscribe('news', 'room:*', event='news')`` in a handler.
Downstream: the process's one link to Redis, which is asked once for each channel.

A message is decoded once, and encoded once for all clients that get it as the same event.
Nothing here waits, but for who asks to.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from pyramid_sio.errors import AdapterError, EventError
from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.protocol.published import read_published
from pyramid_sio.protocol.socket_v5 import RESERVED_EVENTS
from pyramid_sio.sockets.broadcast import Flags, check_event
from pyramid_sio.sockets.fanout import fan_out

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IComplaints
    from pyramid_sio.sockets.client import Client
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.nsp import Nsp

#: Messages that may wait for one client's handler of a channel before more are dropped.
MAX_WAITING = 100
_PLAIN = Flags()
#: What makes a channel's name a pattern, unless there is a backslash before it.
_SPECIAL = re.compile(r"(?<!\\)(?:\\\\)*[*?\[]")

#: How a client hears a channel: the name of an event (None: the channel's), or a function.
How = str | Callable[..., Any] | None


def is_pattern(name: str) -> bool:
    """Does the name of a channel stand for several, as Redis's PSUBSCRIBE understands it?"""
    return _SPECIAL.search(name) is not None


class IHearing(Protocol):
    """Somebody's interest in one name of an :class:`ISource`. Any thread may call."""

    def wait(self, seconds: float) -> bool:
        """Wait until what is said there is heard for sure; False if that takes longer."""

    def close(self) -> None:
        """Hear no more; never waits."""


class ISource(Protocol):
    """Where messages of other programs come from. Implemented in ``adapters.redis_link``."""

    def listen(self, name: str, hear: Callable[[bytes, bytes], Any], *, pattern: bool) -> IHearing:
        """Call ``hear(channel, message)`` in the loop for each message; never waits."""


class Wish:
    """One client's subscription to one name, with a function that hears it."""

    __slots__ = ("handler", "socket", "waiting")

    def __init__(self, socket: Namespace, handler: Callable[..., Any]) -> None:
        self.socket = socket
        self.handler = handler
        #: Messages whose turn has not come.
        self.waiting = 0

    def run(self, value: Any, channel: str) -> None:
        """Its turn has come."""
        self.waiting -= 1
        self.socket.call_hook(self.handler, (value, channel))


class Feed:
    """Everybody in this process who wants one channel, or one pattern."""

    __slots__ = ("_complaints", "_groups", "_max_bytes", "_wishes", "hearing")

    #: Set by whoever makes it, with its :meth:`hear`.
    hearing: IHearing

    def __init__(self, complaints: IComplaints, max_bytes: int) -> None:
        self._complaints = complaints
        self._max_bytes = max_bytes
        #: Who gets it as an event, by namespace and event (None: named as the channel).
        self._groups: dict[tuple[Nsp, str | None], dict[Namespace, None]] = {}
        self._wishes: dict[tuple[Namespace, Callable[..., Any]], Wish] = {}

    def __len__(self) -> int:
        return len(self._groups) + len(self._wishes)

    def add(self, socket: Namespace, how: How) -> None:
        if callable(how):
            self._wishes.setdefault((socket, how), Wish(socket, how))
        else:
            self._groups.setdefault((socket.nsp, how), {})[socket] = None

    def discard(self, socket: Namespace, how: How) -> None:
        if callable(how):
            self._wishes.pop((socket, how), None)
            return
        group = self._groups.get((socket.nsp, how))
        if group is not None:
            group.pop(socket, None)
            if not group:
                del self._groups[socket.nsp, how]

    def hear(self, channel: bytes, data: bytes) -> None:
        """A message came."""
        name = channel.decode("utf-8", "replace")
        if len(data) > self._max_bytes:
            detail = f"{len(data)} bytes on {name}"
            self._complaints.add("a message on a channel is too long", "Redis", detail)
            return
        value = read_published(data)
        for (nsp, event), group in list(self._groups.items()):
            if event is None and name in RESERVED_EVENTS:
                self._complaints.add("a channel's name cannot be an event's", "Redis", name)
            else:
                self._emit(nsp, name if event is None else event, group, (value, name))
        for wish in list(self._wishes.values()):
            self._submit(wish, value, name)

    @staticmethod
    def _emit(nsp: Nsp, event: str, group: Iterable[Namespace], args: tuple[Any, str]) -> None:
        if nsp.server.recovery is not None:
            # Clients that can come back take a text at the end for their place in the stream
            # of events, in which what others publish has none.
            args = (*args, None)  # type: ignore[assignment]
        packet = SocketPacket(SocketType.EVENT, nsp.name, (event, *args))
        fan_out(packet, list(group), _PLAIN)

    def _submit(self, wish: Wish, value: Any, name: str) -> None:
        if wish.waiting >= MAX_WAITING:
            self._complaints.add("a handler of a channel is too slow: messages dropped", name)
            return
        wish.waiting += 1
        wish.socket.hear_later(wish.run, value, name)


class Feeds:
    """All channels that clients of a server want. In the loop, but for what says otherwise.

    :param source: where messages come from; None: nowhere, so that nothing is subscribed to
    :param max_bytes: of one message
    :param max_each: subscriptions of one client in one namespace
    """

    def __init__(
        self,
        source: ISource | None = None,
        complaints: IComplaints | None = None,
        *,
        max_bytes: int = 0,
        max_each: int = 0,
    ) -> None:
        self.max_each = max_each
        self._source = source
        self._complaints = complaints
        self._max_bytes = max_bytes
        self._feeds: dict[str, Feed] = {}

    def __len__(self) -> int:
        return len(self._feeds)

    def check(self) -> None:
        """:raises AdapterError: there is nothing to subscribe to. Any thread."""
        if self._source is None:
            raise AdapterError("subscribe() needs the setting sio.redis_url")

    def add(self, socket: Namespace, name: str, how: How) -> IHearing:
        """A client wants a channel."""
        assert self._source is not None
        assert self._complaints is not None
        feed = self._feeds.get(name)
        if feed is None:
            feed = self._feeds[name] = Feed(self._complaints, self._max_bytes)
            feed.hearing = self._source.listen(name, feed.hear, pattern=is_pattern(name))
        feed.add(socket, how)
        return feed.hearing

    def discard(self, socket: Namespace, name: str, how: How) -> None:
        """It wants it no more; with the last, the channel is given up."""
        feed = self._feeds.get(name)
        if feed is None:
            return
        feed.discard(socket, how)
        if not feed:
            del self._feeds[name]
            feed.hearing.close()


class Confirmation:
    """What somebody waits for who has subscribed, in another thread perhaps."""

    __slots__ = ("asked", "hearings")

    def __init__(self) -> None:
        self.hearings: list[IHearing] = []
        #: Set once all that is wanted has been asked for.
        self.asked = threading.Event()

    def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        if not self.asked.wait(seconds):
            return False
        return bool(self.hearings) and all(
            hearing.wait(max(0.0, deadline - time.monotonic())) for hearing in self.hearings
        )


#: For servers without Redis.
NO_FEEDS = Feeds()


class Subscriber:
    """The part of a namespace's instance that has to do with channels."""

    __slots__ = ()

    nsp: Nsp
    _client: Client
    _wanted: dict[tuple[str, How], None] | None

    @property
    def gone(self) -> bool:
        raise NotImplementedError

    def subscribe(
        self,
        *channels: str,
        event: str | None = None,
        handler: Callable[[Any, str], Any] | None = None,
        wait: float = 0.0,
    ) -> bool:
        """Send what is published on channels of Redis to this client, until it is gone.

        The client gets an event with what was published and the name of the channel. JSON
        arrives as what it says, other text as text, and other bytes as binary.

        :param channels: their names; with ``*``, ``?`` or ``[...]`` a pattern. What two of
            them match arrives twice. Let no client choose them unless it may hear them all
        :param event: what the client calls it; None: the name of the channel
        :param handler: called with the same two arguments instead, in the order of this
            client's events; for who wants to look at it first
        :param wait: seconds to wait until Redis has confirmed; what is published after that is
            not missed
        :returns: has Redis confirmed all? Where it has not, it will when it is reached
        :raises AdapterError: there is no ``sio.redis_url``
        :raises EventError: more than ``sio.max_subscriptions``
        :raises ValueError: for a reserved event name
        """
        how: How = event if handler is None else handler
        if handler is not None and event is not None:
            raise TypeError("either an event or a handler")
        for name in channels:
            if not isinstance(name, str) or not name:
                raise TypeError(f"the name of a channel is a text, not {name!r}")
            if handler is None:
                check_event(name if event is None else event)
        server = self.nsp.server
        server.feeds.check()
        if len(set(self._wanted or ()) | {(c, how) for c in channels}) > server.feeds.max_each:
            raise EventError("too many subscriptions")
        confirmed = Confirmation()
        server.in_loop(self._subscribe, channels, how, confirmed)
        return confirmed.wait(wait)

    def _subscribe(self, channels: Iterable[str], how: How, confirmed: Confirmation) -> None:
        if not self.gone:
            wanted = self._wanted or {}
            self._wanted = wanted  # type: ignore[misc]
            for name in channels:
                wanted[name, how] = None
                hearing = self.nsp.server.feeds.add(self, name, how)  # type: ignore[arg-type]
                confirmed.hearings.append(hearing)
        confirmed.asked.set()

    def hear_later(self, func: Callable[..., Any], *args: Any) -> None:
        """Run ``func(*args)`` after this client's handlers. Not for applications."""
        self._client.session.submit(func, *args)

    def call_hook(self, hook: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Call what the application has for a purpose. Not for applications."""
        if not self.gone:
            self._client.call_hook(self, hook, args)  # type: ignore[arg-type]

    def unsubscribe(self, *channels: str) -> None:
        """Send no more of these channels, named as when subscribing; without any: of all.

        Harmless for what was not subscribed to.
        """
        self.nsp.server.in_loop(self._unsubscribe, channels)

    def _unsubscribe(self, channels: tuple[str, ...]) -> None:
        for name, how in list(self._wanted or ()):
            if not channels or name in channels:
                assert self._wanted is not None
                del self._wanted[name, how]
                self.nsp.server.feeds.discard(self, name, how)  # type: ignore[arg-type]
