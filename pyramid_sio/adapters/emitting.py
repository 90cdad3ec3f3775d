"""Speaking to the servers of a cluster without being one: what an emitter stands on.

Upstream: ``pyramid_sio.emitter``. Downstream: the lines of the adapters, of which it uses the
half that speaks, and Redis, by plain calls that wait: a program that serves nothing has no loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from pyramid_sio.adapters.lines import ILine
from pyramid_sio.adapters.redis_link import address_of
from pyramid_sio.errors import AdapterError
from pyramid_sio.protocol.cluster import (
    Broadcast,
    Disconnect,
    Join,
    Leave,
    Options,
    Order,
    ServerEmit,
)

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IFlags, ITarget
    from pyramid_sio.protocol.packets import SocketPacket

#: What emitters, those of JavaScript too, call themselves to servers.
UID = "emitter"
#: Puts an order on its way.
Say = Callable[[Order], None]


class Publisher:
    """What a ``RedisLink`` is to a line that only speaks. Any thread may call.

    :param timeout: seconds Redis may take
    :raises ValueError: the URL is none of Redis
    """

    def __init__(self, url: str, timeout: float) -> None:
        self.address = address_of(url)
        self._client = redis.Redis.from_url(
            url,
            protocol=2,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # Nothing is sent twice; connections found closed are made anew before they are used.
            retry=Retry(NoBackoff(), 0),
            # One for each thread or greenlet that speaks at this moment, however many.
            max_connections=2**31 - 1,
        )

    def publish(self, channel: str, data: bytes, *, shard: bool = False) -> None:
        self.command("SPUBLISH" if shard else "PUBLISH", channel, data)

    def command(self, *args: Any) -> Any:
        """:raises AdapterError: Redis is not reached, or refuses"""
        try:
            return self._client.execute_command(*args)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as exc:
            raise AdapterError(f"Redis at {self.address}: {exc}") from exc

    @staticmethod
    def in_loop(func: Callable[..., Any], *args: Any) -> Any:
        """Do it at once: there is no loop."""
        return func(*args)

    def close(self) -> None:
        self._client.close()


def say_through(line: ILine) -> Say:
    """Orders over a line, as an emitter's."""
    line.uid = UID
    add = getattr(line, "add", None)
    if add is None:
        return line.send

    def say(order: Order) -> None:
        # Emitters put everything into the stream, also what servers ask each other elsewhere.
        add(order, UID)

    return say


class EmittingAdapter:
    """The verbs of an adapter, for a namespace of which nobody is here.

    :param name: the namespace's
    """

    def __init__(self, name: str, say: Say) -> None:
        self._name = name
        self._say = say

    def __repr__(self) -> str:
        return f"<EmittingAdapter {self._name}>"

    def broadcast(self, packet: SocketPacket, target: ITarget, flags: IFlags) -> None:
        _check_not_local(flags.local)
        options = Options(
            frozenset(target.rooms),
            frozenset(target.excluded),
            volatile=flags.volatile,
            compress=flags.compress,
        )
        args = packet.data
        self._say(Broadcast(options, lambda: args))

    def join(self, target: ITarget, rooms: Iterable[str], local: bool = False) -> None:
        _check_not_local(local)
        self._say(Join(_whom(target), frozenset(rooms)))

    def leave(self, target: ITarget, rooms: Iterable[str], local: bool = False) -> None:
        _check_not_local(local)
        self._say(Leave(_whom(target), frozenset(rooms)))

    def disconnect(self, target: ITarget, close: bool, local: bool = False) -> None:
        _check_not_local(local)
        self._say(Disconnect(_whom(target), close))

    def server_side_emit(self, args: Sequence[Any], timeout: float | None) -> list[Any]:
        if timeout is not None:
            raise no_answers()
        self._say(ServerEmit(args))
        return []

    def fetch(self, target: ITarget, local: bool = False) -> list[Any]:
        raise no_answers()


def _whom(target: ITarget) -> Options:
    return Options(frozenset(target.rooms), frozenset(target.excluded))


def _check_not_local(local: bool) -> None:
    if local:
        raise AdapterError("an emitter has no clients of its own: nobody is local")


def no_answers() -> AdapterError:
    """Why a question cannot be asked."""
    return AdapterError("an emitter gets no answers: ask request.sio of a server instead")
