"""Clients that come back to another process of a bus, and when they cannot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.event import Event

from pyramid_sio.adapters.bus_line import STATIC, BusLine
from pyramid_sio.adapters.bus_recovery import BusRecoveryAdapter, Claim, Moved, Reply
from pyramid_sio.adapters.recovery_log import ENTRY_COST, RecoveryLog
from pyramid_sio.errors import DisconnectReason
from pyramid_sio.protocol.cluster_values import ValueEncoder
from pyramid_sio.protocol.packets import SocketPacket, SocketType
from pyramid_sio.protocol.socket_v5 import Encoder
from pyramid_sio.sockets.broadcast import Flags
from pyramid_sio.sockets.namespace import Namespace
from pyramid_sio.sockets.recovery import Recovery
from pyramid_sio.sockets.server import Definition, SioServer
from pyramid_sio.workers.bus import LocalBus
from tests.adapters.members import COMPLAINTS
from tests.contract.cluster import in_loop
from tests.fakes import FakeClock, FakeInvoker, FakeSession, until

MARK = "mark"
#: Seconds for an answer; and those that are waited for in vain.
TIMEOUT, SHORT = 20.0, 0.3


class Room(Namespace):
    """One whose clients enter rooms, and leave something behind."""

    def on_connect(self, auth: Any) -> None:
        if not self.recovered:
            self.join("r")
            self.session["seen"] = 1


class Process:
    """A server, on a bus of its own."""

    def __init__(self, bus: LocalBus, max_bytes: int = 10**6, timeout: float = TIMEOUT) -> None:
        self.bus = bus
        self.clock = FakeClock()
        encoder = Encoder()
        log = RecoveryLog(seconds=100, max_bytes=max_bytes, liveness=40, clock=self.clock)
        self.log = log
        kept = {"kept": log, "encoder": encoder, "make_event": Event, "patience": 1.0}
        line = partial(
            BusLine,
            bus,
            prefix="p",
            mode=STATIC,
            encoder=ValueEncoder(),
            complaints=COMPLAINTS,
        )
        factory = partial(
            BusRecoveryAdapter,
            bus=bus,
            mark=MARK,
            kept=kept,
            new_line=line,
            timeout=timeout,
            complaints=COMPLAINTS,
            presence_interval=10.0,
        )
        self.sio = SioServer(
            invoker=FakeInvoker(),
            adapter_factory=factory,
            make_event=Event,
            in_loop=in_loop,
            spawn=gevent.spawn,
            encoder=encoder,
            connect_timeout=45.0,
            attachment_timeout=10.0,
            disconnect_grace=5.0,
            ack_timeout=20.0,
            max_attachments=10,
            max_attachment_bytes=1000,
            max_held=100_000,
            recovery=Recovery(skip_checks=False),
        )
        self.sio.define(Definition("/", Room))
        self.nsp = self.sio.of("/")

    def connect(self, **claims: Any) -> Visit:
        return Visit(self, claims)

    def close(self) -> None:
        self.nsp.adapter.close()
        self.bus.close(0)


class Visit:
    """A client with a process; what it has been told so far."""

    def __init__(self, process: Process, claims: dict[str, Any]) -> None:
        self.process = process
        self.session = FakeSession(process.sio.accept)
        self.session.make_event = Event  # type: ignore[method-assign,assignment]
        self.session.receive(f"0{json.dumps(claims)}")
        self.session.run()
        told = self.session.take()
        self.missed = [event(text) for text in told if str(text).startswith("2")]
        (answer,) = [str(text) for text in told if str(text).startswith("0")]
        facts = json.loads(answer[1:])
        self.sid, self.pid = facts["sid"], facts["pid"]
        self.recovered = self.pid == claims.get("pid")
        self.offset: str | None = claims.get("offset")

    @property
    def socket(self) -> Any:
        return self.process.nsp.sockets[self.sid]

    def events(self) -> list[list[Any]]:
        """What came since the last time."""
        texts = [str(text) for text in self.session.take()]
        for text in texts:
            self.offset = json.loads(text[1:])[-1]
        return [event(text) for text in texts]

    def lose(self) -> None:
        self.session.lose(DisconnectReason.TRANSPORT_ERROR)
        self.session.run()

    def come_back(self, process: Process, **claims: Any) -> Visit:
        return process.connect(**{"pid": self.pid, "offset": self.offset, **claims})


def event(text: Any) -> list[Any]:
    """An event without its offset."""
    args: list[Any] = json.loads(str(text)[1:])
    return args[:-1]


NewProcess = Callable[..., Process]


@pytest.fixture
def new_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewProcess]:
    """Makes processes that know of each other."""
    directory: Path = tmp_path_factory.mktemp("bus")
    with ExitStack() as running:
        processes: list[Process] = []

        def make(window: int = 10**6, **options: Any) -> Process:
            bus = LocalBus(directory, f"A{len(processes)}", window=window)
            bus.start()
            process = Process(bus, **options)
            running.callback(process.close)
            processes.append(process)
            tags = {one.bus.tag for one in processes}
            for one in processes:
                one.bus.set_others(frozenset(tags - {one.bus.tag}))
            count = len(processes)
            until(lambda: all(one.nsp.server_count() == count for one in processes), what="all")
            return process

        yield make


@pytest.fixture
def here(new_process: NewProcess) -> Process:
    return new_process()


@pytest.fixture
def there(here: Process, new_process: NewProcess) -> Process:
    return new_process()


def settle(*processes: Process) -> None:
    """Wait until each has heard what the others have said."""
    for one in processes:
        for other in processes:
            wanted = other.nsp.adapter._main.published  # type: ignore[attr-defined]
            main = one.nsp.adapter._main  # type: ignore[attr-defined]
            until(lambda main=main, wanted=wanted: main.seen.get(wanted[0]) == wanted[1])


def test_what_it_missed_comes_from_both(here: Process, there: Process) -> None:
    visit = here.connect()
    there.nsp.to("r").emit("got")
    until(lambda: visit.events() == [["got"]], what="the event")
    visit.lose()
    here.nsp.to("r").emit("missed", 1)
    there.nsp.emit("missed", 2)
    there.nsp.to(visit.sid).emit("missed", 3)
    there.nsp.to("elsewhere").emit("for others")
    there.nsp.except_("r").emit("not for it")
    settle(here, there)

    back = visit.come_back(there)

    assert (back.recovered, back.sid) == (True, visit.sid)
    assert sorted(args[1] for args in back.missed) == [1, 2, 3]
    assert back.socket.rooms == {"r", visit.sid}
    assert back.socket.session == {"seen": 1}
    assert not here.log.tickets
    here.nsp.to("r").emit("after")
    until(lambda: back.events() == [["after"]], what="what is said afterwards")


def test_what_only_the_new_one_has_heard(here: Process, there: Process) -> None:
    """The old one is slow: what it hears after it has let the client go comes from the other."""
    visit = here.connect()
    visit.lose()
    adapter: Any = here.nsp.adapter
    there.nsp.emit("early", 1)
    settle(here, there)
    moved: list[Moved] = []
    reply = adapter._reply

    def keep(claim: Claim, what: Moved) -> None:
        # While the answer is on its way, somebody says something.
        moved.append(what)
        there.nsp.emit("late", 2)
        here.nsp.emit("late", 3)
        reply(claim, what)

    adapter._reply = keep
    back = visit.come_back(there)
    assert back.recovered
    assert [args[0] for args in moved[0].missed] == ["early"]
    late = [*back.missed, *back.events()]
    until(lambda: len(late) >= 3 or late.extend(back.events()), what="all of it")
    assert late[0] == ["early", 1]
    assert sorted(late[1:]) == [["late", 2], ["late", 3]]


def test_it_comes_back_once_more_without_having_got_anything(here: Process, there: Process) -> None:
    visit = here.connect()
    visit.lose()
    here.nsp.emit("missed", 1)
    settle(here, there)
    back = visit.come_back(there)
    assert back.missed == [["missed", 1]]
    back.lose()
    there.nsp.emit("missed", 2)
    settle(here, there)
    # It knows no offset of the process that it was with.
    again = visit.come_back(there)
    assert (again.recovered, again.missed) == (True, [["missed", 1], ["missed", 2]])
    again.lose()
    first = visit.come_back(here)
    assert (first.recovered, first.missed) == (True, [["missed", 1], ["missed", 2]])


def test_the_old_connection_is_not_noticed_to_be_dead(here: Process, there: Process) -> None:
    visit = here.connect()
    session = visit.session
    abandoned = gevent.spawn(lambda: until(lambda: not session.is_open) and session.run())
    back = visit.come_back(there)
    abandoned.join()
    assert back.recovered
    assert not here.nsp.sockets


def test_what_is_said_by_who_still_holds_the_old_instance(here: Process, there: Process) -> None:
    visit = here.connect()
    held = visit.socket
    visit.lose()
    back = visit.come_back(there)
    packet = SocketPacket(SocketType.EVENT, "/", ("to", "it"))
    here.nsp.adapter.send(held, packet, Flags())  # type: ignore[attr-defined]
    until(lambda: back.events() == [["to", "it"]], what="it to reach the client")


def test_what_cannot_travel_is_left_behind(here: Process, there: Process) -> None:
    visit = here.connect()
    visit.socket.session["what"] = object()
    visit.lose()
    back = visit.come_back(there)
    assert back.recovered
    assert back.socket.session == {"seen": 1, "what": None}


@pytest.mark.parametrize("pid", ["made up", f"{MARK}made up"])
def test_secrets_that_nobody_knows(here: Process, there: Process, pid: str) -> None:
    back = there.connect(pid=pid, offset="x")
    assert not back.recovered
    assert back.pid.startswith(MARK)


def test_alone(here: Process) -> None:
    visit = here.connect()
    visit.lose()
    assert visit.come_back(here).recovered
    assert not here.connect(pid=f"{MARK}other").recovered


def test_too_late(here: Process, there: Process) -> None:
    visit = here.connect()
    visit.lose()
    here.clock.advance(101)
    assert not visit.come_back(there).recovered
    assert not here.log.tickets


def test_what_the_old_one_had_no_space_for(new_process: NewProcess) -> None:
    here = new_process(max_bytes=3 * ENTRY_COST)
    there = new_process()
    visit = here.connect()
    visit.lose()
    for number in range(10):
        here.nsp.emit("many", number)
    settle(here, there)
    assert not visit.come_back(there).recovered


def test_what_the_new_one_has_had_no_space_for(new_process: NewProcess) -> None:
    here, there = new_process(), new_process(max_bytes=3 * ENTRY_COST)
    visit = here.connect()
    visit.lose()
    adapter: Any = here.nsp.adapter
    reply = adapter._reply

    def say_a_lot_first(claim: Claim, what: Moved) -> None:
        for number in range(10):
            there.nsp.emit("many", number)
        reply(claim, what)

    adapter._reply = say_a_lot_first
    assert not visit.come_back(there).recovered


def test_a_message_that_was_lost_between_them(here: Process, there: Process) -> None:
    """What did not fit into a window is missing in the numbers."""
    visit = here.connect()
    visit.lose()
    adapter: Any = here.nsp.adapter
    reply = adapter._reply

    def lose_one_first(claim: Claim, what: Moved) -> None:
        neighbour = here.bus._neighbours[there.bus.tag]
        neighbour._window, window = 0, neighbour._window
        here.nsp.emit("lost on the way")
        neighbour._window = window
        here.nsp.emit("heard")
        settle_heard(there, here)
        reply(claim, what)

    adapter._reply = lose_one_first
    assert not visit.come_back(there).recovered


def settle_heard(one: Process, other: Process) -> None:
    wanted = other.nsp.adapter._main.published  # type: ignore[attr-defined]
    main = one.nsp.adapter._main  # type: ignore[attr-defined]
    until(lambda: main.seen.get(wanted[0]) == wanted[1], what="it to be heard")


def test_a_process_that_hears_no_more(new_process: NewProcess) -> None:
    """The new one waits for what it lacks, but not for ever."""
    here, there = new_process(), new_process(timeout=SHORT)
    visit = here.connect()
    visit.lose()
    adapter: Any = here.nsp.adapter
    reply = adapter._reply

    def claim_more(claim: Claim, what: Moved) -> None:
        what.seen[here.bus.tag] += 1
        reply(claim, what)

    adapter._reply = claim_more
    assert not visit.come_back(there).recovered


def test_nobody_answers(new_process: NewProcess) -> None:
    here, there = new_process(), new_process(timeout=SHORT)
    visit = here.connect()
    visit.lose()
    adapter: Any = here.nsp.adapter
    adapter._reply = lambda claim, moved: None
    assert not visit.come_back(there).recovered


def test_somebody_of_that_name_is_here_already(here: Process, there: Process) -> None:
    visit = here.connect()
    visit.lose()
    there.nsp.sockets[visit.sid] = there.connect().socket
    assert not visit.come_back(there).recovered


def test_what_is_no_claim(here: Process, there: Process, caplog: pytest.LogCaptureFixture) -> None:
    adapter: Any = here.nsp.adapter
    adapter._hear_claim(b"", b"no")
    adapter._hear_reply(b"", b"no")
    adapter._hear_reply(b"", ValueEncoder().msgpack(Reply("of nobody", None)))
    assert caplog.text.count("no message of a server") == 2


def test_nothing_is_kept_of_what_only_clients_here_get(here: Process, there: Process) -> None:
    visit = here.connect()
    visit.lose()
    here.nsp.local.emit("here only")
    there.nsp.local.emit("there only")
    back = visit.come_back(there)
    assert back.recovered
    assert back.missed == [["here only"]]
