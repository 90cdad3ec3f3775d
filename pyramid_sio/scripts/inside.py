"""``psio doctor --ini``: what the server of an ini file would be, found out without serving.

Upstream: ``scripts.doctor``. Downstream: a process of its own, in which server and
application are loaded in the order in which pserve loads them, since that order decides
whether the standard library is patched in time.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pyramid_sio.scripts.findings import Report
from pyramid_sio.workers.member import Member, current

#: Seconds to load an application.
PATIENCE = 60.0

_PROGRAM = """\
import json, sys
from plaster import get_loader
from pyramid_sio.scripts.inside import one_worker
uri, server_name = sys.argv[1:]
loader = get_loader(uri, protocols=["wsgi"])
loader.setup_logging()
use = loader.get_settings("server:" + server_name).get("use", "")
with one_worker():
    loader.get_wsgi_server(server_name)
app = loader.get_wsgi_app()
from pyramid_sio.scripts.inside import look
print("\\n" + json.dumps(look(app, use, loader.get_settings("server:" + server_name))))
"""


def inspect_ini(uri: str, server_name: str, report: Report) -> None:
    """Add what is right and wrong with an ini file's server and application."""
    path = uri.partition("#")[0]
    if not Path(path).is_file():
        report.wrong("ini", f"there is no file {path}")
        return
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM, uri, server_name],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    lines = (run.stdout if run.returncode == 0 else run.stderr).strip().splitlines()
    if run.returncode != 0:
        told = [line for line in lines if line.startswith("pyramid_sio: too late")]
        text = told[0] if told else (lines[-1] if lines else f"exit status {run.returncode}")
        if told:
            report.wrong("patching", text, "use = egg:pyramid_sio", where=f"[server:{server_name}]")
        else:
            report.wrong("ini", f"the application does not load: {text}")
        return
    _report_facts(json.loads(lines[-1]), server_name, report)


@contextlib.contextmanager
def one_worker() -> Iterator[None]:
    """In the process of its own: be one of the workers, instead of starting them."""
    from pyramid_sio import serve

    def be_one(**options: str) -> Member:
        control, _ = socket.socketpair()
        return Member(0, "AA", directory=Path(os.devnull), control=control, listeners=[])

    supervise, serve.supervise = serve.supervise, be_one
    try:
        yield
    finally:
        serve.supervise = supervise


def look(app: Any, use: str, server: Mapping[str, str]) -> dict[str, Any]:
    """In the process of its own: the facts.

    :param server: what stands in the server's section
    """
    from gevent import monkey

    from pyramid_sio.interfaces import IEndpoint

    while not hasattr(app, "registry"):
        app = app.app if hasattr(app, "app") else app.application
    endpoint = app.registry.queryUtility(IEndpoint)
    facts: dict[str, Any] = {
        "use": use,
        "patched": monkey.is_module_patched("threading"),
        "included": endpoint is not None,
        "workers": 1,
    }
    member = current()
    if member is not None:
        facts.update(workers=int(server["workers"]), joined=member.joined)
    if endpoint is not None:
        facts["namespaces"] = sorted(str(nsp.name) for nsp in endpoint.sio)
        facts["path"] = endpoint.path
        facts["redis"] = _redis(app.registry.settings.get("sio.redis_url", ""))
    return facts


def _redis(url: str) -> dict[str, str] | None:
    """Where Redis is, and why it does not answer; None: there is to be none."""
    if not url:
        return None
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
            client.ping()
    except redis.RedisError as exc:
        return {"error": str(exc)}
    return {"error": ""}


def _report_facts(facts: dict[str, Any], server_name: str, report: Report) -> None:
    section = f"[server:{server_name}]"
    if not facts["included"]:
        report.wrong(
            "application",
            "it does not include pyramid_sio",
            "config.include('pyramid_sio')",
            where="the function that makes it",
        )
        return
    names = facts["namespaces"]
    if names:
        report.fine("application", f"namespaces {', '.join(names)} at {facts['path']}")
    else:
        report.wrong(
            "application", "it declares no namespace", "config.scan()", where="its function"
        )
    threads = "waitress" in facts["use"]
    if facts["patched"]:
        report.fine("patching", f"{section} patches the standard library before the application")
    elif threads:
        report.fine("patching", f"{section} uses threads, which need none; polling only")
    else:
        report.wrong(
            "patching",
            f"{section} use = {facts['use']} leaves the standard library unpatched: on gevent, one "
            "handler that waits stops everybody, and requests of different users get mixed up",
            "use = egg:pyramid_sio",
            where=section,
        )
    _report_workers(facts, report)
    redis = facts["redis"]
    if redis is not None and redis["error"]:
        report.wrong(
            "redis",
            f"sio.redis_url does not answer: {redis['error']}",
            "sio.redis_url = redis://127.0.0.1:6379/0",
            where="[app:main]; and start redis-server",
        )
    elif redis is not None:
        report.fine("redis", "answers")


def _report_workers(facts: dict[str, Any], report: Report) -> None:
    number = facts["workers"]
    if number == 1:
        return
    joined = facts["joined"]
    if joined.startswith("nothing"):
        report.wrong(
            "workers",
            f"{number} that know nothing of each other: an emit reaches the clients of one",
            "sio.adapter = auto",
            where="[app:main]",
        )
    else:
        report.fine("workers", f"{number}, joined by {joined}")
