"""``BaseNamespace``, as people wrote it for gevent-socketio.

Upstream: ``compat.adapted`` makes one for each client in a namespace and hands it packets.
Downstream: the application's ``on_*`` and ``recv_*`` methods.

A packet is the dict it always was: ``type``, ``endpoint``, ``name``, ``args``, ``data``, ``id``
and ``ack``, whatever the client speaks.
"""

from __future__ import annotations

import functools
import inspect
import logging
import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid_sio.compat.adapted import Adapted
    from pyramid_sio.compat.virtual import Socket

logger = logging.getLogger(__name__)

#: Names of events that can lead to a method.
_EVENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ ]*")
Packet = dict[str, Any]


@functools.lru_cache(maxsize=4096)
def _signature(func: Callable[..., Any]) -> inspect.Signature:
    """What a function wants to be called with; looked up for each packet, so it is kept."""
    return inspect.signature(func)


def signature_of(method: Callable[..., Any]) -> inspect.Signature:
    """The same for a method, without ``self``."""
    func = getattr(method, "__func__", None)
    if func is None:
        return _signature(method)
    signature = _signature(func)
    parameters = list(signature.parameters.values())
    if parameters and parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:
        del parameters[0]
    return signature.replace(parameters=parameters)


class BaseNamespace:
    """One client in one namespace. Derive from it; ``on_<event>`` handles an event.

    The first thing that happens to an instance is ``initialize``, then ``recv_connect``.

    :param environ: of the request that opened the connection; ``socketio`` in it is the socket
    :param ns_name: ``'/chat'``, or ``''`` for the one that clients connect to by default
    :param request: what ``socketio_manage`` was given
    """

    #: Wraps each handler and each spawned function, if the class has one.
    exception_handler_decorator: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None

    def __init__(self, environ: dict[str, Any], ns_name: str, request: Any = None) -> None:
        self.environ = environ
        self.socket: Socket = environ["socketio"]
        #: Shared by all namespaces of the connection; gone when it ends.
        self.session: dict[str, Any] = self.socket.session
        self.ns_name = ns_name
        self._request = request
        self._link: Adapted = self.socket.links[ns_name]
        #: Has :meth:`disconnect` been called? Not for applications.
        self.has_left = False
        #: What ``spawn`` started and has not ended.
        self.jobs: list[Any] = []
        self.allowed_methods: Collection[str] | None = None
        self.reset_acl()
        # Last, so that mixins named after this class find everything in place.
        super().__init__()

    @property
    def request(self) -> Any:
        """What ``socketio_manage`` was given; else Pyramid's request of this event."""
        return self._link.request if self._request is None else self._request

    @request.setter
    def request(self, request: Any) -> None:
        self._request = request

    # Hooks.

    def initialize(self) -> None:
        """Called once, before anything else; every class above that has one is called too,
        the most derived first."""

    def recv_connect(self) -> None:
        """The client wants in. Raise ``pyramid_sio.ConnectRefused`` to refuse it."""

    def recv_disconnect(self) -> None:
        """The client has gone; what it left running ends in any case."""
        self.disconnect(silent=True)

    def recv_message(self, data: Any) -> Any:
        """A text that belongs to no event; what is returned is the acknowledgement."""
        return data

    def recv_json(self, data: Any) -> Any:
        """The same for anything else than a text."""
        return data

    def recv_error(self, packet: Packet) -> None:
        """The client says that something went wrong."""

    # Who may call what.

    def get_initial_acl(self) -> Collection[str] | None:
        """The methods (``'on_join'``, ``'recv_connect'``) that are open; None: all of them."""
        return None

    def reset_acl(self) -> None:
        """Go back to :meth:`get_initial_acl`."""
        acl = self.get_initial_acl()
        self.allowed_methods = None if acl is None else set(acl)

    def is_method_allowed(self, method_name: str) -> bool:
        """Is a method open to this client?"""
        return self.allowed_methods is None or method_name in self.allowed_methods

    def add_acl_method(self, method_name: str) -> None:
        """Open a method. If all were open, it is the only one from now on."""
        self.allowed_methods = {*(self.allowed_methods or ()), method_name}

    def del_acl_method(self, method_name: str) -> None:
        """Close a method.

        :raises ValueError: all are open, so that there is nothing to take it from
        :raises KeyError: it is not open
        """
        if self.allowed_methods is None:
            raise ValueError("no method is closed: say first which are open")
        remaining = set(self.allowed_methods)
        remaining.remove(method_name)
        self.allowed_methods = remaining

    def lift_acl_restrictions(self) -> None:
        """Open everything."""
        self.allowed_methods = None

    # What comes from the client.

    def process_packet(self, packet: Packet) -> Any:
        """Hand a packet to the method it is for; override it to do everything yourself.

        :returns: what the client is acknowledged with, if it asked for that
        """
        kind = packet["type"]
        if kind == "event":
            return self.process_event(packet)
        if kind in ("message", "json"):
            return self.call_method_with_acl(f"recv_{kind}", packet, packet["data"])
        if kind == "connect":
            return self.call_method_with_acl("recv_connect", packet)
        if kind == "disconnect":
            # Nobody may be kept from leaving.
            return self.call_method("recv_disconnect", packet)
        if kind == "error":
            return self.call_method_with_acl("recv_error", packet, packet)
        logger.debug("a packet of type %.50r is for nobody", kind)
        return None

    def process_event(self, packet: Packet) -> Any:
        """Call ``on_<name>``; spaces in the name are underscores there."""
        name = packet["name"]
        if not isinstance(name, str) or not _EVENT_NAME.fullmatch(name):
            self.error("unallowed_event_name", "an event's name is letters, digits, _ and spaces")
            return None
        method_name = f"on_{name.replace(' ', '_')}"
        return self.call_method_with_acl(method_name, packet, *packet["args"])

    def call_method_with_acl(self, method_name: str, packet: Packet, *args: Any) -> Any:
        """Call a method, if this client may."""
        if not self.is_method_allowed(method_name):
            self.error("method_access_denied", f"{_title(packet)} is not open to you")
            return None
        return self.call_method(method_name, packet, *args)

    def call_method(self, method_name: str, packet: Packet, *args: Any) -> Any:
        """Call a method whatever the client may: with the packet, if that is all it takes."""
        method = getattr(self, method_name, None)
        if not callable(method):
            self.error("no_such_method", f"nothing here handles {_title(packet)}")
            return None
        signature = signature_of(method)
        if list(signature.parameters) == ["packet"]:
            args = (packet,)
        try:
            signature.bind(*args)
        except TypeError as exc:
            self.error("invalid_method_args", f"{_title(packet)}: {exc}")
            return None
        return self._decorated(method)(*args)

    def _decorated(self, func: Callable[..., Any]) -> Callable[..., Any]:
        if self.exception_handler_decorator is None:
            return func
        decorated = self.exception_handler_decorator(func)
        if decorated is None:
            raise TypeError(
                f"{type(self).__qualname__}.exception_handler_decorator has to return a function"
            )
        return decorated

    # What goes to the client.

    def emit(self, event: str, *args: Any, **kwargs: Any) -> None:
        """Send an event.

        :param callback: called with what the client acknowledges it with
        :raises ValueError: for another keyword, or a name that clients keep for themselves
        """
        callback = kwargs.pop("callback", None)
        if kwargs:
            raise ValueError(
                f"emit() has no {', '.join(sorted(kwargs))}: arguments go by position, and a "
                "dict may be one of them"
            )
        self._link.emit(event, *self.socket.to_json(args), callback=callback)

    def send(
        self, message: Any, json: bool = False, callback: Callable[[], Any] | None = None
    ) -> None:
        """Send something that belongs to no event.

        :param json: it is no text
        :param callback: called, without arguments, once the client has it
        """
        self.socket.send_message(self.ns_name, message, json=json, callback=callback)

    def error(
        self, error_name: str, error_message: str, msg_id: Any = None, quiet: bool = False
    ) -> Any:
        """Have the connection's error handler deal with a fault of this client's."""
        return self.socket.error(
            error_name, error_message, endpoint=self.ns_name, msg_id=msg_id, quiet=quiet
        )

    def disconnect(self, silent: bool = False) -> None:
        """End this namespace for the client, with all that it has started.

        :param silent: accepted for old code; a client that does not know would go on sending,
            so it is told unless it has left by itself
        """
        self.has_left = True
        self.socket.forget(self)
        self._link.part()
        self.kill_local_jobs()

    # What runs beside.

    def spawn(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function beside the handlers; it is killed when the client goes.

        :returns: the greenlet
        """
        func = self._decorated(fn)

        def run() -> Any:
            return func(*args, **kwargs)

        job = self._link.spawn(run)
        self.jobs.append(job)
        job.rawlink(self._forget_job)
        return job

    def _forget_job(self, job: Any) -> None:
        if job in self.jobs:
            self.jobs.remove(job)

    def kill_local_jobs(self) -> None:
        """End what ``spawn`` started."""
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job.kill(block=False)


def _title(packet: Packet) -> str:
    """What to call a packet towards its sender, who is not told how methods are named."""
    return f"the event {packet['name']!r}" if packet["type"] == "event" else packet["type"]
