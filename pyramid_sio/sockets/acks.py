"""Acknowledgements that are still to come.

Upstream: ``emit(..., callback=)`` and ``call()`` register; ``sockets.client`` delivers.
Downstream: the callback, or whoever waits.

Answers are delivered when they arrive, not behind the events of their connection: a
handler that waits for an answer would otherwise wait for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pyramid_sio.errors import AckTimeout, SessionClosed
from pyramid_sio.interfaces import ISession

#: Called with the answer's arguments, or with None when there will be none.
Resolve = Callable[[Sequence[Any] | None], None]


class PendingAcks:
    """The acknowledgements one client owes one namespace. Made when the first is due."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[int, tuple[Resolve, Any]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, session: ISession, id: int, resolve: Resolve, timeout: float | None) -> None:
        """Expect an answer.

        :param resolve: called once, in the loop: must not wait
        :param timeout: seconds; None: as long as the connection lasts
        """
        timer = None
        if timeout is not None:
            timer = session.call_later(timeout, lambda: self.resolve(id, None))
        self._entries[id] = (resolve, timer)

    def resolve(self, id: int, args: Sequence[Any] | None) -> None:
        """An answer came, or won't. One that nobody expects is ignored."""
        entry = self._entries.pop(id, None)
        if entry is not None:
            resolve, timer = entry
            if timer is not None:
                timer.cancel()
            resolve(args)

    def resolve_all(self) -> None:
        """The connection is gone: nobody will answer."""
        for id in list(self._entries):
            self.resolve(id, None)


def to_callback(
    callback: Callable[..., Any], run: Callable[..., None], *, with_error: bool
) -> Resolve:
    """What hands an answer to ``callback``.

    :param run: called with the callback and its arguments; has it run where it may wait
    :param with_error: the first argument is None, or why there is no answer; without it the
        callback is not called then
    """

    def resolve(args: Sequence[Any] | None) -> None:
        if with_error:
            run(callback, (AckTimeout(),) if args is None else (None, *args))
        elif args is not None:
            run(callback, args)

    return resolve


class Answer:
    """What :meth:`Namespace.call` waits for."""

    __slots__ = ("_event", "args")

    def __init__(self, session: ISession) -> None:
        self._event = session.make_event()
        self.args: Sequence[Any] | None = None

    def resolve(self, args: Sequence[Any] | None) -> None:
        self.args = args
        self._event.set()

    def wait(self, session: ISession) -> Any:
        """Wait for it. One argument is returned as it is, several as a tuple, none as None.

        :raises AckTimeout: the client did not answer in time
        :raises SessionClosed: it is gone
        """
        self._event.wait()
        if self.args is None:
            if not session.is_open:
                raise SessionClosed("the client disconnected before it answered")
            raise AckTimeout()
        return unwrap(self.args)


def unwrap(args: Sequence[Any]) -> Any:
    """An acknowledgement's arguments as a Python value."""
    if len(args) == 1:
        return args[0]
    return tuple(args) if args else None


def wrap(result: Any) -> Sequence[Any]:
    """What a handler returned, as an acknowledgement's arguments."""
    if result is None:
        return ()
    return result if isinstance(result, tuple) else (result,)
