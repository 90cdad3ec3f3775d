"""Stand-ins for what lies next to the room under test: a clock, a session, user code.

None of them waits. What the loop would do by itself is done when a test says so.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import gevent
import pytest

from pyramid_sio.errors import ConnectRefused, DisconnectReason, EventError, ShapedError
from pyramid_sio.interfaces import IEngineHandler
from pyramid_sio.protocol.packets import Message
from pyramid_sio.testing.clock import VirtualClock
from tests.support import PATIENCE


def until(condition: Callable[[], Any], *, what: str = "") -> Any:
    """Let the loop run until ``condition()`` is true; its answer. In vain: the test fails."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE:g} s in vain for {what or condition}")
        gevent.sleep(0.001)
    return answer


#: Seconds that pass when told to; the same as applications test with.
FakeClock = VirtualClock


class FakeHandshake:
    """What is kept of an opening request."""

    address = "192.0.2.7"
    url = "/socket.io/?EIO=4"
    secure = False
    xdomain = False
    issued = 1.0

    def __init__(self, environ: dict[str, Any] | None = None) -> None:
        self._environ = environ or {}
        self.attached: Any = None
        self.query: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    def environ(self) -> dict[str, Any]:
        return dict(self._environ)


class FakeTimer:
    """A call in the future of a :class:`FakeSession`."""

    def __init__(self, when: float, func: Callable[[], Any]) -> None:
        self.when = when
        self.func: Callable[[], Any] | None = func

    def cancel(self) -> None:
        self.func = None


class FakeJob:
    """What :meth:`FakeSession.spawn` returns; runs when the test calls :meth:`run`."""

    def __init__(self, func: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._func, self._args = func, args
        self._links: list[Callable[[FakeJob], Any]] = []
        self.killed = False

    def rawlink(self, callback: Callable[[FakeJob], Any]) -> None:
        self._links.append(callback)

    def kill(self, block: bool = True) -> None:
        assert not block, "whoever ends a connection must not wait for its jobs"
        self.killed = True

    def run(self) -> None:
        self._func(*self._args)
        for link in self._links:
            link(self)


class FakeEvent:
    """Something to wait on: waiting lets ``meanwhile`` happen, then looks.

    :param meanwhile: called with the time-out of a wait
    """

    def __init__(self, meanwhile: Callable[[float | None], Any]) -> None:
        self._meanwhile = meanwhile
        self._set = False

    def set(self) -> None:
        self._set = True

    def wait(self, timeout: float | None = None) -> bool:
        if not self._set:
            self._meanwhile(timeout)
        assert self._set or timeout is not None, "this would have waited for ever"
        return self._set


class FakeSession:
    """An Engine.IO connection as Socket.IO sees it, in slow motion.

    :param accept: makes what hears it, such as ``SioServer.accept``
    """

    revision = 4
    transport_name = "websocket"

    def __init__(self, accept: Callable[[FakeSession], IEngineHandler] | None = None) -> None:
        self.id = "the-secret-of-a-connection"
        self.handshake = FakeHandshake()
        self.is_open = True
        self.now = 0.0
        #: Each packet as text, followed by its attachments.
        self.sent: list[str | bytes] = []
        self.messages: list[Message] = []
        self.how: list[tuple[bool, bool]] = []
        self.closed_for: DisconnectReason | None = None
        self.jobs: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self.beside: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self.spawned: list[FakeJob] = []
        self.complaints: list[tuple[str, str]] = []
        #: What happens while somebody waits.
        self.meanwhile: Callable[[float | None], Any] = lambda timeout: None
        self.timers: list[FakeTimer] = []
        if accept is not None:
            self.handler = accept(self)

    # What Socket.IO asks of it.

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        if not self.is_open:
            return False
        self.messages.append(message)
        self.how.append((volatile, compress))
        assert message.text is not None
        self.sent += [message.text.decode(), *message.blobs]
        return True

    def submit(self, func: Callable[..., Any], *args: Any) -> None:
        self.jobs.append((func, args))

    def submit_unordered(self, func: Callable[..., Any], *args: Any) -> None:
        self.beside.append((func, args))

    def spawn(self, func: Callable[..., Any], *args: Any) -> FakeJob:
        self.spawned.append(FakeJob(func, args))
        return self.spawned[-1]

    def make_event(self) -> FakeEvent:
        return FakeEvent(lambda timeout: self.meanwhile(timeout))

    def call_later(self, seconds: float, func: Callable[[], Any]) -> FakeTimer:
        self.timers.append(FakeTimer(self.now + seconds, func))
        return self.timers[-1]

    def complain(self, rule: str, detail: object = "", error: BaseException | None = None) -> None:
        self.complaints.append((rule, str(detail)))

    def close(self, reason: DisconnectReason = DisconnectReason.FORCED_CLOSE) -> None:
        if self.is_open:
            self.is_open = False
            self.closed_for = reason
            self.handler.on_close(reason)

    # What a test does with it.

    def receive(self, *packets: str | bytes) -> None:
        """The client sends packets; what they ask for is queued."""
        for packet in packets:
            if isinstance(packet, bytes):
                self.handler.on_binary(packet)
            else:
                self.handler.on_text(packet)

    def lose(self, reason: DisconnectReason = DisconnectReason.TRANSPORT_CLOSE) -> None:
        """The connection breaks."""
        self.close(reason)

    def run(self) -> None:
        """Run what was submitted, the ordered jobs first."""
        while self.jobs or self.beside:
            func, args = (self.jobs or self.beside).popleft()
            func(*args)

    def advance(self, seconds: float) -> None:
        """Let time pass, and timers fire."""
        self.now += seconds
        due = sorted((t for t in self.timers if t.when <= self.now), key=lambda timer: timer.when)
        self.timers = [timer for timer in self.timers if timer.when > self.now]
        for timer in due:
            func, timer.func = timer.func, None
            if func is not None:
                func()

    @property
    def live_timers(self) -> int:
        return sum(timer.func is not None for timer in self.timers)

    def take(self) -> list[str | bytes]:
        """What was sent since the last time."""
        sent, self.sent = self.sent, []
        return sent


class FakeInvoker:
    """Calls user code and keeps a list of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, str]] = []
        self.permissions: set[str] = set()
        #: Who everybody is.
        self.user: Any = None
        #: Of several definitions of a namespace, the key of that for everybody.
        self.meant = ""
        #: Why nobody is admitted; None: everybody is.
        self.refusal: ConnectRefused | None = None
        #: What goes wrong when rights are looked at again; and the rooms nobody may be in.
        self.failure: Exception | None = None
        self.forbidden: set[str] = set()
        #: What is made of errors; None: nothing.
        self.shaped: ShapedError | None = None
        #: What the application was told.
        self.told: list[tuple[Any, ...]] = []

    def invoke(self, socket: Any, func: Callable[..., Any], args: Iterable[Any]) -> Any:
        self.calls.append((socket, func.__name__))
        return func(*args)

    def request_of(self, socket: Any) -> str:
        return f"a request of {socket.sid}"

    def enclose(self, socket: Any, func: Callable[..., Any], args: Iterable[Any]) -> Any:
        return self.invoke(socket, func, args)

    def settle(self, definition: Any) -> None:
        definition.settle(lambda handler: self._guarded(handler) if handler.permission else handler)

    def _guarded(self, handler: Any) -> Any:
        def around(socket: Any, data: list[Any]) -> Any:
            if not self.may(socket, handler.permission):
                raise EventError("Forbidden")
            return self.invoke(socket, handler.func, (socket, *data[1:]))

        return handler._replace(around=around)

    def shape(self, socket: Any, error: Exception) -> Exception:
        return self.shaped or error

    def tell(self, socket: Any, what: str, *facts: Any) -> None:
        # An error would keep alive what it passed through.
        plain = (repr(fact) if isinstance(fact, Exception) else fact for fact in facts)
        self.told.append((what, *plain))

    def guards(self, definition: Any) -> bool:
        return definition.permission is not None

    def recheck(self, socket: Any) -> list[str]:
        if self.failure is not None:
            raise self.failure
        self.admit(socket)
        return sorted(self.forbidden & socket.rooms)

    def check_rooms(self, socket: Any, rooms: Iterable[str]) -> None:
        if not self.permissions.issuperset(rooms):
            raise EventError("Forbidden")

    def choose(self, socket: Any, definitions: Sequence[Any]) -> Any:
        return next(d for d in definitions if d.key in ("", self.meant))

    def admit(self, socket: Any) -> None:
        if self.refusal is not None:
            raise self.refusal

    def user_of(self, socket: Any) -> Any:
        return self.user

    def may(self, socket: Any, permission: str) -> bool:
        return permission in self.permissions
