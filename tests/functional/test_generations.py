"""Official JavaScript clients of several generations in Node.js, on one server.

What they do stands in ``tests/js/scenarios/generations.js``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from websockets.exceptions import InvalidStatus

from tests.conftest import Serve
from tests.functional.conftest import APP
from tests.functional.scenarios import Scenarios
from tests.functional.wire import ask, open_websocket
from tests.support import ROOT, Node, Server, free_port

GENERATIONS = (1, 2, 3, 4)
TRANSPORTS = ("polling", "websocket", "upgrade")
SCENARIOS = ("events_and_acks", "binary", "many", "rooms", "namespaces", "leaving")

each_client = pytest.mark.parametrize("generation", GENERATIONS)
each_transport = pytest.mark.parametrize("transport", TRANSPORTS)


@pytest.fixture(scope="session")
def server(serve_shared: Callable[..., Server]) -> Server:
    """One for all generations."""
    return serve_shared(allow_eio3="true")


@pytest.fixture(scope="session")
def lively_server(serve_shared: Callable[..., Server]) -> Server:
    """One whose heartbeat is quick."""
    return serve_shared(allow_eio3="true", ping_interval=0.3, ping_timeout=2)


@each_client
@each_transport
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(
    scenarios: Scenarios, server: Server, scenario: str, transport: str, generation: int
) -> None:
    scenarios(f"generations.{scenario}", server.url, transport=transport, generation=generation)


@pytest.fixture(scope="module")
def hiding_server(serve_shared: Callable[..., Server]) -> Server:
    return serve_shared(allow_eio3="true", hide_eio3_ids="true")


@pytest.mark.parametrize("generation", [1, 2])
@each_transport
def test_ids_that_are_hidden(
    scenarios: Scenarios, hiding_server: Server, generation: int, transport: str
) -> None:
    scenarios(
        "generations.hidden_ids", hiding_server.url, transport=transport, generation=generation
    )


def test_idle_clients_stay(scenarios: Scenarios, lively_server: Server) -> None:
    assert scenarios("generations.idle_but_alive", lively_server.url) == 12


def test_server_restarts(scenarios: Scenarios, serve: Serve) -> None:
    """Each client comes back, over each transport."""
    port = free_port()
    first = serve(APP, server={"port": port}, allow_eio3="true")
    jobs = [
        scenarios.start(
            "generations.server_restarts", first.url, transport=transport, generation=generation
        )
        for generation in GENERATIONS
        for transport in TRANSPORTS
    ]
    for job in jobs:
        job.expect("connected")

    assert first.stop() == 0
    for job in jobs:
        job.expect("disconnected")
    serve(APP, server={"port": port}, allow_eio3="true")
    for job in jobs:
        job.tell("restarted")

    for job in jobs:
        job.result()


def test_one_room_for_all(node: Node, serve_shared: Callable[..., Server]) -> None:
    """What each client says reaches every other of whatever generation, intact."""
    server = serve_shared(allow_eio3="true", legacy="true")
    assert node("all_generations.js", server.url).strip() == "14 clients"


@each_client
@each_transport
def test_client_that_takes_no_binary(
    scenarios: Scenarios, server: Server, generation: int, transport: str
) -> None:
    scenarios(
        "generations.binary",
        server.url,
        transport=transport,
        generation=generation,
        client={"forceBase64": True},
    )


@pytest.mark.parametrize("generation", [1, 2])
def test_not_served_unless_asked_for(scenarios: Scenarios, serve: Serve, generation: int) -> None:
    server = serve(APP)
    scenarios("generations.not_served", server.url, transport="polling", generation=generation)
    told = server.expect("sent by Socket.IO clients of version 1 and 2")
    assert "sio.allow_eio3 = true" in told


JSONP = """\
async () => {
  const text = "h€llo é 日本 😀 \\u2028 \\\\n \\n <\\/script>";
  const socket = io({ forceJSONP: true, transports: ["polling"], forceNew: true });
  const next = (event) => new Promise((done) => socket.once(event, (...args) => done(args)));
  await next("connect");
  const answer = await new Promise((done) => socket.emit("echo", text, 1, (...args) => done(args)));
  const back = next("back");
  socket.emit("reflect", "back", text, new Uint8Array([0, 1, 255]).buffer);
  const [said, blob] = await back;
  const result = {
    transport: socket.io.engine.transport.name,
    scripts: document.querySelectorAll("script[src*='j=']").length,
    intact: [answer[0] === text, answer[1], said === text, [...new Uint8Array(blob)]],
  };
  socket.close();
  return result;
}
"""


@pytest.mark.parametrize("generation", [1, 2])
def test_page_that_loads_scripts(
    server: Server, new_page: Callable[..., Page], generation: int
) -> None:
    """``forceJSONP`` in a real browser."""
    page = new_page()
    page.goto(f"{server.url}/page/none.js")
    page.add_script_tag(path=ROOT / f"node_modules/socket.io-client-{generation}/dist/socket.io.js")

    result = page.evaluate(JSONP)

    assert result["intact"] == [True, 1, True, [0, 1, 255]]
    assert result["transport"] == "polling"
    assert result["scripts"] > 0


POLLING_PAGE = """\
async (transports) => {
  const socket = io({ transports, forceNew: true });
  await new Promise((done) => socket.once("connect", done));
  window.ask = (text) => new Promise((done) => socket.emit("echo", text, done));
  window.transport = () => socket.io.engine.transport.name;
  return socket.io.engine.id;
}
"""


@pytest.mark.parametrize("generation", [1, 2])
def test_who_knows_the_id_of_a_page_cannot_poll_for_it(
    server: Server, new_page: Callable[..., Page], generation: int
) -> None:
    """Its id is what others know it by; its cookie nobody knows."""
    page = new_page()
    page.goto(f"{server.url}/page/none.js")
    page.add_script_tag(path=ROOT / f"node_modules/socket.io-client-{generation}/dist/socket.io.js")
    # The first time it is given its cookie; it need not wait until that counts.
    page.evaluate(POLLING_PAGE, ["polling"])
    sid = page.evaluate(POLLING_PAGE, ["polling"])
    assert page.evaluate("ask('é😀')") == "é😀"

    for method in ("GET", "POST"):
        query = f"EIO=3&transport=polling&sid={sid}"
        answer = ask(server, method, query, body=b"1:2" if method == "POST" else None)
        assert (answer.status, answer.json["code"]) == (400, 1)
    with pytest.raises(InvalidStatus):
        open_websocket(server, f"EIO=3&transport=websocket&sid={sid}").__enter__()

    assert page.evaluate("ask('still here')") == "still here"
    # Its browser is let through, to a WebSocket as well.
    page.evaluate(POLLING_PAGE, ["polling", "websocket"])
    page.wait_for_function("transport() === 'websocket'")
    assert page.evaluate("ask('upgraded')") == "upgraded"


FAR = """\
async ([url, transports]) => {
  const socket = io(url, { transports, forceNew: true });
  const next = (event) => new Promise((done) => socket.once(event, (...args) => done(args)));
  const refused = next("connect_error").then(() => "refused");
  if (await Promise.race([next("connect"), refused]) === "refused") {
    return "refused";
  }
  const blob = new Uint8Array([0, 4, 255]).buffer;
  const [text, back] = await new Promise((done) =>
    socket.emit("echo", "é😀", blob, (...args) => done(args)));
  socket.close();
  return [text, [...new Uint8Array(back)]];
}
"""


@pytest.fixture(scope="module")
def public_server(serve_shared: Callable[..., Server]) -> Server:
    """One that pages of any site may connect to."""
    return serve_shared(allow_eio3="true", cors_origins="*")


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_page_of_another_site(
    public_server: Server,
    server: Server,
    new_page: Callable[..., Page],
    generation: int,
    transport: str,
) -> None:
    """These clients ask with credentials; browsers then want the origin by its name."""
    page = new_page()
    page.goto(f"{server.url}/page/none.js")
    page.add_script_tag(path=ROOT / f"node_modules/socket.io-client-{generation}/dist/socket.io.js")

    assert page.evaluate(FAR, [public_server.url, [transport]]) == ["é😀", [0, 4, 255]]
