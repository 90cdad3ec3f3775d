"""Under an HTTP server with threads, such as waitress: a loop beside them, and handlers in threads.

Upstream: ``plugin.endpoint`` asks, when the first request comes, which thread is to run the
loop. Downstream: ``engine.loopthread`` starts one.

Requests are answered in the server's own threads, which hand over to the loop what they want
of the engine and wait. The application's code runs in native threads, so that it may block
as it does in views; ``get_current_request()`` there is the handler's own.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import ref

import gevent
from greenlet import getcurrent

from pyramid_sio.engine.loopthread import LoopThread, hand_over, in_native_thread
from pyramid_sio.engine.seats import Seats

if TYPE_CHECKING:
    from pyramid_sio.engine.server import EngineServer
    from pyramid_sio.interfaces import IInvoker
    from pyramid_sio.sockets.handlers import Handler
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.server import Definition, SioServer

logger = logging.getLogger(__name__)

#: Polls that may wait where nobody knows how many threads there are.
FEW = 2
#: Seconds between two looks at whether the HTTP server is about to end.
GLANCE = 0.2
#: Seconds that handlers are given when the process ends.
PATIENCE = 5.0


class ThreadedInvoker:
    """Runs the application's code in native threads.

    :param invoker: does it
    :param host: the threads
    """

    def __init__(self, invoker: IInvoker, host: LoopThread) -> None:
        self._invoker = invoker
        self._host = host

    def _apart(self, func: Callable[..., Any], *args: Any) -> Any:
        if in_native_thread():
            return func(*args)
        # A dispatcher's greenlet; another one may go on as long as its client is there.
        return self._host.call_apart(func, *args, is_handler=hasattr(getcurrent(), "kept"))

    def invoke(self, socket: Namespace, func: Callable[..., Any], args: Iterable[Any]) -> Any:
        return self._apart(self._invoker.invoke, socket, func, args)

    def request_of(self, socket: Namespace) -> Any:
        return self._invoker.request_of(socket)

    def choose(self, socket: Namespace, definitions: Sequence[Definition]) -> Definition:
        return self._apart(self._invoker.choose, socket, definitions)  # type: ignore[no-any-return]

    def admit(self, socket: Namespace) -> None:
        self._apart(self._invoker.admit, socket)

    def user_of(self, socket: Namespace) -> Any:
        return self._apart(self._invoker.user_of, socket)

    def enclose(self, socket: Namespace, func: Callable[..., Any], args: Iterable[Any]) -> Any:
        return self._apart(self._invoker.enclose, socket, func, args)

    def settle(self, definition: Definition) -> None:
        self._invoker.settle(definition)
        definition.settle(self._arranged)

    def _arranged(self, handler: Handler) -> Handler:
        around = handler.around
        if around is None:
            return handler
        return handler._replace(around=lambda socket, data: self._apart(around, socket, data))

    def guards(self, definition: Definition) -> bool:
        return self._invoker.guards(definition)

    def recheck(self, socket: Namespace) -> Sequence[str]:
        return self._apart(self._invoker.recheck, socket)  # type: ignore[no-any-return]

    def check_rooms(self, socket: Namespace, rooms: Iterable[str]) -> None:
        self._apart(self._invoker.check_rooms, socket, rooms)

    def shape(self, socket: Namespace, error: Exception) -> Exception:
        return self._apart(self._invoker.shape, socket, error)  # type: ignore[no-any-return]

    def tell(self, socket: Namespace, what: str, *facts: Any) -> None:
        self._apart(self._invoker.tell, socket, what, *facts)


class Threads:
    """The loop's thread of one endpoint, once it has one.

    :param values: the settings
    """

    def __init__(self, sio: SioServer, engine: EngineServer, values: Mapping[str, Any]) -> None:
        self._sio = sio
        self._engine = engine
        #: How many may wait in threads of the HTTP server; None: find out.
        self._waiting_polls: int | None = values["waiting_polls"]
        self._handler_threads: int = values["handler_threads"]
        self._lock = threading.Lock()
        self._host: LoopThread | None = None
        self._http: Any = None

    def find_out(self, environ: Mapping[str, Any]) -> None:
        """The first request has come: is a loop to be started? Any thread; idempotent."""
        if not environ.get("wsgi.multithread") or not in_native_thread():
            return
        with self._lock:
            if not self._engine.has_thread:
                self._http = _dispatcher_of(environ)
                self._start()

    def _start(self) -> None:
        settings = self._engine.settings
        host = self._host = LoopThread(threads=self._handler_threads, spare=settings.max_handlers)
        self._engine.seats = Seats(self._seats)
        invoker = ThreadedInvoker(self._sio.invoker, host)
        self._sio.run_in_threads(invoker, host.call_apart, self._stop)
        hand_over(host.calls, self._engine.adopt_thread, (), {})
        if self._http is not None:
            self._engine.in_loop(gevent.spawn, self._watch)
        _close_at_exit(self._sio)
        logger.info(
            "the HTTP server answers in threads: polling only, at most %d polls wait at once; "
            "see sio.waiting_polls",
            self._seats(),
        )

    def _seats(self) -> int:
        """How many polls may wait in threads."""
        if self._waiting_polls is not None:
            return self._waiting_polls
        count = 2 * FEW if self._http is None else len(self._http.threads)
        # The other half is for pages, and for what clients send.
        return max(count // 2, 1)

    def _watch(self) -> None:
        """In the loop: let polls go when the HTTP server wants to end; it waits for them."""
        while not self._engine.stopping:
            gevent.sleep(GLANCE)
            if self._http.stop_count > 0:
                self._engine.shut_down(PATIENCE)

    def _stop(self, patience: float) -> None:
        """End the loop, once all sessions have ended. Idempotent."""
        host, self._host = self._host, None
        if host is not None:
            host.stop(patience)
            # Nobody is to wait for a loop that has ended.
            self._engine.disown_thread()


def _dispatcher_of(environ: Mapping[str, Any]) -> Any:
    """What waitress has its threads from; None: another server, or one that has changed.

    It tells nobody how many threads it has, nor that it is about to end, so this looks where
    it is not asked to, and does without if it finds nothing.
    """
    asks = environ.get("waitress.client_disconnected")
    server = getattr(getattr(asks, "__self__", None), "server", None)
    dispatcher = getattr(server, "task_dispatcher", None)
    known = hasattr(dispatcher, "threads") and hasattr(dispatcher, "stop_count")
    return dispatcher if known else None


def _close_at_exit(sio: SioServer) -> None:
    """End the sessions before the process ends, unless the application is gone by then."""
    server = ref(sio)

    def close() -> None:
        sio = server()
        if sio is not None:
            sio.close(PATIENCE)

    atexit.register(close)
