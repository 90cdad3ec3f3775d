"""The examples in docs/cluster.rst, docs/emitter.rst and docs/production.rst do what they say.

docs/pubsub.rst is an application of its own: tests/functional/test_pubsub.py.
"""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from pyramid.config import Configurator
from pyramid.testing import DummyRequest

from pyramid_sio import get_sio
from pyramid_sio.plugin.settings import parse_settings
from pyramid_sio.scripts.psio import main as psio
from tests.conftest import Serve
from tests.documents.pages import blocks, text_of
from tests.functional.members import JavaScript, Python
from tests.support import PATIENCE, Node, Redis, wait_until


def test_emitter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_server: Redis) -> None:
    monkeypatch.chdir(tmp_path)
    Path("production.ini").write_text(f"[app:main]\nsio.redis_url = {redis_server.url}\n")
    with redis.Redis.from_url(redis_server.url) as client, client.pubsub() as pubsub:
        pubsub.psubscribe("socket.io#*")
        assert pubsub.get_message(timeout=PATIENCE) is not None
        example, by_url = blocks("emitter.rst", "python")
        values: dict[str, Any] = {}
        exec(example, values)  # noqa: S102 - from this checkout
        by_url = by_url.replace("redis://localhost:6379/0", redis_server.url)
        sharded = eval(by_url, values)  # noqa: S307 - from this checkout
        sharded.emit("nobody hears this")
        shell = re.findall(r"^    (psio emit .+)$", text_of("emitter.rst"), re.MULTILINE)
        for line in shell:
            line = line.replace("redis://localhost", redis_server.url)
            assert psio(shlex.split(line), quiet=True) == 0
        heard = [pubsub.get_message(timeout=PATIENCE) for _ in range(3)]
    assert len(shell) == 2
    channels = [message["channel"] for message in heard if message]
    assert channels == [b"socket.io#/chat#room:lobby#", b"socket.io#/#admins#", channels[0]]
    with closing(values["emitter"]), closing(sharded):
        pass


def literals(page: str) -> list[str]:
    """The examples of a page that are in no language."""
    found = re.findall(r"::\n\n((?: {4}.*\n|\n)+)", text_of(page))
    return [textwrap.dedent(text).strip() for text in found]


def settings_in(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(sio\.\w+) = (.+)$", text, re.MULTILINE))


def test_a_server_of_node_and_one_of_ours(node: Node, serve: Serve, redis_server: Redis) -> None:
    alone, in_javascript, beside, recovering = literals("cluster.rst")
    assert parse_settings(settings_in(alone))["redis_url"] == settings_in(alone)["sio.redis_url"]
    assert parse_settings(settings_in(recovering))["recovery"] is True

    theirs = JavaScript(node, "none")
    theirs(
        'const { Server } = require("socket.io");'
        'const { createAdapter } = require("@socket.io/redis-adapter");'
        f"const pubClient = await connectToRedis({redis_server.port});"
        f"const subClient = await connectToRedis({redis_server.port});"
        f"{in_javascript};"
        "io.listen(0); kept.io = io; io.on('load', (done) => done('low'))"
    )
    settings = settings_in(beside)
    settings["sio.redis_url"] = redis_server.url
    ours = Python(serve("tests.functional.cluster_app:main", settings=settings))
    wait_until(lambda: ours("nsp.server_count()") == 2, what="both servers")

    url = theirs("return `http://127.0.0.1:${kept.io.httpServer.address().port}`")
    theirs(f"answers.theirs = ['yes']; await join('theirs', '{url}')")
    theirs(f"answers.ours = ['no']; await join('ours', '{ours.url}')")
    theirs("kept.io.emit('from node')")
    table = re.findall(r"``(nsp\.\S[^`]+\))``", text_of("cluster.rst"))
    table.remove("nsp.on_server('reload', func)")
    # Whom it finds are objects, which cannot be told.
    answers = {line: ours(line.replace("nsp.fetch()", "len(nsp.fetch())")) for line in table}
    assert len(answers) >= 8
    assert sorted(answers["nsp.call('question')"]) == ["no", "yes"]
    assert answers["nsp.server_side_call('load')"] == ["low"]
    assert answers["nsp.server_count()"] == 2
    ours("nsp.emit('from python')")
    for name in ("theirs", "ours"):
        for event in ("from node", "from python"):
            wait_until(
                lambda name=name, event=event: [event] in theirs(f"return log.{name}"), what=event
            )


def test_health() -> None:
    def application(**settings: str) -> Any:
        config = Configurator(settings={f"sio.{name}": text for name, text in settings.items()})
        config.include("pyramid_sio")
        return config.registry

    deploy, view = blocks("production.rst", "python")
    values: dict[str, Any] = {}
    exec(deploy + view, values)  # noqa: S102 - from this checkout
    registry = application(redis_url="redis://127.0.0.1:1")
    request = DummyRequest(sio=get_sio(registry))
    told = values["health"](request)
    (shown,) = (json.loads(block) for block in blocks("production.rst", "json"))
    assert told.keys() == shown.keys()
    assert told["redis"].keys() == shown["redis"].keys()
    assert request.response.status_int == 200

    alone = get_sio(application()).health()
    assert alone == {"ok": True, "connections": 0, "redis": None}

    said: list[Any] = []
    chain = SimpleNamespace(emit=lambda *args: said.append(args))
    sio = SimpleNamespace(of=lambda path: SimpleNamespace(to=lambda room: chain))
    values["deploy"](SimpleNamespace(sio=sio))
    assert said == [("notice", "back in a minute")]
