"""Other parsers than the built-in JSON, with the official client on the other side."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.functional.scenarios import Scenarios
from tests.support import ROOT, Server

MSGPACK = "socket.io-msgpack-parser"
COUNTED = str(ROOT / "tests" / "js" / "counted.js")

#: What has to go as it does with JSON.
AS_EVER = (
    "acks.both_at_once",
    "acks.everybody_is_asked",
    "acks.server_asks",
    "binary.acknowledged_by_client",
    "binary.mixed_with_text",
    "binary.nested",
    "binary.several_attachments",
    "binary.two_namespaces_at_once",
    "connect.facts",
    "connect.refused_with_data",
    "connect.unknown_namespace",
    "events.failing_handler",
    "events.names",
    "events.thousand_in_order",
    "events.volatile",
    "leaving.by_client",
    "leaving.by_server_from_one_namespace",
    "rooms.binary_to_a_room",
    "rooms.who_hears_what",
)


@pytest.fixture(scope="module")
def msgpack_server(serve_shared: Callable[..., Server]) -> Server:
    """A server that speaks MessagePack."""
    return serve_shared(parser="msgpack")


@pytest.mark.parametrize("transport", ["polling", "websocket", "upgrade"])
@pytest.mark.parametrize("scenario", AS_EVER)
def test_as_with_json(
    scenarios: Scenarios, msgpack_server: Server, scenario: str, transport: str
) -> None:
    scenarios(scenario, msgpack_server.url, transport=transport, parser=MSGPACK)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(
    "scenario",
    [
        "kinds_of_values",
        "one_message_for_each_packet",
        "refused_text",
        "same_parser_needed",
        "values_of_msgpack",
    ],
)
def test_msgpack(
    scenarios: Scenarios, msgpack_server: Server, scenario: str, transport: str
) -> None:
    scenarios(f"parsers.{scenario}", msgpack_server.url, transport=transport, parser=MSGPACK)


@pytest.mark.parametrize("scenario", ["acks.both_at_once", "events.names", "leaving.by_client"])
def test_parser_of_an_application(
    scenarios: Scenarios, serve_shared: Callable[..., Server], scenario: str
) -> None:
    server = serve_shared(parser="tests.functional.counted")

    scenarios(scenario, server.url, transport="websocket", parser=COUNTED)


def test_served_bundle_in_a_browser(msgpack_server: Server, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto(f"{msgpack_server.url}/page/socket.io.msgpack.min.js")
    page.wait_for_function("socket.connected")

    answer = page.evaluate(
        """async () => {
            const [bytes, text, date] = await new Promise((resolve) =>
                socket.emit("echo", new Uint8Array([0, 255, 7]).buffer, "äöü", new Date(86400000),
                    (...answer) => resolve(answer)));
            const kind = await socket.emitWithAck("outline", new Date());
            return JSON.stringify([Array.from(new Uint8Array(bytes)), text, date.getTime(), kind]);
        }"""
    )

    assert json.loads(answer) == [[0, 255, 7], "äöü", 86_400_000, "datetime"]
