"""A namespace's instance without a server, for unit tests of handlers.

Upstream: tests. Downstream: the application's namespace class, whose methods a test calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import gevent
from gevent.event import Event
from pyramid.testing import DummyRequest

from pyramid_sio.adapters.memory import MemoryAdapter
from pyramid_sio.errors import DisconnectReason
from pyramid_sio.interfaces import IFlags, ITarget
from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType
from pyramid_sio.protocol.socket_v5 import Encoder
from pyramid_sio.sockets.namespace import Namespace
from pyramid_sio.sockets.server import Definition, SioServer
from pyramid_sio.testing.client import decode

_N = TypeVar("_N", bound=Namespace)


class Sent(NamedTuple):
    """An event that a handler emitted.

    :param rooms: to whom: rooms, or the client's own ``sid``; empty: everybody
    :param excluded: rooms, or clients, that were left out
    """

    event: str
    args: tuple[Any, ...]
    rooms: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()


class DummyServer:
    """What a dummy's handlers see of the server, and what came of it.

    :param request: what they get as ``self.request``
    """

    def __init__(self, request: Any) -> None:
        self.request = request
        #: Every event that was emitted, to whomever, in order.
        self.sent: list[Sent] = []
        #: How the client answers events that ask, by event: a value, or a function.
        self.answers: dict[str, Any] = {}
        self.sio = SioServer(
            invoker=_Invoker(request),
            adapter_factory=lambda sockets: _Adapter(sockets, self.sent),
            make_event=Event,
            in_loop=lambda func, *args: func(*args),
            spawn=gevent.spawn,
            encoder=Encoder(),
            connect_timeout=45.0,
            attachment_timeout=10.0,
            disconnect_grace=5.0,
            ack_timeout=60.0,
            max_attachments=10,
            max_attachment_bytes=10_000_000,
            max_held=10_000_000,
        )


def make_socket(
    cls: type[_N],
    *,
    path: str = "/",
    request: Any = None,
    auth: Any = None,
    sid: str = "dummy",
    user: Any = None,
    context: Any = None,
) -> tuple[_N, DummyServer]:
    """An instance of a namespace class that is connected, to nobody.

    Call its methods as the server would; what they emit is written down, what they raise is
    raised. Nothing runs in between: no permission is asked for, no transaction begun.

    :param path: the namespace's name
    :param request: ``self.request``; None: a ``pyramid.testing.DummyRequest``
    :param user: ``self.user``; None: the request's ``authenticated_userid``
    :param context: ``self.context``
    :returns: the instance, and what came of it: ``server.sent``, ``server.answers``
    """
    server = DummyServer(DummyRequest() if request is None else request)
    nsp = server.sio.define(Definition(path, cls))
    session = _Session(server)
    client: Any = server.sio.accept(session)
    socket = cls(client, nsp, sid, auth)
    session.socket = socket
    socket.context = context
    client.sockets[nsp.name] = nsp.sockets[sid] = socket
    socket.admit()
    if user is not None:
        socket.user = user
    return socket, server


class _Invoker:
    """Calls the application's code, and nothing around it."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def invoke(self, socket: Any, func: Callable[..., Any], args: Iterable[Any]) -> Any:
        return func(*args)

    def request_of(self, socket: Any) -> Any:
        return self._request

    def choose(self, socket: Any, definitions: Sequence[Any]) -> Any:
        return definitions[-1]

    def admit(self, socket: Any) -> None: ...

    def user_of(self, socket: Any) -> Any:
        return self._request.authenticated_userid

    enclose = invoke

    def settle(self, definition: Any) -> None: ...

    def guards(self, definition: Any) -> bool:
        return False

    def recheck(self, socket: Any) -> Sequence[str]:
        return ()

    def check_rooms(self, socket: Any, rooms: Iterable[str]) -> None: ...

    def shape(self, socket: Any, error: Exception) -> Exception:
        return error

    def tell(self, socket: Any, what: str, *facts: Any) -> None: ...


class _Adapter(MemoryAdapter):
    """Writes broadcasts down instead of sending them."""

    def __init__(self, sockets: dict[str, Namespace], sent: list[Sent]) -> None:
        super().__init__(sockets)
        self._sent = sent

    def broadcast(
        self,
        packet: SocketPacket,
        target: ITarget,
        flags: IFlags,
        messages: dict[object, Message] | None = None,
    ) -> None:
        event, *args = packet.data
        self._sent.append(Sent(event, tuple(args), target.rooms, target.excluded))


class _Handshake:
    """The opening request, as the dummy request has it."""

    address = "127.0.0.1"
    secure = False
    xdomain = False
    issued = 0.0

    def __init__(self, request: Any) -> None:
        self.url = str(getattr(request, "path_qs", "/"))
        self.query = dict(getattr(request, "params", {}))
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self._environ = dict(request.environ)

    def environ(self) -> dict[str, Any]:
        return dict(self._environ)


class _Timer:
    """A call in the future that does not come: a unit test has no time."""

    def cancel(self) -> None: ...


class _Session:
    """A connection that writes down what would go out."""

    id = "a-dummy-connection"
    revision = 4
    transport_name = "websocket"

    def __init__(self, server: DummyServer) -> None:
        self.is_open = True
        self.handshake = _Handshake(server.request)
        self.socket: Any = None
        self._server = server

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        packet = decode(message)
        if packet.type is SocketType.EVENT:
            self._event(packet)
        return True

    def _event(self, packet: SocketPacket) -> None:
        event, *args = packet.data
        self._server.sent.append(Sent(event, tuple(args), frozenset((self.socket.sid,))))
        if packet.id is not None:
            answer = self._server.answers.get(event)
            value = answer(*args) if callable(answer) else answer
            # None: nobody answers, as a time-out has it.
            self.socket.resolve_ack(packet.id, None if value is None else [value])

    def submit(self, func: Callable[..., Any], *args: Any) -> None:
        func(*args)

    submit_unordered = submit

    def spawn(self, func: Callable[..., Any], *args: Any) -> Any:
        return gevent.spawn(func, *args)

    def make_event(self) -> Any:
        return Event()

    def call_later(self, seconds: float, func: Callable[[], Any]) -> Any:
        return _Timer()

    def complain(self, rule: str, detail: object = "", error: BaseException | None = None) -> None:
        """:raises BaseException: what the application's code raised: a test wants to know"""
        if error is not None:
            raise error

    def close(self, reason: DisconnectReason = DisconnectReason.FORCED_CLOSE) -> None:
        self.is_open = False
