"""Listeners and filters of one client."""

from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.errors import EventError
from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType
from pyramid_sio.sockets.taps import TappedOut, Taps
from tests.sockets.conftest import Site


class Way:
    """Where packets go in the end."""

    def __init__(self) -> None:
        self.took: list[tuple[Message, bool, bool]] = []

    def send(self, message: Message, volatile: bool = False, compress: bool = True) -> bool:
        self.took.append((message, volatile, compress))
        return True


def message_of(kind: SocketType, *args: Any) -> Message:
    message = Message(b"...")
    message.packet = SocketPacket(kind, "/", args)
    return message


def test_listeners_come_before_filters_each_in_their_order(site: Site) -> None:
    session, socket = site.connect()
    seen: list[Any] = []
    socket.use(lambda data: seen.append(("filter", *data)))
    socket.on_any(lambda *data: seen.append(("second", *data)))
    socket.prepend_any(lambda *data: seen.append(("first", *data)))

    session.receive('2["message",1]')
    session.run()

    assert seen == [("first", "message", 1), ("second", "message", 1), ("filter", "message", 1)]
    assert socket.log[-1] == ("message", 1)


def test_a_filter_may_change_an_event(site: Site) -> None:
    session, socket = site.connect()

    def correct(data: list[Any]) -> None:
        data[:] = ["message", *(value * 2 for value in data[1:]), "added"]

    socket.use(correct)
    session.receive('25["mistake",1,2]')
    session.run()

    assert socket.log[-1] == ("message", 2, 4, "added")
    assert session.take() == ['35[2,4,"added"]']


def test_a_filter_that_says_false_drops_an_event_without_a_word(site: Site) -> None:
    session, socket = site.connect()
    later: list[Any] = []
    socket.use(lambda data: data[1] != "bad")
    socket.use(lambda data: later.append(list(data)))

    session.receive('21["message","bad"]', '22["message","good"]')
    session.run()

    assert [entry for entry in socket.log if entry[0] == "message"] == [("message", "good")]
    assert later == [["message", "good"]]
    assert session.take() == ['32["good"]']


@pytest.mark.parametrize(
    ("error", "answers", "name"),
    [
        (EventError("not now"), ['37[{"error":"not now"}]'], "EventError"),
        (RuntimeError("a mistake of ours"), [], "RuntimeError"),
    ],
)
def test_a_filter_that_raises_answers_only_with_what_is_meant_for_the_client(
    site: Site, error: Exception, answers: list[str], name: str
) -> None:
    session, socket = site.connect()

    def fail(data: list[Any]) -> None:
        raise error

    socket.use(fail)
    session.receive('27["message",1]')
    session.run()

    assert session.take() == answers
    assert socket.log[-1] == ("error", "message", name)
    assert session.is_open


def test_a_filter_that_takes_the_name_away_is_told(site: Site) -> None:
    session, socket = site.connect()
    socket.use(lambda data: data.clear())

    session.receive('2["message",1]')
    session.run()

    assert socket.log[-1] == ("error", "message", "ValueError")


def test_a_listener_sees_events_nobody_handles_and_events_a_filter_drops(site: Site) -> None:
    session, socket = site.connect()
    seen: list[Any] = []
    socket.on_any(lambda *data: seen.append(data))
    socket.use(lambda data: False)

    session.receive('2["nobody",1]', '2["message"]')
    session.run()

    assert seen == [("nobody", 1), ("message",)]


def test_outgoing_listeners_see_what_reaches_this_client_but_no_acknowledgements(
    site: Site,
) -> None:
    session, socket = site.connect()
    _, other = site.connect()
    seen: list[Any] = []
    socket.on_any_outgoing(lambda *data: seen.append(("second", *data)))
    socket.prepend_any_outgoing(lambda *data: seen.append(("first", *data)))

    socket.emit("to it", b"\x01")
    socket.nsp.emit("to all", 2)
    other.broadcast.emit("to the others", 3)
    other.emit("to another", 4)
    socket.emit("with callback", callback=print)
    session.receive('29["message",5]')
    session.run()

    events = [("to it", b"\x01"), ("to all", 2), ("to the others", 3), ("with callback",)]
    assert seen == [(who, *event) for event in events for who in ("first", "second")]
    assert "39[5]" in session.take()


def test_outgoing_listeners_hear_what_is_kept_until_on_connect_has_ended(site: Site) -> None:
    session = site.open()
    session.receive("0")
    seen: list[Any] = []
    site.sio.use(lambda socket: socket.on_any_outgoing(lambda *data: seen.append(data)))
    site.sio.use(lambda socket: socket.emit("early", 1))
    session.run()

    assert seen == [("early", 1)]
    assert session.take()[-1] == '2["early",1]'


def test_an_outgoing_listener_that_fails_stops_nothing(site: Site) -> None:
    session, socket = site.connect()
    seen: list[Any] = []

    def fail(*data: Any) -> None:
        raise RuntimeError("on purpose")

    socket.on_any_outgoing(fail)
    socket.on_any_outgoing(lambda *data: seen.append(data))
    socket.emit("news", 1)

    assert seen == [("news", 1)]
    assert session.take() == ['2["news",1]']


@pytest.mark.parametrize("direction", ["", "_outgoing"])
def test_listeners_can_be_taken_off(site: Site, direction: str) -> None:
    _, socket = site.connect()
    add = getattr(socket, f"on_any{direction}")
    off = getattr(socket, f"off_any{direction}")
    listeners = getattr(socket, f"listeners_any{direction}")

    off(print)
    off()
    assert listeners() == []
    assert socket.taps is None, "nothing is made for who only looks"

    for listener in (print, repr, len):
        add(listener)
    off(repr)
    assert listeners() == [print, len]
    off(repr)
    assert listeners() == [print, len]
    off()
    assert listeners() == []


def test_a_listener_may_take_itself_off_while_it_runs(site: Site) -> None:
    session, socket = site.connect()
    seen: list[Any] = []

    def once(*data: Any) -> None:
        seen.append(data)
        socket.off_any(once)

    socket.on_any(once)
    socket.on_any(lambda *data: seen.append("always"))
    session.receive('2["message"]', '2["message"]')
    session.run()

    assert seen == [("message",), "always", "always"]


def test_packets_pass_unchanged() -> None:
    way, taps = Way(), Taps()
    seen: list[Any] = []
    taps.outgoing.append(lambda *data: seen.append(data))
    out = TappedOut(way, taps)
    event, ack = message_of(SocketType.EVENT, "x", 1), message_of(SocketType.ACK, 2)

    assert out.send(event, True, False)
    assert out.send(ack)

    assert way.took == [(event, True, False), (ack, False, True)]
    assert seen == [("x", 1)]
