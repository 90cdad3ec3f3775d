"""``production.ini`` and ``deploy/nginx.conf`` as they are, but for ports: a real nginx, pages on
waitress, two processes for connections, Redis between them, and Chromium in front."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from demo.shared import SharedHouse
from pyramid_sio import Emitter
from tests.demo.guest import Guest
from tests.support import (
    PATIENCE,
    ROOT,
    Program,
    Redis,
    find_program,
    free_port,
    open_to_everybody,
    wait_until,
)

PSERVE = Path(sys.executable).with_name("pserve")

NGINX = """
daemon off;
pid {directory}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/site.conf;
}}
"""


class Site:
    """All of it, running.

    :ivar ini: the ini file, with other ports
    :ivar realtime: the two processes, by port
    """

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        redis = stack.enter_context(closing(Redis(directory)))
        redis.expect("Ready to accept connections")
        self.redis_url = redis.url
        self.port, pages, *ports = (free_port() for _ in range(4))
        self.url = f"http://127.0.0.1:{self.port}/"
        moved = {"6379": redis.port, "6543": pages, "6551": ports[0], "6552": ports[1]}
        self.ini = directory / "production.ini"
        self.ini.write_text(self._moved(ROOT / "production.ini", moved))
        self.pages = self._serve(stack, "pages")
        self.realtime = {port: self._serve(stack, "realtime", port) for port in ports}
        site = self._moved(ROOT / "deploy" / "nginx.conf", moved)
        assert "listen 80;" in site
        (directory / "site.conf").write_text(site.replace("listen 80;", f"listen {self.port};"))
        (directory / "nginx.conf").write_text(NGINX.format(directory=directory))
        nginx = [find_program("nginx", "/usr/sbin/nginx"), "-p", directory]
        command = [*nginx, "-c", directory / "nginx.conf"]
        self.nginx = stack.enter_context(closing(Program(command, name="nginx")))
        self.pages.expect("Serving on")
        for process in self.realtime.values():
            process.expect("Serving on")
        wait_until(self._answers, what="nginx and what is behind it")

    @staticmethod
    def _moved(path: Path, ports: dict[str, int]) -> str:
        text = path.read_text()
        for old, new in ports.items():
            text = re.sub(rf"\b{old}\b", str(new), text)
        return text

    def _serve(self, stack: ExitStack, name: str, port: int | None = None) -> Program:
        variables = [] if port is None else [f"http_port={port}"]
        command = [PSERVE, self.ini, *variables, "--server-name", name]
        program = Program(command, name=f"{name} {port or ''}")
        return stack.enter_context(closing(program))

    def _answers(self) -> bool:
        try:
            return requests.get(self.url, timeout=PATIENCE).ok
        except requests.ConnectionError:
            return False

    def port_of(self, browser: str) -> int:
        """Which process nginx sends a browser to."""
        query = "socket.io/?EIO=4&transport=polling"
        answer = requests.get(self.url + query, headers={"User-Agent": browser}, timeout=PATIENCE)
        sid = json.loads(answer.text[1:])["sid"]
        for port in self.realtime:
            # Its session is known there: it is no longer once this is said.
            url = f"http://127.0.0.1:{port}/{query}&sid={sid}"
            if requests.post(url, data="1", timeout=PATIENCE).ok:
                return port
        pytest.fail(f"no process knows the session of {browser}")

    def browsers(self) -> dict[int, str]:
        """A browser's name for each process."""
        found: dict[int, str] = {}
        for number in range(200):
            found.setdefault(self.port_of(f"Browser/{number}"), f"Browser/{number}")
            if len(found) == len(self.realtime):
                return found
        pytest.fail("nginx sends everybody to one process")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    open_to_everybody(tmp_path)
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


def test_one_chat_on_two_processes(site: Site, new_page: Callable[..., Page]) -> None:
    browsers = site.browsers()
    (first, ada_browser), (_, ben_browser) = browsers.items()
    ada = Guest(new_page(user_agent=ada_browser), site.url).enter("Ada")
    ada.say("Is anybody there?")
    ben = Guest(new_page(user_agent=ben_browser), site.url).enter("Ben")

    # Who is here, and what was said before: of another process.
    ben.sees("Is anybody there?")
    ada.has_people("Ada", "Ben")
    ben.has_people("Ben", "Ada")
    ben.say("I am")
    ada.sees("Is anybody there?", "I am")
    for guest in (ada, ben):
        expect(guest("#link-text")).to_contain_text("WebSocket")

    # Nobody else may be Ada, wherever they are.
    eve = Guest(new_page(user_agent=ben_browser), site.url)
    eve.ask_in("ada")
    expect(eve("#enter-error")).to_contain_text("taken")

    # Somebody outside speaks.
    with closing(SharedHouse(site.redis_url)) as house, Emitter.from_ini(str(site.ini)) as emitter:
        arrival = house.enter("nobody's id", "Cron")
        for entry in (*arrival.entries, house.say("nobody's id", "lobby", "Backup done")):
            emitter.of("/chat").to("room:lobby").emit("entry", entry)
    for guest in (ada, ben):
        guest.sees("Is anybody there?", "I am", "Backup done")

    # A process dies: nginx sends its people to the other, where they are who they were.
    site.realtime[first].signal(SIGKILL)
    site.realtime[first].wait()
    expect(ada("#link")).to_have_class(re.compile("."))
    ben.say("Still there?")
    expect(ada("#messages .bubble").last).to_have_text("Still there?")
    ada.say("I am")
    expect(ben("#messages .bubble").last).to_have_text("I am")
    ben.has_people("Ben", "Ada", "Cron")
    assert ada.faults == ben.faults == []


def test_who_is_sent_where(site: Site) -> None:
    """One process answers all requests of a client, or long-polling would break."""
    assert len(site.browsers()) == 2
    for number in range(5):
        browser = f"Steady/{number}"
        assert len({site.port_of(browser) for _ in range(3)}) == 1

    # Pages come from waitress, and nothing else does.
    client = site.url + "socket.io/socket.io.js"
    for url in (site.url, client):
        assert requests.get(url, timeout=PATIENCE).ok
    site.pages.stop()
    assert "[waitress] Serving on" in site.pages.output
    assert requests.get(site.url, timeout=PATIENCE).status_code == 502
    assert requests.get(client, timeout=PATIENCE).ok


def test_what_its_files_say_is_what_they_do() -> None:
    text = (ROOT / "production.ini").read_text()
    nginx = (ROOT / "deploy" / "nginx.conf").read_text()
    upstreams: Any = re.findall(r"^ +server 127\.0\.0\.1:(\d+);", nginx, re.MULTILINE)
    assert upstreams == ["6543", "6551", "6552"]
    assert all(port in text for port in upstreams)
