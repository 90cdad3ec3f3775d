"""pytest's fixtures. pytest finds them by itself once this package is installed.

Upstream: the entry point ``pytest11``. Downstream: ``testing.app``, imported only if asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyramid_sio.testing import SioTestApp, VirtualClock


@pytest.fixture
def sio_clock() -> VirtualClock:
    """A clock of the test's own: ``sio_clock.advance(25)``."""
    from pyramid_sio.testing import VirtualClock

    return VirtualClock()


@pytest.fixture
def sio_test_app() -> Iterator[Callable[..., SioTestApp]]:
    """``sio_test_app(app)``, or ``sio_test_app(app, clock=sio_clock)``: closed with the test."""
    from pyramid_sio.testing import SioTestApp

    with ExitStack() as opened:

        def make(app: Any, **options: Any) -> SioTestApp:
            return opened.enter_context(SioTestApp(app, **options))

        yield make
