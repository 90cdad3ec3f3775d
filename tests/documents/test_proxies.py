"""The files of docs/proxies.rst with the real nginx, HAProxy and gunicorn."""

from __future__ import annotations

import re
import shlex
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pyramid_sio.scripts.psio import main
from tests.conftest import Serve
from tests.documents.pages import blocks
from tests.functional.conftest import APP
from tests.functional.wire import ask
from tests.proxies import HaProxy, Nginx
from tests.support import ROOT, Program, open_to_everybody, wait_until

INI = f"[app:main]\nuse = call:{APP}\n"


def is_well(url: str, capsys: pytest.CaptureFixture[str]) -> bool:
    status = main(["psio", "doctor", url])
    print(capsys.readouterr().out)
    return status == 0


def test_nginx(serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = serve(APP)
    (http,) = blocks("proxies.rst", "nginx")
    http = http.replace("listen 80;", "listen 127.0.0.1:PORT;").replace(
        "127.0.0.1:6543", f"127.0.0.1:{server.port}"
    )
    with closing(Nginx(tmp_path, http)) as nginx:
        wait_until(lambda: (tmp_path / "nginx.pid").exists(), what="nginx to start")
        assert is_well(nginx.url, capsys)


def haproxy_of(first: int, second: int, folder: Path) -> HaProxy:
    text = (ROOT / "deploy" / "haproxy.cfg").read_text(encoding="utf-8")
    for old, new in (("8080", "PORT"), ("6551", str(first)), ("6552", str(second))):
        assert text.count(f"127.0.0.1:{old}") == 1
        text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
    return HaProxy(folder, text)


def test_haproxy(serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    servers = [serve(APP), serve(APP)]
    with closing(haproxy_of(servers[0].port, servers[1].port, tmp_path)) as proxy:
        wait_until(lambda: answers(proxy), what="HAProxy and what is behind it")
        assert is_well(proxy.url, capsys)


def answers(proxy: Nginx | HaProxy) -> bool:
    place = type("Place", (), {"host": "127.0.0.1", "port": proxy.port})
    try:
        return ask(place, path="/page/socket.io.js").status == 200  # type: ignore[arg-type]
    except OSError:
        return False


@pytest.fixture
def unit() -> dict[str, str]:
    """What the unit for systemd says."""
    text = (ROOT / "deploy" / "guestbook.service").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def test_unit_for_systemd(
    unit: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its command serves on its socket behind nginx, its stop is as quick as it says."""
    (tmp_path / "production.ini").write_text(INI, encoding="utf-8")
    command = unit["ExecStart"].replace("/srv/guestbook/env/bin", str(Path(sys.executable).parent))
    command = command.replace("/srv/guestbook", str(tmp_path)).replace(
        "/run/guestbook", str(tmp_path)
    )
    proxy = (
        "server { listen 127.0.0.1:PORT; location / { proxy_http_version 1.1; "
        f"proxy_pass http://unix:{tmp_path}/http.sock; proxy_set_header Host $http_host; "
        'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; }}'
    )
    with closing(Program(shlex.split(command), name="the unit")) as gunicorn:
        gunicorn.expect("Booting worker")
        with closing(Nginx(tmp_path, proxy)) as nginx:
            wait_until(lambda: (tmp_path / "nginx.pid").exists(), what="nginx to start")
            # A worker of another user has to get at the socket of the test's folder.
            wait_until(lambda: (tmp_path / "http.sock").exists(), what="the socket")
            open_to_everybody(tmp_path)
            (tmp_path / "http.sock").chmod(0o777)
            # A worker that boots has yet to load the application, longer than the doctor waits.
            wait_until(lambda: answers(nginx), what="the worker to answer")
            assert is_well(nginx.url, capsys)
        assert gunicorn.stop(patience=float(unit["TimeoutStopSec"])) == 0
