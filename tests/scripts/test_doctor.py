"""``psio doctor`` against real servers and a real nginx, sound and broken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import make_server

import pytest
from pyramid.config import Configurator

from pyramid_sio import Namespace
from pyramid_sio.scripts import idling
from pyramid_sio.scripts.findings import Report
from pyramid_sio.scripts.psio import main
from pyramid_sio.scripts.visitor import Visitor
from tests.conftest import Serve
from tests.functional.conftest import APP
from tests.proxies import Nginx
from tests.support import PATIENCE, Program, Redis, Server, free_port, wait_until

PROXY = "server {{ listen 127.0.0.1:PORT; location {where} {{ proxy_pass {url}; {lines} }} }}"
WORKING = (
    "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
    'proxy_set_header Connection "upgrade"; proxy_set_header Host $http_host;'
)


@pytest.fixture
def server(serve: Serve) -> Server:
    return serve(APP)


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Callable[..., Nginx]]:
    with ExitStack() as running:

        def start(http: str) -> Nginx:
            started = running.enter_context(closing(Nginx(tmp_path, http)))
            wait_until(lambda: (tmp_path / "nginx.pid").exists(), what="nginx to start")
            return started

        yield start


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs the command; its exit status and what it printed."""

    def run(*args: object) -> tuple[int, str]:
        status = main(["psio", "doctor", *map(str, args)])
        return status, capsys.readouterr().out

    return run


Doctor = Callable[..., tuple[int, str]]


def test_all_is_well(server: Server, nginx: Callable[..., Nginx], doctor: Doctor) -> None:
    proxy = nginx(PROXY.format(where="/", url=server.url, lines=WORKING))
    for url in (server.url, proxy.url):
        status, text = doctor(url)
        assert status == 0, text
        assert [line[:5] for line in text.splitlines()] == ["ok   "] * 4
        assert "upgrade: polling changes to a WebSocket" in text


def test_nginx_without_upgrade_headers(
    server: Server, nginx: Callable[..., Nginx], doctor: Doctor
) -> None:
    lines = "proxy_set_header Host $http_host;"
    status, text = doctor(nginx(PROXY.format(where="/", url=server.url, lines=lines)).url)

    assert status == 1
    assert "ok    polling: packets go both ways" in text
    assert "WRONG websocket: polling works, but the upgrade arrives without its headers" in text
    assert "nginx" in text
    assert "    proxy_set_header Upgrade $http_upgrade;\n" in text
    assert "in nginx, location /socket.io/:" in text


def test_foreign_origin(server: Server, serve: Serve, doctor: Doctor) -> None:
    status, text = doctor(server.url, "--origin", "https://shop.example")
    assert status == 1
    assert "WRONG origin: pages of https://shop.example are refused" in text
    assert "in [app:main]:\n          sio.cors_origins = https://shop.example\n" in text

    mended = serve(APP, cors_origins="https://shop.example")
    status, text = doctor(mended.url, "--origin", "https://shop.example")
    assert status == 0, text
    assert "ok    origin: https://shop.example may connect, with cookies" in text


def test_any_origin(serve: Serve, doctor: Doctor) -> None:
    status, text = doctor(serve(APP, cors_origins="*").url, "--origin", "https://shop.example")
    assert status == 0
    assert "may connect, as any page, without cookies" in text


def test_missing_monkey_patch(doctor: Doctor) -> None:
    port = free_port()
    program = Program(
        [sys.executable, "-m", "tests.scripts.unpatched", str(port)], name="unpatched server"
    )
    with closing(program):
        program.expect("Serving on")
        status, text = doctor(f"http://127.0.0.1:{port}")
        program.expect("the standard library has not been patched")

    assert status == 1
    assert "WRONG patching: the server runs on gevent without having patched" in text
    assert "in [server:main]; in a program of your own" in text
    assert "          use = egg:pyramid_sio\n" in text


def test_proxy_that_hides_the_host(
    server: Server, nginx: Callable[..., Nginx], doctor: Doctor
) -> None:
    lines = WORKING.replace("Host $http_host", "Host internal.example")
    status, text = doctor(nginx(PROXY.format(where="/", url=server.url, lines=lines)).url)
    assert status == 1
    assert "WRONG origin: the site's own pages" in text
    assert "proxy_set_header Host $http_host;" in text


def test_proxy_that_knows_another_path(
    server: Server, nginx: Callable[..., Nginx], doctor: Doctor
) -> None:
    status, text = doctor(nginx(PROXY.format(where="/app/", url=server.url, lines="")).url)
    assert (status, "at /socket.io/: no Socket.IO is there" in text) == (1, True)


def test_proxy_before_nothing(nginx: Callable[..., Nginx], doctor: Doctor) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    status, text = doctor(nginx(PROXY.format(where="/", url=dead, lines="")).url)
    assert (status, "WRONG proxy: 502 from nginx" in text) == (1, True)


def test_servers_that_know_nothing_of_each_other(
    server: Server, serve: Serve, nginx: Callable[..., Nginx], doctor: Doctor
) -> None:
    other = serve(APP)
    upstream = (
        f"upstream both {{ server 127.0.0.1:{server.port}; server 127.0.0.1:{other.port}; }} "
    )
    http = upstream + PROXY.format(where="/", url="http://both", lines=WORKING)
    status, text = doctor(nginx(http).url)
    assert (status, "WRONG workers: " in text) == (1, True)


def test_nobody_there(doctor: Doctor) -> None:
    status, text = doctor(f"127.0.0.1:{free_port()}")
    assert (status, "does not answer: ConnectionRefusedError" in text) == (1, True)


def test_waitress_offers_no_websocket(serve: Serve, doctor: Doctor) -> None:
    status, text = doctor(serve(APP, server={"use": "egg:waitress"}).url)
    assert status == 1
    assert "WRONG websocket: the server offers none" in text


def test_a_server_that_answers_one_request_at_a_time(doctor: Doctor) -> None:
    with Configurator() as config:
        config.include("pyramid_sio")
        config.add_sio_namespace("/", Namespace)
    with make_server("127.0.0.1", 0, config.make_wsgi_app()) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        status, text = doctor(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    assert status == 1
    assert "WRONG server: this server answers one request at a time" in text
    assert "in [server:main]; or gunicorn -k pyramid_sio.gunicorn.Worker" in text


def test_another_path(serve: Serve, doctor: Doctor) -> None:
    server = serve(APP, path="/live/")
    assert doctor(server.url, "--path", "/live/")[0] == 0
    assert doctor(f"{server.url}/live/")[0] == 0


class Page(BaseHTTPRequestHandler):
    """A site that answers everything with one page, or with an error."""

    def do_GET(self) -> None:
        body = b"<html>welcome</html>"
        self.send_response(200 if "teapot" not in self.headers.get("Cookie", "") else 418)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None: ...


def test_something_else_answers(doctor: Doctor) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as site:
        thread = Thread(target=site.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{site.server_port}"
        status, text = doctor(url)
        assert (status, "answered by something else: '<html>welcome</html>'" in text) == (1, True)
        status, text = doctor(url, "--cookie", "a=teapot")
        assert (status, "refused with 418" in text) == (1, True)
        site.shutdown()
        thread.join()


def test_cookie_of_the_session(serve: Serve, doctor: Doctor) -> None:
    status, text = doctor(serve(APP, cookie="io").url)
    assert (status, "ok    cookies: the server sets io" in text) == (0, True)


# Silence.

#: Seconds between two heartbeats of the server.
INTERVAL = 2


@pytest.fixture
def calm(serve: Serve) -> Server:
    return serve(APP, ping_interval=INTERVAL)


def behind(nginx: Callable[..., Nginx], server: Server, *lines: str) -> str:
    text = " ".join((WORKING, *lines))
    return nginx(PROXY.format(where="/", url=server.url, lines=text)).url


def test_a_way_that_bears_silence(
    calm: Server,
    nginx: Callable[..., Nginx],
    doctor: Doctor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idling, "MARGIN", PATIENCE)
    for url in (calm.url, behind(nginx, calm)):
        status, text = doctor(url, "--idle")
        assert status == 0, text
        assert "ok    idle polling: a poll waits for the heartbeat, and gets it" in text
        assert "ok    idle websocket: the connection waits for the heartbeat, and gets it" in text


def test_a_proxy_that_cuts_what_is_silent(
    serve: Serve, nginx: Callable[..., Nginx], doctor: Doctor
) -> None:
    # The heartbeat is far away, so that it cannot be in time however slow all this is.
    server = serve(APP, ping_interval=600)
    status, text = doctor(behind(nginx, server, "proxy_read_timeout 3s;"), "--idle")
    assert status == 1
    assert "WRONG idle polling: a poll is cut off after" in text
    assert "504" in text
    assert "WRONG idle websocket: the connection is cut off after" in text
    assert "s of silence" in text
    assert text.count("          proxy_read_timeout 605s;\n") == 2
    assert "in nginx, location /socket.io/ (HAProxy: timeout server and timeout tunnel)" in text


def test_silence_is_looked_at_when_it_is_asked_for(calm: Server, doctor: Doctor) -> None:
    assert "idle" not in doctor(calm.url)[1]


def test_silence_without_websockets(
    serve: Serve, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idling, "MARGIN", PATIENCE)
    _, text = doctor(serve(APP, ping_interval=INTERVAL, transports="polling").url, "--idle")
    assert "ok    idle polling" in text
    assert "idle websocket" not in text


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_heartbeat_that_is_kept_back(
    server: Server, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idling, "MARGIN", 0.1)
    report = Report()
    # As if the server had promised more than it does.
    idling.Idling(Visitor(server.url), 0.1, report).run(websocket=transport == "websocket")
    found = next(one for one in report.findings if one.subject == f"idle {transport}")
    assert "no heartbeat came in" in found.text
    assert found.mend == ("proxy_buffering off;",)


# The ini file.

INI = """\
[app:main]
use = call:{app}
{settings}
[server:main]
use = {server}
[server:threads]
use = egg:waitress
[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
handlers =
"""


@pytest.fixture
def ini(tmp_path: Path) -> Callable[..., Path]:
    def write(app: str = APP, server: str = "egg:pyramid_sio", settings: str = "") -> Path:
        path = tmp_path / "app.ini"
        path.write_text(INI.format(app=app, server=server, settings=settings), encoding="utf-8")
        return path

    return write


def test_sound_ini_file(
    server: Server, ini: Callable[..., Path], doctor: Doctor, redis_server: Redis
) -> None:
    path = ini(settings=f"sio.redis_url = {redis_server.url}")
    status, text = doctor(server.url, "--ini", path)
    assert status == 0, text
    assert "ok    patching: [server:main] patches the standard library" in text
    assert "ok    redis: answers" in text
    status, text = doctor(server.url, "--ini", path, "--server-name", "threads")
    assert (status, "uses threads, which need none" in text) == (0, True)


def test_workers(server: Server, ini: Callable[..., Path], doctor: Doctor) -> None:
    path = ini(server="egg:pyramid_sio\nworkers = 3")
    status, text = doctor(server.url, "--ini", path)
    assert (status, "ok    workers: 3, joined by ZeroMQ" in text) == (0, True), text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"server": "egg:pyramid_sio\nworkers = 2", "settings": "sio.adapter = memory"},
            "WRONG workers: 2 that know nothing of each other",
        ),
        (
            {"server": "call:tests.scripts.test_doctor:unpatching_factory"},
            "leaves the standard library unpatched",
        ),
        ({"server": "call:tests.functional.early:server_factory"}, "too late to patch"),
        (
            {"settings": "sio.redis_url = redis://127.0.0.1:1/0"},
            "WRONG redis: sio.redis_url does not answer",
        ),
        ({"settings": "sio.ping_intervall = 3"}, "did you mean sio.ping_interval?"),
        ({"app": "tests.scripts.test_psio:bare"}, "does not include pyramid_sio"),
        ({"app": "tests.scripts.test_psio:empty"}, "it declares no namespace"),
    ],
)
def test_broken_ini_files(
    server: Server,
    ini: Callable[..., Path],
    doctor: Doctor,
    options: dict[str, str],
    message: str,
) -> None:
    status, text = doctor(server.url, "--ini", ini(**options))
    assert status == 1
    assert message in text


def test_no_ini_file(server: Server, doctor: Doctor) -> None:
    status, text = doctor(server.url, "--ini", "nowhere.ini")
    assert (status, "there is no file nowhere.ini" in text) == (1, True)


def unpatching_factory(global_conf: object, **options: str) -> Callable[[Any], None]:
    """A server for pserve that forgets something."""
    return lambda app: None
