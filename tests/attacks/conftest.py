"""Servers to attack, and the figures of what each attack cost them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.attacks.site import Site
from tests.support import Server

APP = "tests.attacks.app:main"
_FIGURES = pytest.StashKey[list[tuple[str, float, float]]]()
#: Tests that cost less than this are not in the summary, in megabytes.
WORTH_TELLING = 4


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = []


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what the dearest attacks cost."""
    figures = [row for row in config.stash.get(_FIGURES, []) if row[2] - row[1] >= WORTH_TELLING]
    if figures:
        terminalreporter.section("server memory under attack, in MB")
        for name, before, peak in sorted(figures, key=lambda row: row[1] - row[2]):
            terminalreporter.line(f"{before:6.0f} before, {peak:6.0f} at its peak: {name}")


@pytest.fixture(scope="session")
def build_site(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Callable[..., Site]]:
    """Starts sites that last as long as the session.

    One that is not ``measured`` runs without coverage: for loads that would take minutes with it,
    and for figures that mean something.
    """
    figures = pytestconfig.stash.setdefault(_FIGURES, [])
    with ExitStack() as running:

        def build(
            server: dict[str, object] | None = None, *, measured: bool = True, **sio: object
        ) -> Site:
            ini = tmp_path_factory.mktemp("attacks") / "server.ini"
            values = {f"sio.{key}": value for key, value in sio.items()}
            options = {"shutdown_timeout": 1, **(server or {})}
            with pytest.MonkeyPatch.context() as patch:
                if not measured:
                    patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
                program = Server(APP, ini, server=options, settings=values)
            running.enter_context(closing(program))
            program.wait_ready()
            return running.enter_context(closing(Site(program, figures)))

        yield build


@pytest.fixture
def watch(request: pytest.FixtureRequest) -> Iterator[Callable[[Site], Site]]:
    """Watches sites for the length of one test."""
    with ExitStack() as watching:

        def start(site: Site) -> Site:
            watching.enter_context(site.watched(request.node.name))
            return site

        yield start


@pytest.fixture(scope="session")
def shared_site(build_site: Callable[..., Site]) -> Site:
    return build_site()


@pytest.fixture(scope="session")
def bare_site(build_site: Callable[..., Site]) -> Site:
    """The same, not measured."""
    return build_site(measured=False)


@pytest.fixture
def site(shared_site: Site, watch: Callable[[Site], Site]) -> Site:
    """The server with its default settings, watched."""
    return watch(shared_site)


@pytest.fixture(scope="session")
def shared_hasty_site(build_site: Callable[..., Site]) -> Site:
    return build_site(
        ping_interval=0.5,
        ping_timeout=1,
        upgrade_timeout=0.6,
        connect_timeout=0.8,
        close_timeout=1,
    )


@pytest.fixture
def hasty_site(shared_hasty_site: Site, watch: Callable[[Site], Site]) -> Site:
    """A server that waits for nobody, watched."""
    return watch(shared_hasty_site)
