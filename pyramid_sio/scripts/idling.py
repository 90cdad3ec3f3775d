"""``psio doctor --idle``: does the way to the server survive that nothing is said?

Upstream: ``scripts.doctor``. Downstream: ``scripts.visitor``.

The server says something at least once in ``pingInterval``. A proxy that closes what is silent
sooner than that cuts off every client who has nothing to say, again and again.
"""

from __future__ import annotations

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor

from websockets.exceptions import ConnectionClosed

from pyramid_sio.scripts.findings import Report
from pyramid_sio.scripts.visitor import Answer, Unreachable, Visitor

#: Seconds beyond the interval in which the heartbeat may still come, and proxies should wait.
MARGIN = 5.0
EIO = {"EIO": "4"}
PING = "2"


class Idling:
    """Sits still over each transport at once, until the heartbeat comes or the connection ends.

    :param interval: seconds between two heartbeats, as the server says
    :param report: where the findings go
    """

    def __init__(self, visitor: Visitor, interval: float, report: Report) -> None:
        self._visitor = visitor
        self._interval = interval
        self._longest = interval + MARGIN
        self._report = report

    def run(self, *, websocket: bool) -> None:
        """
        :param websocket: False: the server offers none
        """
        with ThreadPoolExecutor(2) as threads:
            polled = threads.submit(self._poll)
            opened = threads.submit(self._sit) if websocket else None
            self._tell("polling", "a poll", polled.result())
            if opened is not None:
                self._tell("websocket", "the connection", opened.result())

    def _tell(self, transport: str, what: str, cut: tuple[float, str] | None) -> None:
        subject = f"idle {transport}"
        if cut is None:
            self._report.fine(subject, f"{what} waits for the heartbeat, and gets it")
            return
        seconds, why = cut
        if seconds >= self._interval:
            self._report.wrong(
                subject,
                f"no heartbeat came in {seconds:.0f} s ({why}), although the server sends one "
                f"every {self._interval:g} s: something on the way keeps it back",
                "proxy_buffering off;",
                where=f"nginx, location {self._visitor.path}",
            )
            return
        enough = math.ceil(self._interval + MARGIN)
        self._report.wrong(
            subject,
            f"{what} is cut off after {seconds:.0f} s of silence ({why}); the next heartbeat was "
            f"due after {self._interval:g} s, so idle clients come and go without end",
            f"proxy_read_timeout {max(enough, 60)}s;",
            where=f"nginx, location {self._visitor.path} (HAProxy: timeout server and timeout "
            "tunnel); or let sio.ping_interval be shorter than what cuts",
        )

    def _sit(self) -> tuple[float, str] | None:
        """Over a WebSocket: after how many seconds it was cut off, and how; None: it was not."""
        opened = self._visitor.open({**EIO, "transport": "websocket"})
        if isinstance(opened, Answer):
            return 0.0, f"{opened.status} {opened.message}"
        with opened as socket:
            socket.send("40")
            # The time counts from when the last thing was said.
            begin = time.monotonic()
            try:
                while (heard := socket.recv(self._remaining(begin))) != PING:
                    if str(heard).startswith(("40", "44")):
                        begin = time.monotonic()
            except TimeoutError:
                return time.monotonic() - begin, "the connection is still open"
            except ConnectionClosed as exc:
                return time.monotonic() - begin, str(exc)
            socket.send("3")
        return None

    def _poll(self) -> tuple[float, str] | None:
        """The same over polling."""
        visitor, query = self._visitor, {**EIO, "transport": "polling"}
        sid = json.loads(visitor.ask("GET", query).body[1:])["sid"]
        query["sid"] = sid
        visitor.ask("POST", query, "40")
        begin = time.monotonic()
        try:
            answer = visitor.ask("GET", query)
            while answer.status == 200 and PING not in answer.body.split("\x1e"):
                begin = time.monotonic()
                answer = visitor.ask("GET", query, timeout=self._remaining(begin))
        except Unreachable as exc:
            return time.monotonic() - begin, str(exc)
        if answer.status != 200:
            return time.monotonic() - begin, f"{answer.status} {answer.message}"
        visitor.ask("POST", query, "1")
        return None

    def _remaining(self, begin: float) -> float:
        return max(self._longest - (time.monotonic() - begin), 0.0)
