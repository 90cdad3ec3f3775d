"""``workers = N``: one port, several processes, and nobody notices; real clients of all kinds."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from select import select
from typing import Any

import pytest

from tests.conftest import Serve
from tests.functional.certificate import Certificate
from tests.functional.conftest import APP
from tests.functional.raw import frame, read_frame, read_head, upgrade_request
from tests.functional.wire import ask
from tests.functional.workers import (
    WORKERS,
    Crowd,
    NewCrowd,
    children_of,
    is_alive,
    wait_gone,
)
from tests.support import PATIENCE, Node, Server, wait_until


def tag_of(sid: str) -> str:
    return sid[:2]


class Keeping:
    """An HTTP connection that is kept, and what can be done on it."""

    def __init__(self, server: Server, context: ssl.SSLContext | None = None) -> None:
        options: dict[str, Any] = {"timeout": PATIENCE}
        kind: Any = HTTPConnection
        if context is not None:
            kind, options["context"] = HTTPSConnection, context
        self.connection = kind(server.host, server.port, **options)
        # The server must not close it: a new one would be opened without a word.
        self.connection.auto_open = False
        self.connection.connect()

    def fetch(self, method: str, query: str, body: str | None = None) -> tuple[int, str]:
        self.connection.request(
            method, f"/socket.io/?EIO=4&transport=polling{query}", body and body.encode()
        )
        response = self.connection.getresponse()
        return response.status, response.read().decode()

    def open(self) -> str:
        """A new session's id."""
        status, text = self.fetch("GET", "")
        assert status == 200
        return str(json.loads(text[1:])["sid"])

    def enter(self, sid: str) -> None:
        """Enter the main namespace."""
        assert self.fetch("POST", f"&sid={sid}", "40") == (200, "ok")
        assert self.fetch("GET", f"&sid={sid}")[1][:2] == "40"

    def echo(self, sid: str, text: str = "ä") -> None:
        assert self.fetch("POST", f"&sid={sid}", f'421["echo","{text}"]') == (200, "ok")
        assert self.fetch("GET", f"&sid={sid}") == (200, f'431["{text}"]')


def one_at_each(open_one: Callable[[], Keeping]) -> list[tuple[str, Keeping]]:
    """Sessions of two workers, each with a connection to its own."""
    found: dict[str, tuple[str, Keeping]] = {}

    def look() -> bool:
        one = open_one()
        sid = one.open()
        found.setdefault(tag_of(sid), (sid, one))
        return len(found) == 2

    wait_until(look, what="connections to both workers")
    return list(found.values())


@pytest.fixture(scope="module")
def server(serve_shared: Callable[..., Server]) -> Server:
    started = serve_shared(server=WORKERS)
    started.expect("Serving on ")
    return started


@pytest.fixture
def new_crowd(node: Node) -> NewCrowd:
    """``new_crowd(server, polling, websocket, upgrading)``: so many clients of each kind."""
    return lambda server, *counts: Crowd(node, "workers.js", server, *counts)


class TestServing:
    def test_says_how_many(self, server: Server) -> None:
        line = next(line for line in server.output.splitlines() if line.startswith("Serving on "))
        assert line.startswith(f"Serving on {server.url} (polling and WebSocket, gevent ")
        assert line.endswith(", 2 workers joined by ZeroMQ)")
        assert "rooms shared among workers" in server.output

    def test_clients_of_all_kinds_lose_nothing(self, server: Server, new_crowd: NewCrowd) -> None:
        crowd = new_crowd(server, 20, 20, 20)
        assert crowd.start["connected"] == crowd.total
        assert crowd.ask("echo 10")["answers"] == 10 * crowd.total
        assert crowd.ask("tell 20") == {"complete": crowd.total, "heard": 20 * crowd.total}
        status = crowd.ask("status")
        assert status["errors"] == {}
        assert status["disconnected"] == 0

    def test_a_connection_that_is_kept_goes_where_its_requests_go(self, server: Server) -> None:
        (near, one), (far, other) = one_at_each(lambda: Keeping(server))
        one.enter(near)
        one.enter(far)
        for sid in (near, far, far, near):
            one.echo(sid)
            other.echo(sid)

    def test_a_request_much_larger_than_what_was_read_of_it(self, server: Server) -> None:
        (_, one), (far, _) = one_at_each(lambda: Keeping(server))
        one.enter(far)
        one.echo(far, "x" * 500_000)

    def test_two_requests_in_one_piece(self, server: Server) -> None:
        (_, one), (far, _) = one_at_each(lambda: Keeping(server))
        one.enter(far)
        path = f"/socket.io/?EIO=4&transport=polling&sid={far}"
        body = '421["echo",1]'
        one.connection.sock.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        with one.connection.sock.makefile("rb") as answers:
            text = answers.read()
        assert text.count(b"HTTP/1.1 200 OK") == 2
        assert text.endswith(b"431[1]")

    def test_an_upgrade_with_frames_behind_it(self, server: Server) -> None:
        (_, one), (far, _) = one_at_each(lambda: Keeping(server))
        one.enter(far)
        raw = one.connection.sock
        raw.sendall(upgrade_request(f"&sid={far}") + frame("5") + frame('421["echo",2]'))
        assert read_head(raw).startswith("HTTP/1.1 101 ")
        assert read_frame(raw) == "431[2]"

    def test_unknown_sessions_of_any_worker(self, server: Server) -> None:
        for tag in ("AA", "AB", "ZZ"):
            answer = ask(server, query=f"EIO=4&transport=polling&sid={tag}{'x' * 18}")
            assert answer.status == 400
            assert answer.json["message"] == "Session ID unknown"

    def test_over_a_unix_socket(self, serve: Serve, tmp_path: Path) -> None:
        path = tmp_path / "s"
        server = serve(APP, server={**WORKERS, "unix_socket": path})
        server.expect(f"Serving on unix:{path} ")
        tags = set()
        # One socket for both: who is awake takes more.
        for _ in range(50):
            with server.connect() as raw:
                raw.sendall(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.0\r\n\r\n")
                with raw.makefile("rb") as answer:
                    sid = re.findall(rb'"sid":"([^"]+)"', answer.read())[0].decode()
            tags.add(tag_of(sid))
            with server.connect() as raw:
                query = f"EIO=4&transport=polling&sid={sid}"
                head = f"POST /socket.io/?{query} HTTP/1.0\r\nContent-Length: 2\r\n\r\n40"
                raw.sendall(head.encode())
                with raw.makefile("rb") as answer:
                    assert answer.read().startswith(b"HTTP/1.1 200 OK")
        assert tags <= {"AA", "AB"}
        assert server.stop() == 0
        assert not path.exists()


@pytest.fixture(scope="module")
def tls_workers(serve_shared: Callable[..., Server], certificate: Certificate) -> Server:
    files = {"certfile": certificate.certfile, "keyfile": certificate.keyfile}
    started = serve_shared(server={**WORKERS, **files})
    started.expect("Serving on ")
    return started


class TestTls:
    """What has shaken hands cannot be passed on: it is translated."""

    def test_a_connection_that_is_kept(self, tls_workers: Server, certificate: Certificate) -> None:
        def keeping() -> Keeping:
            return Keeping(tls_workers, certificate.context())

        (near, one), (far, other) = one_at_each(keeping)
        one.enter(near)
        one.enter(far)
        for sid in (near, far, far, near):
            one.echo(sid)
            other.echo(sid)
        one.echo(far, "x" * 500_000)

    def test_an_upgrade(self, tls_workers: Server, certificate: Certificate) -> None:
        (_, one), (far, _) = one_at_each(lambda: Keeping(tls_workers, certificate.context()))
        one.enter(far)
        raw = one.connection.sock
        raw.sendall(upgrade_request(f"&sid={far}") + frame("5") + frame('421["secure"]'))
        assert read_head(raw).startswith("HTTP/1.1 101 ")
        assert read_frame(raw) == "431[true]"
        raw.sendall(frame('422["nothing"]'))
        assert read_frame(raw) == "432[]"
        raw.sendall(frame("41") + frame("1"))
        assert raw.recv(100)[:1] in (b"\x88", b"")

    def test_a_client_that_goes(self, tls_workers: Server, certificate: Certificate) -> None:
        (_, one), (far, other) = one_at_each(lambda: Keeping(tls_workers, certificate.context()))
        one.enter(far)
        one.connection.request("GET", f"/socket.io/?EIO=4&transport=polling&sid={far}")
        one.connection.sock.close()
        wait_until(
            lambda: other.fetch("POST", f"&sid={far}", "3")[0] == 400, what="the end of the session"
        )


class TestFaults:
    def test_a_worker_that_is_killed_under_load(self, serve: Serve, new_crowd: NewCrowd) -> None:
        server = serve(APP, server=WORKERS)
        server.expect("Serving on")
        crowd = new_crowd(server, 10, 10)
        assert crowd.start["connected"] == crowd.total
        victim = min(children_of(server.pid))
        crowd.ask("load")

        os.kill(victim, signal.SIGKILL)

        line = server.expect(f"(pid {victim}) was ended by SIGKILL")
        assert "its clients connect anew, another worker starts in 0.5 s" in line
        wait_until(lambda: len(children_of(server.pid)) == 2, what="another worker")
        crowd.ask("rest")
        status = crowd.ask("status")
        assert status["connected"] == crowd.total
        assert status["connects"] == crowd.total + status["disconnected"]
        # Those of the other worker have not noticed.
        assert status["disconnected"] < crowd.total
        crowd.ask("echo 3")
        assert crowd.ask("tell 5")["complete"] == crowd.total

    def test_sessions_of_a_dead_worker_are_unknown_at_once(self, serve: Serve) -> None:
        server = serve(APP, server=WORKERS)
        server.expect("Serving on")
        sid, _ = one_at_each(lambda: Keeping(server))[0]
        first, second = sorted(children_of(server.pid))
        os.kill(first if tag_of(sid) == "AA" else second, signal.SIGKILL)
        server.expect("was ended by SIGKILL")
        for _ in range(4):
            answer = ask(server, query=f"EIO=4&transport=polling&sid={sid}")
            assert answer.json["message"] == "Session ID unknown"

    def test_a_frozen_worker_keeps_nobody_waiting_for_ever(self, serve: Serve) -> None:
        server = serve(APP, server=WORKERS)
        server.expect("Serving on")
        (sid, _), (_, other) = sorted(one_at_each(lambda: Keeping(server)))
        own = other.open()
        other.enter(own)
        head = f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\n"
        # So large that a few fill what the kernel holds for the other.
        head += f"Host: x\r\nX: {'x' * 60000}\r\nContent-Length: 2\r\n\r\n40"
        waiting: list[socket.socket] = []
        while len(waiting) < 8:
            # Connections that the other worker has accepted.
            one = Keeping(server)
            if tag_of(one.open()) != tag_of(sid):
                waiting.append(one.connection.sock)
        frozen = min(children_of(server.pid))
        os.kill(frozen, signal.SIGSTOP)
        try:
            for raw in waiting:
                raw.sendall(head.encode())
            other.echo(own)
            refused = wait_until(
                lambda: len(ready := select(waiting, [], [], 0)[0]) >= 4 and ready, what="refusals"
            )
            for raw in refused:
                assert read_head(raw).startswith("HTTP/1.1 503 ")
            other.echo(own)
        finally:
            os.kill(frozen, signal.SIGCONT)
        # Two POSTs at once are not allowed, so that not all that got through end well.
        for raw in set(waiting) - set(refused):
            assert read_head(raw)[:13] in ("HTTP/1.1 200 ", "HTTP/1.1 400 ")

    def test_without_supervisor_workers_end(self, serve: Serve) -> None:
        server = serve(APP, server=WORKERS)
        server.expect("Serving on")
        workers = children_of(server.pid)
        server.signal(signal.SIGKILL)
        wait_gone(workers)


class TestEnd:
    def test_all_say_goodbye(self, serve: Serve, new_crowd: NewCrowd) -> None:
        server = serve(APP, server=WORKERS)
        server.expect("Serving on")
        workers = children_of(server.pid)
        crowd = new_crowd(server, 0, 10)
        assert crowd.start["connected"] == 10
        assert server.stop() == 0
        assert not any(is_alive(pid) for pid in workers)
        assert server.output.count("a client left /: server shutting down") == 10

    def test_a_second_signal_ends_it_at_once(self, serve: Serve) -> None:
        server = serve(APP, server=WORKERS)
        server.expect("Serving on")
        keeping = Keeping(server)
        sid = keeping.open()
        keeping.enter(sid)
        assert keeping.fetch("POST", f"&sid={sid}", '421["nap",60,"long"]') == (200, "ok")
        workers = children_of(server.pid)
        server.signal(signal.SIGTERM)
        wait_until(lambda: refuses(server), what="it to listen no more")
        server.signal(signal.SIGTERM)
        assert server.wait() == 1
        wait_gone(workers)

    def test_a_worker_told_to_end_is_replaced(self, serve: Serve) -> None:
        server = serve(APP, server=WORKERS)
        server.expect("Serving on")
        one = min(children_of(server.pid))
        os.kill(one, signal.SIGTERM)
        server.expect(f"(pid {one}) ended with status 0; its clients connect anew")
        wait_until(lambda: len(children_of(server.pid)) == 2, what="another worker")


class TestReload:
    @pytest.fixture
    def ini(self, tmp_path: Path) -> Path:
        return tmp_path / "server.ini"

    @pytest.fixture
    def reloaded(self, ini: Path) -> Iterator[Server]:
        with closing(
            Server(APP, ini, server=WORKERS, settings={"sio.ping_interval": 25})
        ) as server:
            server.expect("Serving on")
            yield server

    def test_new_workers_first(self, reloaded: Server, ini: Path, new_crowd: NewCrowd) -> None:
        old = children_of(reloaded.pid)
        crowd = new_crowd(reloaded, 10, 10)
        assert crowd.start["connected"] == crowd.total
        crowd.ask("load")
        kept = Keeping(reloaded)
        assert kept.fetch("GET", "")[1].count('"pingInterval":25000') == 1
        ini.write_text(ini.read_text().replace("interval = 25", "interval = 26"))

        reloaded.signal(signal.SIGHUP)

        wait_gone(old)
        crowd.ask("rest")
        status = crowd.ask("status")
        assert status["connected"] == crowd.total
        assert status["disconnected"] == crowd.total
        # Once each: nobody was sent from one old worker to the other.
        assert status["connects"] == 2 * crowd.total
        # No request was refused, and none without an answer.
        assert (status["reasons"], status["errors"]) == ({"transport close": crowd.total}, {})
        assert ask(reloaded, query="EIO=4&transport=polling").text.count("26000") == 1
        crowd.ask("echo 3")
        assert crowd.ask("tell 5")["complete"] == crowd.total

    def test_connections_that_are_kept_go_to_the_new_ones(self, reloaded: Server) -> None:
        old = children_of(reloaded.pid)
        unused, used, polled = (Keeping(reloaded) for _ in range(3))
        used.open()
        polled.enter(polled.open())
        reloaded.signal(signal.SIGHUP)
        wait_gone(old)
        for keeping in (unused, used, polled):
            sid = keeping.open()
            keeping.enter(sid)
            keeping.echo(sid)

    def test_nobody_is_lost_if_the_new_ones_do_not_start(self, reloaded: Server, ini: Path) -> None:
        old = children_of(reloaded.pid)
        good = ini.read_text()
        ini.write_text(good.replace("interval = 25", "interval = soon"))

        reloaded.signal(signal.SIGHUP)

        reloaded.expect("ended with status 1; the old workers stay")
        assert children_of(reloaded.pid) == old
        ini.write_text(good)
        reloaded.signal(signal.SIGHUP)
        wait_gone(old)

    def test_of_files_that_only_workers_have_loaded(self, tmp_path: Path) -> None:
        module = tmp_path / "reloaded_app.py"
        module.write_text("from tests.functional.app import main\nVERSION = 1\n")
        ini = tmp_path / "server.ini"
        server = Server(
            "reloaded_app:main",
            ini,
            server=WORKERS,
            settings={},
            options=["--reload"],
            env={"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
        )
        with closing(server):
            server.expect("Serving on", patience=2 * PATIENCE)

            def is_noticed() -> bool:
                module.write_text(module.read_text() + "\n")
                return "reloading" in server.output

            wait_until(is_noticed, what="the change to be noticed")
            server.expect("Serving on", patience=2 * PATIENCE)
            assert ask(server, query="EIO=4&transport=polling").status == 200


class TestRefusals:
    def refused(self, tmp_path: Path, **options: Any) -> str:
        settings = options.pop("settings", {})
        server = Server(
            APP, tmp_path / "server.ini", server={**WORKERS, **options}, settings=settings
        )
        with closing(server):
            assert server.wait() not in (0, None)
            return server.output

    def test_settings_that_are_wrong(self, tmp_path: Path) -> None:
        output = self.refused(tmp_path, settings={"sio.ping_interval": "soon"})
        assert "sio.ping_interval = 'soon'" in output
        assert "before it served; so the others end too" in output

    def test_a_timeout_that_is_none(self, tmp_path: Path) -> None:
        assert "worker_timeout = -1" in self.refused(tmp_path, worker_timeout=-1)

    def test_a_port_in_use(self, server: Server, tmp_path: Path) -> None:
        assert "Address already in use" in self.refused(tmp_path, port=server.port)

    def test_too_late_to_fork(self, tmp_path: Path) -> None:
        output = self.refused(tmp_path, use="call:tests.functional.early:server_factory")
        assert "tests.functional.early has imported pyramid.threadlocal" in output


def refuses(server: Server) -> bool:
    try:
        server.connect().close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False
