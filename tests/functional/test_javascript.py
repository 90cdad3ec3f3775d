"""The official JavaScript client in Node.js, over each transport.

What it does stands in ``tests/js/scenarios``, one function for each line here.
"""

from __future__ import annotations

import pytest

from tests.conftest import Serve
from tests.functional.conftest import APP
from tests.functional.scenarios import Scenarios
from tests.support import Server, free_port

TRANSPORTS = ("polling", "websocket", "upgrade")

BOTH_SIDES = (
    "acks.both_at_once",
    "acks.by_callback",
    "acks.by_promise",
    "acks.client_gives_up",
    "acks.everybody_is_asked",
    "acks.retries",
    "acks.retries_until_answered",
    "acks.server_asks",
    "acks.server_asks_by_callback",
    "acks.server_gives_up",
    "binary.acknowledged_by_client",
    "binary.each_kind",
    "binary.mixed_with_text",
    "binary.nested",
    "binary.several_attachments",
    "binary.two_namespaces_at_once",
    "connect.buffered_until_connected",
    "connect.emitted_in_on_connect",
    "connect.facts",
    "connect.failing_on_connect",
    "connect.refused_with_data",
    "connect.several_namespaces",
    "connect.unknown_namespace",
    "events.failing_handler",
    "events.large",
    "events.names",
    "events.one_client_does_not_hold_up_another",
    "events.slow_handlers_keep_the_order",
    "events.thousand_in_order",
    "events.unordered_events_run_beside",
    "events.values_come_back",
    "events.volatile",
    "leaving.by_client",
    "leaving.by_server",
    "leaving.by_server_from_one_namespace",
    "leaving.by_server_wholly",
    "leaving.connection_closed_by_client",
    "leaving.connection_lost",
    "rooms.binary_to_a_room",
    "rooms.broadcast_reaches_the_others",
    "rooms.who_hears_what",
)

#: What cannot depend on the transport.
ONCE = (
    "acks.questions_take_no_time",
    "connect.auth_by_function",
    "connect.disconnected_in_on_connect",
    "connect.refused_without_data",
    "connect.same_namespace_twice",
    "connect.subprotocols",
    "events.event_without_handler",
    "events.half_a_character",
    "events.types_of_arguments",
    "events.what_json_lacks",
    "events.wrong_number_of_arguments",
    "leaving.handler_ends_before_on_disconnect",
    "leaving.spawned_work_ends_too",
    "rooms.from_a_page",
    "rooms.leaving",
    "rooms.rooms_belong_to_a_namespace",
)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("scenario", BOTH_SIDES)
def test_on_every_transport(
    scenarios: Scenarios, server: Server, scenario: str, transport: str
) -> None:
    scenarios(scenario, server.url, transport=transport)


@pytest.mark.parametrize("scenario", ONCE)
def test_once(scenarios: Scenarios, server: Server, scenario: str) -> None:
    scenarios(scenario, server.url, transport="websocket")


@pytest.mark.parametrize("scenario", ["numbers_both_ways", "blobs_both_ways", "much_at_once"])
def test_nothing_is_lost_during_the_upgrade(
    scenarios: Scenarios, server: Server, scenario: str
) -> None:
    scenarios(f"upgrade.{scenario}", server.url, transport="polling")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("scenario", ["idle_but_alive", "busy_client_is_alive"])
def test_heartbeat(
    scenarios: Scenarios, lively_server: Server, scenario: str, transport: str
) -> None:
    scenarios(f"life.{scenario}", lively_server.url, transport=transport)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("scenario", ["never_enters", "refused_is_not_entered", "entered_stays"])
def test_connect_timeout(
    scenarios: Scenarios, hasty_server: Server, scenario: str, transport: str
) -> None:
    scenarios(f"life.{scenario}", hasty_server.url, transport=transport)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_server_restarts(scenarios: Scenarios, serve: Serve, transport: str) -> None:
    port = free_port()
    first = serve(APP, server={"port": port})
    job = scenarios.start("life.server_restarts", first.url, transport=transport)
    job.expect("connected")

    assert first.stop() == 0
    job.expect("disconnected")
    serve(APP, server={"port": port})
    job.tell("restarted")

    job.result()
