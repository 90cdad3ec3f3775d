"""What workers ask each other for: each answers for itself, on a unix socket of its own.

Upstream: ``plugin``, for pages that speak for all workers. Downstream: functions in
``Member.answers``, by topic, called in a greenlet.

A question is a line, an answer all that comes until the connection ends. There is no state between
questions, and a worker that does not answer in time is left out.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from typing import Any

import gevent
from gevent import socket as gevent_socket

from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.workers.member import Member

#: Seconds that a worker may take to answer.
PATIENCE = 2.0
#: Longest question, in bytes.
LONGEST = 1000
#: Questions that may wait to be accepted.
BACKLOG = 128


class Asking:
    """Answers what others ask, and asks them."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._complaints = Complaints(logging.getLogger(__name__))
        self._listener: Any = None
        self._acceptor: Any = None

    def start(self) -> None:
        """Answer from now on."""
        self._listener = gevent_socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self._path(self._member.tag))
        self._listener.listen(BACKLOG)
        self._acceptor = gevent.spawn(self._accept)

    def close(self) -> None:
        """Answer no more; harmless if that has not begun."""
        if self._listener is not None:
            self._acceptor.kill(block=False)
            self._listener.close()

    def _path(self, tag: str) -> str:
        return str(self._member.directory / f"{tag}.ask")

    # Answering.

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                gevent.spawn(self._answer, sock)

    def _answer(self, sock: Any) -> None:
        sock.settimeout(PATIENCE)
        with sock:
            try:
                topic = sock.makefile("rb").readline(LONGEST).decode().strip()
                answer = self._member.answers.get(topic)
                if answer is not None:
                    sock.sendall(answer())
            except Exception as error:  # noqa: BLE001 - the next question is to be answered
                failed = None if isinstance(error, OSError) else error
                self._complaints.add("a worker got no answer", self._member.tag, error, failed)

    # Asking.

    def ask_all(self, topic: str) -> dict[int, bytes | None]:
        """Ask all other workers that serve; waits, at most for ``PATIENCE``.

        :returns: the answer of each, by its slot; None: there was none in time
        """
        own = self._member.tag
        others = {tag: slot for tag, slot in self._member.serving.items() if tag != own}
        questions = {slot: gevent.spawn(self._ask, tag, topic) for tag, slot in others.items()}
        gevent.joinall(list(questions.values()), timeout=PATIENCE)
        answers = {slot: question.value for slot, question in questions.items()}
        gevent.killall(list(questions.values()), block=False)
        return answers

    def _ask(self, tag: str, topic: str) -> bytes | None:
        answer = bytearray()
        try:
            with gevent_socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(PATIENCE)
                sock.connect(self._path(tag))
                sock.sendall(f"{topic}\n".encode())
                while chunk := sock.recv(65536):
                    answer += chunk
        except OSError as error:
            self._complaints.add("a worker did not answer", tag, error)
            return None
        return bytes(answer) or None
