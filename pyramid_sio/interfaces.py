"""The seams: what one room expects of another, and nothing about how it is done.

``engine`` and ``sockets`` are neighbours and never import each other; they meet here,
and ``plugin`` wires them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from zope.interface import Interface

from pyramid_sio.errors import DisconnectReason, ProtocolError
from pyramid_sio.protocol.packets import Message, SocketPacket


class IHandshake(Protocol):
    """What is kept of the request that opened a connection."""

    #: Whatever a room above keeps with the connection.
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
    """What carries a session. Implemented in ``engine.transports``; nothing here waits."""

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
    """Who gets what a WebSocket carries: a session, or a candidate for one."""

    def receive_text(self, text: str) -> None: ...
    def receive_binary(self, data: bytes) -> None: ...
    def refuse(self, error: ProtocolError) -> None: ...
    def transport_ended(self, reason: DisconnectReason) -> None: ...
    def hold_if_behind(self, received: int) -> bool: ...


class IEngineHandler(Protocol):
    """Who hears a session. Implemented in ``sockets.client``; called in the loop: never waits.

    ``on_text`` and ``on_binary`` raise ``ProtocolError`` for what the peer got wrong.
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
    """Where packets for one client of a namespace go: its session, once it is connected."""

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
    """Is told what all sessions do; must not wait, nor raise. Sizes are in bytes."""

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


class ITarget(Protocol):
    """Whom a broadcast is for: the union of rooms (none: everybody), minus some."""

    @property
    def rooms(self) -> frozenset[str]: ...
    @property
    def excluded(self) -> frozenset[str]: ...


class IFlags(Protocol):
    """How to send."""

    @property
    def volatile(self) -> bool: ...
    @property
    def compress(self) -> bool: ...
    @property
    def local(self) -> bool: ...


class IQuestion(Protocol):
    """A broadcast that clients of other servers were asked to acknowledge. In the loop."""

    @property
    def clients(self) -> int:
        """Clients of other servers known to have been asked."""

    @property
    def answers(self) -> Sequence[Any]:
        """The first argument of each answer that came from other servers."""

    @property
    def complete(self) -> bool:
        """Have all servers said how many clients they have, and have those answered?"""

    def count(self, timeout: float) -> None:
        """Find out how many servers were asked; may wait."""

    def end(self) -> None:
        """Nobody waits any more."""


class IAdapter(Protocol):
    """Rooms of one namespace, and the way to the same namespace on other servers.

    ``adapters.memory`` is complete by itself; the others delegate to it. With ``local=True``
    a verb means the clients of this process only.
    """

    def attach(self, nsp: Any) -> None:
        """The namespace is there; must not be kept alive by its adapter."""

    def enter(self, socket: Any) -> None:
        """A connection is about to be in the namespace. ``remove`` ends that."""

    def add(self, socket: Any, rooms: Iterable[str]) -> None: ...
    def remove(self, socket: Any, rooms: Iterable[str]) -> None: ...

    def select(self, target: ITarget) -> Iterable[Any]:
        """The connections of this process that are meant."""

    def broadcast(self, packet: SocketPacket, target: ITarget, flags: IFlags) -> None: ...
    def broadcast_with_ack(
        self, packet: SocketPacket, target: ITarget, flags: IFlags
    ) -> Iterable[Any]:
        """Send to the connections of this process; each is named before it is sent to."""

    def ask_others(
        self, packet: SocketPacket, target: ITarget, flags: IFlags, changed: Callable[[], None]
    ) -> IQuestion | None:
        """Send the same to other servers; None: there are none. Does not wait.

        :param changed: called when an answer came
        """

    def fetch(self, target: ITarget, local: bool = False) -> list[Any]:
        """Everybody selected, here and on other servers. May wait.

        :raises AckTimeout: a server did not answer in time
        """

    def all_rooms(self) -> set[str]:
        """The rooms that have members, anywhere, each client's own included. May wait.

        :raises AckTimeout: a server did not answer in time
        """

    def server_count(self) -> int:
        """The servers of this namespace, this one included. May wait.

        :raises AdapterError: that cannot be found out now
        """

    def users(self, target: ITarget) -> Iterable[Any]:
        """The users of the connections selected in this process; never None."""

    def join(self, target: ITarget, rooms: Iterable[str], local: bool = False) -> None: ...
    def leave(self, target: ITarget, rooms: Iterable[str], local: bool = False) -> None: ...
    def disconnect(self, target: ITarget, close: bool, local: bool = False) -> None: ...

    def server_side_emit(self, args: Sequence[Any], timeout: float | None) -> list[Any]:
        """Say something to the other servers; with a time-out, wait for their answers.

        :raises AckTimeout: not all answered in time; ``responses`` holds what came
        """

    def close(self) -> None: ...


class IRecoveringAdapter(IAdapter, Protocol):
    """An adapter whose clients can come back after their connection broke.

    Its broadcasts add an offset as last argument. Used if the server has a ``Recovery``.
    """

    def begin(self, socket: Any) -> str:
        """A new client; the secret by which it can prove that it is back."""

    def restore(self, socket: Any, pid: str, offset: str | None) -> Any:
        """What was kept of a client (a ``Recovered``), which is ``socket`` from now on; or None.

        None if anything may be lost. May wait, but not once it knows what was missed.

        :param offset: of the last event the client got, as it says; None: it got none
        """

    def send(self, socket: Any, packet: SocketPacket, flags: IFlags) -> None:
        """An event for one client, who may be on its way in, or away."""

    def keep(self, socket: Any) -> None:
        """A client's connection broke, and its ``on_disconnect`` has ended."""

    def drop(self, socket: Any) -> None:
        """A client will not come back."""


class IEndpoint(Interface):  # type: ignore[misc]
    """Marks the endpoint of an application in its registry."""
