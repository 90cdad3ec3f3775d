"""Fixtures for tests that speak over a wire: a real server, real clients, a real browser.

The test process itself is never monkey-patched; whatever runs on gevent runs beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

import pkg_resources
import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support import PATIENCE, Node, Redis, Server, find_program

# pytest rewrites what belongs to the distribution of one of its plugins, which is this project;
# Pyramid asks this module where the demo's files are, and it has to know pytest's loader for that.
pkg_resources.register_loader_type(AssertionRewritingHook, pkg_resources.DefaultProvider)

# How long one example takes says nothing on a machine that has other things to do.
hypothesis_settings.register_profile("project", deadline=None, print_blob=True)
hypothesis_settings.load_profile("project")

CHROMIUM_FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]


class Serve(Protocol):
    """``serve('tests.functional.app:main', ping_interval=1)``: a server that accepts connections.

    :param app: ``package.module:function`` that makes the application, or an ini file's path
    :param server: what ``[server:main]`` says beside host and port
    :param settings: settings of other names than ``sio.*``
    :param sio: settings, without their ``sio.``
    """

    def __call__(
        self,
        app: str,
        *,
        server: dict[str, object] | None = None,
        settings: dict[str, object] | None = None,
        **sio: object,
    ) -> Server: ...


def start_servers(running: ExitStack, new_directory: Callable[[], Path]) -> Serve:
    """What starts servers that last as long as ``running``, each with its ini file somewhere."""

    def start(
        app: str,
        *,
        server: dict[str, object] | None = None,
        settings: dict[str, object] | None = None,
        **sio: object,
    ) -> Server:
        values = {**(settings or {}), **{f"sio.{key}": value for key, value in sio.items()}}
        ini = new_directory() / "server.ini"
        started = Server(app, ini, server=server or {}, settings=values)
        running.enter_context(closing(started))
        started.wait_ready()
        return started

    return start


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts servers; each ends with the test, and shows its output if that failed."""
    with ExitStack() as running:
        yield start_servers(running, lambda: tmp_path_factory.mktemp("serve"))


@pytest.fixture
def node() -> Iterator[Node]:
    """Runs scripts of ``tests/js``: ``node('echo.js', server.url)`` gives what it printed."""
    with closing(Node()) as runner:
        yield runner


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Redis]:
    """A redis-server of the test's own."""
    with closing(Redis(tmp_path)) as server:
        server.expect("Ready to accept connections")
        yield server


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A redis-server for all tests that do it no harm; each leaves it as it was."""
    with closing(Redis(tmp_path_factory.mktemp("redis"))) as server:
        server.expect("Ready to accept connections")
        yield server


# Not for the whole session: while it is there, no test may run an asyncio loop.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real Chromium without a window, for the tests of one module."""
    path = find_program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        with closing(browser):
            yield browser


@pytest.fixture
def new_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages, each as a person of its own (own cookies, own storage).

    Its arguments are those of Playwright's ``Browser.new_context``.
    """
    with ExitStack() as contexts:

        def open_page(**options: object) -> Page:
            context = chromium.new_context(**options)  # type: ignore[arg-type]
            contexts.enter_context(closing(context))
            context.set_default_timeout(PATIENCE * 1000)
            return context.new_page()

        yield open_page
