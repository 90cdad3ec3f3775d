"""python-socketio's client: another implementation of the same protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from queue import Queue
from typing import Any

import pytest
from engineio import Client as EngineClient
from engineio.payload import Payload
from socketio import Client, SimpleClient
from socketio.exceptions import ConnectionError as Refused

from tests.conftest import Serve
from tests.functional.conftest import APP
from tests.functional.wire import ask
from tests.support import PATIENCE, Server, free_port, wait_until

TRANSPORTS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": None}

Connect = Callable[..., Client]


@pytest.fixture
def disconnect_all() -> Iterator[ExitStack]:
    with ExitStack() as clients:
        yield clients


@pytest.fixture(params=TRANSPORTS)
def connect(request: pytest.FixtureRequest, server: Server, disconnect_all: ExitStack) -> Connect:
    """Connects a client; ``listen`` are handlers by event."""

    def start(
        *,
        listen: dict[str, Callable[..., Any]] | None = None,
        namespaces: list[str] | None = None,
        auth: object = None,
        to: Server = server,
    ) -> Client:
        client = Client(reconnection=False, request_timeout=PATIENCE)
        for event, handler in (listen or {}).items():
            client.on(event, handler)
        client.connect(
            to.url,
            auth=auth,
            namespaces=namespaces,
            transports=TRANSPORTS[request.param],
            wait_timeout=PATIENCE,
        )
        disconnect_all.callback(client.disconnect)
        expected = "polling" if request.param == "polling" else "websocket"
        assert client.transport() == expected
        return client

    return start


VALUES = [None, True, 0, -1.5, 2**53, "", "häßlich 日本 👩", [], {}, [1, [2, {"a": None}]], {"": 0}]


def test_values_come_back(connect: Connect) -> None:
    client = connect()

    assert [client.call("echo", value, timeout=PATIENCE) for value in VALUES] == VALUES


def test_events_come_in_order(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    # As it is delivered, it gives up on a poll's answer of more than sixteen packets, and hands
    # each packet to a thread of its own, so that their order is up to the system.
    monkeypatch.setattr(Payload, "max_decode_packets", 1000)
    trigger = EngineClient._trigger_event

    def trigger_here(self: EngineClient, *args: Any, **options: Any) -> Any:
        return trigger(self, *args, **{**options, "run_async": False})

    monkeypatch.setattr(EngineClient, "_trigger_event", trigger_here)
    numbers: Queue[int] = Queue()
    client = connect(listen={"number": numbers.put})

    client.emit("count", ("number", 300))

    assert [numbers.get(timeout=PATIENCE) for _ in range(300)] == list(range(300))


def test_several_arguments(connect: Connect) -> None:
    heard: Queue[Any] = Queue()
    client = connect(listen={"back": lambda *args: heard.put(args)})

    client.emit("reflect", ("back", 1, "two", [3]))

    assert heard.get(timeout=PATIENCE) == (1, "two", [3])
    assert client.call("echo", (1, "two", [3]), timeout=PATIENCE) == (1, "two", [3])


def test_binary(connect: Connect) -> None:
    client = connect()
    value = {"a": [b"\x00\x01\xff", {"b": b""}], "c": "text", "d": b"x" * 1000}

    assert client.call("one", value, timeout=PATIENCE) == value
    assert client.call("outline", value, timeout=PATIENCE) == {
        "a": ["bytes", {"b": "bytes"}],
        "c": "str",
        "d": "bytes",
    }


def test_large(connect: Connect) -> None:
    client = connect()
    text, blob = "0123456789 äöü" * 22000, bytes(range(250)) * 1200

    assert client.call("one", text, timeout=PATIENCE) == text
    assert client.call("one", blob, timeout=PATIENCE) == blob


def test_server_asks(connect: Connect) -> None:
    client = connect(
        listen={
            "double": lambda value: value * 2,
            "several": lambda: (1, "two"),
            "mirror": lambda blob: {"mirrored": blob},
        }
    )

    def question(event: str, *args: Any) -> Any:
        return client.call("ask", (event, list(args), PATIENCE), timeout=PATIENCE)

    assert question("double", 21) == {"answer": 42}
    assert question("several") == {"answer": [1, "two"]}
    assert question("mirror", b"\x01") == {"answer": {"mirrored": b"\x01"}}


def test_namespaces_and_auth(connect: Connect) -> None:
    client = connect(namespaces=["/", "/other", "/guarded"], auth={"token": "sesame"})

    assert client.call("about", timeout=PATIENCE)["auth"] == {"token": "sesame"}
    assert client.call("echo", 1, namespace="/other", timeout=PATIENCE) == 1
    assert client.call("echo", 2, namespace="/guarded", timeout=PATIENCE) == 2
    ids = {client.get_sid(name) for name in ("/", "/other", "/guarded")}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("namespace", "message"),
    [
        ("/nowhere", {"message": "Invalid namespace"}),
        ("/silent", {"message": "not today"}),
        (
            "/guarded",
            {"message": "wrong token", "data": {"code": 42, "hint": ["sesame", None]}},
        ),
    ],
)
def test_refused(server: Server, namespace: str, message: dict[str, Any]) -> None:
    errors: Queue[Any] = Queue()
    client = Client(reconnection=False)
    client.on("connect_error", errors.put, namespace=namespace)

    with pytest.raises(Refused):
        client.connect(server.url, namespaces=[namespace], wait_timeout=PATIENCE)

    assert errors.get(timeout=PATIENCE) == message


def test_rooms(connect: Connect) -> None:
    heard: Queue[str] = Queue()
    clients = {}
    for name in ("a", "b", "c"):
        clients[name] = connect(listen={"news": lambda text, name=name: heard.put(name + text)})
    rooms = "room of three", "room of nobody"
    for name in ("a", "b"):
        clients[name].call("enter", rooms[0], timeout=PATIENCE)

    clients["a"].emit("tell", ({"to": list(rooms)}, "news", "!"))
    clients["a"].emit("tell all", ({"to": list(rooms)}, "news", "?"))

    assert sorted(heard.get(timeout=PATIENCE) for _ in range(3)) == ["a?", "b!", "b?"]
    for client in clients.values():
        client.call("nothing", timeout=PATIENCE)
    assert heard.empty()


def test_client_leaves(
    connect: Connect, serve_shared: Callable[..., Server], request: pytest.FixtureRequest
) -> None:
    key = request.node.name
    server = serve_shared(ping_interval=2, ping_timeout=5)
    connect(auth={"key": key}, to=server).disconnect()

    entries = ask(server, path=f"/journal/{key}", query="count=2").json
    # While it still sends something else, this client forgets to say that it goes.
    assert entries[1] in (
        ["disconnect", "/", "client namespace disconnect"],
        ["disconnect", "/", "transport close"],
        ["disconnect", "/", "ping timeout"],
    )


@pytest.mark.parametrize("close", [False, True])
def test_server_disconnects(connect: Connect, close: bool) -> None:
    heard: Queue[str] = Queue()
    client = connect(
        listen={"last words": lambda: heard.put("last words"), "disconnect": heard.put}
    )

    client.emit("quit", close)

    assert heard.get(timeout=PATIENCE) == "last words"
    assert heard.get(timeout=PATIENCE) == client.reason.SERVER_DISCONNECT
    wait_until(lambda: not client.connected, what="the end of the connection")


def test_idle_client_stays(lively_server: Server) -> None:
    with SimpleClient() as client:
        client.connect(lively_server.url, transports=["websocket"], wait_timeout=int(PATIENCE))
        # Each is longer than a heartbeat's interval.
        for label in ("one", "two", "three"):
            assert client.call("nap", (0.5, label), timeout=PATIENCE) == label


# Over polling it takes a server's goodbye for the end, as it does with Node's server.
@pytest.mark.parametrize("transports", [["websocket"], None], ids=["websocket", "upgrade"])
def test_reconnects_after_a_restart(
    serve: Serve, disconnect_all: ExitStack, transports: list[str] | None
) -> None:
    server = serve(APP, server={"port": free_port()})
    connected: Queue[str] = Queue()
    client = Client(reconnection_delay=0.1, reconnection_delay_max=0.2, request_timeout=PATIENCE)
    client.on("connect", lambda: connected.put(str(client.sid)))
    disconnect_all.callback(client.shutdown)
    client.connect(server.url, transports=transports, wait_timeout=PATIENCE)
    first = connected.get(timeout=PATIENCE)
    assert server.stop() == 0

    serve(APP, server={"port": server.port})

    assert connected.get(timeout=PATIENCE) != first
    assert client.call("one", 1, timeout=PATIENCE) == 1
