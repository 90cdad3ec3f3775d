"""Connections that are made again and again."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from pyramid_sio.adapters import redis_supervised
from pyramid_sio.adapters.redis_supervised import Supervised, connector
from tests.support import PATIENCE


def test_there_may_be_any_number_one_after_the_other() -> None:
    connect = connector("redis://127.0.0.1:1", timeout=1)
    assert len({id(connection) for connection in [connect() for _ in range(1000)]}) == 1000


class Status:
    """Is told, and ends it when it has worked."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.done = threading.Event()

    def works(self, name: str) -> None:
        self.done.set()

    def fails(self, name: str, error: BaseException) -> None:
        self.failures.append(str(error))


def test_it_goes_on_whatever_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_supervised, "FIRST_PAUSE", 0.001)

    class Connection:
        def connect(self) -> None: ...

        def disconnect(self) -> None: ...

    made: list[Any] = []

    def connect() -> Any:
        made.append(None)
        if len(made) < 3:
            raise RuntimeError("no connection can be made")
        return Connection()

    def body(connection: Any, job: Supervised) -> None:
        if len(made) < 4:
            raise ConnectionError("it broke")
        job.works()
        job.stopping.set()

    status = Status()
    job = Supervised("test", connect, body, status)
    thread = threading.Thread(target=job.run)
    thread.start()
    assert status.done.wait(PATIENCE)
    thread.join(PATIENCE)
    assert status.failures == ["no connection can be made"] * 2 + ["it broke"]
    assert job.failures == 3
