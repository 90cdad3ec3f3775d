"""Who is there, over several workers, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from tests.conftest import Serve
from tests.functional.members import APP
from tests.functional.test_workers import Keeping, one_at_each
from tests.functional.workers import WORKERS
from tests.support import wait_until


def do(worker: Keeping, code: str) -> Any:
    """The value of an expression in the worker to which a connection leads."""
    worker.connection.request("POST", "/do", code.encode())
    answer = json.loads(worker.connection.getresponse().read())
    assert "error" not in answer, answer
    return answer["value"]


def test_users_of_all_workers_until_one_is_killed(serve: Serve) -> None:
    server = serve(APP, server=WORKERS, presence_interval=0.5)
    server.expect("Serving on")
    (first, here), (second, there) = one_at_each(lambda: Keeping(server))
    for sid, worker, user in ((first, here, "ann"), (second, there, "bob")):
        assert worker.fetch("POST", f"&sid={sid}", f'40{{"user":"{user}"}}') == (200, "ok")
        assert worker.fetch("GET", f"&sid={sid}")[1][:2] == "40"
    for worker in (here, there):
        assert do(worker, "nsp.presence()") == ["ann", "bob"]
    victim = do(there, "os.getpid()")
    assert victim != do(here, "os.getpid()")
    watch = "nsp.watch_presence(lambda nsp, *news: heard.append(news))"
    assert do(here, watch) == ["ann", "bob"]

    os.kill(victim, signal.SIGKILL)

    server.expect(f"(pid {victim}) was ended by SIGKILL")
    assert do(here, "nsp.presence()") == ["ann"]
    wait_until(lambda: do(here, "heard") == [[None, "bob", False]], what="bob to be gone")
