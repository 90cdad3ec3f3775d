"""Fixtures for tests that speak over a wire: a real server, real clients, a real browser.

The test process itself is never monkey-patched; whatever runs on gevent runs beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Protocol

import pkg_resources
import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support import PATIENCE, Node, Program, Redis, Server, ending_together, find_program

# pytest rewrites what belongs to the distribution of one of its plugins, which is this project;
# Pyramid asks this module where the demo's files are, and it has to know pytest's loader for that.
pkg_resources.register_loader_type(AssertionRewritingHook, pkg_resources.DefaultProvider)

# How long one example takes says nothing on a machine that has other things to do.
hypothesis_settings.register_profile("project", deadline=None, print_blob=True)
hypothesis_settings.load_profile("project")

# A page that works may still be slow to draw.
expect.set_options(timeout=PATIENCE * 1000)

CHROMIUM_FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]
#: The property of a test's report that says what an attack cost the server: (before, peak).
MEMORY = "server memory"
#: Attacks that cost less than this are not in the summary, in megabytes.
WORTH_TELLING = 4


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of one file run in one process, and attacks, whose cost is measured, do so too."""
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return "tests/attacks" if path.startswith("tests/attacks/") else path

    return Files(config, log)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what the dearest attacks cost the server; their reports may be of other processes."""
    figures = {
        (report.nodeid.rpartition("::")[2], *value)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == MEMORY and value[1] - value[0] >= WORTH_TELLING
    }
    if figures:
        terminalreporter.section("server memory under attack, in MB")
        for name, before, peak in sorted(figures, key=lambda row: row[1] - row[2]):
            terminalreporter.line(f"{before:6.0f} before, {peak:6.0f} at its peak: {name}")


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


def start_servers(running: list[Program], new_directory: Callable[[], Path]) -> Serve:
    """What starts servers, each with its ini file somewhere; who ends ``running`` ends them."""

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
        running.append(started)
        started.wait_ready()
        return started

    return start


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts servers; each ends with the test, and shows its output if that failed."""
    with ending_together() as running:
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
