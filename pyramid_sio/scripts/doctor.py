"""``psio doctor URL``: connects like a browser, and says what is wrong and which line mends it.

Upstream: ``scripts.psio``. Downstream: ``scripts.visitor`` speaks to the server, through the
real proxy; ``scripts.inside`` looks into the ini file, if there is one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection

from pyramid_sio.scripts.findings import Report
from pyramid_sio.scripts.idling import Idling
from pyramid_sio.scripts.inside import inspect_ini
from pyramid_sio.scripts.visitor import Answer, Unreachable, Visitor

HELP = "connect like a browser, and say what is wrong with the way to the server"

#: Polls on connections of their own: several servers that know nothing of each other show.
TRIES = 6
UPGRADE_LINES = (
    "proxy_http_version 1.1;",
    "proxy_set_header Upgrade $http_upgrade;",
    'proxy_set_header Connection "upgrade";',
)
EIO = {"EIO": "4"}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help="where browsers go, as in https://example.com")
    parser.add_argument("--path", default="/socket.io/", help="sio.path, if it is another")
    parser.add_argument("--origin", help="of the page that connects, if it is on another site")
    parser.add_argument("--cookie", default="", help="cookies it has, as in 'session=abc'")
    parser.add_argument("--ini", help="look into the application and its server as well")
    parser.add_argument("--server-name", default="main", help="which [server:...] of the ini file")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds for each answer")
    parser.add_argument(
        "--idle",
        action="store_true",
        help="wait in silence for a heartbeat: what cuts idle clients",
    )
    parser.add_argument("--insecure", action="store_true", help="believe any certificate")


def run(args: argparse.Namespace, out: Callable[[str], None]) -> int:
    """Examine, and report; the exit status is 1 if something is wrong."""
    visitor = Visitor(
        args.url,
        path=args.path,
        origin=args.origin,
        cookies=args.cookie,
        timeout=args.timeout,
        verify=not args.insecure,
    )
    report = Report()
    Examination(visitor, report, idle=args.idle).run()
    if args.ini:
        inspect_ini(args.ini, args.server_name, report)
    report.write(out)
    return 0 if report.is_well else 1


class Examination:
    """One visit.

    :param report: where the findings go
    :param idle: sit still for a heartbeat, too
    """

    def __init__(self, visitor: Visitor, report: Report, *, idle: bool = False) -> None:
        self._visitor = visitor
        self._report = report
        self._idle = idle
        #: Seconds between two heartbeats.
        self._interval = 0.0
        self._upgrades: list[str] = []

    def run(self) -> None:
        try:
            if self._polling():
                self._websocket()
                self._upgrade()
                if self._idle:
                    opens = "websocket" in self._upgrades and self._report.is_well
                    Idling(self._visitor, self._interval, self._report).run(websocket=opens)
        except Unreachable as exc:
            self._report.wrong(
                "server",
                f"{self._visitor.own_origin} does not answer: {exc}",
                "is the server running, and is this its address? pserve production.ini",
                where="the shell",
            )

    # Polling.

    def _polling(self) -> bool:
        """Open a session and use it; False: nothing else needs to be tried."""
        answer = self._visitor.ask("GET", {**EIO, "transport": "polling"})
        if answer.status != 200 or not answer.body.startswith("0{"):
            self._explain_refusal(answer)
            return False
        opened = json.loads(answer.body[1:])
        self._upgrades = opened["upgrades"]
        self._interval = opened["pingInterval"] / 1000
        self._report.fine("polling", f"a session opens; heartbeat every {self._interval:g} s")
        self._look_at_headers(answer)
        return self._talk(opened["sid"])

    def _explain_refusal(self, answer: Answer) -> None:
        visitor, report = self._visitor, self._report
        if answer.status == 403 and answer.is_of_socket_io:
            self._explain_origin(answer)
        elif answer.status == 503 and answer.is_of_socket_io:
            report.wrong(
                "server",
                answer.message,
                "use = egg:pyramid_sio",
                where="[server:main]; or gunicorn -k pyramid_sio.gunicorn.Worker",
            )
        elif answer.status in (403, 404):
            report.wrong(
                "polling",
                f"{answer.status} at {visitor.path}: no Socket.IO is there",
                f"sio.path = {visitor.path}",
                where="[app:main], or let the proxy pass this path on; psio doctor --path names "
                "another",
            )
        elif answer.status in (502, 503, 504):
            report.wrong(
                "proxy",
                f"{answer.status} from {answer.server or 'a proxy'}: it does not reach the server",
                "proxy_pass http://127.0.0.1:6543;",
                where="nginx; the address must be that of [server:main]",
            )
        elif answer.status == 200:
            report.wrong(
                "polling",
                f"{visitor.path} is answered by something else: {answer.message!r}",
                "location /socket.io/ { proxy_pass http://127.0.0.1:6543; }",
                where="nginx, before what answers now",
            )
        else:
            report.wrong("polling", f"refused with {answer.status}: {answer.message}")

    def _explain_origin(self, answer: Answer) -> None:
        visitor, report = self._visitor, self._report
        if visitor.origin == visitor.own_origin:
            report.wrong(
                "origin",
                f"the site's own pages ({visitor.origin}) are refused: {answer.message}. The "
                "server takes itself for another host, or sio.allow_request refuses",
                "proxy_set_header Host $http_host;",
                "proxy_set_header X-Forwarded-Proto $scheme;",
                where="nginx",
            )
        else:
            report.wrong(
                "origin",
                f"pages of {visitor.origin} are refused: {answer.message}",
                f"sio.cors_origins = {visitor.origin}",
                where="[app:main]",
            )

    def _look_at_headers(self, answer: Answer) -> None:
        visitor, report = self._visitor, self._report
        if visitor.origin != visitor.own_origin:
            allowed = answer.headers.get("access-control-allow-origin")
            if allowed == "*":
                report.fine("origin", f"{visitor.origin} may connect, as any page, without cookies")
            elif allowed is not None:
                report.fine("origin", f"{allowed} may connect, with cookies")
            else:
                report.wrong(
                    "origin",
                    f"{visitor.origin} is let in, but no answer tells browsers so: something on "
                    "the way removes Access-Control-Allow-Origin",
                    "proxy_pass_header Access-Control-Allow-Origin;",
                    where="the proxy",
                )
        cookie = answer.headers.get("set-cookie")
        if cookie is not None:
            report.fine("cookies", f"the server sets {cookie.partition('=')[0]}")
            if visitor.secure and "secure" not in cookie.lower():
                report.wrong(
                    "cookies",
                    "a cookie set over https is not Secure: the server does not know of the https",
                    "proxy_set_header X-Forwarded-Proto $scheme;",
                    where="nginx",
                )
        if answer.headers.get("x-pyramid-sio") == "unpatched":
            report.wrong(
                "patching",
                "the server runs on gevent without having patched the standard library: one "
                "handler that waits stops everybody, and requests of different users get mixed up",
                "use = egg:pyramid_sio",
                where="[server:main]; in a program of your own, let its first two lines be "
                "'from gevent import monkey' and 'monkey.patch_all()'",
            )

    def _talk(self, sid: str) -> bool:
        """Send and receive, on connections of their own."""
        visitor, report = self._visitor, self._report
        query = {**EIO, "transport": "polling", "sid": sid}
        answer = visitor.ask("POST", query, "40")
        for _ in range(TRIES):
            if answer.status != 200:
                break
            answer = visitor.ask("GET", query)
            if "40" in answer.body or "44" in answer.body:
                report.fine("polling", "packets go both ways")
                return True
        if answer.status == 400 and "unknown" in answer.message.lower():
            report.wrong(
                "workers",
                "a request with a session's id came to a server that does not know it: several "
                "servers, and nothing that keeps a client with one",
                "hash $remote_addr$http_user_agent consistent;",
                where="nginx's upstream block; or run one server with workers of its own",
            )
        else:
            report.wrong("polling", f"the session does not work: {answer.status} {answer.message}")
        return False

    # WebSocket.

    def _websocket(self) -> None:
        if "websocket" not in self._upgrades:
            self._report.wrong(
                "websocket",
                "the server offers none, so clients stay with polling",
                "use = egg:pyramid_sio",
                where="[server:main]; or gunicorn -k pyramid_sio.gunicorn.Worker; and look at "
                "sio.transports and sio.allow_upgrades",
            )
            return
        opened = self._visitor.open({**EIO, "transport": "websocket"})
        if isinstance(opened, Answer):
            self._explain_websocket(opened)
            return
        with opened as socket:
            self._converse(socket, "websocket", "40", "40", "opens, and packets go both ways")

    def _explain_websocket(self, answer: Answer) -> None:
        proxy = answer.server or "something between here and the server"
        if answer.status == 403:
            self._explain_origin(answer)
        elif answer.status in (200, 400, 404, 426):
            self._report.wrong(
                "websocket",
                f"polling works, but the upgrade arrives without its headers ({answer.status} "
                f"{answer.message!r}): {proxy} does not pass Upgrade and Connection on",
                *UPGRADE_LINES,
                where=f"nginx, location {self._visitor.path}",
            )
        else:
            self._report.wrong("websocket", f"refused with {answer.status}: {answer.message}")

    def _upgrade(self) -> None:
        """From polling to a WebSocket, as browsers do it."""
        if "websocket" not in self._upgrades or not self._report.is_well:
            return
        visitor = self._visitor
        opened = visitor.ask("GET", {**EIO, "transport": "polling"})
        sid = json.loads(opened.body[1:])["sid"]
        socket = visitor.open({**EIO, "transport": "websocket", "sid": sid})
        if isinstance(socket, Answer):
            self._report.wrong("upgrade", f"refused with {socket.status}: {socket.message}")
            return
        with socket:
            if self._converse(socket, "upgrade", "2probe", "3probe", ""):
                socket.send("5")
                self._converse(socket, "upgrade", "40", "40", "polling changes to a WebSocket")

    def _converse(
        self, socket: ClientConnection, subject: str, said: str, expected: str, praise: str
    ) -> bool:
        """Say something, and wait for what has to come; CONNECT may be refused."""
        try:
            socket.send(said)
            for _ in range(TRIES):
                heard: Any = socket.recv(self._visitor.timeout)
                if str(heard).startswith((expected, "44" if expected == "40" else expected)):
                    if praise:
                        self._report.fine(subject, praise)
                    return True
        except (TimeoutError, WebSocketException) as exc:
            self._report.wrong(
                subject,
                f"opens, but then nothing comes through: {type(exc).__name__} {exc}".rstrip(),
                "proxy_buffering off;",
                where="nginx",
            )
            return False
        self._report.wrong(subject, f"said {said!r}, and {expected!r} did not come")
        return False
