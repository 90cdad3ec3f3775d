"""One event's way through the package, hop by hop: a map for newcomers.

A client says ``message`` in the namespace ``/chat`` and wants it acknowledged. The test sends
the bytes of that frame down a pair of sockets and asserts what each module makes of them, in
the order of ``docs/design.rst``, until the acknowledgement's bytes come back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from pyramid.authorization import ACLHelper, Allow
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.threadlocal import get_current_request

from pyramid_sio import Namespace, on
from pyramid_sio.engine.server import EngineServer
from pyramid_sio.engine.session import Session
from pyramid_sio.engine.transports.websocket import WebSocketTransport
from pyramid_sio.errors import DisconnectReason
from pyramid_sio.interfaces import IEndpoint
from pyramid_sio.plugin.context import Invoker
from pyramid_sio.plugin.endpoint import Endpoint
from pyramid_sio.plugin.frames import Frame
from pyramid_sio.plugin.handshake import Handshake
from pyramid_sio.plugin.security import Security
from pyramid_sio.protocol.frames import FrameReader
from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType
from pyramid_sio.protocol.socket_v5 import Encoder
from pyramid_sio.sockets.client import Client
from tests.engine.wire import Wire, client_frame
from tests.fakes import until


class Trace:
    """Writes down the hops of an event.

    :param monkeypatch: puts the spies in place
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.hops: list[tuple[str, Any]] = []

    def stop(self) -> None:
        """Take the spies away."""
        self._monkeypatch.undo()

    def note(self, hop: str, value: Any) -> None:
        self.hops.append((hop, value))

    def spy(self, owner: Any, name: str, hop: str, what: Callable[..., Any]) -> None:
        """Note ``what(*args)`` whenever ``owner.name(*args)`` is called."""
        original = getattr(owner, name)

        def spying(*args: Any, **options: Any) -> Any:
            self.note(hop, what(*args))
            return original(*args, **options)

        self._monkeypatch.setattr(owner, name, spying)


class Policy:
    """The user is whom the cookie names; what they may is the context's ``__acl__``."""

    def identity(self, request: Request) -> Any:
        return request.cookies.get("user")

    def authenticated_userid(self, request: Request) -> Any:
        return request.cookies.get("user")

    def permits(self, request: Request, context: Any, permission: str) -> Any:
        return ACLHelper().permits(context, [request.authenticated_userid], permission)


@pytest.fixture
def trace(monkeypatch: pytest.MonkeyPatch) -> Trace:
    return Trace(monkeypatch)


@pytest.fixture
def endpoint(trace: Trace) -> Iterator[Endpoint]:
    """An application with the namespace ``/chat``."""

    class Chat(Namespace):
        @on("message", permission="write")
        def say(self, text: str) -> str:
            trace.note("the handler", (type(self).__name__, text))
            trace.note("its user", self.request.authenticated_userid)
            trace.note("its request is the current one", get_current_request() is self.request)
            trace.note("its greenlet", type(gevent.getcurrent()).__name__)
            return text.upper()

    def context(request: Request) -> Any:
        return SimpleNamespace(__acl__=[(Allow, "ada", "write")])

    with Configurator() as config:
        config.include("pyramid_sio")
        config.set_security_policy(Policy())
        config.add_sio_namespace("/chat", Chat, factory=context)
    endpoint: Endpoint = config.registry.getUtility(IEndpoint)
    yield endpoint
    trace.stop()
    for session in list(endpoint.engine.sessions.values()):
        session.end(DisconnectReason.FORCED_CLOSE)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with closing(Wire()) as wire:
        yield wire


@pytest.fixture
def session(endpoint: Endpoint, wire: Wire) -> Session:
    """Ada's connection, which is in the namespace already."""
    environ = Request.blank("/socket.io/", headers={"Cookie": "user=ada"}).environ
    session = endpoint.engine.open_websocket(Handshake(environ), wire.server)
    wire.send_text("40/chat,")
    opening, connected = wire.expect(2)
    assert opening.payload.startswith(b'0{"sid":"')
    assert connected.payload.startswith(b'40/chat,{"sid":"')
    return session


def test_an_event_and_its_acknowledgement(
    endpoint: Endpoint,
    session: Session,
    wire: Wire,
    trace: Trace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = '42/chat,7["message","hello"]'
    frame = client_frame(0x1, text.encode())
    packet = SocketPacket(SocketType.EVENT, "/chat", ["message", "hello"], 7)

    # In: the loop sees that the socket can be read. What follows happens there, without waiting.
    trace.spy(FrameReader, "feed", "protocol/frames cuts bytes into", lambda reader, data: data)
    trace.spy(Session, "receive_text", "engine/session gets a packet", lambda session, text: text)
    trace.spy(Client, "on_text", "sockets/client gets a message", lambda client, text: text)
    generation = endpoint.sio.generations[session.revision]
    decode_header = generation.decode

    def decode(*args: Any, **options: Any) -> Any:
        decoded = decode_header(*args, **options)
        # A copy, because its list becomes the handler's arguments.
        trace.note("protocol/socket_v5 decodes it to", deepcopy(decoded))
        return decoded

    monkeypatch.setattr(generation, "decode", decode)
    trace.spy(
        Session,
        "submit",
        "engine/session queues a job",
        lambda session, func, *args: (func.__qualname__, *deepcopy(args)),
    )
    # The queue: from here on it runs in a greenlet of the dispatcher, which may wait.
    trace.spy(Client, "_run_event", "engine/dispatcher runs it in", lambda *args: dispatcher())
    trace.spy(
        Security,
        "check",
        "plugin/security checks",
        lambda security, request, permission, context: permission,
    )
    trace.spy(
        Invoker,
        "invoke",
        "plugin/context calls",
        lambda invoker, socket, func, args: func.__name__,
    )
    trace.spy(
        Frame, "__missing__", "plugin/frames makes", lambda frame, key: f"a {key}, when asked for"
    )
    # Out.
    trace.spy(Encoder, "encode_ack", "protocol/socket_v5 encodes", lambda encoder, *args: args)
    trace.spy(Session, "send", "engine/session sends", lambda session, message, *how: message.text)
    trace.spy(
        WebSocketTransport,
        "send",
        "engine/transports/websocket sends",
        lambda transport, message, *how: how,
    )

    wire.client.sendall(frame)
    until(lambda: trace.hops and trace.hops[-1][0] == "engine/transports/websocket sends")

    assert trace.hops == [
        ("protocol/frames cuts bytes into", frame),
        ("engine/session gets a packet", text),
        ("sockets/client gets a message", '2/chat,7["message","hello"]'),
        ("protocol/socket_v5 decodes it to", (packet, 0)),
        (
            "engine/session queues a job",
            (Client._run_event.__qualname__, "/chat", ["message", "hello"], 7),
        ),
        ("engine/dispatcher runs it in", "_Worker"),
        ("plugin/context calls", "_handle"),
        ("plugin/frames makes", "a request, when asked for"),
        ("plugin/security checks", "write"),
        ("the handler", ("Chat", "hello")),
        ("its user", "ada"),
        ("its request is the current one", True),
        ("its greenlet", "_Worker"),
        ("protocol/socket_v5 encodes", ("/chat", ("HELLO",), 7)),
        ("engine/session sends", b'3/chat,7["HELLO"]'),
        ("engine/transports/websocket sends", (False, True)),
    ]
    assert wire.read() == b"\x81\x12" + b'43/chat,7["HELLO"]', "and this is what the client reads"


def dispatcher() -> str:
    return type(gevent.getcurrent()).__name__


def test_an_emit_to_a_room_is_encoded_and_framed_once(
    endpoint: Endpoint, session: Session, wire: Wire, trace: Trace
) -> None:
    """The other way: from a view to everybody in a room."""
    (ada,) = endpoint.sio.of("/chat").fetch()
    ada.join("lobby")
    nsp = endpoint.sio.of("/chat")
    packet = SocketPacket(SocketType.EVENT, "/chat", ("news", 1))

    trace.spy(
        EngineServer, "in_loop", "engine/server runs in the loop", lambda engine, func, *args: args
    )
    trace.spy(
        type(nsp.adapter), "select", "adapters/memory selects", lambda adapter, target: target
    )
    trace.spy(Encoder, "encode", "protocol/socket_v5 encodes", lambda encoder, packet: packet)
    messages: list[Message] = []
    trace.spy(
        Session,
        "send",
        "engine/session sends",
        lambda session, message, *how: messages.append(message),
    )

    chain = nsp.to("lobby")
    assert repr(chain).startswith("<Broadcast /chat Target(rooms=frozenset({'lobby'})")
    chain.emit("news", 1)

    (_, (sent, target, flags)), *hops = trace.hops
    assert sent == packet
    assert target.rooms == {"lobby"}
    assert not flags.volatile
    assert hops == [
        ("adapters/memory selects", target),
        ("protocol/socket_v5 encodes", packet),
        ("engine/session sends", None),
    ]
    (message,) = messages
    assert message.text == b'2/chat,["news",1]'
    assert message.frame == b"\x81\x12" + b'42/chat,["news",1]', "kept for all other receivers"
    wire.expect_texts('42/chat,["news",1]')
