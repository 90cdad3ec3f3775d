"""Servers to attack, and the figures of what each attack cost them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from tests.attacks.site import Site
from tests.conftest import MEMORY
from tests.support import Server

APP = "tests.attacks.app:main"


def start_site(
    running: ExitStack,
    folder: Path,
    server: dict[str, object] | None,
    measured: bool,
    sio: dict[str, object],
) -> Site:
    """A site that ends with ``running``.

    One that is not ``measured`` runs without coverage: for loads that would take minutes with it,
    and for figures that mean something.
    """
    values = {f"sio.{key}": value for key, value in sio.items()}
    options = {"shutdown_timeout": 1, **(server or {})}
    with pytest.MonkeyPatch.context() as patch:
        if not measured:
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        program = Server(APP, folder / "server.ini", server=options, settings=values)
    running.enter_context(closing(program))
    program.wait_ready()
    return running.enter_context(closing(Site(program)))


@pytest.fixture(scope="session")
def build_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Starts sites that last as long as the session."""
    with ExitStack() as running:

        def build(
            server: dict[str, object] | None = None, *, measured: bool = True, **sio: object
        ) -> Site:
            folder = tmp_path_factory.mktemp("attacks")
            return start_site(running, folder, server, measured, sio)

        yield build


@pytest.fixture
def new_site(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> Iterator[Callable[..., Site]]:
    """Starts the one site of a test, not measured, and watches it: its memory has seen nothing."""
    with ExitStack() as running:

        def build(server: dict[str, object] | None = None, **sio: object) -> Site:
            site = start_site(running, tmp_path, server, False, sio)
            running.enter_context(site.watched(partial(record_property, MEMORY)))
            return site

        yield build


@pytest.fixture
def watch(record_property: Callable[[str, object], None]) -> Iterator[Callable[[Site], Site]]:
    """Watches sites for the length of one test."""
    with ExitStack() as watching:

        def start(site: Site) -> Site:
            record = partial(record_property, MEMORY)
            watching.enter_context(site.watched(record))
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
        ping_timeout=2.5,
        upgrade_timeout=1,
        connect_timeout=1.5,
        close_timeout=1,
    )


@pytest.fixture
def hasty_site(shared_hasty_site: Site, watch: Callable[[Site], Site]) -> Site:
    """A server that waits for nobody, watched."""
    return watch(shared_hasty_site)
