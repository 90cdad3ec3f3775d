"""The seams: what one room expects of another, and nothing about how it is done.

``engine`` and ``sockets`` are neighbours and never import each other; they meet here,
and ``plugin`` wires them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from zope.interface import Interface

from pyramid_sio.errors import DisconnectReason, ProtocolError
from pyramid_sio.interfaces.adapting import IAdapter as IAdapter
from pyramid_sio.interfaces.adapting import IFlags as IFlags
from pyramid_sio.interfaces.adapting import IQuestion as IQuestion
from pyramid_sio.interfaces.adapting import IRecoveringAdapter as IRecoveringAdapter
from pyramid_sio.interfaces.adapting import ITarget as ITarget
from pyramid_sio.protocol.packets import Message, SocketPacket


class IHandshake(Protocol):
    """What is kept of the request that opened a connection: ``self.handshake``.

    :ivar query: the fields of its query string; of one that comes twice, the last
    :ivar headers: by names in lower case
    :ivar address: where the client is, as far as proxies that are trusted say so
    :ivar url: path and query string, with what the application is mounted at
    :ivar secure: did it come over TLS?
    :ivar xdomain: did it say which page it came from?
    :ivar issued: when it came, in seconds since 1970
    :ivar attached: whatever a room above keeps with the connection
    """

    attached: Any

    @property
    def query(self) -> Mapping[str, str]: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def address(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def secure(self) -> bool: ...
    @property
    def xdomain(self) -> bool: ...
    @property
    def issued(self) -> float: ...

    def environ(self) -> dict[str, Any]:
        """A fresh, clean WSGI environ that looks like the handshake's."""


class ISession(Protocol):
    """One Engine.IO connection, seen from Socket.IO. Implemented in ``engine.session``.

    Every method belongs to the thread that runs the loop; any greenlet of it may call.
    None of them waits.

    :ivar id: a secret of its client
    :ivar handshake: the request that opened it, an ``IHandshake``
    :ivar revision: of Engine.IO, as its client speaks it; 1 stands for Socket.IO 0.9
    :ivar transport_name: ``polling`` or ``websocket``, at this moment
    :ivar is_open: False once it is to end
    """

    id: str
    handshake: Any

    @property
    def revision(self) -> int: ...
    @property
    def transport_name(self) -> str: ...
    @property
    def is_open(self) -> bool: ...

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        """Send, or queue if the client is not ready; False if it was dropped."""

    def submit(self, func: Callable[..., Any], *args: Any) -> None:
        """Run ``func(*args)`` in a greenlet that may wait, after what was submitted before."""

    def submit_unordered(self, func: Callable[..., Any], *args: Any) -> None:
        """The same, without waiting for what was submitted before."""

    def spawn(self, func: Callable[..., Any], *args: Any) -> Any:
        """Start a greenlet; the result has ``kill(block=False)`` and ``rawlink(func)``."""

    def make_event(self) -> Any:
        """Something to wait on: ``set()``, and ``wait(timeout)`` which says if it was set."""

    def call_later(self, seconds: float, func: Callable[[], Any]) -> Any:
        """Call ``func()`` in the loop after ``seconds``; the result has ``cancel()``."""

    def complain(self, rule: str, detail: object = "", error: BaseException | None = None) -> None:
        """Log, within limits, what this client did wrong, or (``error``) made fail."""

    def close(self, reason: DisconnectReason = DisconnectReason.FORCED_CLOSE) -> None:
        """End the connection after what is queued has been written. Idempotent."""


class ITransport(Protocol):
    """What carries a session. Implemented in ``engine.transports``; nothing here waits.

    ``send`` does what that of a session does; ``ping`` asks the client whether it is there,
    ``pong`` answers it. Between ``cork`` and ``uncork``, what is sent is collected.

    :ivar name: as ``sio.transports`` has it
    """

    @property
    def name(self) -> str: ...

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool: ...
    def ping(self) -> None: ...
    def pong(self) -> None: ...

    def finish(self, reason: DisconnectReason) -> bool:
        """End after what is queued; False if the session must be kept until that is fetched."""

    def abort(self, reason: DisconnectReason) -> None:
        """End now."""

    def cork(self) -> None: ...
    def uncork(self) -> None: ...

    def pause(self) -> None:
        """Take in nothing of what the client sends."""

    def resume(self) -> None:
        """Take in what the client sends again."""


class IReceiver(Protocol):
    """Who gets what a WebSocket carries: a session, or a candidate for one.

    ``receive_text`` and ``receive_binary`` take one packet and raise ``ProtocolError`` if it ends
    the session; ``refuse`` ends it for that, and ``transport_ended`` says that the connection is
    gone. ``hold_if_behind`` accounts for bytes; True if nothing more is to be read for now.
    """

    def receive_text(self, text: str) -> None: ...
    def receive_binary(self, data: bytes) -> None: ...
    def refuse(self, error: ProtocolError) -> None: ...
    def transport_ended(self, reason: DisconnectReason) -> None: ...
    def hold_if_behind(self, received: int) -> bool: ...


class IEngineHandler(Protocol):
    """Who hears a session. Implemented in ``sockets.client``; called in the loop: never waits.

    ``on_text`` and ``on_binary`` take one message, and raise ``ProtocolError`` for what the peer
    got wrong. ``on_close`` is called once, when the session is over.
    """

    def on_text(self, text: str) -> None: ...
    def on_binary(self, data: bytes) -> None: ...
    def on_close(self, reason: DisconnectReason) -> None: ...


class IEncoder(Protocol):
    """Packets to messages, one for the whole server; any thread may call.

    Each method raises TypeError for what it cannot express.
    """

    def encode(self, packet: SocketPacket) -> Message:
        """A packet of any type, namespaces' own and refusals included."""

    def encode_event(self, namespace: str, args: Sequence[Any], id: int | None = None) -> Message:
        """An EVENT: its name, then its arguments."""

    def encode_ack(self, namespace: str, args: Sequence[Any], id: int) -> Message:
        """An ACK with its arguments."""


class IDecoder(Protocol):
    """Messages to packets, one for each connection; it may keep what came so far, within bounds.

    Called in the loop: never waits.
    """

    def add(self, chunk: str | bytes) -> SocketPacket | None:
        """Take one message of the connection; the packet it completes, or None.

        :raises ProtocolError: it is not what the parser's encoder would have made
        """


class IOut(Protocol):
    """Where packets for one client of a namespace go: its session, once it is connected.

    ``send`` does what that of a session does.
    """

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool: ...


class IInvoker(Protocol):
    """Runs the application's code for a namespace. Implemented in ``plugin.context``."""

    def invoke(self, socket: Any, func: Callable[..., Any], args: Iterable[Any]) -> Any:
        """``func(*args)``, with what the application expects around it."""

    def request_of(self, socket: Any) -> Any:
        """The request the application sees in ``socket.request``."""

    def enclose(self, socket: Any, func: Callable[..., Any], args: Iterable[Any]) -> Any:
        """The same as an event of its own, in a transaction, say. May raise ``ShapedError``."""

    def settle(self, definition: Any) -> None:
        """Configuration is complete: see once which of its handlers need more than a call."""

    def guards(self, definition: Any) -> bool:
        """Could a user who is in a namespace lose the right to be there?"""

    def choose(self, socket: Any, definitions: Sequence[Any]) -> Any:
        """The first definition that is meant for a client; the last if none is. Does not raise.

        :param socket: of no class of the application's yet
        """

    def admit(self, socket: Any) -> None:
        """:raises Exception: this client's user may not enter the namespace"""

    def recheck(self, socket: Any) -> Sequence[str]:
        """The same for one that is in, in ``enclose``; the rooms it may not be in."""

    def check_rooms(self, socket: Any, rooms: Iterable[str]) -> None:
        """:raises Exception: this client's user may not enter one of the rooms"""

    def shape(self, socket: Any, error: Exception) -> Exception:
        """What the application wants told about an error, as ``ShapedError``; or the error."""

    def tell(self, socket: Any, what: str, *facts: Any) -> None:
        """What happened to a client: ``connected``, ``refused`` with an error, ``disconnected``
        with a reason, ``failed`` with an event and an error. May wait; does not raise."""

    def user_of(self, socket: Any) -> Any:
        """Who the client's opening request came from, or None: something hashable."""


class IObserver(Protocol):
    """Is told who comes to namespaces and who goes; must not wait, nor raise."""

    def entering(self, socket: Any) -> None:
        """A client wants in; whether it may is decided next."""

    def refused(self, socket: Any) -> None:
        """It may not."""

    def entered(self, socket: Any) -> None:
        """It may: its CONNECT is sent next."""

    def left(self, socket: Any, reason: DisconnectReason) -> None:
        """It is gone; said just before ``on_disconnect`` is called, or queued."""


class IEngineWatcher(Protocol):
    """Is told what all sessions do; must not wait, nor raise. Sizes are in bytes.

    They are ``opened`` and ``closed``, and ``upgraded`` from polling to a WebSocket; packets are
    ``sent``.
    """

    def opened(self, session: ISession) -> None: ...
    def closed(self, session: ISession, reason: DisconnectReason) -> None: ...
    def upgraded(self, session: ISession) -> None: ...
    def received(self, size: int) -> None:
        """One packet with data; ``size`` is without its type."""

    def sent(self, packets: int, size: int) -> None: ...
    def dropped(self) -> None:
        """A message was not sent: it was volatile, and the client not ready."""


class IComplaints(Protocol):
    """Where goes what somebody did wrong. Implemented in ``engine.complaints``."""

    def add(
        self, rule: str, peer: str, detail: object = "", error: BaseException | None = None
    ) -> None:
        """Log, a few times a second for each rule, that ``peer`` broke it.

        :param rule: a fixed phrase
        :param error: what failed; its traceback follows
        """


class IEndpoint(Interface):  # type: ignore[misc]
    """Marks the endpoint of an application in its registry."""
