from __future__ import annotations

import pytest

from tests.sockets.conftest import Site


def test_a_spawned_function_that_fails_is_logged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    session, socket = site.connect()

    def stumble() -> None:
        raise RuntimeError("failed on purpose")

    socket.spawn(stumble)
    (job,) = session.spawned
    job.run()

    (record,) = caplog.records
    assert record.getMessage().startswith("a spawned function failed: ")
    assert record.exc_info is not None
    assert record.exc_info[0] is RuntimeError
