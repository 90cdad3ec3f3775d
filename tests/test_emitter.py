"""``Emitter``, heard by a real Node.js server and one of ours, for each kind of cluster."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any

import pytest
import redis
from pyramid.exceptions import ConfigurationError

from pyramid_sio import Emitter
from pyramid_sio.errors import AdapterError, SioError
from pyramid_sio.scripts.psio import main as psio
from tests.rawclient import WebSocket
from tests.support import PATIENCE, Node, Program, Redis, Server, free_port, wait_until

APP = "tests.functional.adapter_app:main"
#: Who counts the servers of ``/chat``, by adapter.
COUNTED = {
    "redis": ("NUMSUB", "socket.io-request#/chat#"),
    "redis-streams": ("NUMSUB", "socket.io#/chat#"),
    "redis-sharded": ("SHARDNUMSUB", "socket.io#/chat#"),
}


class Cluster:
    """A Node.js server with a client, and a Python server with one."""

    def __init__(self, adapter: str, redis_server: Redis, node: Program, python: Server) -> None:
        self.adapter = adapter
        self.redis = redis_server
        self.node = node
        self.python = python
        self.client = WebSocket(python)
        self.client.enter("/chat")

    def emitter(self) -> Emitter:
        return Emitter.from_url(self.redis.url, adapter=self.adapter)

    def node_heard(self) -> Any:
        """The next thing that Node's client or server hears."""
        return json.loads(self.node.expect("{"))

    def python_heard(self) -> Any:
        """The next event of Python's client."""
        return json.loads(self.client.text().partition(",")[2])

    def both_heard(self, event: str, *args: Any) -> None:
        """The next event everywhere is this one."""
        assert self.node_heard() == {"client": event, "args": list(args)}
        assert self.python_heard() == [event, *args]

    def wait_heard(self, *rooms: str) -> None:
        """Wait until both servers hear rooms that somebody has just joined.

        With shard channels that takes a moment, in which what is sent to the room is lost.
        """
        channels = [f"socket.io#/chat#{room}#" for room in rooms]
        with redis.Redis.from_url(self.redis.url) as direct:
            wait_until(
                lambda: (
                    self.adapter != "redis-sharded"
                    or [count for _, count in direct.pubsub_shardnumsub(*channels)] == [2, 2]
                ),
                what="the rooms to be subscribed to",
            )

    def rejoin(self) -> None:
        """Clients anew, after some of them were disconnected."""
        self.client = WebSocket(self.python)
        self.client.enter("/chat")


@pytest.fixture(scope="module", params=list(COUNTED))
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    adapter = request.param
    with ExitStack() as stack:
        redis_server = stack.enter_context(closing(Redis(tmp_path_factory.mktemp("redis"))))
        redis_server.expect("Ready to accept connections")
        node = stack.enter_context(closing(Node())).start("member.js", redis_server.url, adapter)
        settings = {"sio.redis_url": redis_server.url, "sio.adapter": adapter}
        ini = tmp_path_factory.mktemp("python") / "server.ini"
        python = stack.enter_context(closing(Server(APP, ini, server={}, settings=settings)))
        python.wait_ready()
        node.expect("ready")
        direct = stack.enter_context(redis.Redis.from_url(redis_server.url))
        counted = COUNTED[adapter]
        wait_until(lambda: direct.execute_command("PUBSUB", *counted)[1] == 2, what="two servers")
        yield Cluster(adapter, redis_server, node, python)


def test_an_event_reaches_clients_of_both(cluster: Cluster) -> None:
    with cluster.emitter() as emitter:
        emitter.of("/chat").emit("hello", 1, {"a": ["b", None]}, "grüße, an alle über 31 Bytes €")
        emitter.of("chat").send("short")
    cluster.both_heard("hello", 1, {"a": ["b", None]}, "grüße, an alle über 31 Bytes €")
    cluster.both_heard("message", "short")


def test_rooms_and_exceptions(cluster: Cluster) -> None:
    with cluster.emitter() as emitter:
        chat = emitter.of("/chat")
        chat.to("python").emit("for python")
        chat.to("node").emit("for node")
        chat.to("nobody").emit("for nobody")
        chat.to("node", "python", "everybody").emit("for all, once")
        chat.except_("node").emit("not for node")
        chat.compress(False).except_("python").emit("not for python")
        chat.emit("end")
    assert [cluster.node_heard()["client"] for _ in range(4)] == [
        "for node",
        "for all, once",
        "not for python",
        "end",
    ]
    assert [cluster.python_heard()[0] for _ in range(4)] == [
        "for python",
        "for all, once",
        "not for node",
        "end",
    ]


def test_values_arrive_as_they_are(cluster: Cluster) -> None:
    moment = datetime(2023, 11, 14, 22, 13, 20, 123000, UTC)
    with cluster.emitter() as emitter:
        emitter.of("/chat").emit("binary", b"\x01\x02", {"deep": bytes(300)}, moment, 1.5, 2**40)
    heard = cluster.node_heard()
    assert heard["args"][:2] == [{"hex": "0102"}, {"deep": {"hex": "00" * 300}}]
    assert heard["args"][2:] == ["2023-11-14T22:13:20.123Z", 1.5, 2**40]
    assert cluster.client.text().startswith('452-/chat,["binary",{"_placeholder":true,"num":0}')
    assert [cluster.client.read_frame()[1] for _ in range(2)] == [b"\x01\x02", bytes(300)]


def test_servers_are_told(cluster: Cluster) -> None:
    with cluster.emitter() as emitter:
        emitter.of("/chat").server_side_emit("told", "x", {"y": 1})
    assert cluster.node_heard() == {"server": "/chat", "args": ["x", {"y": 1}]}
    cluster.python.expect("TOLD ('x', {'y': 1})")


def test_rooms_are_changed_and_clients_disconnected(cluster: Cluster) -> None:
    with cluster.emitter() as emitter:
        chat = emitter.of("/chat")
        chat.to("everybody").join("new", "newer")
        cluster.wait_heard("new", "newer")
        chat.to("python").leave("newer")
        chat.to("newer").emit("newer")
        chat.to("new").emit("new")
        chat.to("python").disconnect()
    assert [cluster.node_heard()["client"] for _ in range(2)] == ["newer", "new"]
    assert cluster.python_heard() == ["new"]
    assert cluster.client.text() == "41/chat,"
    cluster.rejoin()


def test_many_threads_share_one(cluster: Cluster) -> None:
    emitter = cluster.emitter()

    def say(who: int) -> None:
        for number in range(25):
            emitter.of("/chat").to("python").emit("n", who, number)

    threads = [threading.Thread(target=say, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    heard = [cluster.python_heard()[1:] for _ in range(100)]
    for thread in threads:
        thread.join()
    emitter.close()
    for who in range(4):
        assert [number for w, number in heard if w == who] == list(range(25))


def test_psio_emit_by_url_and_by_ini(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_url = ["psio", "emit", "--url", cluster.redis.url, "--adapter", cluster.adapter]
    assert psio([*by_url, "/chat", "--to", "everybody", "hello", '{"json":1}', "text", "5"]) == 0
    assert capsys.readouterr().out == "sent 'hello' to /chat\n"
    cluster.both_heard("hello", {"json": 1}, "text", 5)

    ini = tmp_path / "production.ini"
    ini.write_text(
        "[app:main]\nuse = call:there.is.no:application\n"
        f"sio.redis_url = {cluster.redis.url}\nsio.adapter = {cluster.adapter}\n"
    )
    by_ini = ["psio", "emit", "--ini", str(ini), "/chat"]
    assert psio([*by_ini, "hello", "--except", "node", "--volatile"], quiet=True) == 0
    assert cluster.python_heard() == ["hello"]
    assert psio([*by_ini, "--server-side", "told", "you"], quiet=True) == 0
    assert cluster.node_heard() == {"server": "/chat", "args": ["you"]}
    cluster.python.expect("TOLD ('you',)")


def test_nodes_emitter_reaches_clients_of_both(cluster: Cluster) -> None:
    if cluster.adapter != "redis":
        # There is none for the others.
        return
    cluster.node.write(
        'const c = emitter.of("/chat"); c.to(["everybody"]).except("x").emit("e", 1, Buffer.of(3));'
        'c.in("python").socketsJoin("j"); c.to("j").emit("joined");'
        'c.serverSideEmit("told", "all");'
    )
    heard = [cluster.node_heard(), cluster.node_heard()]
    assert {"client": "e", "args": [1, {"hex": "03"}]} in heard
    assert {"server": "/chat", "args": ["all"]} in heard
    assert cluster.client.text() == '451-/chat,["e",1,{"_placeholder":true,"num":0}]'
    assert cluster.client.read_frame()[1] == b"\x03"
    assert cluster.python_heard() == ["joined"]
    cluster.python.expect("TOLD ('all',)")


class TestMisuse:
    """Without any server."""

    def test_redis_that_is_not_there_is_an_error(self) -> None:
        port = free_port()
        with (
            Emitter.from_url(f"redis://:secret@127.0.0.1:{port}", redis_timeout=1) as emitter,
            pytest.raises(
                AdapterError, match=rf"^Redis at redis://127\.0\.0\.1:{port}: "
            ) as failed,
        ):
            emitter.emit("hello")
        assert "secret" not in str(failed.value) + repr(emitter)

    def test_redis_that_came_back_is_spoken_to_again(self, tmp_path: Path) -> None:
        with closing(Redis(tmp_path)) as first:
            first.expect("Ready to accept connections")
            emitter = Emitter.from_url(first.url)
            emitter.emit("hello")
        with pytest.raises(AdapterError):
            emitter.emit("hello")
        with closing(Redis(tmp_path, port=first.port)) as again:
            again.expect("Ready to accept connections")
            emitter.emit("hello")
        emitter.close()

    def test_what_needs_an_answer_is_refused(self) -> None:
        emitter = Emitter.from_url("redis://127.0.0.1:1")
        for ask in (
            lambda: emitter.call("q"),
            lambda: emitter.of("/chat").to("r").call("q", timeout=1),
            lambda: emitter.emit("q", callback=print),
            lambda: emitter.fetch(),
            lambda: emitter.of("/chat").adapter.server_side_emit(("q",), 1.0),
        ):
            with pytest.raises(AdapterError, match="gets no answers"):
                ask()
        for verb in (lambda c: c.emit("e"), lambda c: c.join("r"), lambda c: c.disconnect()):
            with pytest.raises(AdapterError, match="nobody is local"):
                verb(emitter.to("r").local)

    def test_what_clients_would_refuse_is_refused_before_anything_is_sent(self) -> None:
        emitter = Emitter.from_url("redis://127.0.0.1:1")
        with pytest.raises(ValueError, match="reserved"):
            emitter.emit("connect")
        with pytest.raises(ValueError, match="reserved"):
            emitter.server_side_emit("disconnect")
        with pytest.raises(TypeError, match="cannot"):
            emitter.emit("e", object())
        with pytest.raises(TypeError, match="room"):
            emitter.to(5)  # type: ignore[arg-type]

    def test_settings_are_checked(self) -> None:
        with pytest.raises(ConfigurationError, match="adaptr"):
            Emitter.from_url("redis://127.0.0.1:1", adaptr="redis")
        with pytest.raises(AdapterError, match="memory"):
            Emitter.from_url("redis://127.0.0.1:1", adapter="memory")

    def test_an_ini_file_without_redis_is_named(self, tmp_path: Path) -> None:
        ini = tmp_path / "app.ini"
        ini.write_text("[app:main]\nuse = call:tests.functional.adapter_app:main\n")
        with pytest.raises(SioError, match=r"app\.ini has no sio\.redis_url"):
            Emitter.from_ini(str(ini))

    def test_an_ini_file_that_refers_to_another(self, tmp_path: Path) -> None:
        (tmp_path / "base.ini").write_text(
            "[app:main]\nuse = call:tests.functional.adapter_app:main\n"
            "sio.redis_url = redis://127.0.0.1:1/3\nsio.redis_prefix = mine\n"
        )
        ini = tmp_path / "app.ini"
        ini.write_text("[app:site]\nuse = config:base.ini\nsio.redis_prefix = ours\n")
        emitter = Emitter.from_ini(f"{ini}#site")
        assert repr(emitter) == "<Emitter redis://127.0.0.1:1/3>"
        assert repr(emitter.of("chat")) == "<EmitterNamespace /chat>"
        assert emitter._values["redis_prefix"] == "ours"

    def test_namespaces_without_end_are_not_kept(self) -> None:
        emitter = Emitter.from_url("redis://127.0.0.1:1")
        assert emitter.of("/a") is emitter.of("a")
        for number in range(200):
            emitter.of(f"/{number}")
        assert emitter.of("/199") is not emitter.of("/199")

    def test_psio_says_what_is_wrong(self, capsys: pytest.CaptureFixture[str]) -> None:
        port = free_port()
        url = ["psio", "emit", "--url", f"redis://127.0.0.1:{port}"]
        assert psio([*url, "/", "hello"]) == 1
        assert capsys.readouterr().err.startswith(f"psio: Redis at redis://127.0.0.1:{port}")
        assert psio([*url, "/", "connect"]) == 1
        assert "reserved" in capsys.readouterr().err
        assert psio([*url, "--server-side", "--to", "r", "/", "e"]) == 1
        assert "all of them" in capsys.readouterr().err
        assert psio(["psio", "emit", "--ini", "nowhere.ini", "/", "e"]) == 1
        assert "nowhere.ini" in capsys.readouterr().err
        assert psio(["psio", "emit", "--ini", "x.ini", "--prefix", "p", "/", "e"]) == 1
        assert "ini file says" in capsys.readouterr().err


def test_any_number_of_threads_may_speak_at_once(redis_server: Redis) -> None:
    """Each has a connection of its own meanwhile."""
    with Emitter.from_url(redis_server.url, redis_timeout=PATIENCE) as emitter:
        begun: list[int] = []
        failures: list[AdapterError] = []

        def speak(number: int) -> None:
            begun.append(number)
            try:
                emitter.emit("news", number)
            except AdapterError as exc:
                failures.append(exc)

        threads = [threading.Thread(target=speak, args=(number,)) for number in range(150)]
        # Nobody is answered before all of them have asked.
        redis_server.signal(SIGSTOP)
        for thread in threads:
            thread.start()
        wait_until(lambda: len(begun) == len(threads), what="all to speak")
        redis_server.signal(SIGCONT)
        for thread in threads:
            thread.join()
    assert not failures
