"""How long a poll may wait where waiting takes a thread of the HTTP server.

Upstream: ``plugin.threads``. Downstream: ``engine.transports.polling``.

A threaded server answers with as many threads as it has been given, four in waitress. If a
poll waited in each, no page would be answered any more. So some polls wait as they should,
in *seats*, and the others are answered soon with a packet that says nothing, upon which the
client polls again. The more threads do that, the longer each takes, so that all such
answers together are at most :data:`QUICK_ANSWERS` a second, however many clients there are.

Loop thread only.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyramid_sio.errors import LimitExceeded

if TYPE_CHECKING:
    from pyramid_sio.engine.transports.polling import Payload, PollingTransport

logger = logging.getLogger(__name__)

#: Polls a second that are told to come again.
QUICK_ANSWERS = 200
#: Seconds between two lines that say there are too few threads.
SILENCE = 60


class Seats:
    """The polls of one server that wait in its threads.

    :param limit: called for each poll; how many may wait
    :param clock: seconds, monotonic
    """

    def __init__(
        self, limit: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit = limit
        #: Requests that wait at this moment.
        self.taken = 0
        #: Threads with a poll that will be told to come again.
        self.hurried = 0
        self._clock = clock
        self._silent_until = 0.0

    def poll(self, transport: PollingTransport) -> Payload:
        """One poll's answer.

        :raises OverlapError: another poll of that client waits already
        """
        if self.taken < self.limit():
            payload: Payload = self.sit(transport.poll)
            return payload
        self._say_so()
        self.hurried += 1
        try:
            return transport.poll(self.hurried / QUICK_ANSWERS)
        finally:
            self.hurried -= 1

    def _say_so(self) -> None:
        now = self._clock()
        if now >= self._silent_until:
            self._silent_until = now + SILENCE
            logger.warning(
                "more clients poll than the %d that may wait in threads of this HTTP server: the "
                "others poll again and again; give it more threads, see sio.waiting_polls",
                self.limit(),
            )

    def sit(self, wait: Callable[[], Any]) -> Any:
        """Wait in a seat."""
        self.taken += 1
        try:
            return wait()
        finally:
            self.taken -= 1

    def wait_until_ready(self, transport: PollingTransport) -> None:
        """A POST may be answered once the client's handlers have caught up.

        A client that sends more than they can take would hold a thread; where no seat is
        left, it is disconnected.

        :raises ProtocolError: there was no seat
        """
        session = transport.session
        if session.lane.paused and self.taken >= self.limit():
            error = LimitExceeded("sio.max_inbox: handlers are behind, and no thread is free")
            session.refuse(error)
            raise error
        self.sit(transport.wait_until_ready)
