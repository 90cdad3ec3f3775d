"""``Emitter``: speak to clients from a program that serves none.

Upstream: scripts, task queues, cron jobs, ``psio emit``. Downstream: Redis, and over it all
servers of the cluster, in Python and in Node.js.

Plain blocking Python: no loop, no greenlets, no patching is needed, and any thread may call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from pyramid_sio.errors import AdapterError, SioError
from pyramid_sio.sockets.broadcast import Broadcast, Verbs, check_event

if TYPE_CHECKING:
    from pyramid_sio.adapters.emitting import EmittingAdapter, Say


class Ignored:
    """An emitter hears nothing, so there is nothing to complain of."""

    def add(
        self, rule: str, peer: str, detail: object = "", error: BaseException | None = None
    ) -> None: ...


class EmitterNamespace(Verbs):
    """``emitter.of('/chat')``: everybody in a namespace, on all servers.

    The words and verbs are those of ``request.sio.of('/chat')``, but for what needs an answer:
    ``call``, ``fetch`` and ``callback=`` raise ``AdapterError``.
    """

    __slots__ = ("adapter", "name", "server")

    def __init__(self, name: str, server: Emitter, adapter: EmittingAdapter) -> None:
        #: As clients name it.
        self.name = name
        #: The emitter. Not for applications.
        self.server = server
        #: The way to Redis. Not for applications.
        self.adapter = adapter

    def __repr__(self) -> str:
        return f"<EmitterNamespace {self.name}>"

    def chain(self) -> Broadcast:
        return Broadcast(self)  # type: ignore[arg-type]

    def server_side_emit(self, event: str, *args: Any) -> None:
        """Say something to all servers; see ``Nsp.on_server``."""
        check_event(event)
        self.adapter.server_side_emit((event, *args), None)

    def ask(self, *args: Any) -> Any:
        """Not for applications. :raises AdapterError: always"""
        from pyramid_sio.adapters.emitting import no_answers

        raise no_answers()


class Emitter(Verbs):
    """Speaks to all servers that share a Redis. ``emit`` and the rest act on the namespace ``/``.

    It connects when it first speaks, and what it says has reached Redis when a verb returns.
    Whether anybody was there to hear it is not known.

    :raises AdapterError: (from its verbs) Redis is not reached, or refuses
    """

    def __init__(self, url: str, settings: Mapping[str, Any] | None = None) -> None:
        """Applications call :meth:`from_url` or :meth:`from_ini`.

        :param url: where Redis is
        :param settings: ``sio.*`` settings, as from an ini file
        """
        from pyramid_sio.adapters.emitting import Publisher
        from pyramid_sio.plugin.settings import parse_settings

        self._values = parse_settings({**(settings or {}), "sio.redis_url": url})
        self._publisher = Publisher(url, self._values["redis_timeout"])
        self._new_line = _find_line(self._publisher, self._values)
        self._namespaces: dict[str, EmitterNamespace] = {}
        self._lock = threading.Lock()

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """An emitter for the Redis at ``url``.

        :param options: settings without their ``sio.``, where they differ from the default:
            ``adapter='redis-streams'``, ``redis_prefix='myapp'``
        :raises ConfigurationError: there is no such setting
        """
        return cls(url, {f"sio.{name}": value for name, value in options.items()})

    @classmethod
    def from_ini(cls, uri: str) -> Self:
        """An emitter for the servers of an application.

        :param uri: its ini file, ``production.ini`` or ``production.ini#name``; the application
            is not loaded unless its section refers to another one
        :raises SioError: its settings name no Redis
        :raises ConfigurationError: they are wrong
        """
        settings = read_settings(uri)
        url = settings.get("sio.redis_url")
        if not url:
            raise SioError(f"{uri} has no sio.redis_url, so its servers cannot be reached")
        return cls(str(url), settings)

    def __repr__(self) -> str:
        return f"<Emitter {self._publisher.address}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections; it opens new ones if it is used again."""
        self._publisher.close()

    def of(self, path: str) -> EmitterNamespace:
        """A namespace, by name: none is known to be there or not."""
        from pyramid_sio.adapters.emitting import EmittingAdapter

        name = path if path.startswith("/") else "/" + path
        with self._lock:
            nsp = self._namespaces.get(name)
            if nsp is None:
                adapter = EmittingAdapter(name, self._new_line(name))
                nsp = EmitterNamespace(name, self, adapter)
                if len(self._namespaces) < MAX_KEPT:
                    self._namespaces[name] = nsp
        return nsp

    def chain(self) -> Broadcast:
        return self.of("/").chain()

    def server_side_emit(self, event: str, *args: Any) -> None:
        """See :meth:`EmitterNamespace.server_side_emit`; in the main namespace."""
        self.of("/").server_side_emit(event, *args)

    # What a chain asks of the server it belongs to.

    @staticmethod
    def in_loop(func: Callable[..., Any], *args: Any) -> Any:
        """Do it at once: there is no loop, and no transaction to wait for. Not for applications."""
        return func(*args)

    deliver = conclude = perform = in_loop


#: Namespaces that are kept ready; others are made anew each time.
MAX_KEPT = 100


def read_settings(uri: str) -> dict[str, Any]:
    """The ``sio.*`` settings of an application in an ini file, and nothing loaded for it."""
    import plaster

    loader = plaster.get_loader(uri)
    name = plaster.parse_uri(uri).fragment or "main"
    settings = loader.get_settings(f"app:{name}")
    if "sio.redis_url" not in settings:
        # It may be somewhere else: ``use = config:other.ini``, ``[DEFAULT]``, a pipeline.
        from pyramid.paster import get_appsettings

        settings = get_appsettings(uri)
    return {key: value for key, value in settings.items() if key.startswith("sio.")}


def _find_line(publisher: Any, values: Mapping[str, Any]) -> Callable[[str], Say]:
    """What makes, for a namespace, that by which its servers are told something."""
    from pyramid_sio.adapters.emitting import say_through
    from pyramid_sio.plugin import redis_rooms
    from pyramid_sio.plugin.rooms import AUTO, REDIS, SHARDED, STREAMS

    adapter = REDIS if values["adapter"] == AUTO else values["adapter"]
    make = {
        REDIS: redis_rooms.classic,
        SHARDED: redis_rooms.sharded,
        STREAMS: redis_rooms.streams,
    }.get(adapter)
    if make is None:
        raise AdapterError(f"sio.adapter = {adapter}: its servers cannot be reached")
    new_line = make(values, link=publisher, complaints=Ignored())
    return lambda name: say_through(new_line(name))
