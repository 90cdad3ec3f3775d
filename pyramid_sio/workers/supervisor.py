"""The process that starts workers, watches them and replaces them. It serves nothing itself.

Upstream: ``serve``, before anything is patched. Downstream: each worker, by a socket pair.

Workers are forked here, in a process with one thread, without gevent's hub and without the
application: nothing that a fork could break exists yet. Each worker patches and loads the
application by itself, so that a reload brings new code, and no memory is shared that would
have to be kept apart.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from pyramid_sio.workers.children import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    Child,
    Slot,
    how_it_ended,
    watch_files,
)
from pyramid_sio.workers.member import Member, tags
from pyramid_sio.workers.watchdog import Watchdog, is_silent

logger = logging.getLogger(__name__)

#: A worker that served for so many seconds is no failure; its successor starts at once.
GOOD_LIFE = 10.0
#: Seconds that a worker may take longer to end than it says, before it is killed.
GRACE = 5.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Supervisor:
    """Starts as many workers as there are sockets that listen.

    :param listeners: one for each worker
    :param shutdown_timeout: seconds that a worker may take to end
    :param reload_spread: seconds over which clients of an old worker are told to come back
    :param worker_timeout: seconds without a sign of life after which a worker is replaced; 0: none
    :param announcement: what is printed once all workers serve; is given what joins them
    """

    def __init__(
        self,
        listeners: list[socket.socket],
        *,
        shutdown_timeout: float,
        reload_spread: float,
        worker_timeout: float,
        announcement: Callable[[str], str],
    ) -> None:
        self._listeners = listeners
        self._shutdown_timeout = shutdown_timeout
        self._reload_spread = reload_spread
        self._announcement = announcement
        self._watchdog = Watchdog(worker_timeout)
        self._slots = [Slot() for _ in listeners]
        self._children: dict[int, Child] = {}
        self._tags = tags()
        self._directory = Path(tempfile.mkdtemp(prefix="pyramid_sio-"))
        self._selector = selectors.DefaultSelector()
        #: Slots whose worker is still to be replaced by a reload.
        self._to_reload: deque[int] = deque()
        self._stopping = False
        #: True once every worker has served.
        self._serves = False
        #: Slots whose listeners others are to look after.
        self._orphans: list[int] = []
        self._status = 0
        self._signals, self._wakeup = socket.socketpair()

    def run(self) -> Member:
        """Supervise. Returns in each worker; where it was called it never does.

        :raises SystemExit: all workers have ended
        """
        self._signals.setblocking(False)
        self._wakeup.setblocking(False)
        self._selector.register(self._signals, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        # What comes is read from the other end.
        handlers = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
        try:
            while not self._stopping or self._children:
                member = self._start_due()
                if member is not None:
                    signal.set_wakeup_fd(-1)
                    for number in handlers:
                        signal.signal(number, signal.SIG_DFL)
                    # A terminal sends it to all processes; the supervisor says what is to be.
                    signal.signal(signal.SIGINT, signal.SIG_IGN)
                    return member
                self._wait()
                self._reap()
                if self._watchdog.look(self._children.values()):
                    self._tell_members()
                self._kill_late()
        except BaseException:
            self._kill_all()
            raise
        shutil.rmtree(self._directory, ignore_errors=True)
        raise SystemExit(self._status)

    # Starting.

    def _start_due(self) -> Member | None:
        """Start what is missing; the new worker's membership, in that worker."""
        if self._stopping:
            return None
        now = time.monotonic()
        for number, slot in enumerate(self._slots):
            if slot.child is None and slot.successor is None and slot.start_at <= now:
                member = self._fork(number)
                if member is not None:
                    return member
        while self._to_reload and all(
            slot.successor is None or slot.successor.ready for slot in self._slots
        ):
            number = self._to_reload.popleft()
            member = self._fork(number) if self._slots[number].child is not None else None
            if member is not None:
                return member
        return None

    def _fork(self, number: int) -> Member | None:
        taken = {child.tag for child in self._children.values()}
        tag = next(tag for tag in self._tags if tag not in taken)
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            # Or workers would not notice the end of the supervisor.
            for sock in (ours, self._signals, self._wakeup):
                sock.close()
            for child in self._children.values():
                child.control.close()
            self._selector.close()
            return Member(
                number,
                tag,
                directory=self._directory,
                control=theirs,
                listeners=self._listeners,
                beat=self._watchdog.interval,
            )
        theirs.close()
        ours.setblocking(False)
        child = self._children[pid] = Child(pid, number, tag, ours)
        self._selector.register(ours, selectors.EVENT_READ, child)
        slot = self._slots[number]
        if slot.child is None:
            slot.child = child
        else:
            slot.successor = child
        return None

    # Waiting, for signals and for what workers say.

    def _wait(self) -> None:
        for key, _ in self._selector.select(self._patience()):
            if key.data is None:
                self._hear_signals()
            else:
                self._hear(key.data)

    def _patience(self) -> float | None:
        now = time.monotonic()
        moments = [child.kill_at for child in self._children.values() if child.kill_at is not None]
        if not self._stopping:
            moments += [slot.start_at for slot in self._slots if slot.child is None]
        if self._watchdog.due is not None:
            moments.append(self._watchdog.due)
        return max(min(moments) - now, 0.0) if moments else None

    def _hear_signals(self) -> None:
        for number in self._signals.recv(64):
            if number == signal.SIGHUP:
                self._reload()
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._stop()

    def _hear(self, child: Child) -> None:
        try:
            data = child.control.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(child.control)
        for news in child.lines.feed(data):
            child.has_beaten = True
            if news.get("present"):
                child.present = True
                self._tell_members()
            if news.get("gone"):
                child.gone = True
                self._tell_members()
            if news.get("ready"):
                self._welcome(child, str(news.get("joined", "")))
            if "files" in news:
                watch_files(news["files"])

    def _welcome(self, child: Child, joined: str) -> None:
        """A worker serves now.

        :param joined: what joins it to the others, as it says
        """
        child.ready = True
        successors = [slot.successor for slot in self._slots if slot.successor is not None]
        if not self._to_reload and all(successor.ready for successor in successors):
            # All at once, so that no client is sent from one old worker to another.
            for successor in successors:
                slot = self._slots[successor.slot]
                old, slot.child, slot.successor = slot.child, successor, None
                if old is not None:
                    self._retire(old, successor)
        self._tell_members()
        if not self._serves and all(slot.child and slot.child.ready for slot in self._slots):
            self._serves = True
            print(self._announcement(joined), flush=True)

    def _tell_members(self) -> None:
        """Tell all workers who is there, and whose listener has nobody to look after it."""
        present = [child for child in self._children.values() if child.present]
        settled = {slot.child for slot in self._slots}
        orphans = [
            number
            for number, slot in enumerate(self._slots)
            if self._serves and not (slot.child and slot.child.ready and not is_silent(slot.child))
        ]
        news = {
            "members": [child.tag for child in present],
            "doors": [child.tag for child in present if not child.gone],
            "serving": {child.tag: child.slot for child in settled if child and child.ready},
        }
        for child in present:
            mine = orphans if child in settled and child.ready else []
            child.tell(**news, listen=mine)

    # Ending.

    def _reload(self) -> None:
        """Start a new worker beside each; when all serve, the old ones end."""
        if self._stopping:
            return
        logger.info("reload: new workers start")
        # Those that start already do so with what there was before.
        self._end_successors()
        self._to_reload = deque(range(len(self._slots)))

    def _end_successors(self) -> None:
        """The new workers are not to be, after all."""
        self._to_reload.clear()
        for slot in self._slots:
            if slot.successor is not None and not slot.successor.leaving:
                self._end(slot.successor)

    def _retire(self, child: Child, successor: Child) -> None:
        child.leaving = True
        # Once for handlers that run while clients go, once for its end.
        patience = self._reload_spread + 2 * (self._shutdown_timeout + GRACE)
        child.kill_at = time.monotonic() + patience
        logger.info("%r serves in the place of %r, whose clients come over", successor, child)
        child.tell(retire=self._reload_spread, successor=successor.tag)

    def _stop(self) -> None:
        """End all workers; asked for twice, at once."""
        if self._stopping:
            self._status = 1
            self._kill_all()
            return
        self._stopping = True
        # A successor may want the port.
        for listener in self._listeners:
            listener.close()
        for child in list(self._children.values()):
            self._end(child)

    def _end(self, child: Child) -> None:
        child.leaving = True
        child.kill_at = time.monotonic() + self._shutdown_timeout + GRACE
        if child.ready:
            child.tell(stop=True)
        else:
            # It does not listen yet.
            os.kill(child.pid, signal.SIGTERM)

    def _kill_late(self) -> None:
        now = time.monotonic()
        for child in self._children.values():
            if child.kill_at is not None and child.kill_at <= now:
                logger.warning("%r did not end in time and is killed", child)
                child.kill_at = None
                os.kill(child.pid, signal.SIGKILL)

    def _kill_all(self) -> None:
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)

    def _reap(self) -> None:
        ended = list(self._ended())
        for child, status in ended:
            del self._children[child.pid]
            with contextlib.suppress(KeyError):
                self._selector.unregister(child.control)
            child.control.close()
            for kind in ("", ".bus", ".ask"):
                (self._directory / f"{child.tag}{kind}").unlink(missing_ok=True)
            self._mourn(child, status)
        if ended and not self._stopping:
            self._tell_members()

    def _ended(self) -> Iterator[tuple[Child, int]]:
        for child in list(self._children.values()):
            # Not whoever ends: others may have children in this process too.
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                yield child, os.waitstatus_to_exitcode(status)

    def _mourn(self, child: Child, status: int) -> None:
        """A worker has ended: see who takes its place."""
        slot = self._slots[child.slot]
        if slot.successor is child:
            slot.successor = None
            if not child.leaving:
                logger.error("reload: %r %s; the old workers stay", child, how_it_ended(status))
                self._end_successors()
            return
        if slot.child is not child:
            return
        slot.child, slot.successor = slot.successor, None
        if self._stopping:
            return
        if not self._serves and not child.ready:
            logger.error(
                "%r %s before it served; so the others end too", child, how_it_ended(status)
            )
            self._status = status if status > 0 else 1
            self._stop()
            return
        self._replace(child, slot, status)

    def _replace(self, child: Child, slot: Slot, status: int) -> None:
        now = time.monotonic()
        if child.ready and now - child.started >= GOOD_LIFE:
            slot.pause = FIRST_PAUSE
            pause = 0.0
        else:
            pause, slot.pause = slot.pause, min(2 * slot.pause, LONGEST_PAUSE)
        slot.start_at = now + pause
        logger.error(
            "%r %s; its clients connect anew, another worker starts %s",
            child,
            how_it_ended(status),
            f"in {pause:g} s" if pause else "now",
        )
